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
    public var updates: UInt64
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

public struct VolumeDescription: Hashable, Sendable, Codable {
    public var diskGroup: String
    public var name: String
    public var size: UInt64
    public var path: String
    public var isDevice: Bool
    /// The RVG it belongs to, and whether as its log.
    public var rvg: String?
    public var isLog: Bool
    public var openBy: [SessionHolder]

    public init(
        diskGroup: String,
        name: String,
        size: UInt64,
        path: String,
        isDevice: Bool,
        rvg: String?,
        isLog: Bool,
        openBy: [SessionHolder]
    ) {
        self.diskGroup = diskGroup
        self.name = name
        self.size = size
        self.path = path
        self.isDevice = isDevice
        self.rvg = rvg
        self.isLog = isLog
        self.openBy = openBy
    }
}

public struct VolumeSum: Hashable, Sendable, Codable {
    public var host: String
    public var volume: String
    public var size: UInt64
    /// Lower-case hexadecimal.
    public var sha256: String
    /// The position the bytes belong to: the last update applied, nil for a volume in no RVG.
    ///
    /// Two sums compare only at equal positions.
    public var position: UpdateID?

    public init(host: String, volume: String, size: UInt64, sha256: String, position: UpdateID?) {
        self.host = host
        self.volume = volume
        self.size = size
        self.sha256 = sha256
        self.position = position
    }
}

public struct CheckpointDescription: Hashable, Sendable, Codable {
    public var name: String
    /// `started`, `completed` or `overflowed`.
    public var state: String
    /// Bytes of log that it pins.
    public var bytes: UInt64
    /// The same as a part of the log, 0 to 100.
    public var percent: Double
    public var startID: UpdateID
    public var endID: UpdateID?

    public init(name: String, state: String, bytes: UInt64, percent: Double, startID: UpdateID, endID: UpdateID?) {
        self.name = name
        self.state = state
        self.bytes = bytes
        self.percent = percent
        self.startID = startID
        self.endID = endID
    }
}

/// Result of a synchronization or of a verification, for one Secondary.
public struct SynchronizationReport: Hashable, Sendable, Codable {
    public var secondary: String
    /// Nil of a verification.
    public var checkpoint: String?
    public var already: Bool
    public var volumes: [Progress.VolumeProgress]
    public var startID: UpdateID?
    public var endID: UpdateID?
    public var seconds: Double
    public var discarded: DiscardedUpdates?
    public var notes: [String]

    public init(
        secondary: String,
        checkpoint: String?,
        already: Bool,
        volumes: [Progress.VolumeProgress],
        startID: UpdateID?,
        endID: UpdateID?,
        seconds: Double,
        discarded: DiscardedUpdates?,
        notes: [String]
    ) {
        self.secondary = secondary
        self.checkpoint = checkpoint
        self.already = already
        self.volumes = volumes
        self.startID = startID
        self.endID = endID
        self.seconds = seconds
        self.discarded = discarded
        self.notes = notes
    }
}

/// One RDS, as the answering host knows it.
public struct RDSDescription: Hashable, Sendable, Codable {
    public var rvg: String
    public var id: RVGID
    /// The name of the one Primary; nil when there is none, or more than one.
    public var primary: String?
    /// The answering host first among equals: Primaries before Secondaries, then by name.
    public var members: [MemberDescription]
    public var links: [LinkDescription]
    /// `birch: Primary-Primary configuration`, and the like.
    public var configErrors: [ConfigError]

    public init(
        rvg: String,
        id: RVGID,
        primary: String?,
        members: [MemberDescription],
        links: [LinkDescription],
        configErrors: [ConfigError]
    ) {
        self.rvg = rvg
        self.id = id
        self.primary = primary
        self.members = members
        self.links = links
        self.configErrors = configErrors
    }
}

public struct ConfigError: Hashable, Sendable, Codable {
    public var host: String
    /// `Primary-Primary configuration`.
    public var error: String

