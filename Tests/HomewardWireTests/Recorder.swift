import Foundation
import HomewardCore
import HomewardWire
import Logging
import Synchronization
import Testing

/// An owner that notes all it is told, and can be told to take its time.
final class Recorder: PeerEvents {
    enum Event: Equatable, Sendable {
        case connected(PeerSession, PeerHello)
        case disconnected(PeerSession, String)
        case frame(PeerSession, PeerChannel, UInt8, count: Int, first: UInt64)
    }

    private struct State: Sendable {
        var events: [Event] = []
        var current: [String: PeerSession] = [:]
        var holding = false
        var rooms: [PeerChannel] = []
    }

    private let state = Mutex(State())

    /// While true, frames that arrive are not taken.
    var holding: Bool {
        get { state.withLock { $0.holding } }
        set { state.withLock { $0.holding = newValue } }
    }

    var events: [Event] { state.withLock { $0.events } }
    func session(_ peer: String) -> PeerSession? { state.withLock { $0.current[peer] } }

    var frames: [(channel: PeerChannel, first: UInt64, count: Int)] {
        events.compactMap { event in
            if case .frame(_, let channel, _, let count, let first) = event { (channel, first, count) } else { nil }
        }
    }

    func peerConnected(_ session: PeerSession, hello: PeerHello) {
        state.withLock { state in
            state.events.append(.connected(session, hello))
            state.current[session.peer] = session
        }
    }

    func peerDisconnected(_ session: PeerSession, reason: String) {
        state.withLock { state in
            state.events.append(.disconnected(session, reason))
            if state.current[session.peer] == session { state.current[session.peer] = nil }
        }
    }

    /// The channels on which there was room again, in order.
    var rooms: [PeerChannel] { state.withLock { $0.rooms } }

    func peerHasRoom(_ session: PeerSession, channel: PeerChannel) {
        state.withLock { $0.rooms.append(channel) }
    }

    func peerFrame(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8]) {
        while holding { restBriefly() }
        let first = payload.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        state.withLock { $0.events.append(.frame(session, channel, kind, count: payload.count, first: first)) }
    }

    /// Whether the events of each session are: connected, frames, disconnected; and sessions of a peer do not overlap.
    var isOrderly: Bool {
        var open: [String: PeerSession] = [:]
        var seen: Set<PeerSession> = []
        for event in events {
            switch event {
            case .connected(let session, _):
                guard open[session.peer] == nil, seen.insert(session).inserted else { return false }
                open[session.peer] = session
            case .frame(let session, _, _, _, _):
                guard open[session.peer] == session else { return false }
            case .disconnected(let session, _):
                guard open.removeValue(forKey: session.peer) == session else { return false }
            }
        }
        return true
    }
}

/// A host of a test.
final class TestHost: Sendable {
    let recorder = Recorder()
    let network: PeerNetwork
    let name: String

    init(
        _ name: String,
        identity: UInt64? = nil,
        listen: String = "127.0.0.1:0",
        peers: [String: String] = [:],
        blocked: [String] = [],
        silence: Duration = .seconds(5),
        versions: ClosedRange<UInt16> = FrameFormat.versions
    ) {
        self.name = name
        network = PeerNetwork(
            identity: Identity(high: 1, low: identity ?? UInt64(name.utf8.first ?? 0)),
            name: name,
            listen: listen,
            peers: peers,
            blocked: blocked,
            silence: silence,
            versions: versions,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    func start() async throws -> String {
        try await network.start(events: recorder)
        return try #require(network.localAddress)
    }

    func status(_ peer: String) -> PeerStatus? { network.status().first { $0.name == peer } }
}

/// Waits for a condition with a bound that only a defect reaches.
func eventually(
    _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () -> Bool
) async throws {
    for _ in 0..<6000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never came true: \(what)", sourceLocation: sourceLocation)
    throw CancellationError()
}

/// A moment of the calling thread.
func restBriefly() { usleep(2000) }

/// Runs what blocks on a thread of its own: the pool that tests share has only as many as the machine has cores.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(returning: body())
        }
    }
}
