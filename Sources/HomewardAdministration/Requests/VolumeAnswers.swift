import HomewardCore

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
