import CPlatform
import Glibc
import HomewardCore

/// The directory of one host: its catalog, sockets and what it keeps beside its volumes, held by one process at a time.
///
/// It is locked from ``init(path:)`` until the object is gone; nothing is bound or opened in it before.
public final class HostDirectory: Sendable {
    /// Absolute.
    public let path: String
    private let lock: Int32
    private let device: UInt64
    private let inode: UInt64

    /// Makes the directory, and missing parents, with mode 0700, and takes its lock.
    ///
    /// - Throws: `host-directory-locked` naming the process that has it; `socket-path-too-long`; `bad-configuration` for
    ///   a directory that others use; `io-error`.
    public init(path: String) throws(Refusal) {
        let absolute = try Self.absolute(path)
        self.path = absolute
        // Before anything is made: a directory in which no socket fits is of no use.
        for name in [Self.controlName, Self.dataName] { try Self.checkSocket("\(absolute)/\(name)") }
        try Self.make(absolute)
        let lockPath = "\(absolute)/lock"
        let lock = homeward_open(lockPath, O_RDWR | O_CREAT, 0o600)
        guard lock >= 0 else { throw Self.failure(lockPath, lock) }
        do throws(Refusal) {
            try Self.take(lock, lockPath, directory: absolute)
            try Self.makeOne("\(absolute)/salvage")
        } catch {
            _ = homeward_close(lock)
            throw error
        }
        self.lock = lock
        let identity = Self.identity(absolute)
        device = identity?.device ?? 0
        inode = identity?.inode ?? 0
    }

    deinit { _ = homeward_close(lock) }

    private static let controlName = "control.sock"
    private static let dataName = "nbd.sock"

    /// The SQLite file of the catalog.
    public var catalogPath: String { "\(path)/catalog.sqlite" }
    /// The socket of the control door.
    public var controlSocketPath: String { "\(path)/\(Self.controlName)" }
    /// The socket of the data door.
    public var dataSocketPath: String { "\(path)/\(Self.dataName)" }
    /// What was taken out of use and is kept for people to look at.
    public var salvagePath: String { "\(path)/salvage" }

    /// The SQLite file in which clients of this host keep their runs.
    public var journalPath: String { "\(path)/journal.sqlite" }

    /// Whether a path leads, under whatever name, to one of the daemon's own files or to where one of them will be: none
    /// of them can be a volume.
    public func isOwnFile(_ candidate: String) -> Bool {
        let databases = [catalogPath, journalPath].flatMap { [$0, $0 + "-wal", $0 + "-shm"] }
        let place = FilePlace(candidate)
        return (databases + [controlSocketPath, dataSocketPath, "\(path)/lock"]).contains { own in
            FilePlace(own).isSame(as: place)
        } || place.isBelow(FilePlace(salvagePath))
    }

    /// A file of the host by its name, which has no slash.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Whether the directory is still at its path: a daemon whose directory has vanished, or was replaced, ends.
    public func stillExists() -> Bool {
        guard let now = Self.identity(path) else { return false }
        return now.device == device && now.inode == inode
    }

    // MARK: Making

    private static func absolute(_ path: String) throws(Refusal) -> String {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        guard !trimmed.isEmpty, !trimmed.utf8.contains(0) else {
            throw Refusal(.badConfiguration, path, "the host directory has no path", hint: "set directory in host.lua")
        }
        if trimmed.hasPrefix("/") { return trimmed }
        guard let current = getcwd(nil, 0) else { throw failure(path, -errno) }
        defer { free(current) }
        return String(cString: current) + "/" + trimmed
    }

    private static func checkSocket(_ path: String) throws(Refusal) {
        let limit = Int(homeward_unix_path_limit())
        guard path.utf8.count > limit else { return }
        throw Refusal(
            .socketPathTooLong,
            path,
            "the socket's path has \(path.utf8.count) bytes, and the system allows \(limit)",
            hint: "use a host directory with a path of at most \(limit - controlName.utf8.count - 1) bytes"
        )
    }

    /// Makes the directory durably, parents first; sets the mode of the directory itself also when it was there.
    private static func make(_ path: String) throws(Refusal) {
        var missing: [String] = []
        var place = path
        while place != "/", identity(place) == nil {
            missing.append(place)
            place = folder(of: place)
        }
        for place in missing.reversed() { try makeOne(place) }
        if missing.isEmpty { try refuseOthers(path) }
        guard chmod(path, 0o700) == 0 else { throw failure(path, -errno) }
    }

    /// Refuses a directory that others may enter and that is no host's, `/` or `/tmp`, say: closing it would shut them out.
    ///
    /// An empty one that only its owner may write in was made for this.
    private static func refuseOthers(_ path: String) throws(Refusal) {
        var info = stat()
        guard stat(path, &info) == 0 else { throw failure(path, -errno) }
        let mode = info.st_mode & 0o7777
        guard mode & 0o077 != 0, !isFile("\(path)/lock"), !isFile("\(path)/catalog.sqlite"),
            mode & 0o022 != 0 || !isEmpty(path)
        else { return }
        throw Refusal(
            .badConfiguration,
            path,
            "the host directory \(path) has the mode \(String(mode, radix: 8)): others use it, and it is no host's",
            hint: "set directory in host.lua to a folder of its own; or, if this is one: chmod 700 \(path)"
        )
    }

    private static func isFile(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    }

    private static func isEmpty(_ path: String) -> Bool {
        guard let folder = opendir(path) else { return false }
        defer { closedir(folder) }
        // Itself and its parent.
        var entries = 0
        while readdir(folder) != nil { entries += 1 }
        return entries <= 2
    }

    private static func makeOne(_ path: String) throws(Refusal) {
        if mkdir(path, 0o700) == 0 {
            let code = synchronizeFolder(folder(of: path))
            guard code == 0 else { throw failure(path, code) }
        } else if errno != EEXIST {
            throw failure(path, -errno)
        }
        let descriptor = homeward_open(path, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { throw failure(path, descriptor) }
        _ = homeward_close(descriptor)
    }

    private static func take(_ lock: Int32, _ lockPath: String, directory: String) throws(Refusal) {
        let code = homeward_lock_exclusive(lock)
        guard code == 0 else {
            guard code == -EWOULDBLOCK else { throw failure(lockPath, code) }
            let holder = holder(lock)
            throw Refusal(
                .hostDirectoryLocked,
                directory,
                "\(directory) is in use by \(holder.map { "process \($0)" } ?? "another process")",
                hint: holder.map { "homeward status, or end it: kill \($0)" } ?? "find it with: fuser \(lockPath)"
            )
        }
        // For people; the lock is what counts, and it goes with the process.
        let text = Array("\(getpid())\n".utf8)
        var written = homeward_ftruncate(lock, 0)
        if written == 0 { written = Int32(min(homeward_pwrite(lock, text, text.count, 0), 0)) }
        guard written == 0 else { throw failure(lockPath, written) }
    }

    /// The process that the lock file names.
    private static func holder(_ lock: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = homeward_pread(lock, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes.prefix(Int(count)).prefix { $0 != 10 }, as: UTF8.self))
    }

    private static func identity(_ path: String) -> (device: UInt64, inode: UInt64)? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return (UInt64(info.st_dev), UInt64(info.st_ino))
    }

    private static func failure(_ path: String, _ code: Int32) -> Refusal {
        Refusal(.ioError, path, "\(path): \(systemText(code))", hint: "see that the directory may be made and written")
    }
}
