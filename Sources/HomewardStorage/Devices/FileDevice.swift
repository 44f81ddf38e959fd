import CPlatform
import Glibc
import HomewardCore
import Synchronization

/// A regular file or a block device as a volume or a log.
///
/// It is open, and locked against this and other processes, from ``open(path:)`` until the object is gone. The lock of a
/// file is advisory (`flock`): it keeps Homeward and everybody who asks away, not everybody. A block device is claimed as a
/// mount claims it (`O_EXCL`): it cannot be mounted, or be part of another device, meanwhile. Calls may come from any thread.
///
/// After a failed ``synchronize()`` every later one fails too: the kernel reports an error once, drops the pages, and a
/// second `fdatasync` would then succeed without anything being durable. Open the device again after a recovery, and
/// ``forgetCleanPages()``.
///
/// Of several calls at once the kernel gives an error to one alone, whoever wrote what was lost. So they take turns, one
/// after the other for each device, and a ``synchronize()`` that returns without an error vouches for every write that had
/// ended when it was called: no other call has been told, or will be, that one of them failed.
public final class FileDevice: BlockDevice {
    public let name: String
    public let size: UInt64
    /// Whether this is a block device, and no file.
    public let isBlockDevice: Bool
    private let isNew: Bool
    private let descriptor: Int32
    private let key: DeviceRegistry.Key
    /// The first failure of `fdatasync`, with its errno; held while one runs.
    private let syncFailure = Mutex<Int32>(0)
    private let fdatasync: @Sendable (Int32) -> Int32
    /// A part of a file without holes, as it was when it was asked for last.
    private let knownData = Mutex<Range<UInt64>>(0..<0)

    /// Opens what is there.
    ///
    /// - Throws: `volume-locked` when it is open here, under whatever name, another process has it locked, or it is a block
    ///   device in use: mounted, swap, or part of another device; `io-error` when it cannot be opened or is neither a file nor a block device.
    public static func open(path: String) throws(Refusal) -> FileDevice {
        try open(path: path, fdatasync: homeward_fdatasync)
    }

    /// `fdatasync`: of the system, but in tests; gives 0 or -errno.
    package static func open(
        path: String,
        fdatasync: @escaping @Sendable (Int32) -> Int32
    ) throws(Refusal) -> FileDevice {
        let descriptor = homeward_open(path, isBlockDevice(path) ? O_RDWR | O_EXCL : O_RDWR, 0)
        guard descriptor != -EBUSY else { throw busy(path) }
        guard descriptor >= 0 else { throw refusal(path, "opening", descriptor) }
        return try FileDevice(path: path, descriptor: descriptor, fdatasync: fdatasync)
    }

    /// Makes a sparse file of `size` bytes, durable with its name, and opens it; a file of exactly that size is used
    /// as it is.
    ///
    /// - Throws: `volume-mismatch` when a file of another size is there, which is left as it is; `bad-size`;
    ///   `volume-locked`, `io-error` as ``open(path:)``.
    public static func create(path: String, size: UInt64) throws(Refusal) -> FileDevice {
        guard size > 0, size <= UInt64(Int64.max) else {
            throw Refusal(.badSize, path, "a file of \(size) bytes cannot be made", hint: "give a size such as 64M")
        }
        let descriptor = homeward_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard descriptor != -EEXIST else { return try use(path: path, size: size) }
        guard descriptor >= 0 else { throw refusal(path, "making the file", descriptor) }
        var code = homeward_ftruncate(descriptor, Int64(size))
        if code == 0 { code = homeward_fsync(descriptor) }
        if code == 0 { code = synchronizeFolder(folder(of: path)) }
        guard code == 0 else {
            // Only this call can have made the file.
            _ = unlink(path)
            _ = homeward_close(descriptor)
            throw refusal(path, "making a file of \(size) bytes", code)
        }
        return try FileDevice(path: path, descriptor: descriptor, isNew: true)
    }

    /// Removes the file again where ``create(path:size:)`` has made it; one that was there before stays.
    ///
    /// For a file that nobody was told of, before anything is written to it.
    public func unmake() {
        guard isNew else { return }
        // Where it stays it is an empty file of that size, which the next attempt uses.
        _ = unlink(name)
    }

