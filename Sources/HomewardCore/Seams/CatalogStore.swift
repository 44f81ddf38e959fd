/// Where a host keeps its names, sizes, addresses and settings.
///
/// Never on the write path, and never the judge of anything that recovery decides: that stands in the header of each
/// log.
public protocol CatalogStore: AnyObject, Sendable {
    /// What is stored; a catalog that was never written is made with a fresh identity.
    func load() throws(Refusal) -> Catalog
    /// Replaces the whole in one durable transaction: after a crash either the old or the new is there.
    func save(_ catalog: Catalog) throws(Refusal)
}

/// Everything a host knows by name.
public struct Catalog: Hashable, Sendable {
    /// This host's identity: made once, with the directory.
    public var host: HostID
    public var diskGroups: [DiskGroup]
    public var volumes: [Volume]
    public var rvgs: [ReplicatedVolumeGroup]
    /// Peers that the lab's partition keeps out.
    public var blockedPeers: [String]

    public init(
        host: HostID,
        diskGroups: [DiskGroup] = [],
        volumes: [Volume] = [],
        rvgs: [ReplicatedVolumeGroup] = [],
        blockedPeers: [String] = []
    ) {
        self.host = host
        self.diskGroups = diskGroups
        self.volumes = volumes
        self.rvgs = rvgs
        self.blockedPeers = blockedPeers
    }

    public struct DiskGroup: Hashable, Sendable {
        public var name: String
        public var id: Identity

        public init(name: String, id: Identity) {
            self.name = name
            self.id = id
        }
    }

    public struct Volume: Hashable, Sendable {
        public var diskGroup: String
        public var name: String
        /// Absolute.
        public var path: String
        public var isDevice: Bool
        public var size: UInt64

        public init(diskGroup: String, name: String, path: String, isDevice: Bool, size: UInt64) {
            self.diskGroup = diskGroup
            self.name = name
            self.path = path
            self.isDevice = isDevice
            self.size = size
        }
    }

    public struct ReplicatedVolumeGroup: Hashable, Sendable {
        public var id: RVGID
        public var diskGroup: String
        public var name: String
        /// Data volumes in the order that records name them by index: the same on every host.
        public var volumes: [String]
        public var log: String

        public init(id: RVGID, diskGroup: String, name: String, volumes: [String], log: String) {
            self.id = id
            self.diskGroup = diskGroup
            self.name = name
            self.volumes = volumes
            self.log = log
        }
    }
}
