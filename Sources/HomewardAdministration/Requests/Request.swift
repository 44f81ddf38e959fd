import HomewardCore

/// An RVG as the operator names it; the disk group may be left out when the host has one RVG of that name.
public struct RVGReference: Hashable, Sendable, Codable {
    public var diskGroup: String?
    public var rvg: String

    public init(diskGroup: String? = nil, rvg: String) {
        self.diskGroup = diskGroup
        self.rvg = rvg
    }
}

extension RVGReference: CustomStringConvertible {
    /// `DG/RVG`; the name alone where no disk group was named.
    public var description: String { diskGroup.map { "\($0)/\(rvg)" } ?? rvg }
}

/// An RLINK by its own name (`rlk_london_hr_rvg`).
public struct RLinkReference: Hashable, Sendable, Codable {
    public var diskGroup: String?
    public var rlink: String

    public init(diskGroup: String? = nil, rlink: String) {
        self.diskGroup = diskGroup
        self.rlink = rlink
    }
}

extension RLinkReference: CustomStringConvertible {
    /// `DG/RLINK`; the name alone where no disk group was named.
    public var description: String { diskGroup.map { "\($0)/\(rlink)" } ?? rlink }
}

/// Everything that a host can be asked.
///
/// The command line, HTTP, the lab and Lua all go through these values.
///
/// A request is answered by the host it is sent to; those that the Primary decides are passed on to it.
public enum Request: Hashable, Sendable, Codable {
    // MARK: Disk groups and volumes
    case createDiskGroup(name: String)
    /// `size` nil: the file or device exists and keeps its size. A file with a size is created, sparse, or must have it.
    case createVolume(diskGroup: String, volume: String, path: String, isDevice: Bool, size: UInt64?)
    case listVolumes(diskGroup: String?)
    /// SHA-256 of a volume's bytes at one position (`vol sum`).
    case sumVolume(diskGroup: String, volume: String)

    // MARK: vradmin
    case createPrimary(diskGroup: String?, rvg: String, volumes: [String], log: String)
    case addSecondary(
        RVGReference,
        primary: String,
        secondary: String,
        secondaryDiskGroup: String?,
        attributes: [Attribute]
    )
    case deleteSecondary(RVGReference, secondary: String?)
    case deletePrimary(RVGReference, force: Bool)
    case startReplication(RVGReference, secondary: String?, how: AttachMode, consent: Bool)
    case stopReplication(RVGReference, secondary: String?, force: Bool, consent: Bool)
    case pauseReplication(RVGReference, secondary: String?)
    case resumeReplication(RVGReference, secondary: String?)
    case synchronize(RVGReference, secondaries: [String], checkpoint: String, full: Bool, force: Bool, consent: Bool)
    case verify(RVGReference, secondaries: [String], consent: Bool)
    /// `takeover -N`, on the host that it is sent to.
    case takeover(RVGReference, force: Bool)
    /// On the host that it is sent to.
    case makeSecondary(RVGReference, newPrimary: String, force: Bool)
    case migrate(RVGReference, to: String?, consent: Bool)
    /// Data for printrvg, repstatus and `status`: what this host knows of each RDS, asked of its peers where they answer.
    case describe(diskGroup: String?, rvgs: [String])
    case setAttributes(RVGReference, secondary: String?, attributes: [Attribute])

    // MARK: vxrvg
    case checkStart(RVGReference, name: String)
    case checkEnd(RVGReference)
    case checkDelete(RVGReference, name: String)
    case listCheckpoints(RVGReference)
    case startRVG(RVGReference, force: Bool)
    case stopRVG(RVGReference)

    // MARK: vxrlink
    case linkStatus(RLinkReference)
    /// Ids and times of the last update here and at the Primary; on a Secondary only.
    case linkUpdates(RLinkReference)
    /// On the side where it is typed; a Secondary's pause keeps the session open.
    case pauseLink(RLinkReference)
    case resumeLink(RLinkReference)
    case attachLink(RLinkReference, how: AttachMode, consent: Bool)
    case detachLink(RLinkReference)
    /// RLINK checkpoints of the Primary.
    case listLinkCheckpoints(RLinkReference)

    // MARK: The host itself
    case hostStatus
    /// The lab's partition: refuse and cut all connections with a peer, across restarts, until it is lifted.
    case setBlocked(peer: String, blocked: Bool)
    /// Flushes, closes and ends the daemon in order.
    case shutDown
}

/// One `name=value` of `addsec` and `set`.
public struct Attribute: Hashable, Sendable, Codable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// How a Secondary's contents are known to fit when replication starts.
public enum AttachMode: Hashable, Sendable, Codable {
    /// The copy was made between the marks of this checkpoint (`-c`).
    case checkpoint(String)
    /// Both sides are identical (`-f`); proven by lineage where it can be.
    case identical
}

/// Progress of a long request, sent while it runs.
public struct Progress: Hashable, Sendable, Codable {
    /// `compare`, `send`, `verify`, `wait`.
    public var phase: String
    public var host: String
    public var volumes: [VolumeProgress]
    /// Seconds until done at the present rate; nil while unknown.
    public var secondsLeft: Double?

    public init(phase: String, host: String, volumes: [VolumeProgress], secondsLeft: Double?) {
        self.phase = phase
        self.host = host
        self.volumes = volumes
        self.secondsLeft = secondsLeft
    }

    public struct VolumeProgress: Hashable, Sendable, Codable {
        public var volume: String
        public var size: UInt64
        public var compared: UInt64
        public var differing: UInt64
        public var sent: UInt64

        public init(volume: String, size: UInt64, compared: UInt64 = 0, differing: UInt64 = 0, sent: UInt64 = 0) {
            self.volume = volume
            self.size = size
            self.compared = compared
            self.differing = differing
            self.sent = sent
        }
    }
}
