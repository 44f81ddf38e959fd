import DequeModule

/// One RVG on one host: log, positions, links, checkpoints, fence.
///
/// Decides and never acts.
///
/// Passive: its owner steps it under the RVG's lock with what happened and with the time, and drains its lanes. It holds no
/// file, socket, clock or thread; the real host and the simulator drive the same code. Inputs that report the end of work
/// (`logWritten`, `headerWritten`, …) answer exactly one pull of the same lane.
///
/// Words of position: a record is appended (has id and place) → written (in the log file) → durable → replayed (on the
/// volumes) → applied (durable on the volumes). All are "up to and with this id".
///
/// **Nothing is said before it is durable.** A change of the header takes effect in memory at once; every message and every
/// answer made after it is held back until a header with it has been written (``criticalGeneration``).
public struct RVGMachine: Sendable {
    public let limits: Limits
    /// Bytes of the ring.
    public let capacity: UInt64
    public let volumes: [VolumeShape]
    /// Labels: of this host, of the RVG here.
    public let hostName: String
    public let diskGroup: String
    public let name: String

    // MARK: Header
    public package(set) var header: RVGHeader
    /// The header that carries the newest change that others may learn of.
    public package(set) var criticalGeneration: UInt64
    /// The newest header on disk.
    public package(set) var persistedGeneration: UInt64
    package var headerInFlight: RVGHeader?
    /// What the newest header on disk says.
    package var persistedHeader: RVGHeader
    package var headerDirty = false
    package var lastHeaderWrite = Instant(nanoseconds: 0)
    /// The tail of the newest header on disk: what lies before may be overwritten.
    package var reusableTail: LogPosition

    // MARK: Log
    /// Records from the tail on, contiguous by id.
    package var index: Deque<Record>
    package var appendPosition: LogPosition
    public package(set) var end: UpdateID
    package var dataCount: UInt64
    package var lastDataID: UpdateID
    package var cumulativeBytes: UInt64
    package var handedOut: UpdateID
    package var payloads: Deque<PayloadReference> = []
    /// Buffers whose records were dropped before they were written: the driver takes them back.
    package var droppedPayloads: [UInt64] = []
    public package(set) var written: UpdateID
    public package(set) var durable: UpdateID
    package var logWriteInFlight = false
    package var logSyncInFlight: UpdateID?
    /// The id that the next fdatasync shall cover; what is appended later starts on a fresh page.
    package var syncBoundary: UpdateID?
    package var alignNext = false
    package var oldestUnsynced: Instant?
    package var unsyncedBytes: UInt64 = 0
    /// Somebody waits for everything up to here to be durable.
    package var durableWanted: UpdateID = .zero

    // MARK: Volumes
    package var pendingWrites = PendingMap()
    var pendingRoom = PendingRoom()
    /// For zeroes and trims, by their length.
    var emptyRoom = PendingRoom()
    package var replayed: UpdateID
    package var applied: UpdateID
    package var applyInFlight: UpdateID?
    package var applyGeneration: UInt64 = 0
    package var volumeSyncInFlight: UpdateID?
    /// Somebody waits for everything up to here to be durable on the volumes.
    package var appliedWanted: UpdateID = .zero
    /// Readers of a position hold the applier.
    package var applyHolds = 0
    package var roomWanted = false

    // MARK: Application
    package var waiters = ReplyQueue()
    package var sessions: [OpenSession] = []
    /// The operation that keeps volumes from being opened, and writes from being taken.
    package var volumesHeldBy: String?
    package var intakeHeldBy: String?
    package var stalledForRoom = false
    package var stalledForLatency = false

    // MARK: Role
    /// Why a Primary is not open.
    ///
    /// Nil on an open Primary; meaningless on a Secondary.
    package var gate: Gate? = .starting
    package var startedAt: Instant?
    /// A device failed: nothing goes on until a restart has recovered.
    package var failure: Refusal?
    /// When the device failed a header was on its way: whether it stands there only a restart can tell, so that peers hear
    /// nothing that either answer could belie.
    package var isHeaderInDoubt = false
    package var openingEpoch: Epoch?
    /// What recovery could not read although it was durable; nil once the log begins anew.
    package var damage: String?

