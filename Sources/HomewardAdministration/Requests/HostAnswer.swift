import HomewardCore

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
