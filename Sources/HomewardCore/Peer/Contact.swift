/// What a host tells a peer of one RVG at session start, and again whenever any of it changes.
///
/// It is the whole of what the peer has to know, not a difference: the last one received replaces those before it. Whoever
/// waits for the outcome of an operation reads it from here, so that an answer that was lost is only late. It leaves a host
/// only when the header that it describes is durable.
public struct Contact: Hashable, Sendable, Codable {
    public struct Link: Hashable, Sendable, Codable {
        public var peer: HostID
        public var peerName: String
        public var peerDiskGroup: String
        public var peerRVG: String
        public var attach: AttachID?
        /// Paused from this side: a Primary sends nothing while its Secondary says so, and the session stays.
        public var paused: Bool
        public var settings: LinkSettings

        public init(_ record: LinkRecord) {
            peer = record.peer
            peerName = record.peerName
            peerDiskGroup = record.peerDiskGroup
            peerRVG = record.peerRVG
            attach = record.attachID
            paused = record.paused
            settings = record.settings
        }
    }

    /// The end of a host's log, and the data records up to it.
    public struct Reach: Hashable, Sendable, Codable {
        public var end: UpdateID
        public var dataCount: UInt64

        public init(end: UpdateID, dataCount: UInt64) {
            self.end = end
            self.dataCount = dataCount
        }
    }

    public var rvg: RVGID
    public var diskGroup: String
    public var name: String
    public var isPrimary: Bool
    /// An open Primary: enabled, or stopped only by command.
    public var open: Bool
    /// A device of it failed: it takes nothing and answers nothing until its daemon is restarted.
    public var failed: Bool
    /// A Primary that opens only when somebody decides so: another took over, or its log is damaged.
    public var isShut: Bool { isPrimary && !mayOpen && !failed }
    /// A Primary that is open, or that may open by itself once it knows enough.
    public var mayOpen: Bool
    public var lineage: Lineage
    /// The Primary it follows.
    public var follows: HostID?
    public var consistent: Bool
    /// The id from which on its image is consistent.
    public var consistentFrom: UpdateID
    /// How far its data reached when this was said; while records flow that alone is no reason to say it again.
    public var reach: Reach
    public var links: [Link]
    /// Operations that this host decides and has not decided.
    public var undecided: [UInt64]
    /// Promises that this host made and that wait for the peer's word.
    public var promised: [UInt64]
    public var receipt: Receipt?
    /// The synchronization that writes this host's volumes.
    public var targetJob: CheckpointID?
    /// Checkpoints of this Primary, with those of their targets that still owe or are owed something.
    public var jobs: [CheckpointID]
    /// Announced a takeover, or decides one: it no longer follows anybody.
    public var takingOver: Bool

    public init(
        rvg: RVGID,
        diskGroup: String,
        name: String,
        isPrimary: Bool,
        open: Bool,
        failed: Bool,
        mayOpen: Bool,
        lineage: Lineage,
        follows: HostID?,
        consistent: Bool,
        consistentFrom: UpdateID,
        reach: Reach,
        links: [Link],
        undecided: [UInt64],
        promised: [UInt64],
        receipt: Receipt?,
        targetJob: CheckpointID?,
        jobs: [CheckpointID],
        takingOver: Bool
    ) {
        self.rvg = rvg
        self.diskGroup = diskGroup
        self.name = name
        self.isPrimary = isPrimary
        self.open = open
        self.failed = failed
        self.mayOpen = mayOpen
        self.lineage = lineage
        self.follows = follows
        self.consistent = consistent
        self.consistentFrom = consistentFrom
        self.reach = reach
        self.links = links
        self.undecided = undecided
        self.promised = promised
        self.receipt = receipt
        self.targetJob = targetJob
        self.jobs = jobs
        self.takingOver = takingOver
    }

    /// Whether a peer that knows `other` has nothing to learn from this; while records flow, how far they reach is nothing.
    public func addsNothing(to other: Contact, flowing: Bool) -> Bool {
        var known = other
        if flowing { known.reach = reach }
        return known == self
    }

    /// Whether it paused its RLINK to `host`.
    public func isPaused(to host: HostID) -> Bool { links.first { $0.peer == host }?.paused ?? false }

    /// The attachment of its RLINK to `host`.
    public func attach(to host: HostID) -> AttachID? { links.first { $0.peer == host }?.attach }
}
