import HomewardCore
import HomewardWire
import Synchronization
import Testing

/// Nobody is ever dialed there: the side with the greater name has it configured and waits.
private let never = "127.0.0.1:1"

@Suite("Connections between hosts", .timeLimit(.minutes(5)))
struct PeerNetworkTests {
    /// Two hosts that are connected: `atlanta` dials `boston`.
    private func pair(silence: Duration = .seconds(5)) async throws -> (TestHost, TestHost) {
        let boston = TestHost("boston", peers: ["atlanta": never], silence: silence)
        let atlanta = TestHost("atlanta", peers: ["boston": try await boston.start()], silence: silence)
        _ = try await atlanta.start()
        try await eventually("both connected") {
            atlanta.recorder.session("boston") != nil && boston.recorder.session("atlanta") != nil
        }
        return (atlanta, boston)
    }

    private func numbered(_ number: UInt64, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xA5, count: max(count, 8))
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))) }
        return bytes
    }

    @Test("a probe tells a host whose daemon is gone from one that listens, is blocked, or is unknown")
    func probe() async throws {
        let (atlanta, boston) = try await pair()
        #expect(await onThread { atlanta.network.refusesConnections("boston") } == false)
        #expect(await onThread { atlanta.network.refusesConnections("chicago") } == false)
        #expect(await onThread { boston.network.refusesConnections("atlanta") }, "nobody listens at that address")
        #expect(atlanta.recorder.session("boston") != nil, "a probe disturbs no session")
        await boston.network.stop()
        #expect(await onThread { atlanta.network.refusesConnections("boston") })
        atlanta.network.setBlocked("boston", true)
        #expect(await onThread { atlanta.network.refusesConnections("boston") } == false, "a partition says nothing")
    }

    @Test("frames of each channel arrive whole and in order while all channels are under load in both directions")
    func order() async throws {
        let (atlanta, boston) = try await pair()
        let total = 3000
        await withTaskGroup(of: Void.self) { tasks in
            for (sender, peer) in [(atlanta, "boston"), (boston, "atlanta")] {
                guard let session = sender.recorder.session(peer) else { continue }
                for channel in PeerChannel.allCases {
                    tasks.addTask {
                        await onThread {
                            for number in 0..<total {
                                let size = number % 100 == 0 ? 300_000 : number % 1000
                                while !sender.network.hasRoom(session, channel: channel) { restBriefly() }
                                sender.network.send(
                                    session,
                                    channel: channel,
                                    kind: 3,
                                    payload: numbered(UInt64(number), count: size)
                                )
                            }
                        }
                    }
                }
            }
        }
        try await eventually("all arrived") {
            atlanta.recorder.frames.count == 3 * total && boston.recorder.frames.count == 3 * total
        }
        for host in [atlanta, boston] {
            for channel in PeerChannel.allCases {
                #expect(host.recorder.frames.filter { $0.channel == channel }.map(\.first) == Array(0..<UInt64(total)))
            }
        }
        await atlanta.network.stop()
        await boston.network.stop()
        #expect(atlanta.recorder.isOrderly && boston.recorder.isOrderly)
        #expect(
            atlanta.recorder.events.last == .disconnected(PeerSession(peer: "boston", number: 1), "this host stops")
        )
    }

    @Test(
        "a receiver that does not take its frames holds the sender back, its other channels go on, and nothing is lost"
    )
    func backpressure() async throws {
        let (atlanta, boston) = try await pair()
        let session = try #require(atlanta.recorder.session("boston"))
        boston.recorder.holding = true
        let sent = Counter()
        let sender = Task.detached {
            await onThread {
                for number in 0..<600 {
                    while !atlanta.network.hasRoom(session, channel: .bulk) { restBriefly() }
                    atlanta.network.send(
                        session,
                        channel: .bulk,
                        kind: 1,
                        payload: numbered(UInt64(number), count: 256 << 10)
                    )
                    sent.add()
                }
            }
        }
        // 150 MiB want to go; the sender stands still when socket buffers, one inbox and one limit are full.
        var last = -1
        while sent.value != last {
            last = sent.value
            try await Task.sleep(for: .milliseconds(700))
        }
        #expect(sent.value > 0 && sent.value < 300)
        #expect(atlanta.network.queuedBytes(session, channel: .bulk) <= (4 << 20) + (257 << 10))
        #expect(atlanta.network.queuedBytes(session, channel: .control) == 0)
        #expect(atlanta.network.hasRoom(session, channel: .control))
        boston.recorder.holding = false
        await sender.value
        try await eventually("all arrived") { boston.recorder.frames.count == 600 }
        #expect(boston.recorder.frames.map(\.first) == Array(0..<600))
        await atlanta.network.stop()
        await boston.network.stop()
    }

    @Test(
        "who asks in vain for room is told once, when half is gone; who does not ask, and whose session ended, is not"
    )
    func room() async throws {
        let (atlanta, boston) = try await pair()
        let session = try #require(atlanta.recorder.session("boston"))
        func fill(_ channel: PeerChannel) {
            for number in 0..<96 as Range<UInt64> {
                atlanta.network.send(session, channel: channel, kind: 1, payload: numbered(number, count: 256 << 10))
            }
        }
        #expect(atlanta.network.hasRoom(session, channel: .bulk))
        boston.recorder.holding = true
        fill(.bulk)
        fill(.replication)
        for _ in 0..<3 { #expect(!atlanta.network.hasRoom(session, channel: .bulk)) }
        #expect(atlanta.recorder.rooms.isEmpty)
        boston.recorder.holding = false
        try await eventually("all arrived") { boston.recorder.frames.count == 192 }
        try await eventually("told") { !atlanta.recorder.rooms.isEmpty }
        #expect(atlanta.network.hasRoom(session, channel: .bulk))
        // It is asked for anew, and lost.
        boston.recorder.holding = true
        fill(.bulk)
        #expect(!atlanta.network.hasRoom(session, channel: .bulk))
        atlanta.network.setBlocked("boston", true)
        boston.recorder.holding = false
        try await eventually("lost") { atlanta.recorder.session("boston") == nil }
        #expect(!atlanta.network.hasRoom(session, channel: .bulk))
        await atlanta.network.stop()
        await boston.network.stop()
        #expect(atlanta.recorder.rooms == [.bulk])
    }

    @Test("a handler that blocks for longer than the silence does not lose the session")
    func blockedHandler() async throws {
        let (atlanta, boston) = try await pair(silence: .milliseconds(1500))
        let session = try #require(atlanta.recorder.session("boston"))
        boston.recorder.holding = true
        for number in 0..<64 {
            atlanta.network.send(
                session,
                channel: .replication,
                kind: 1,
                payload: numbered(UInt64(number), count: 256 << 10)
            )
        }
        try await Task.sleep(for: .seconds(4))
        #expect(atlanta.recorder.session("boston") == session)
        boston.recorder.holding = false
        try await eventually("all arrived") { boston.recorder.frames.count == 64 }
        #expect(atlanta.status("boston")?.roundTrip != nil)
        await atlanta.network.stop()
        await boston.network.stop()
    }

    @Test("a peer that is blocked is cut at once and kept out by either side, and comes back when it is let in")
    func partition() async throws {
        let (atlanta, boston) = try await pair()
        for (blocker, other) in [(atlanta, boston), (boston, atlanta)] {
            let session = try #require(blocker.recorder.session(other.name))
            blocker.network.setBlocked(other.name, true)
            #expect(!blocker.network.send(session, channel: .control, kind: 1, payload: []))
            #expect(!blocker.network.hasRoom(session, channel: .control))
            try await eventually("both noticed") {
                blocker.recorder.session(other.name) == nil && other.recorder.session(blocker.name) == nil
            }
            #expect(blocker.status(other.name)?.blocked == true)
            #expect(blocker.status(other.name)?.connected == false)
            try await Task.sleep(for: .milliseconds(500))
            #expect(blocker.recorder.session(other.name) == nil && other.recorder.session(blocker.name) == nil)
            blocker.network.setBlocked(other.name, false)
            try await eventually("both are back") {
                blocker.recorder.session(other.name) != nil && other.recorder.session(blocker.name) != nil
            }
        }
        await atlanta.network.stop()
        await boston.network.stop()
        #expect(atlanta.recorder.isOrderly && boston.recorder.isOrderly)
    }

    @Test("of three hosts each has a session with each other, and a cut between two leaves the third alone")
    func three() async throws {
        let chicago = TestHost("chicago", peers: ["atlanta": never, "boston": never])
        let third = try await chicago.start()
        let boston = TestHost("boston", peers: ["atlanta": never, "chicago": third])
        let atlanta = TestHost("atlanta", peers: ["boston": try await boston.start(), "chicago": third])
        _ = try await atlanta.start()
        let hosts = [atlanta, boston, chicago]
        try await eventually("all connected") {
            hosts.allSatisfy { host in
                hosts.allSatisfy { $0.name == host.name || host.recorder.session($0.name) != nil }
            }
        }
        let kept = boston.recorder.session("chicago")
        atlanta.network.setBlocked("boston", true)
        try await eventually("cut") { boston.recorder.session("atlanta") == nil }
        #expect(boston.recorder.session("chicago") == kept)
        #expect(atlanta.recorder.session("chicago") != nil)
        for host in hosts { await host.network.stop() }
        #expect(hosts.allSatisfy { $0.recorder.isOrderly })
    }

    @Test("a stop while frames flow releases the senders, tells the end once, and the peer connects to the next life")
    func stopUnderLoad() async throws {
        let (atlanta, boston) = try await pair()
        let session = try #require(atlanta.recorder.session("boston"))
        let sender = Task.detached {
            await onThread {
                var number: UInt64 = 0
                while atlanta.network.send(
                    session,
                    channel: .bulk,
                    kind: 1,
                    payload: numbered(number, count: 64 << 10)
                ) {
                    while !atlanta.network.hasRoom(session, channel: .bulk),
                        atlanta.recorder.session("boston") == session
                    {
                        restBriefly()
                    }
                    number += 1
                }
            }
        }
        try await eventually("frames flow") { boston.recorder.frames.count > 50 }
        let address = try #require(boston.network.localAddress)
        await boston.network.stop()
        await sender.value
        let again = TestHost("boston", listen: address, peers: ["atlanta": never])
        _ = try await again.start()
        // The old session may be told to have ended only after boston is up again.
        try await eventually("connected again") {
            atlanta.recorder.session("boston").map { $0 != session } ?? false
        }
        await atlanta.network.stop()
        await again.network.stop()
        #expect(atlanta.recorder.isOrderly && boston.recorder.isOrderly && again.recorder.isOrderly)
    }

    @Test("a peer that dials anew replaces its old session, whose end is told first")
    func replaced() async throws {
        let boston = TestHost("boston", peers: ["atlanta": never])
        let address = try await boston.start()
        let first = TestHost("atlanta", peers: ["boston": address])
        _ = try await first.start()
        try await eventually("first life") { boston.recorder.session("atlanta") != nil }
        let old = boston.recorder.session("atlanta")
        let second = TestHost("atlanta", identity: 999, peers: ["boston": address])
        _ = try await second.start()
        try await eventually("second life") {
            boston.recorder.events.contains {
                if case .connected(_, let hello) = $0 { hello.host.low == 999 } else { false }
            }
        }
        #expect(boston.recorder.session("atlanta") != old)
        await first.network.stop()
        await second.network.stop()
        await boston.network.stop()
        #expect(boston.recorder.isOrderly)
    }
}

/// Counts from several threads.
final class Counter: Sendable {
    private let count = Mutex(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
}