    private static func use(path: String, size: UInt64) throws(Refusal) -> FileDevice {
        let device = try open(path: path)
        guard device.size == size else {
            throw Refusal(
                .volumeMismatch,
                path,
                "\(path) exists with \(device.size) bytes, and \(size) were asked for",
                hint: "give size \(device.size), or another path"
            )
        }
        return device
    }

    /// Takes the descriptor, also when it throws.
    private init(
        path: String,
        descriptor: Int32,
        isNew: Bool = false,
        fdatasync: @escaping @Sendable (Int32) -> Int32 = homeward_fdatasync
    ) throws(Refusal) {
        var key = DeviceRegistry.Key(device: 0, inode: 0)
        let kind = homeward_is_block_device(descriptor)
        let bytes = homeward_size(descriptor)
        let identity = homeward_identity(descriptor, &key.device, &key.inode)
        guard kind >= 0, bytes >= 0, identity >= 0 else {
            _ = homeward_close(descriptor)
            throw Refusal(
                .ioError,
                path,
                "\(path) is neither a file nor a block device",
                hint: "name a file or a block device"
            )
        }
        if let other = DeviceRegistry.register(key, path: path) {
            _ = homeward_close(descriptor)
            throw Self.openAlready(path, other)
        }
        let lock = homeward_lock_exclusive(descriptor)
        guard lock == 0 else {
            DeviceRegistry.unregister(key)
            _ = homeward_close(descriptor)
            guard lock == -EWOULDBLOCK else { throw Self.refusal(path, "locking", lock) }
            throw Refusal(
                .volumeLocked,
                path,
                "another process has \(path) locked",
                hint: "find it with: lsof \(path)"
            )
        }
        name = path
        size = UInt64(bytes)
        isBlockDevice = kind == 1
        self.isNew = isNew
        self.fdatasync = fdatasync
        self.descriptor = descriptor
        self.key = key
    }

    deinit {
        DeviceRegistry.unregister(key)
        _ = homeward_close(descriptor)
    }

    // MARK: BlockDevice

