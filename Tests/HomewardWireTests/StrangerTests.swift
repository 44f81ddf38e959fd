import HomewardCore
import HomewardWire
import NIOCore
import NIOPosix
import Testing

@Suite("Strangers and wrong addresses", .timeLimit(.minutes(5)))
struct StrangerTests {
    /// Sends bytes to a listening host, and waits until it hangs up.
    private func shout(_ bytes: [UInt8], at address: PeerAddress) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: address.host, port: address.port).get()
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        try await channel.closeFuture.get()
    }

    /// Greets as atlanta, and then says only what it is told to.
    private func enter(_ boston: TestHost) async throws -> [any Channel] {
        let address = try PeerAddress(try await boston.start(), of: "boston")
        let greeting = Greeting(
            attempt: Identity(high: 5, low: 5),
            host: Identity(high: 6, low: 6),
            name: "atlanta",
            expecting: "boston"
        )
        var channels: [any Channel] = []
        for channel in PeerChannel.allCases {
            let mute = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: address.host, port: address.port).get()
            let frame = Frame(kind: 0xF0, channel: channel.rawValue, payload: greeting.encoded())
            try await mute.writeAndFlush(ByteBuffer(bytes: FrameFormat.encode(frame))).get()
            channels.append(mute)
        }
        return channels
    }

    @Test("garbage, a huge length, a frame before the greeting and silence are hung up on, and real peers still get in")
    func garbage() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1"], silence: .seconds(1))
        let text = try await boston.start()
        let address = try PeerAddress(text, of: "boston")
        try await shout(Array("GET / HTTP/1.1\r\nHost: boston\r\n\r\n".utf8), at: address)
        try await shout([UInt8](repeating: 0xFF, count: 100_000), at: address)
        let huge = FrameFormat.header(kind: 0xF0, channel: 0, payloadLength: 16 << 20, payloadChecksum: 0)
        try await shout(huge, at: address)
        try await shout(FrameFormat.encode(Frame(kind: 1, channel: 0, payload: [1])), at: address)
        try await shout(FrameFormat.encode(Frame(kind: 0xF0, channel: 9, payload: [])), at: address)
        try await shout([], at: address)
        let atlanta = TestHost("atlanta", peers: ["boston": text])
        _ = try await atlanta.start()
        try await eventually("connected") { atlanta.recorder.session("boston") != nil }
        #expect(boston.recorder.events.count == 1)
        await atlanta.network.stop()
        await boston.network.stop()
    }

    @Test("two releases without a common version refuse each other, and both say so")
    func version() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1"], versions: 1...2)
        let atlanta = TestHost("atlanta", peers: ["boston": try await boston.start()], versions: 3...4)
        _ = try await atlanta.start()
        try await eventually("both know why") {
            [atlanta.status("boston"), boston.status("atlanta")].allSatisfy {
                $0?.lastReason?.hasPrefix("bad-format: ") == true && $0?.lastReason?.contains("3 to 4") == true
            }
        }
        await atlanta.network.stop()
        await boston.network.stop()
        #expect(atlanta.recorder.events.isEmpty && boston.recorder.events.isEmpty)
    }

    @Test("two releases speak the highest version that both have")
    func commonVersion() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1"], versions: 1...3)
        let atlanta = TestHost("atlanta", peers: ["boston": try await boston.start()], versions: 2...4)
        _ = try await atlanta.start()
        try await eventually("connected") { atlanta.recorder.session("boston") != nil }
        let session = try #require(atlanta.recorder.session("boston"))
        let hello = PeerHello(version: 3, host: Identity(high: 1, low: UInt64(UInt8(ascii: "b"))), name: "boston")
        #expect(atlanta.recorder.events == [.connected(session, hello)])
        atlanta.network.send(session, channel: .control, kind: 9, payload: [1, 0])
        try await eventually("arrived") { boston.recorder.frames.count == 1 }
        await atlanta.network.stop()
        await boston.network.stop()
    }

    @Test("a host of another name at the address is a strange peer")
    func wrongName() async throws {
        let cairo = TestHost("cairo", peers: ["atlanta": "127.0.0.1:1"])
        let atlanta = TestHost("atlanta", peers: ["boston": try await cairo.start()])
        _ = try await atlanta.start()
        try await eventually("the reason is known") {
            atlanta.status("boston")?.lastReason == "strange-peer: atlanta looks for boston, and this is cairo"
        }
        await atlanta.network.stop()
        await cairo.network.stop()
        #expect(atlanta.recorder.events.isEmpty && cairo.recorder.events.isEmpty)
    }

    @Test("a host that is not configured, and one that turns out to be this one, are strange peers")
    func uninvited() async throws {
        let boston = TestHost("boston")
        let address = try await boston.start()
        let atlanta = TestHost("atlanta", peers: ["boston": address])
        _ = try await atlanta.start()
        try await eventually("the reason is known") {
            atlanta.status("boston")?.lastReason == "strange-peer: atlanta is not among the peers of boston"
        }
        let twin = TestHost("aachen", identity: UInt64(UInt8(ascii: "b")), peers: ["boston": address])
        _ = try await twin.start()
        try await eventually("the reason is known") {
            twin.status("boston")?.lastReason?.hasPrefix("strange-peer: aachen greets boston") == true
        }
        for host in [atlanta, boston, twin] { await host.network.stop() }
    }

    @Test("of two hosts with one identity, as after a copy of a host directory, one is kept out, and both are named")
    func copiedDirectory() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1", "aachen": "127.0.0.1:1"])
        let address = try await boston.start()
        let twins = ["atlanta", "aachen"].map { TestHost($0, identity: 7, peers: ["boston": address]) }
        for twin in twins { _ = try await twin.start() }
        try await eventually("one is kept out") {
            twins.contains { $0.status("boston")?.lastReason?.hasPrefix("strange-peer: ") == true }
                && twins.contains { $0.recorder.session("boston") != nil }
        }
        #expect(twins.count { $0.recorder.session("boston") != nil } == 1)
        let inside = try #require(twins.first { $0.recorder.session("boston") != nil })
        let outside = try #require(twins.first { $0 !== inside })
        for reason in [outside.status("boston")?.lastReason, boston.status(outside.name)?.lastReason] {
            let start = "strange-peer: \(outside.name) has the identity of \(inside.name)"
            #expect(reason?.hasPrefix(start) == true, "\(reason ?? "none")")
        }
        #expect(boston.recorder.events.count == 1 && outside.recorder.events.isEmpty)
        await inside.network.stop()
        try await eventually("the other gets in") { outside.recorder.session("boston") != nil }
        for host in [outside, boston] { await host.network.stop() }
    }

    @Test("a peer that accepts and then says nothing is given up, and dialed again")
    func silent() async throws {
        let accepted = Counter()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                accepted.add()
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let atlanta = TestHost("atlanta", peers: ["boston": "127.0.0.1:\(port)"], silence: .milliseconds(400))
        _ = try await atlanta.start()
        try await eventually("dialed twice") { accepted.value >= 6 }
        #expect(atlanta.status("boston")?.lastReason?.contains("not complete") == true)
        await atlanta.network.stop()
        try await server.close()
    }

    @Test("a peer that goes silent without closing, as a stopped process or a cut cable does, is noticed")
    func silentSession() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1"], silence: .seconds(10))
        _ = try await enter(boston)
        try await eventually("noticed") { boston.recorder.events.count == 2 }
        let session = PeerSession(peer: "atlanta", number: 1)
        #expect(boston.recorder.events.last == .disconnected(session, "no answer for 10.0 seconds"))
        #expect(boston.status("atlanta")?.lastReason == "no answer for 10.0 seconds")
        await boston.network.stop()
    }

    @Test("what came whole before garbage, in one read with it, is delivered before the end is told")
    func lastWords() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1"])
        let channels = try await enter(boston)
        try await eventually("connected") { boston.recorder.session("atlanta") != nil }
        let frame = FrameFormat.encode(Frame(kind: 9, channel: 0, payload: [5]))
        // On loopback one write that fits is one read.
        try await channels[0].writeAndFlush(ByteBuffer(bytes: frame + [UInt8](repeating: 0xFF, count: 100))).get()
        try await eventually("hung up on") { boston.recorder.session("atlanta") == nil }
        let session = PeerSession(peer: "atlanta", number: 1)
        #expect(boston.recorder.events.dropFirst().first == .frame(session, .control, 9, count: 1, first: 5))
        #expect(boston.recorder.events.count == 3)
        #expect(boston.status("atlanta")?.lastReason?.hasPrefix("bad-format: ") == true)
        await boston.network.stop()
    }

    @Test("a sign of life that is none, and would come back with all its bytes, is hung up on")
    func hugePing() async throws {
        let boston = TestHost("boston", peers: ["atlanta": "127.0.0.1:1"], silence: .seconds(60))
        let channels = try await enter(boston)
        try await eventually("connected") { boston.recorder.session("atlanta") != nil }
        let ping = FrameFormat.encode(Frame(kind: 0xF1, channel: 2, payload: [UInt8](repeating: 1, count: 1 << 20)))
        try await channels[2].writeAndFlush(ByteBuffer(bytes: ping)).get()
        try await eventually("hung up on") { boston.recorder.session("atlanta") == nil }
        #expect(boston.status("atlanta")?.lastReason == "bad-format: a ping of 1048576 bytes")
        await boston.network.stop()
    }

    @Test(
        "only loopback addresses are used, and malformed ones are named",
        arguments: [
            ("0.0.0.0:7110", RefusalCode.notLoopback), ("192.168.1.4:7110", .notLoopback), ("[::]:7110", .notLoopback),
            ("[::ffff:127.0.0.1]:1", .notLoopback), ("example.org:7110", .notLoopback),
            ("127.0.0.1", .badConfiguration),
            ("127.0.0.1:", .badConfiguration), ("127.0.0.1:65536", .badConfiguration), ("127.0.0:1", .badConfiguration),
            ("::1:7110", .badConfiguration), (":7110", .badConfiguration), ("127.0.0.1:-1", .badConfiguration),
        ]
    )
    func addresses(text: String, code: RefusalCode) async {
        for host in [TestHost("boston", listen: text), TestHost("boston", peers: ["atlanta": text])] {
            let refusal = await #expect(throws: Refusal.self) { try await host.start() }
            #expect(refusal?.code == code)
            #expect(refusal?.message.contains(text) == true)
            await host.network.stop()
        }
    }

    @Test("all forms of loopback are understood", arguments: ["127.0.0.1:0", "127.77.3.4:0", "[::1]:0", "localhost:0"])
    func loopback(text: String) async throws {
        let address = try PeerAddress(text, of: "boston")
        #expect(address.port == 0)
        guard !text.hasPrefix("[") else { return }
        let host = TestHost("boston", listen: text)
        #expect(try await host.start().hasPrefix("127."))
        await host.network.stop()
    }

    @Test("a port that is taken is refused with a hint, and naming oneself as a peer too")
    func taken() async throws {
        let boston = TestHost("boston")
        let address = try await boston.start()
        let second = TestHost("cairo", listen: address)
        let taken = await #expect(throws: Refusal.self) { try await second.start() }
        #expect(taken?.code == .ioError)
        let selfish = TestHost("delhi", peers: ["delhi": address])
        let itself = await #expect(throws: Refusal.self) { try await selfish.start() }
        #expect(itself?.code == .badConfiguration)
        for host in [boston, second, selfish] { await host.network.stop() }
    }
}

@Suite("Patience", .timeLimit(.minutes(1)))
struct PatienceTests {
    @Test("pauses double from 50 ms to 2 s, jitter takes away at most half, success starts anew")
    func backoff() {
        var backoff = Backoff()
        let full = (0..<8).map { _ in backoff.next(chance: 0) }
        #expect(full == [50, 100, 200, 400, 800, 1600, 2000, 2000].map { .milliseconds($0) })
        #expect(backoff.next(chance: 0.999) > .seconds(1))
        backoff.reset()
        #expect(backoff.next(chance: 0) == .milliseconds(50))
    }

    @Test("a message that repeats is logged once, and later with its number")
    func repeated() {
        var log = RepeatedMessage()
        #expect(log.note("refused", now: 0) == ["refused"])
        for second in 1...29 { #expect(log.note("refused", now: Int64(second)).isEmpty) }
        #expect(log.note("refused", now: 30) == ["refused (repeated 30 times)"])
        #expect(log.note("refused", now: 31).isEmpty)
        #expect(log.note("silent", now: 32) == ["refused (repeated 1 times)", "silent"])
    }
}
