import CPlatform
import Glibc
import HomewardCore

/// Small files that are either the old or the new after a crash, never half of one.
public enum DurableFile {
    /// Replaces, or makes, a file of mode 0600: temporary file beside it, `fsync`, rename, `fsync` of the folder.
    ///
    /// One writer at a time for each path.
    /// - Throws: `io-error`; the old content is then still there, unless only the last step failed.
    public static func replace(_ path: String, with bytes: [UInt8]) throws(Refusal) {
        try replace(path) { file throws(Refusal) in try file.append(bytes) }
    }

    /// The same in pieces, for what is too long to be held in memory at once.
    ///
    /// - Throws: `io-error`, or as `body` does; no temporary file stays, and the old content is still there, unless only
    ///   the last step failed.
    public static func replace(
        _ path: String,
        writing body: (inout Pieces) throws(Refusal) -> Void
    ) throws(Refusal) {
        let temporary = path + ".new"
        let descriptor = homeward_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw failure(temporary, descriptor) }
        do throws(Refusal) {
            var pieces = Pieces(path: path, descriptor: descriptor)
            try body(&pieces)
        } catch {
            _ = homeward_close(descriptor)
            _ = unlink(temporary)
            throw error
        }
        var code = homeward_fsync(descriptor)
        let closed = homeward_close(descriptor)
        if code == 0 { code = closed }
        if code == 0, rename(temporary, path) != 0 { code = -errno }
        guard code == 0 else {
            _ = unlink(temporary)
            throw failure(path, code)
        }
        let synchronized = synchronizeFolder(folder(of: path))
        guard synchronized == 0 else { throw failure(path, synchronized) }
    }

    /// A file that is being written from its beginning on.
    public struct Pieces: ~Copyable {
        private let path: String
        private let descriptor: Int32
        private var size: Int64 = 0

        fileprivate init(path: String, descriptor: Int32) {
            self.path = path
            self.descriptor = descriptor
        }

        /// - Throws: `io-error`.
        public mutating func append(_ bytes: [UInt8]) throws(Refusal) {
            let written = homeward_pwrite(descriptor, bytes, bytes.count, size)
            guard written >= 0 else { throw DurableFile.failure(path, Int32(written)) }
            size += Int64(bytes.count)
        }
    }

    /// The content; nil when there is no file.
    ///
    /// A file above `limit` bytes is refused.
    ///
    /// - Throws: `io-error`, `bad-format`.
    public static func read(_ path: String, limit: Int = 1 << 20) throws(Refusal) -> [UInt8]? {
        let descriptor = homeward_open(path, O_RDONLY, 0)
        if descriptor == -ENOENT { return nil }
        guard descriptor >= 0 else { throw failure(path, descriptor) }
        defer { _ = homeward_close(descriptor) }
        let size = homeward_size(descriptor)
        guard size >= 0 else { throw failure(path, Int32(size)) }
        guard size <= Int64(limit) else {
            throw Refusal(
                .badFormat,
                path,
                "\(path) has \(size) bytes, and at most \(limit) were expected",
                hint: "see what the file is"
            )
        }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        let count = homeward_pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw failure(path, Int32(count)) }
        return Array(bytes.prefix(Int(count)))
    }

    private static func failure(_ path: String, _ code: Int32) -> Refusal {
        Refusal(
            .ioError,
            path,
            "\(path): \(systemText(code))",
            hint: "see that the folder exists, may be written and has room"
        )
    }
}
