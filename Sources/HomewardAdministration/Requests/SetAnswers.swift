import HomewardCore

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
    /// True of a Primary that does not open by itself: another host took over, or its log is damaged.
    public var isShut: Bool?
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
        isShut: Bool? = nil,
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
        self.isShut = isShut
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
    /// STALE, ACTIVE, PAUSE, FAIL.
    public var state: String
    /// DETACHED, ENABLED, CONNECT.
    public var kstate: String
    /// VVR's flags of an RLINK that hold, in its order.
    public var flags: [String]
    /// `up-to-date`, `behind`, `inconsistent`, `unknown`.
    public var dataStatus: String
    public var consistent: Bool
    public var diverged: UInt64?
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
        diverged: UInt64?,
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
