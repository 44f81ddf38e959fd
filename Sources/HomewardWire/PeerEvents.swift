import HomewardCore

/// The three connections that each pair of hosts keeps, so that none waits behind another's traffic.
public enum PeerChannel: UInt8, Sendable, CaseIterable {
    /// Operation messages, relayed requests.
    case control = 0
    /// Records and acknowledgements.
    case replication = 1
    /// Hashes and blocks of synchronizations.
    case bulk = 2
}

/// What two hosts tell each other before anything else, on each connection.
public struct PeerHello: Sendable, Equatable {
    /// Of the frame format; the lower of the two sides' is spoken.
    public var version: UInt16
    public var host: HostID
    public var name: String

    public init(version: UInt16, host: HostID, name: String) {
        self.version = version
        self.host = host
        self.name = name
    }
}

/// One life of the three connections with a peer: all up from `peerConnected` to `peerDisconnected`.
///
/// A frame sent on a session that has ended goes nowhere; numbers are never used again in one process.
public struct PeerSession: Hashable, Sendable {
    public let peer: String
    public let number: UInt64

    public init(peer: String, number: UInt64) {
        self.peer = peer
        self.number = number
    }
}

/// What the network tells its owner.
///
/// Calls for one channel come in order; those of different channels may overlap.
public protocol PeerEvents: AnyObject, Sendable {
    /// All three connections with a peer are up and it said who it is.
    func peerConnected(_ session: PeerSession, hello: PeerHello)
    /// One of the three was lost, or was cut: all are. Exactly once for each session.
    func peerDisconnected(_ session: PeerSession, reason: String)
    /// Less than 2 MiB wait on a connection that ``PeerNetwork/hasRoom(_:channel:)`` found full; once for each time that it
    /// did, however often it was asked meanwhile.
    ///
    /// Runs on the event loop: it must not block, and may come while the end of the session is being told.
    func peerHasRoom(_ session: PeerSession, channel: PeerChannel)
    /// A whole, verified frame.
    ///
    /// Runs on a thread of that connection's own and may block: meanwhile signs of life and the other connections go on,
    /// and when a few MiB wait behind it the connection reads no more, which is how a slow receiver holds a fast sender
    /// back. What had arrived when a connection was lost is still delivered; what this host cut is not.
    func peerFrame(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8])
}

extension PeerEvents {
    /// For owners that do not ask.
    public func peerHasRoom(_ session: PeerSession, channel: PeerChannel) {}
}
