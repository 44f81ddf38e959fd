import HomewardCore

/// Work that an operation or a synchronization asks of its driver: done without the lock, reported with its number.
public struct NodeTask: Sendable {
    public enum Work: Sendable {
        /// Writes these records, with their payloads from the log, to a new salvage file, and makes it durable.
        case salvage([Record], label: String)
        /// Hashes ranges of the volumes, keyed by `seed`, in the order given.
        case hash([BlockRange], seed: UInt64)
        /// Reads one block; all zero gives no bytes. Goes on with its hash.
        ///
        /// Begun when the bandwidth limit of the RLINK to the host lets its bytes go.
        case read(BlockRange, seed: UInt64, for: HostID)
        /// Hashes the blocks of a range and gives the indices of those that differ from `hashes`. `all`: without reading.
        case compare(BlockRange, blockBytes: UInt64, hashes: [BlockHash], seed: UInt64, all: Bool)
        /// Writes one block (no bytes: zeroes), reads it back and checks its hash.
        case write(BlockRange, bytes: [UInt8], hash: BlockHash, seed: UInt64)
        /// Makes all volumes durable, then notes the cursor.
        case synchronizeVolumes(cursor: HeaderFormat.Cursor?)
        /// Reads the cursor of an earlier life of the job.
        case readCursor(CheckpointID)
        /// Tries to connect to a host that no session leads to.
        case probe(HostID, name: String)
    }

    public var id: UInt64
    public var work: Work
}

/// A range of one data volume.
public struct BlockRange: Hashable, Sendable {
    public var volume: UInt32
    public var offset: UInt64
    public var length: UInt64

    public init(volume: UInt32, offset: UInt64, length: UInt64) {
        self.volume = volume
        self.offset = offset
        self.length = length
    }
}

/// How a task ended.
public enum TaskResult: Sendable {
    case salvaged(path: String)
    case hashes([BlockHash])
    case block(bytes: [UInt8], hash: BlockHash)
    case differing([UInt64])
    case done
    case cursor(HeaderFormat.Cursor?)
    /// Whether the probed host's system said at once that nobody listens there. Silence and an accepted connection are false.
    case probed(refused: Bool)
    case failed(Refusal)
}

/// What one RVG of this host is asked to do; names are resolved by whoever asks.
public enum RVGRequest: Hashable, Sendable {
    case addLink(LinkRecord)
    case removeLink(HostID)
    case startReplication(HostID, how: AttachMode, consent: Bool)
    case stopReplication(HostID, force: Bool)
    case setPaused(HostID, Bool)
    case setSettings(HostID, LinkSettings)
    case synchronize([HostID], checkpoint: String, full: Bool, force: Bool, consent: Bool)
    case verify([HostID])
    case takeover(force: Bool)
    case makeSecondary(HostID, force: Bool)
    case migrate(HostID)
    case checkStart(String)
    case checkEnd
    case checkDelete(String)
    case start(force: Bool)
    case stop
    /// A clean end of the daemon: everything applied and the header says so.
    case prepareShutdown
    /// The RVG leaves this host: everything applied, and nothing taken any more.
    case prepareRemoval
    /// It does not leave: what ``prepareRemoval`` held goes on.
    case abandonRemoval
}

/// How a request of one RVG ended.
public enum RVGAnswer: Hashable, Sendable {
    case done(Outcome)
    case synchronized([SynchronizationReport])
}

/// Everything that a step of a node asks of its driver.
public struct NodeEffects: Sendable {
    public var core = Effects()
    public var tasks: [NodeTask] = []
    public var answers: [(token: UInt64, result: Result<RVGAnswer, Refusal>)] = []

    public init() {}
}
