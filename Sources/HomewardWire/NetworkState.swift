import HomewardCore
import Logging
import NIOCore

/// What a ``PeerNetwork`` knows, behind its lock.
///
/// Changes are decided here; connections are touched after the lock is left.
struct NetworkState: Sendable {
    enum Phase: Sendable {
        case idle
        case running
        case stopping
    }

    /// Connections of one dialing, until all three are there.
    struct Attempt: Sendable {
        /// All that were opened, to be closed if it comes to nothing.
        var opened: [Connection] = []
        /// Those that have greeted, by channel.
        var greeted: [PeerChannel: Connection] = [:]
        var hello: PeerHello?
    }

    struct Peer: Sendable {
        var address: PeerAddress
        /// Exactly one side of a pair dials: the one whose name is smaller.
        var dials: Bool
        var blocked = false
        /// By the number that the dialing side drew.
        var attempts: [Identity: Attempt] = [:]
        var dialing: Identity?
        /// Told to the owner and not yet over, or over and its last handler still busy.
        var session: Session?
        /// Complete, and waiting until the owner has been told the end of the one before.
        var waiting: Session?
        var backoff = Backoff()
        var redial: Scheduled<Void>?
        var lastReason: String?
        var log = RepeatedMessage()

        /// Whether it would be right to dial now.
        var wantsDialing: Bool {
            dials && !blocked && dialing == nil && waiting == nil && (session?.isEnded ?? true)
        }
    }

    var phase = Phase.idle
    var peers: [String: Peer]
    /// Sessions on which frames may be sent, by their number.
    var sessions: [UInt64: Session] = [:]
    var nextSession: UInt64 = 1
    var listener: (any Channel)?
    var localAddress: PeerAddress?
    /// Connections that have not said who they are.
    var strangers: [ObjectIdentifier: Connection] = [:]
    var strangerLog = RepeatedMessage()
    var events: (any PeerEvents)?
    /// Whoever waits in `stop()` for the last session.
    var stopped: CheckedContinuation<Void, Never>?

    /// The peer to which a connection belongs, and how.
    func place(of connection: Connection) -> (peer: String, attempt: Identity?)? {
        for (name, peer) in peers {
            if peer.session?.has(connection) == true || peer.waiting?.has(connection) == true { return (name, nil) }
            for (number, attempt) in peer.attempts where attempt.opened.contains(where: { $0 === connection }) {
                return (name, number)
            }
        }
        return nil
    }

    /// Another peer with the identity of this one, there or about to be: the host directory of one is a copy.
    ///
    /// RVGs know hosts by identity, and would take what one says for the other's.
    func twin(of hello: PeerHello) -> String? {
        peers.first { name, peer in
            guard name != hello.name else { return false }
            let heard = [peer.session?.hello, peer.waiting?.hello] + peer.attempts.values.map(\.hello)
            return heard.contains { $0?.host == hello.host }
        }?.key
    }

    var hasSessions: Bool { peers.values.contains { $0.session != nil } }
}

/// How one peer stands.
public struct PeerStatus: Hashable, Sendable {
    public let name: String
    public let address: String
    /// Whether all three connections are up.
    public let connected: Bool
    /// Whether it is kept out on purpose.
    public let blocked: Bool
    /// Why it was last lost or could not be reached; nil if neither has happened.
    public let lastReason: String?
    /// Nanoseconds there and back on the control connection; nil before the first answer.
    public let roundTrip: UInt64?
}
