import HomewardCore

/// What a request that was carried out gives back.
///
/// `--json` prints the associated value alone.
public enum Answer: Hashable, Sendable, Codable {
    case done(Outcome)
    case volumes([VolumeDescription])
    case sum(VolumeSum)
    case rds([RDSDescription])
    case checkpoints([CheckpointDescription])
    case synchronized([SynchronizationReport])
    case link(LinkDescription)
    case updates(UpdatesDescription)
    case host(HostDescription)
}

/// The end of a request that changes something.
public struct Outcome: Hashable, Sendable, Codable {
    /// The state asked for was there before: nothing was changed.
    public var already: Bool
    /// One sentence of what was done, for people.
    public var summary: String
    /// What else the operator should know: consequences, what is owed to a host that did not answer.
    public var notes: [String]
    /// What was thrown away, or would be lost: nil when nothing was.
    public var discarded: DiscardedUpdates?
    /// Of a takeover.
    public var takeover: TakeoverReport?

    public init(
        already: Bool = false,
        summary: String,
        notes: [String] = [],
        discarded: DiscardedUpdates? = nil,
        takeover: TakeoverReport? = nil
    ) {
        self.already = already
        self.summary = summary
        self.notes = notes
        self.discarded = discarded
        self.takeover = takeover
    }
}

/// Updates that a host held and that its new history does not contain.
public struct DiscardedUpdates: Hashable, Sendable, Codable {
    public var host: String
    /// All data records that were given up.
    public var updates: UInt64
    /// Those that the log still had; bytes, ids, times and ranges are theirs, and the salvage file holds them.
    public var kept: UInt64
    public var bytes: UInt64
    public var firstID: UpdateID
    public var lastID: UpdateID
    /// Seconds since 1970, from the records; for display.
    public var firstTime: Double
    public var lastTime: Double
    /// For each volume the regions written, merged and sorted; at most 64, then `rangesLeftOff` counts the others.
    public var ranges: [VolumeRange]
    public var rangesLeftOff: Int
    /// Where the records were kept before they were given up; nil in a refusal.
    public var salvageFile: String?

    public init(
        host: String,
        updates: UInt64,
        kept: UInt64,
        bytes: UInt64,
        firstID: UpdateID,
        lastID: UpdateID,
        firstTime: Double,
        lastTime: Double,
        ranges: [VolumeRange],
        rangesLeftOff: Int,
        salvageFile: String?
    ) {
        self.host = host
        self.updates = updates
        self.kept = kept
        self.bytes = bytes
        self.firstID = firstID
        self.lastID = lastID
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.ranges = ranges
        self.rangesLeftOff = rangesLeftOff
        self.salvageFile = salvageFile
    }
}

public struct VolumeRange: Hashable, Sendable, Codable {
    public var volume: String
    public var offset: UInt64
    public var length: UInt64

    public init(volume: String, offset: UInt64, length: UInt64) {
        self.volume = volume
        self.offset = offset
        self.length = length
    }
}

/// What a takeover kept, and what is known of what it lost.
public struct TakeoverReport: Hashable, Sendable, Codable {
    /// Number of the epoch that the takeover opened.
    public var epoch: UInt64
    /// The last record kept.
    public var forkID: UpdateID
    /// Wall time of the last record kept, seconds since 1970; nil when it is not in the log any more.
    public var forkTime: Double?
    /// The newest id that this host ever heard the old Primary had; nil when it heard of none.
    public var lastHeardID: UpdateID?
    /// How many updates are lost at least: `lastHeardID - forkID`.
    ///
    /// Nil: unknown.
    public var lostAtLeast: UInt64?
    /// The log position where the new reign begins: what `lab check` calls the fork.
    public var oldPrimary: String?

    public init(
        epoch: UInt64,
        forkID: UpdateID,
        forkTime: Double?,
        lastHeardID: UpdateID?,
        lostAtLeast: UInt64?,
        oldPrimary: String?
    ) {
        self.epoch = epoch
        self.forkID = forkID
        self.forkTime = forkTime
        self.lastHeardID = lastHeardID
        self.lostAtLeast = lostAtLeast
        self.oldPrimary = oldPrimary
    }
}
