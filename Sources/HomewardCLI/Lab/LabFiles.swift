import CPlatform
import Foundation
import HomewardCore

/// Small files that must be whole after a crash, and locks that end with the process that holds them.
enum LabFiles {
    /// The whole content, also of files without a size (/proc); nil when it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let descriptor = homeward_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { return nil }
        defer { _ = homeward_close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = homeward_read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { return content }
            content += buffer[..<Int(count)]
        }
    }

    /// CRC32C of bytes in eight digits, as the lab's files carry it.
    static func checksumText(_ bytes: [UInt8]) -> String { String(hexadecimal(UInt64(checksum(bytes))).suffix(8)) }

    /// Replaces a file: after a crash the old or the new content is there, whole.
    static func replace(_ path: String, with content: [UInt8]) throws(Refusal) {
        let temporary = path + ".new"
        let descriptor = homeward_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try check(descriptor, "open", temporary)
        defer { _ = homeward_close(descriptor) }
        try check(homeward_write(descriptor, content, content.count), "write", temporary)
        try check(homeward_fsync(descriptor), "synchronize", temporary)
        guard rename(temporary, path) == 0 else { throw failure(errno, "rename", temporary) }
        try synchronizeFolder((path as NSString).deletingLastPathComponent)
    }

    /// Makes the names in a folder durable.
    static func synchronizeFolder(_ path: String) throws(Refusal) {
        let descriptor = homeward_open(path, O_RDONLY | O_DIRECTORY, 0)
        try check(descriptor, "open", path)
        defer { _ = homeward_close(descriptor) }
        try check(homeward_fsync(descriptor), "synchronize", path)
    }

    /// Makes a folder that only its owner may enter; one that exists stays as it is.
    static func makeFolder(_ path: String) throws(Refusal) {
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw Refusal(
                .ioError,
                path,
                "the folder cannot be made: \(error.localizedDescription)",
                hint: "ls -ld \(path)"
            )
        }
    }

    /// Passes a system call's result on, and throws where it failed.
    @discardableResult
    static func check<Result: SignedInteger>(_ result: Result, _ call: String, _ path: String) throws(Refusal) -> Result
    {
        guard result < 0 else { return result }
        throw failure(Int32(-result), call, path)
    }

    static func failure(_ error: Int32, _ call: String, _ path: String) -> Refusal {
        Refusal(.ioError, path, "\(call): \(String(cString: strerror(error)))", hint: "ls -ld \(path)")
    }
}

/// A lock on a file, held until it is released or the process ends.
final class LabLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        // Closing is not enough: a child that is being started elsewhere shares the lock until it becomes its program.
        _ = flock(descriptor, LOCK_UN)
        _ = homeward_close(descriptor)
    }

    /// Waits until no other process holds it.
    static func wait(_ path: String) throws(Refusal) -> LabLock {
        let lock = try open(path)
        try LabFiles.check(homeward_lock_wait(lock.descriptor), "lock", path)
        return lock
    }

    /// Nil when another process holds it.
    static func take(_ path: String) throws(Refusal) -> LabLock? {
        let lock = try open(path)
        let result = homeward_lock_exclusive(lock.descriptor)
        if result == -EWOULDBLOCK { return nil }
        try LabFiles.check(result, "lock", path)
        return lock
    }

    private static func open(_ path: String) throws(Refusal) -> LabLock {
        LabLock(descriptor: try LabFiles.check(homeward_open(path, O_RDWR | O_CREAT, 0o600), "open", path))
    }
}