    // MARK: Peers
    package var peers: [Peer] = []
    /// Peers whose session ended and whose end the node has not taken in.
    private var endedSessions: [HostID] = []
    package var outbox: Outbox = Outbox()
    package var contactDirty = true
    package var following = Following()
    package var random: SeededGenerator
    /// The wall clock at the last tick: only ever shown.
    package var lastWallTime: UInt64 = 0
    /// Pins of operations and jobs under way: the log is kept from these ids on.
    package var pins: [UpdateID] = []
    /// Tokens of operations that this host decides and has not decided; told in ``Contact/undecided``.
    package var undecided: [UInt64] = []
    package var takingOver = false
    /// Starts of streams sent in this life of the process.
    package var startsSent: UInt64 = 0
    /// Checkpoints whose log was overwritten since they were made, to be told to those who use them.
    package var overflowed: [OverflowedCheckpoint] = []

    /// Why an RVG that is a Primary takes no writes.
    public enum Gate: Hashable, Sendable {
        /// Lineage has not been exchanged yet; what it waits for is computed when asked.
        case starting
        /// A new epoch or the cleared stop flag is on its way to disk.
        case opening(since: UInt64)
    }

    public struct OpenSession: Hashable, Sendable {
        public var id: UInt64
        public var volume: UInt32
        public var holder: SessionHolder
        public var readOnly: Bool
    }

    public struct OverflowedCheckpoint: Hashable, Sendable {
        public var checkpoint: Checkpoint
        /// Bytes of log that it would have needed when it died.
        public var bytesNeeded: UInt64
    }

    /// Takes up where the log that ``LogRecovery`` read ends.
    ///
    /// `volumes` are in the order that records name them; `seed` is the chance for epochs, attachments and operations.
    public init(
        recovered: RecoveredLog,
        capacity: UInt64,
        volumes: [VolumeShape],
        hostName: String,
        diskGroup: String,
        name: String,
        limits: Limits,
        seed: UInt64
    ) {
        self.limits = limits
        self.capacity = capacity
        self.volumes = volumes
        self.hostName = hostName
        self.diskGroup = diskGroup
        self.name = name
        self.random = SeededGenerator(seed: seed)
        header = recovered.header
        persistedHeader = recovered.header
        criticalGeneration = recovered.header.generation
        persistedGeneration = recovered.header.generation
        reusableTail = recovered.header.tail
        index = Deque(recovered.records)
        appendPosition = recovered.appendPosition
        let before = recovered.header.tailID.previous
        let last = recovered.records.last
        end = last?.id ?? before
        dataCount = last?.dataCount ?? recovered.header.dataCountBelowTail
        cumulativeBytes = last?.cumulativeBytes ?? recovered.header.cumulativeBytesBelowTail
        lastDataID = recovered.records.last { $0.kind.isData }?.id ?? recovered.header.lastDataIDBelowTail
        handedOut = end
        written = end
        durable = end
        replayed = before
        applied = before
        let strange = RVGMachine.strange(recovered.records, volumes)
        damage = recovered.damage ?? strange
        if let damage, header.fence == nil { header.fence = .damaged(damage) }
        // A cursor promises that no record up to it will be asked for again; what recovery cut must be sent anew.
        for position in header.links.indices {
            if case .attached(let attach, let cursor) = header.links[position].attachment, cursor > end {
                header.links[position].attachment = .attached(attach, cursor: end)
            }
        }
        if header.isPrimary, strange == nil {
            for record in index where record.kind.isData { pendingWrites.insert(record) }
        }
    }

    /// The first record that cannot be carried out on these volumes: log and volumes do not belong together.
    private static func strange(_ records: [Record], _ volumes: [VolumeShape]) -> String? {
        for record in records {
            do { try record.checkBounds(volumes) } catch { return "the log is not one of these volumes: \(error.what)" }
        }
        return nil
    }