    public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        try check("reading", offset, UInt64(buffer.count))
        let count = homeward_pread(descriptor, buffer.baseAddress, buffer.count, Int64(offset))
        guard count >= 0 else { throw failure("reading \(buffer.count) bytes", offset, systemText(count)) }
        guard count == buffer.count else {
            throw failure("reading \(buffer.count) bytes", offset, "it ends after \(count) of them; it has shrunk")
        }
    }

    public func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
        let total = pieces.reduce(0) { $0 + UInt64($1.count) }
        try check("writing", offset, total)
        let count: Int64
        if pieces.count == 1 {
            count = homeward_pwrite(descriptor, pieces[0].baseAddress, pieces[0].count, Int64(offset))
        } else {
            var vectors = pieces.map {
                iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
            }
            count = homeward_pwritev(descriptor, &vectors, Int32(vectors.count), Int64(offset))
        }
        guard count >= 0 else { throw failure("writing \(total) bytes", offset, systemText(count)) }
    }

    /// Punches a hole; where that is not possible, writes zeroes.
    public func zero(at offset: UInt64, length: UInt64) throws(Refusal) {
        try check("zeroing", offset, length)
        guard length > 0 else { return }
        try finishZero(homeward_punch_hole(descriptor, Int64(offset), Int64(length)), at: offset, length: length)
    }

    /// Has the file system or device do it; where that is not possible, writes zeroes.
    public func zeroKeepingSpace(at offset: UInt64, length: UInt64) throws(Refusal) {
        try check("zeroing", offset, length)
        guard length > 0 else { return }
        try finishZero(homeward_zero_range(descriptor, Int64(offset), Int64(length)), at: offset, length: length)
    }

    private func finishZero(_ code: Int32, at offset: UInt64, length: UInt64) throws(Refusal) {
        switch code {
        case 0: return
        // EINVAL: a block device and a range that is no multiple of its sectors.
        case -EOPNOTSUPP, -ENOSYS, -EINVAL, -ENODEV: try writeZeroes(at: offset, length: length)
        default: throw failure("zeroing \(length) bytes", offset, systemText(code))
        }
    }

    private func writeZeroes(at offset: UInt64, length: UInt64) throws(Refusal) {
        let zeroes = [UInt8](repeating: 0, count: Int(min(length, 1 << 20)))
        var done: UInt64 = 0
        while done < length {
            let count = Int(min(length - done, UInt64(zeroes.count)))
            let code = homeward_pwrite(descriptor, zeroes, count, Int64(offset + done))
            guard code >= 0 else { throw failure("zeroing \(count) bytes", offset + done, systemText(code)) }
            done += UInt64(count)
        }
    }

    public func synchronize() throws(Refusal) {
        try syncFailure.withLock { failed throws(Refusal) in
            guard failed == 0 else {
                throw failure(
                    "making writes durable",
                    nil,
                    "it failed before (\(systemText(failed))), and is not tried again"
                )
            }
            failed = fdatasync(descriptor)
            guard failed == 0 else { throw failure("making writes durable", nil, systemText(failed)) }
        }
    }

    /// Reads what is clean in the page cache from the device again; what is dirty stays.
    ///
    /// For a data volume, before anything of it is believed: an `fdatasync` that failed in an earlier life of the process has
    /// left pages that look clean and were never written, and the mark of its failure ended with that process. Without this
    /// a synchronization finds such a page equal, and the next loss of power brings the old bytes back. A log needs it not:
    /// recovery writes what it keeps again.
    public func forgetCleanPages() {
        // It fails for what is no file only.
        _ = homeward_drop_clean_pages(descriptor)
    }

    public func stretch(at offset: UInt64) -> DeviceStretch {
        guard !isBlockDevice, offset < size else { return DeviceStretch(isHole: false, end: .max) }
        // Looking for the next hole goes through all data before it: it is remembered, or a file without holes would be gone
        // through again and again. That a part of it was punched since costs a read, and no truth.
        if let end = knownData.withLock({ $0.contains(offset) ? $0.upperBound : nil }) {
            return DeviceStretch(isHole: false, end: end)
        }
        let data = homeward_seek_data(descriptor, Int64(offset))
        if data > Int64(offset) {
            // Beyond the end of a file that shrank nothing is known.
            let end = min(data, homeward_size(descriptor))
            if end > Int64(offset) { return DeviceStretch(isHole: true, end: UInt64(end)) }
        }
        let hole = data == Int64(offset) ? homeward_seek_hole(descriptor, data) : -1
        guard hole > Int64(offset) else { return DeviceStretch(isHole: false, end: offset + 1) }
        let found = offset..<UInt64(hole)
        knownData.withLock { $0 = found }
        return DeviceStretch(isHole: false, end: found.upperBound)
    }

    // MARK: Failures

    private func check(_ action: String, _ offset: UInt64, _ length: UInt64) throws(Refusal) {
        guard offset <= size, length <= size - offset else {
            throw failure("\(action) \(length) bytes", offset, "it has \(size) bytes")
        }
    }

    private func failure(_ action: String, _ offset: UInt64?, _ text: String) -> Refusal {
        let place = offset.map { " at \($0)" } ?? ""
        return Refusal(
            .ioError,
            name,
            "\(action)\(place) of \(name) failed: \(text)",
            hint: "see the kernel's log: dmesg"
        )
    }

    /// What else a path leads to `O_EXCL` without `O_CREAT` is not defined for.
    private static func isBlockDevice(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFBLK
    }

    private static func busy(_ path: String) -> Refusal {
        if let key = DeviceRegistry.Key(path: path), let other = DeviceRegistry.path(of: key) {
            return openAlready(path, other)
        }
        return Refusal(
            .volumeLocked,
            path,
            "\(path) is in use: mounted, swap, part of another device, or another process has claimed it",
            hint: "see what has it: lsblk \(path); findmnt \(path); lsof \(path)"
        )
    }

    private static func openAlready(_ path: String, _ other: String) -> Refusal {
        let alias = other == path ? path : "\(path), which is also \(other),"
        return Refusal(
            .volumeLocked,
            path,
            "\(alias) is open already on this host",
            hint: "name another file or device"
        )
    }

    private static func refusal(_ path: String, _ action: String, _ code: Int32) -> Refusal {
        Refusal(
            .ioError,
            path,
            "\(action) failed: \(systemText(code))",
            hint: "see that the path is right and may be written: ls -ld \(path)"
        )
    }
}