    public init(host: String, error: String) {
        self.host = host
        self.error = error
    }
}

/// One host of an RDS.
public struct MemberDescription: Hashable, Sendable, Codable {
    public var host: String
    public var isLocal: Bool
    /// Whether it answered just now; the rest is the last known state, `age` seconds old, when it did not.
    public var reachable: Bool
    public var age: Double?
    public var diskGroup: String
    public var rvg: String
    /// `primary`, `secondary` or `none`.
    public var role: String
    /// `enabled`, `stopped`, `fenced`, `recovering`, `failed`.
    public var state: String
    /// Why it is fenced or failed, and what it waits for.
    public var reason: String?
    public var volumes: [VolumeDescription]
    public var log: String
    public var logSize: UInt64
    public var logUsed: UInt64
    /// The last record logged here.
    public var endID: UpdateID
    public var consistent: Bool
    /// The Primary that a Secondary follows.
    public var follows: String?
    public var links: [LinkDescription]
    /// Operations and synchronizations that run or are owed, one sentence each.
    public var activity: [String]
    /// The history of this host's own data, oldest epoch first; empty when it is not known.
    public var history: [EpochDescription]

    public init(
        host: String,
        isLocal: Bool,
        reachable: Bool,
        age: Double?,
        diskGroup: String,
        rvg: String,
        role: String,
        state: String,
        reason: String?,
        volumes: [VolumeDescription],
        log: String,
        logSize: UInt64,
        logUsed: UInt64,
        endID: UpdateID,
        consistent: Bool,
        follows: String?,
        links: [LinkDescription],
        activity: [String],
        history: [EpochDescription] = []
    ) {
        self.host = host
        self.isLocal = isLocal
        self.reachable = reachable
        self.age = age
        self.diskGroup = diskGroup
        self.rvg = rvg
        self.role = role
        self.state = state
        self.reason = reason
        self.volumes = volumes
        self.log = log
        self.logSize = logSize
        self.logUsed = logUsed
        self.endID = endID
        self.consistent = consistent
        self.follows = follows
        self.links = links
        self.activity = activity
        self.history = history
    }
}

/// One entry of a history: from `firstID` on the records belong to this epoch, until the next entry's first id.
public struct EpochDescription: Hashable, Sendable, Codable {
    /// Orders nothing across branches: two hosts can give the same number to two epochs.
    public var number: UInt64
    /// Tells epochs apart.
    public var id: Identity
    /// What opened it: `created`, `takeover`, `migrate` or `restart` (an unclean start).
    ///
    /// The fork of a takeover is the id before ``firstID``.
    public var kind: String
    public var firstID: UpdateID
    /// The name of the host that was Primary in it; its identity where the name is not known.
    public var host: String

    public init(number: UInt64, id: Identity, kind: String, firstID: UpdateID, host: String) {
        self.number = number
        self.id = id
        self.kind = kind
        self.firstID = firstID
        self.host = host
    }
}

/// One RLINK, as its own host sees it.
public struct LinkDescription: Hashable, Sendable, Codable {
    /// `rlk_london_hr_rvg`.
    public var name: String
    public var remoteHost: String
    public var remoteRVG: String
    public var remoteDiskGroup: String
    /// STALE, ACTIVE, PAUSE, FAIL (reference 3.2).
    public var state: String
    /// DETACHED, ENABLED, CONNECT.
    public var kstate: String
    /// The flags of reference 3.2 that hold, in its order.
    public var flags: [String]
    /// `up-to-date`, `behind`, `inconsistent`, `unknown`.
    public var dataStatus: String
    public var consistent: Bool
    public var diverged: UInt64
    /// Replication status in repstatus' words.
    public var replicationStatus: String
    public var behindUpdates: UInt64
    public var behindBytes: UInt64
    public var behindSeconds: Double
    /// Of the log, 0 to 100.
    public var behindPercent: Double
    public var settings: LinkSettings
    /// `synchronous` or `asynchronous`: the mode in force now.
    public var currentMode: String
    /// Why the link is not connected, or the last reason; with the age of the last contact in seconds.
    public var disconnectReason: String?
    public var lastContactAge: Double?
    /// Update ids between the start mark and the end mark still to be applied, of a checkpoint attach; else nil.
    public var untilConsistent: UInt64?

