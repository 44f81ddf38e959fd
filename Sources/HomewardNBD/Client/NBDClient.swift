import CPlatform
import HomewardCore
import Synchronization

/// A small blocking client of the data door: for Lua sessions, the lab's load, and tests.
///
/// One connection is one open session of the volume. Calls may come from several threads and are carried out one after
/// the other. After a lost connection, or an answer that makes no sense, every call throws `io-error`.
public final class NBDClient: Sendable {
    /// The export, `DG/VOLUME`.
    public let export: String
    public let size: UInt64
    /// Whether the server, or the caller, allows no writes.
    public let isReadOnly: Bool
    let connection: Mutex<ClientConnection>
    /// Payload bytes of one request; longer ranges are several.
    static let piece = 1 << 20

    /// Opens a session, for writing unless `readOnly` is given; blocks for half a minute at most.
    ///
    /// With `readOnly` an export that cannot be opened for writing will do, and nothing is ever written.
    /// - Throws: `daemon-unreachable`, `socket-path-too-long`, `io-error`, `timed-out` for a server that does not come to
    ///   an end, `bad-format` for one that speaks something else, and what the server refuses an export with; when it opens
    ///   for reading only and `readOnly` was not given, the reason that it states, else `not-primary`.
    public static func connect(socketPath: String, export: String, readOnly: Bool = false) throws(Refusal) -> NBDClient
    {
        try connect(
            socketPath: socketPath,
            export: export,
            readOnly: readOnly,
            handshakeSeconds: NBDLimits.handshakeSeconds
        )
    }

    /// With another patience for a server, in seconds.
    package static func connect(
        socketPath: String,
        export: String,
        readOnly: Bool,
        handshakeSeconds: Int
    ) throws(Refusal) -> NBDClient {
        var handshake = try ClientHandshake(socketPath: socketPath, export: export, seconds: handshakeSeconds)
        let description = try handshake.open()
        if description.isReadOnly, !readOnly {
            handshake.close()
            throw RefusalText.decode(description.note, object: export)
                ?? Refusal(.notPrimary, export, "the volume opens for reading only", hint: "open it read only")
        }
        return NBDClient(
            export: export,
            size: description.size,
            isReadOnly: readOnly || description.isReadOnly,
            connection: ClientConnection(descriptor: handshake.descriptor, export: export)
        )
    }

    /// Names of all exports; blocks for half a minute at most.
    /// - Throws: `daemon-unreachable`, `socket-path-too-long`, `io-error`, `timed-out`, `bad-format`.
    public static func exports(socketPath: String) throws(Refusal) -> [String] {
        try exports(socketPath: socketPath, handshakeSeconds: NBDLimits.handshakeSeconds)
    }

    /// With another patience for a server, in seconds.
    package static func exports(socketPath: String, handshakeSeconds: Int) throws(Refusal) -> [String] {
        var handshake = try ClientHandshake(socketPath: socketPath, export: socketPath, seconds: handshakeSeconds)
        return try handshake.list()
    }

    private init(export: String, size: UInt64, isReadOnly: Bool, connection: consuming sending ClientConnection) {
        self.export = export
        self.size = size
        self.isReadOnly = isReadOnly
        self.connection = Mutex(connection)
    }

    deinit { close() }

    /// The bytes of a range, which must lie within ``size``.
    public func read(at offset: UInt64, count: Int) throws(Refusal) -> [UInt8] {
        try check(offset, UInt64(count))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let length = min(Self.piece, count - bytes.count)
            bytes += try exchange(NBD.Command.read, at: offset + UInt64(bytes.count), length: UInt32(length))
        }
        return bytes
    }

    /// Writes; on return a reader sees it and it survives the daemon, with `forceUnitAccess` also the host.
    public func write(at offset: UInt64, _ bytes: [UInt8], forceUnitAccess: Bool = false) throws(Refusal) {
        try submit([ClientWrite(offset: offset, bytes: bytes)], forceUnitAccess: forceUnitAccess)
    }

    /// Sends several writes before it waits for their replies; returns when all are replied to.
    ///
    /// The first failure is thrown, after all replies have come; which of the others were carried out is then unknown.
    public func submit(_ writes: [ClientWrite], forceUnitAccess: Bool = false) throws(Refusal) {
        try checkWritable()
        for write in writes { try check(write.offset, UInt64(write.bytes.count)) }
        let flags = forceUnitAccess ? NBD.CommandFlag.forceUnitAccess : 0
        try connection.withLock { connection throws(Refusal) in
            try connection.write(writes, flags: flags, piece: Self.piece)
        }
    }

    /// Returns when everything replied to before is durable.
    public func flush() throws(Refusal) {
        _ = try exchange(NBD.Command.flush, at: 0, length: 0)
    }

    /// Makes a range read as zeroes, keeping its space with `keepAllocated`.
    public func zero(at offset: UInt64, count: UInt64, keepAllocated: Bool = false) throws(Refusal) {
        try change(NBD.Command.writeZeroes, at: offset, count: count, flags: keepAllocated ? NBD.CommandFlag.noHole : 0)
    }

    /// Gives a range up; it reads as zeroes afterwards.
    public func trim(at offset: UInt64, count: UInt64) throws(Refusal) {
        try change(NBD.Command.trim, at: offset, count: count, flags: 0)
    }

    /// Ends the session; does nothing the second time.
    ///
    /// Writes that were replied to are kept.
    public func close() {
        connection.withLock { $0.close() }
    }

    private func change(_ command: UInt16, at offset: UInt64, count: UInt64, flags: UInt16) throws(Refusal) {
        try checkWritable()
        try check(offset, count)
        let largest: UInt64 = 1 << 30
        var done: UInt64 = 0
        while done < count {
            let length = min(largest, count - done)
            _ = try exchange(command, at: offset + done, length: UInt32(length), flags: flags)
            done += length
        }
    }

    private func exchange(
        _ command: UInt16,
        at offset: UInt64,
        length: UInt32,
        flags: UInt16 = 0
    ) throws(Refusal) -> [UInt8] {
        try connection.withLock { connection throws(Refusal) in
            try connection.exchange(command, at: offset, length: length, flags: flags)
        }
    }

    private func check(_ offset: UInt64, _ count: UInt64) throws(Refusal) {
        guard offset <= size, count <= size - offset else {
            throw Refusal(
                .ioError,
                export,
                "\(count) bytes at \(offset) do not lie within the volume of \(size) bytes",
                hint: "use a range within the volume"
            )
        }
    }

    private func checkWritable() throws(Refusal) {
        if isReadOnly { throw Refusal(.notPrimary, export, "the session is read only", hint: "open it for writing") }
    }
}

/// One write of several that are on their way together.
public struct ClientWrite: Sendable {
    public let offset: UInt64
    public let bytes: [UInt8]

    public init(offset: UInt64, bytes: [UInt8]) {
        self.offset = offset
        self.bytes = bytes
    }
}
