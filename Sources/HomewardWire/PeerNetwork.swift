import HomewardCore
import HomewardThreads
import Logging
import NIOCore
import NIOPosix

/// The connections of this host with its peers: three for each, made again whenever they are lost.
///
/// Of each pair the host with the smaller name dials. A session is there when all three connections of one attempt have
/// greeted each other, and ends with the first of them. Without TLS only loopback addresses are used.
///
/// Every method may be called from any thread, from handlers too, unless it says otherwise. The owner is held from
/// ``start(events:)`` until ``stop()`` has returned; that breaks the cycle of an owner which holds its network.
public final class PeerNetwork: Sendable {
    /// Why there is no connection to a peer that the lab keeps apart.
    static let cutOff = "cut off by lab partition"

    let identity: HostID
    let name: String
    let versions: ClosedRange<UInt16>
    let timing: Connection.Timing
    let logger: Logger
    let group: MultiThreadedEventLoopGroup
    let state: Monitor<NetworkState>
    private let listen: String
    private let addresses: [String: String]

    /// Nothing is opened yet.
    ///
    /// - Parameters:
    ///   - identity: of this host.
    ///   - name: by which its peers have it configured.
    ///   - listen: `ADDRESS:PORT`; port 0 takes a free one, see ``localAddress``.
    ///   - peers: addresses by name.
    ///   - blocked: names of those that are kept out from the start.
    ///   - silence: after this long without any byte a peer counts as lost.
    ///   - logger: for what no request waits for.
    public convenience init(
        identity: HostID,
        name: String,
        listen: String,
        peers: [String: String],
        blocked: [String] = [],
        silence: Duration = .seconds(5),
        logger: Logger
    ) {
        self.init(
            identity: identity,
            name: name,
            listen: listen,
            peers: peers,
            blocked: blocked,
            silence: silence,
            versions: FrameFormat.versions,
            logger: logger
        )
    }

    package init(
        identity: HostID,
        name: String,
        listen: String,
        peers: [String: String],
        blocked: [String] = [],
        silence: Duration = .seconds(5),
        versions: ClosedRange<UInt16>,
        logger: Logger
    ) {
        self.identity = identity
        self.name = name
        self.listen = listen
        self.versions = versions
        self.logger = logger
        addresses = peers
        timing = Connection.Timing(silence: silence)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var state = NetworkState(peers: [:])
        for (peer, _) in peers {
            state.peers[peer] = NetworkState.Peer(
                address: PeerAddress(host: "", port: 0),
                dials: Array(name.utf8).lexicographicallyPrecedes(Array(peer.utf8))
            )
            state.peers[peer]?.blocked = blocked.contains(peer)
        }
        self.state = Monitor(state)
    }

    // MARK: Life

