/// Volumes as the data door sees them: names to list, sessions to open.
public protocol VolumeService: Sendable {
    /// All exports, `DG/VOLUME`, sorted by name.
    func exports() -> [VolumeExport]
    /// Opens a session; the volume counts as open until the session is closed.
    ///
    /// A volume in no RVG and one of an enabled Primary opens for writing; a consistent Secondary's only with `readOnly`.
    /// - Throws: `unknown-volume`, `fenced`, `not-primary`, `inconsistent`, `rvg-stopped`, `volume-in-use` (a log),
    ///   `operation-in-progress` (a role change holds the volumes, or an RVG is being made of it).
    func open(_ export: String, readOnly: Bool, holder: SessionHolder) throws(Refusal) -> any VolumeSession
}

/// One line of the list of exports.
public struct VolumeExport: Hashable, Sendable {
    public let name: String
    public let size: UInt64
    /// Whether it can be opened for writing at this moment.
    public let writable: Bool

    public init(name: String, size: UInt64, writable: Bool) {
        self.name = name
        self.size = size
        self.writable = writable
    }
}

/// Who has a session open: named by refusals and by `status`.
public struct SessionHolder: Hashable, Sendable, Codable {
    /// Process id of the client, when the socket tells it.
    public let process: Int32?
    /// The door and what is known of the client: `nbd: qemu-io (pid 4711)`.
    public let label: String

    public init(process: Int32?, label: String) {
        self.process = process
        self.label = label
    }
}

/// What a session is asked to change.
public struct VolumeRequest {
    public enum Kind: Hashable, Sendable {
        case write
        /// Makes the range read as zeroes. With `keepAllocated` it has space for all of it afterwards (NBD's NO_HOLE);
        /// else a hole may be made.
        case zeroes(keepAllocated: Bool)
        /// Gives the range up: it reads as zeroes afterwards.
        case trim
        /// Waits until every request replied to before it is durable. Offset and length are zero.
        case flush
    }

    public let kind: Kind
    public let offset: UInt64
    public let length: UInt64
    /// Reply only when durable.
    public let forceUnitAccess: Bool
    /// The bytes of a write; valid and unchanged until the reply.
    public let payload: UnsafeRawBufferPointer
    /// Given back with the reply.
    public let tag: UInt64

    public init(
        kind: Kind,
        offset: UInt64 = 0,
        length: UInt64 = 0,
        forceUnitAccess: Bool = false,
        payload: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        tag: UInt64
    ) {
        self.kind = kind
        self.offset = offset
        self.length = length
        self.forceUnitAccess = forceUnitAccess
        self.payload = payload
        self.tag = tag
    }
}

/// Why a request of a session failed, in the terms that a block device has.
public enum VolumeFailure: Error, Hashable, Sendable {
    /// Outside the volume, or of an impossible length (EINVAL; ENOSPC for writes).
    case outOfRange
    /// The session or the RVG does not take writes (EPERM).
    case readOnly
    /// The device failed, or the RVG was fenced meanwhile (EIO).
    case io(Refusal)
    /// The host is stopping (ESHUTDOWN).
    case shuttingDown
}

/// One open session.
///
/// All calls come from the session's own thread; replies may come from any thread.
public protocol VolumeSession: AnyObject, Sendable {
    var size: UInt64 { get }
    var isReadOnly: Bool { get }

    /// Reads what was last written: replied writes are always seen. Blocks.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(VolumeFailure)

    /// Takes requests in their order; the reply for each comes exactly once, perhaps before this returns, perhaps later
    /// on another thread. Blocks while the log has no room.
    ///
    /// A plain write is replied to when it is in the log file (it survives the death of the daemon, and in synchronous
    /// mode the loss of this host); a flush, and a write with `forceUnitAccess`, when durable.
    func submit(
        _ requests: [VolumeRequest],
        reply: @escaping @Sendable (_ tag: UInt64, _ failure: VolumeFailure?) -> Void
    )

    /// Ends the session. Requests not yet replied to are replied to first.
    func close()
}