    public init(
        name: String,
        remoteHost: String,
        remoteRVG: String,
        remoteDiskGroup: String,
        state: String,
        kstate: String,
        flags: [String],
        dataStatus: String,
        consistent: Bool,
        diverged: UInt64,
        replicationStatus: String,
        behindUpdates: UInt64,
        behindBytes: UInt64,
        behindSeconds: Double,
        behindPercent: Double,
        settings: LinkSettings,
        currentMode: String,
        disconnectReason: String?,
        lastContactAge: Double?,
        untilConsistent: UInt64?
    ) {
        self.name = name
        self.remoteHost = remoteHost
        self.remoteRVG = remoteRVG
        self.remoteDiskGroup = remoteDiskGroup
        self.state = state
        self.kstate = kstate
        self.flags = flags
        self.dataStatus = dataStatus
        self.consistent = consistent
        self.diverged = diverged
        self.replicationStatus = replicationStatus
        self.behindUpdates = behindUpdates
        self.behindBytes = behindBytes
        self.behindSeconds = behindSeconds
        self.behindPercent = behindPercent
        self.settings = settings
        self.currentMode = currentMode
        self.disconnectReason = disconnectReason
        self.lastContactAge = lastContactAge
        self.untilConsistent = untilConsistent
    }
}

/// `vxrlink updates`.
public struct UpdatesDescription: Hashable, Sendable, Codable {
    public var rlink: String
    public var secondaryID: UpdateID
    /// Seconds since 1970; nil when the record is not in the log any more.
    public var secondaryTime: Double?
    /// The newest that the Primary is known to have had.
    public var primaryID: UpdateID?
    public var primaryTime: Double?

    public init(
        rlink: String,
        secondaryID: UpdateID,
        secondaryTime: Double?,
        primaryID: UpdateID?,
        primaryTime: Double?
    ) {
        self.rlink = rlink
        self.secondaryID = secondaryID
        self.secondaryTime = secondaryTime
        self.primaryID = primaryID
        self.primaryTime = primaryTime
    }
}

/// A daemon about itself and its peers.
public struct HostDescription: Hashable, Sendable, Codable {
    public var name: String
    public var id: HostID
    public var version: String
    public var process: Int32
    public var directory: String
    public var controlSocket: String
    public var dataSocket: String
    public var listen: String
    public var peers: [PeerDescription]
    public var diskGroups: [String]
    public var rvgs: [RDSDescription]
    /// True once lineage has been exchanged with every peer that can be reached.
    public var settled: Bool

    public init(
        name: String,
        id: HostID,
        version: String,
        process: Int32,
        directory: String,
        controlSocket: String,
        dataSocket: String,
        listen: String,
        peers: [PeerDescription],
        diskGroups: [String],
        rvgs: [RDSDescription],
        settled: Bool
    ) {
        self.name = name
        self.id = id
        self.version = version
        self.process = process
        self.directory = directory
        self.controlSocket = controlSocket
        self.dataSocket = dataSocket
        self.listen = listen
        self.peers = peers
        self.diskGroups = diskGroups
        self.rvgs = rvgs
        self.settled = settled
    }

    public struct PeerDescription: Hashable, Sendable, Codable {
        public var name: String
        public var address: String
        public var connected: Bool
        public var blocked: Bool
        /// Why the last connection ended or failed.
        public var reason: String?

        public init(name: String, address: String, connected: Bool, blocked: Bool, reason: String?) {
            self.name = name
            self.address = address
            self.connected = connected
            self.blocked = blocked
            self.reason = reason
        }
    }
}