    /// Listens, and begins to dial.
    ///
    /// Returns when it listens; peers come later. Once in the life of a network.
    ///
    /// - Throws: `not-loopback`, `bad-configuration`, `io-error` when the address cannot be bound. Nothing is open then,
    ///   and ``stop()`` need not but may be called.
    public func start(events: any PeerEvents) async throws {
        precondition(state.withLock { $0.phase == .idle }, "a network is started once")
        let own = try check()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.recvAllocator, value: Self.receiveAllocator)
            .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.accept(channel) } }
        let listener: any Channel
        do {
            listener = try await bootstrap.bind(host: own.host, port: own.port).get()
        } catch {
            throw Refusal(
                .ioError,
                name,
                "cannot listen on \(own): \(error)",
                hint:
                    "see who has the port with `ss -ltnp`, or change `listen` in host.lua and `peers` on the other hosts"
            )
        }
        let names = state.withLock { state in
            state.listener = listener
            state.localAddress = PeerAddress(host: own.host, port: listener.localAddress?.port ?? own.port)
            state.events = events
            state.phase = .running
            return state.peers.keys.sorted()
        }
        for peer in names { dial(peer) }
    }

    /// Cuts everything, waits until the owner has been told the end of each session, and ends the threads.
    ///
    /// Not from a handler, which it would wait for.
    public func stop() async {
        let cut: (listener: (any Channel)?, strangers: [Connection], sessions: [Session], redials: [Scheduled<Void>]) =
            state.withLock { state in
                state.phase = .stopping
                state.sessions = [:]
                defer { state.listener = nil }
                var strangers = Array(state.strangers.values)
                var sessions: [Session] = []
                var redials: [Scheduled<Void>] = []
                for peer in state.peers.values {
                    strangers += peer.attempts.values.flatMap(\.opened)
                    sessions += [peer.session, peer.waiting].compactMap { $0 }
                    redials += [peer.redial].compactMap { $0 }
                }
                return (state.listener, strangers, sessions, redials)
            }
        try? await cut.listener?.close()
        for redial in cut.redials { redial.cancel() }
        for connection in cut.strangers { connection.close("this host stops") }
        for session in cut.sessions { session.end("this host stops", discarding: true) }
        await withCheckedContinuation { continuation in
            let done = state.withLock { state in
                if state.hasSessions { state.stopped = continuation }
                return !state.hasSessions
            }
            if done { continuation.resume() }
        }
        try? await group.shutdownGracefully()
        state.withLock { state in
            state.events = nil
            state.strangers = [:]
            for name in state.peers.keys { state.peers[name]?.attempts = [:] }
        }
    }

    /// Where this host listens, with the real port; nil before ``start(events:)``.
    public var localAddress: String? { state.withLock { $0.localAddress?.description } }

    // MARK: Frames

    /// Queues a frame, without waiting.
    ///
    /// False when the session has ended; true promises no arrival.
    ///
    /// Whatever is queued counts as memory until the socket takes it: ask ``hasRoom(_:channel:)`` before, where
    /// nothing else bounds it.
    ///
    /// Kinds are below ``FrameFormat/firstReservedKind``, payloads at most ``FrameFormat/maximumPayload`` bytes.
    @discardableResult
    public func send(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8]) -> Bool {
        payload.withUnsafeBytes { send(session, channel: channel, kind: kind, pieces: CollectionOfOne($0)) }
    }

    /// Queues a frame whose payload is the pieces one after the other; they are copied before it returns.
    @discardableResult
    public func send(
        _ session: PeerSession,
        channel: PeerChannel,
        kind: UInt8,
        pieces: some Collection<UnsafeRawBufferPointer>
    ) -> Bool {
        precondition(kind < FrameFormat.firstReservedKind, "kind \(kind) belongs to the connection")
        guard let session = live(session) else { return false }
        let frame = FrameBuilder.frame(kind: kind, channel: channel, version: session.hello.version, pieces: pieces)
        return session.connection(channel).send(frame)
    }

    /// Whether less than 4 MiB wait to be sent, without waiting.
    ///
    /// Where not, the owner is told once when half of that is gone, by ``PeerEvents/peerHasRoom(_:channel:)``. A session that
    /// has ended has no room and gets none: the owner is told its end instead.
    public func hasRoom(_ session: PeerSession, channel: PeerChannel) -> Bool {
        live(session)?.connection(channel).outbox.hasRoom() ?? false
    }

    /// Bytes that wait to be sent; zero when the session has ended.
    public func queuedBytes(_ session: PeerSession, channel: PeerChannel) -> Int {
        live(session)?.connection(channel).outbox.queuedBytes ?? 0
    }

    private func live(_ session: PeerSession) -> Session? {
        state.withLock { $0.sessions[session.number] }.flatMap { $0.id == session ? $0 : nil }
    }

    // MARK: The operator

    /// Keeps a peer out, or lets it in again.
    ///
    /// Cuts what is there at once; a peer that is not configured is ignored.
    public func setBlocked(_ peer: String, _ blocked: Bool) {
        let cut: (sessions: [Session], connections: [Connection]) = state.withLock { state in
            guard var entry = state.peers[peer], entry.blocked != blocked else { return ([], []) }
            entry.blocked = blocked
            entry.backoff.reset()
            entry.redial?.cancel()
            entry.redial = nil
            if blocked { entry.lastReason = Self.cutOff }
            state.peers[peer] = entry
            guard blocked else { return ([], []) }
            if let session = entry.session { state.sessions[session.id.number] = nil }
            return ([entry.session, entry.waiting].compactMap { $0 }, entry.attempts.values.flatMap(\.opened))
        }
        for session in cut.sessions { session.end(Self.cutOff, discarding: true) }
        for connection in cut.connections { connection.close(Self.cutOff) }
        if !blocked { dial(peer) }
    }

    /// How each peer stands at this moment, by name.
    public func status() -> [PeerStatus] {
        state.withLock { state in
            state.peers.sorted { $0.key < $1.key }.map { name, peer in
                let session = peer.session.flatMap { $0.isEnded ? nil : $0 }
                let roundTrip = session?.connection(.control).roundTrip ?? 0
                return PeerStatus(
                    name: name,
                    address: addresses[name] ?? "",
                    connected: session != nil,
                    blocked: peer.blocked,
                    lastReason: peer.lastReason,
                    roundTrip: roundTrip == 0 ? nil : roundTrip
                )
            }
        }
    }

    /// The addresses, all of them, before anything is opened.
    private func check() throws(Refusal) -> PeerAddress {
        let own = try PeerAddress(listen, of: name)
        for (peer, address) in addresses.sorted(by: { $0.key < $1.key }) {
            guard peer != name else {
                throw Refusal(
                    .badConfiguration,
                    name,
                    "the peers of \(name) name \(name) itself",
                    hint: "remove it from `peers` in host.lua"
                )
            }
            let parsed = try PeerAddress(address, of: peer)
            guard parsed.port != 0 else {
                throw Refusal(
                    .badConfiguration,
                    peer,
                    "the address \"\(address)\" has port 0, which nobody can be reached at",
                    hint: "write the port on which \(peer) listens"
                )
            }
            state.withLock { $0.peers[peer]?.address = parsed }
        }
        return own
    }

    static let receiveAllocator = AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65_536, maximum: 1 << 20)
}
