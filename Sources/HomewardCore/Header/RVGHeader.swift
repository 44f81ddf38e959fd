/// Everything that recovery decides on, for one RVG of one host: the one truth about role, lineage and obligations.
///
/// Kept in the log volume in two alternating checksummed copies (``HeaderFormat``); each change is one `fdatasync`.
/// Names of peers and settings of RLINKs stand here too, so that a change of them is as atomic as a change of role.
public struct RVGHeader: Hashable, Sendable {
    public enum Role: Hashable, Sendable {
        case primary
        /// `of`: the Primary that it follows or is meant to follow; nil before it ever knew one.
        case secondary(of: HostID?)
    }

    /// Why a Primary stays shut over restarts.
    public enum Fence: Hashable, Sendable {
        /// Another host's epoch ended its reign.
        case closed(by: Epoch)
        /// Something durable can no longer be read: file and offset are in the text.
        case damaged(String)
    }

    public var rvg: RVGID
    public var host: HostID
    /// Counts the writes of this header; the copy with the higher one is newer.
    public var generation: UInt64
    public var role: Role
    /// Stopped in order, nothing open: cleared durably before anything opens.
    public var cleanStop: Bool
    /// The end of the log at the clean stop, all of it durable; without meaning after any other.
    public var endAtCleanStop: UpdateID
    /// `vxrvg stop`.
    public var stopped: Bool
    public var fence: Fence?
    public var lineage: Lineage
    /// Where recovery begins to read: the position of record ``tailID``.
    public var tail: LogPosition
    /// The first id still in the log.
    public var tailID: UpdateID
    /// Data records below the tail, and the last of them.
    public var dataCountBelowTail: UInt64
    public var lastDataIDBelowTail: UpdateID
    public var cumulativeBytesBelowTail: UInt64
    /// Counts the lives of this copy of the log: one more at each start that was not clean, and each time records are cut.
    ///
    /// Records behind a cut stay in the file. On a Secondary they are of the same epoch, and often of the same place, as
    /// those that are logged again after it; only that they are of an earlier life keeps them from being read as
    /// these records' successors.
    public var logLife: UInt64
    /// The image is one that the Primary had once everything up to this id is applied; `never` while a synchronization
    /// is unfinished.
    public var consistentFrom: UpdateID
    /// So many updates that diverge here makesec has told of, and kept what it could.
    ///
    /// These are not told again when they are written over. From another history than that of the makesec more may diverge.
    public var divergenceTold: UInt64
    public var links: [LinkRecord]
    public var checkpoints: [Checkpoint]
    public var receipt: Receipt?
    public var targetJob: TargetJob?
    public var pending: [Pending]

    public init(rvg: RVGID, host: HostID, role: Role, lineage: Lineage) {
        self.rvg = rvg
        self.host = host
        self.generation = 1
        self.role = role
        self.cleanStop = true
        self.endAtCleanStop = .zero
        self.stopped = false
        self.fence = nil
        self.lineage = lineage
        self.tail = LogPosition(0)
        self.tailID = UpdateID(1)
        self.dataCountBelowTail = 0
        self.lastDataIDBelowTail = .zero
        self.cumulativeBytesBelowTail = 0
        self.logLife = 1
        self.consistentFrom = .zero
        self.divergenceTold = 0
        self.links = []
        self.checkpoints = []
        self.receipt = nil
        self.targetJob = nil
        self.pending = []
    }

    public var isPrimary: Bool { role == .primary }

    /// The Primary that this Secondary follows.
    public var follows: HostID? {
        switch role {
        case .primary: nil
        case .secondary(let primary): primary
        }
    }

    public func linkIndex(_ peer: HostID) -> Int? { links.firstIndex { $0.peer == peer } }
}

extension RVGHeader: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(rvg)
        writer.put(host)
        writer.put(generation)
        switch role {
        case .primary:
            writer.put(UInt8(1))
            writer.put(HostID?.none)
        case .secondary(let primary):
            writer.put(UInt8(2))
            writer.put(primary)
        }
        writer.put(cleanStop)
        writer.put(endAtCleanStop)
        writer.put(stopped)
        switch fence {
        case nil:
            writer.put(UInt8(0))
        case .closed(let epoch):
            writer.put(UInt8(1))
            writer.put(epoch)
        case .damaged(let text):
            writer.put(UInt8(2))
            writer.put(text)
        }
        writer.put(lineage)
        writer.put(tail)
        writer.put(tailID)
        writer.put(dataCountBelowTail)
        writer.put(lastDataIDBelowTail)
        writer.put(cumulativeBytesBelowTail)
        writer.put(logLife)
        writer.put(consistentFrom)
        writer.put(divergenceTold)
        writer.put(links)
        writer.put(checkpoints)
        writer.put(receipt)
        writer.put(targetJob)
        writer.put(pending)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        let rvg = try reader.takeValue(RVGID.self)
        let host = try reader.takeValue(HostID.self)
        let generation = try reader.take(UInt64.self)
        let kind = try reader.take(UInt8.self)
        let primary = try reader.takeOptional(HostID.self)
        guard kind == 1 || kind == 2 else { throw MalformedBytes("unknown role") }
        self.init(rvg: rvg, host: host, role: kind == 1 ? .primary : .secondary(of: primary), lineage: Lineage())
        self.generation = generation
        cleanStop = try reader.takeFlag()
        endAtCleanStop = try reader.takeValue()
        stopped = try reader.takeFlag()
        switch try reader.take(UInt8.self) {
        case 0: fence = nil
        case 1: fence = .closed(by: try reader.takeValue())
        case 2: fence = .damaged(try reader.takeText())
        default: throw MalformedBytes("unknown fence")
        }
        lineage = try reader.takeValue()
        tail = try reader.takeValue()
        tailID = try reader.takeValue()
        dataCountBelowTail = try reader.take()
        lastDataIDBelowTail = try reader.takeValue()
        cumulativeBytesBelowTail = try reader.take()
        logLife = try reader.take()
        consistentFrom = try reader.takeValue()
        divergenceTold = try reader.take()
        links = try reader.takeArray()
        checkpoints = try reader.takeArray()
        receipt = try reader.takeOptional()
        targetJob = try reader.takeOptional()
        pending = try reader.takeArray()
    }
}
