import HomewardCore
import HomewardThreads
import NIOCore

/// One life of the three connections with a peer, with a thread for each that hands its frames to the owner.
///
/// A thread for each connection lets a handler block (a slow disk) without holding up the event loop: signs of life and
/// the other connections go on, and the full inbox holds the sender back.
final class Session: Sendable {
    let id: PeerSession
    let hello: PeerHello
    let established = NIODeadline.now()
    /// By channel.
    private let connections: [Connection]

    private struct Life {
        /// Whether the threads may start to deliver.
        var released = false
        /// Whether the owner has heard of the session, and must hear of its end.
        var announced = false
        var reason: String?
        var threads = 0
    }

    private let life = Monitor(Life())

    init(id: PeerSession, hello: PeerHello, connections: [Connection]) {
        precondition(connections.count == PeerChannel.allCases.count)
        self.id = id
        self.hello = hello
        self.connections = connections
    }

    func connection(_ channel: PeerChannel) -> Connection { connections[Int(channel.rawValue)] }

    func has(_ connection: Connection) -> Bool { connections.contains { $0 === connection } }

    func channel(of connection: Connection) -> PeerChannel? {
        PeerChannel.allCases.first { self.connection($0) === connection }
    }

    var isEnded: Bool { life.withLock { $0.reason != nil } }

    /// Ends it: no frame is sent any more, and after the last handler has returned the owner is told.
    ///
    /// Later calls do nothing.
    ///
    /// - Parameters:
    ///   - reason: for the owner and for `status`.
    ///   - discarding: whether frames that have arrived are dropped. They are when this side cuts; they are not when the
    ///     peer died, whose last words may decide what comes next.
    /// - Returns: whether this call ended it.
    @discardableResult
    func end(_ reason: String, discarding: Bool) -> Bool {
        let first = life.change { life in
            guard life.reason == nil else { return false }
            life.reason = reason
            return true
        }
        guard first else { return false }
        for connection in connections {
            connection.outbox.end()
            connection.inbox.end(discarding: discarding)
            connection.close(reason)
        }
        return true
    }

    /// Tells the owner that the session is there, then hands it frames until the end, then tells it that too.
    ///
    /// `finished` runs once, after `peerDisconnected` has returned.
    func run(_ events: any PeerEvents, finished: @escaping @Sendable () -> Void) {
        life.withLock { $0.threads = connections.count }
        for (connection, channel) in zip(connections, PeerChannel.allCases) {
            let started = startThread("peer-\(channel)") {
                if channel == .control {
                    events.peerConnected(self.id, hello: self.hello)
                    self.life.change { life in
                        life.announced = true
                        life.released = true
                    }
                } else {
                    self.life.wait { $0.released ? () : nil }
                }
                while let next = connection.inbox.next() {
                    if next.resume { connection.resume() }
                    events.peerFrame(
                        self.id,
                        channel: channel,
                        kind: next.frame.kind,
                        payload: next.frame.payload
                    )
                }
                self.leave(events, finished)
            }
            if started != 0 {
                end("the system gives no thread for it", discarding: true)
                if channel == .control { life.change { $0.released = true } }
                leave(events, finished)
            }
        }
    }

    /// The last to leave turns off the light.
    private func leave(_ events: any PeerEvents, _ finished: @Sendable () -> Void) {
        let end: (announced: Bool, reason: String)? = life.withLock { life in
            life.threads -= 1
            return life.threads == 0 ? (life.announced, life.reason ?? "ended") : nil
        }
        guard let end else { return }
        if end.announced { events.peerDisconnected(id, reason: end.reason) }
        finished()
    }
}