    /// Something durable in the log cannot be read: nothing of it is carried out or continued.
    ///
    /// Apart from the fence: a Primary whose reign is closed may find its log damaged too.
    package var isLogDamaged: Bool { if case .damaged? = header.fence { true } else { damage != nil } }

    /// The object that messages name.
    public var objectName: String { "\(diskGroup)/\(name)" }

    // MARK: Header lane

    /// Notes a change of the header that others must not hear of before it is durable.
    package mutating func headerChanged(_ effects: inout Effects) {
        // No header is written any more: nothing that is still to be said may wait for one.
        guard failure == nil else { return }
        headerDirty = true
        contactDirty = true
        header.generation = max(header.generation, (headerInFlight?.generation ?? persistedGeneration) + 1)
        criticalGeneration = header.generation
        effects.wake.insert([.header, .peers])
    }

    /// Notes a change that only saves work: the tail or a cursor moved.
    package mutating func headerDrifted(_ effects: inout Effects) {
        guard failure == nil else { return }
        headerDirty = true
        header.generation = max(header.generation, (headerInFlight?.generation ?? persistedGeneration) + 1)
        if roomWanted { effects.wake.insert(.header) }
    }

    /// The next header to be written and synchronized, one at a time.
    public mutating func nextHeader(now: Instant) -> RVGHeader? {
        guard headerDirty, headerInFlight == nil, failure == nil else { return nil }
        let urgent = criticalGeneration > persistedGeneration || roomWanted
        guard urgent || now.milliseconds(since: lastHeaderWrite) >= 1_000 else { return nil }
        headerDirty = false
        headerInFlight = header
        return header
    }

    /// The header is durable.
    public mutating func headerWritten(now: Instant, into effects: inout Effects) {
        guard failure == nil else { return }
        guard let written = headerInFlight else { preconditionFailure("no header was being written") }
        headerInFlight = nil
        persistedHeader = written
        lastHeaderWrite = now
        persistedGeneration = written.generation
        if written.tail > reusableTail || index.isEmpty { reusableTail = written.tail }
        roomWanted = false
        effects.admissionChanged = true
        effects.wake.insert([.peers, .header])
        releaseReplies(&effects)
        secondaryProgressed(now: now, into: &effects)
        continueOpening(now: now, into: &effects)
    }

    /// Whether everything decided so far is durable.
    public var isSettledOnDisk: Bool { persistedGeneration >= criticalGeneration }

    /// Peers whose session ended since this was asked last.
    package mutating func takeEndedSessions() -> [HostID] {
        guard !endedSessions.isEmpty else { return [] }
        defer { endedSessions.removeAll() }
        return endedSessions
    }

    package mutating func noteEndedSession(_ host: HostID) { endedSessions.append(host) }

    /// Buffers that the driver may use again.
    public mutating func takeDroppedPayloads() -> [UInt64] {
        defer { droppedPayloads.removeAll() }
        return droppedPayloads
    }

    /// A device failed: nothing more is promised until a restart has recovered.
    public mutating func deviceFailed(_ refusal: Refusal, into effects: inout Effects) {
        guard failure == nil else { return }
        failure = refusal
        contactDirty = true
        logSyncInFlight = nil
        isHeaderInDoubt = headerInFlight != nil
        headerInFlight = nil
        headerDirty = false
        // What never reached the disk was never told to anybody: peers hear what stands there, and that this host is out.
        header = persistedHeader
        criticalGeneration = persistedGeneration
        outbox.entries.removeAll()
        for position in peers.indices { peers[position].sending = Sending() }
        effects.wake.insert(.peers)
        effects.note("\(objectName) failed and stays shut until the daemon is restarted: \(refusal.message)")
        // While the log is being written the application's memory is not given back.
        let settled = logWriteInFlight ? written : .never
        waiters.fail(with: .device(refusal), written: settled, into: &effects.replies)
        effects.admissionChanged = true
    }
}
