/// Sizes and times that the machines go by.
///
/// The commands impose VVR's minima; tests and the simulator use small ones.
public struct Limits: Hashable, Sendable {
    /// Room for one copy of the header.
    public var headerCopyBytes: UInt64 = 512 << 10
    /// Log that only marks and role records may take.
    public var controlReserve: UInt64 = 64 << 10
    /// Bytes not durable at which the log is synchronized without anybody waiting.
    public var syncBytes: UInt64 = 8 << 20
    /// Age of the oldest record not durable at which it is synchronized.
    public var syncMilliseconds: UInt64 = 20
    /// Bytes of one apply batch.
    public var applyBatchBytes: UInt64 = 4 << 20
    /// The same when far more waits, as after a crash: the larger a batch, the more of it is overwritten within it.
    public var applyBatchBytesBehind: UInt64 = 256 << 20
    /// Bytes of writes not yet applied at which writers wait; zeroes and trims, which carry none, count as a page each.
    public var pendingBytes: UInt64 = 64 << 20
    /// Length of all zeroes and trims not yet applied at which further ones wait, and at which a batch for the volumes ends:
    /// devices that cannot give space back write them.
    public var pendingEmptyBytes: UInt64 = 4 << 30
    /// Bytes sent and not yet logged on one link.
    public var sendWindow: UInt64 = 8 << 20
    /// Bytes of one batch of frames.
    public var sendBatchBytes: UInt64 = 1 << 20
    public var heartbeatMilliseconds: UInt64 = 250
    /// How long the followed Primary must have been silent before a takeover believes it gone.
    public var primarySilenceMilliseconds: UInt64 = 3_000
    /// How long a returned Primary with no attached Secondary waits for whoever may answer.
    public var returnGraceMilliseconds: UInt64 = 1_500
    /// How long an operation waits for votes.
    public var operationMilliseconds: UInt64 = 10_000
    /// Bytes of the ranges that synchronization compares at once; a multiple of ``blockBytes``.
    ///
    /// Each is a round trip, of holes too: small ones make a volume that is mostly holes slow. What a crash of the target can
    /// cost is ``extentWindow`` of them compared again.
    public var extentBytes: UInt64 = 32 << 20
    /// Bytes that are hashed, and sent when they differ.
    public var blockBytes: UInt64 = 64 << 10
    /// Extents in flight.
    public var extentWindow = 8
    /// Blocks that are being read for a target.
    public var blockWindow = 64
    /// Bytes of blocks sent to a target that it has not said to be durable at which only its oldest extent gets more.
    ///
    /// They may wait in its memory for its disk, and those of one extent more; no less than two are at work side by side.
    public var blocksAhead: UInt64 = 32 << 20

    public init() {}

    public var headerFormat: HeaderFormat { HeaderFormat(copyBytes: headerCopyBytes) }
}
