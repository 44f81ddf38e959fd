import Glibc
import HomewardCore
import HomewardThreads
import Logging
import NIOCore
import NIOPosix

/// How connections come about, become sessions, and end.
extension PeerNetwork: ConnectionOwner {
    // MARK: Opening

    /// Somebody has connected.
    func accept(_ channel: any Channel) throws {
        let connection = Connection(channel: channel, owner: self, timing: timing)
        let welcome = state.withLock { state in
            guard state.phase == .running, state.strangers.count < 64 else { return false }
            state.strangers[ObjectIdentifier(connection)] = connection
            return true
        }
        guard welcome else { throw ChannelError.inputClosed }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    /// Begins an attempt, if one is due.
    func dial(_ peer: String) {
        let attempt = Identity(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
        let address: PeerAddress? = state.withLock { state in
            guard state.phase == .running, var entry = state.peers[peer], entry.wantsDialing else { return nil }
            entry.redial?.cancel()
            entry.redial = nil
            entry.dialing = attempt
            entry.attempts[attempt] = NetworkState.Attempt()
            state.peers[peer] = entry
            return entry.address
        }
        guard let address else { return }
        for kind in PeerChannel.allCases {
            let greeting = Greeting(versions: versions, attempt: attempt, host: identity, name: name, expecting: peer)
            ClientBootstrap(group: group)
                .connectTimeout(TimeAmount(timing.silence))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.autoRead, value: false)
                .channelOption(.recvAllocator, value: Self.receiveAllocator)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connection = Connection(
                            channel: channel,
                            owner: self,
                            timing: self.timing,
                            greeting: (greeting, kind)
                        )
                        let current = self.state.withLock { state in
                            guard state.phase == .running, state.peers[peer]?.attempts[attempt] != nil else {
                                return false
                            }
                            state.peers[peer]?.attempts[attempt]?.opened.append(connection)
                            return true
                        }
                        guard current else { throw ChannelError.inputClosed }
                        try channel.pipeline.syncOperations.addHandler(connection)
                    }
                }
                .connect(host: address.host, port: address.port)
                .whenFailure { self.abandon(peer, attempt, "cannot connect to \(address): \(Self.reason($0))") }
        }
    }

    /// What NIO has wrapped.
    static func cause(_ error: any Error) -> any Error {
        (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error
    }

    /// What an operator can use of an error that NIO wraps several times.
    private static func reason(_ error: any Error) -> String {
        let inner = cause(error)
        guard let failure = inner as? IOError else { return "\(inner)" }
        return String(cString: strerror(failure.errnoCode))
    }

    // MARK: Greeting

    func greeted(_ connection: Connection, _ greeting: Greeting, channel: PeerChannel) throws(Hangup) -> Welcome {
        let dialed = state.withLock { $0.place(of: connection) }
        do throws(Hangup) {
            let version: UInt16
            do throws(Refusal) {
                version = try greeting.negotiated(with: versions)
            } catch {
                throw Hangup(reason: "\(error.code.rawValue): \(error.message)", telling: true)
            }
            try recognize(greeting, dialed)
            let hello = PeerHello(version: version, host: greeting.host, name: greeting.name)
            try join(connection, greeting.attempt, hello, channel)
            let answer = Greeting(
                versions: versions,
                attempt: greeting.attempt,
                host: identity,
                name: name,
                expecting: greeting.name
            )
            return Welcome(version: version, answer: dialed == nil ? answer : nil)
        } catch {
            if dialed == nil, error.telling { note(error.reason, of: greeting.name) }
            throw error
        }
    }

    /// Whether who greets is who may.
    private func recognize(_ greeting: Greeting, _ dialed: (peer: String, attempt: Identity?)?) throws(Hangup) {
        func strange(_ why: String) -> Hangup {
            Hangup(reason: "\(RefusalCode.strangePeer.rawValue): \(why)", telling: true)
        }
        guard greeting.host != identity, greeting.name != name else {
            throw strange("\(greeting.name) greets \(name) with the name or the identity of \(name) itself")
        }
        guard greeting.expecting == name else {
            throw strange("\(greeting.name) looks for \(greeting.expecting), and this is \(name)")
        }
        if let dialed {
            guard greeting.name == dialed.peer else {
                throw strange("\(name) looks for \(dialed.peer), and this is \(greeting.name)")
            }
            guard greeting.attempt == dialed.attempt else { throw strange("\(dialed.peer) answers another attempt") }
        } else {
            guard let dials = state.withLock({ $0.peers[greeting.name]?.dials }) else {
                throw strange("\(greeting.name) is not among the peers of \(name)")
            }
            guard !dials else { throw strange("of \(greeting.name) and \(name) it is \(name) that dials") }
        }
    }

    /// What is to be done after the lock is left, when a connection has joined its attempt.
    private enum Joined {
        case refused(Hangup)
        case incomplete
        case complete(Session, replacing: [Session], events: (any PeerEvents)?)
    }

    private func join(
        _ connection: Connection,
        _ number: Identity,
        _ hello: PeerHello,
        _ channel: PeerChannel
    ) throws(Hangup) {
        let joined: Joined = state.withLock { state in
            guard state.phase == .running, var peer = state.peers[hello.name] else {
                return .refused(Hangup(reason: "\(name) stops", telling: false))
            }
            // A partition does not say that it is one.
            guard !peer.blocked else { return .refused(Hangup(reason: PeerNetwork.cutOff, telling: false)) }
            if let twin = state.twin(of: hello) {
                let reason =
                    "\(RefusalCode.strangePeer.rawValue): \(hello.name) has the identity of \(twin), which is connected; one is a "
                    + "copy of the other: give \(hello.name) or \(twin) a host directory of its own"
                return .refused(Hangup(reason: reason, telling: true))
            }
            let accepted = state.strangers[ObjectIdentifier(connection)] != nil
            if accepted, peer.attempts[number] == nil, peer.attempts.count < 4 {
                peer.attempts[number] = NetworkState.Attempt()
            }
            guard var attempt = peer.attempts[number] else {
                return .refused(Hangup(reason: "the attempt was given up", telling: false))
            }
            guard attempt.greeted[channel] == nil, attempt.hello.map({ $0 == hello }) ?? true else {
                let reason = "\(RefusalCode.strangePeer.rawValue): the greetings of one attempt differ, or come twice"
                return .refused(Hangup(reason: reason, telling: true))
            }
            if accepted {
                state.strangers[ObjectIdentifier(connection)] = nil
                attempt.opened.append(connection)
            }
            attempt.hello = hello
            attempt.greeted[channel] = connection
            peer.attempts[number] = attempt
            defer { state.peers[hello.name] = peer }
            let connections = PeerChannel.allCases.compactMap { attempt.greeted[$0] }
            guard connections.count == PeerChannel.allCases.count else { return .incomplete }

            peer.attempts[number] = nil
            if peer.dialing == number { peer.dialing = nil }
            let id = PeerSession(peer: hello.name, number: state.nextSession)
            state.nextSession += 1
            let session = Session(id: id, hello: hello, connections: connections)
            guard let old = peer.session else {
                peer.session = session
                state.sessions[id.number] = session
                return .complete(session, replacing: [], events: state.events)
            }
            let replaced = [old, peer.waiting].compactMap { $0 }
            state.sessions[old.id.number] = nil
            peer.waiting = session
            return .complete(session, replacing: replaced, events: nil)
        }
        switch joined {
        case .refused(let hangup): throw hangup
        case .incomplete: break
        case .complete(let session, let replaced, let events):
            for channel in PeerChannel.allCases { session.connection(channel).completed() }
            for old in replaced {
                let reason = "\(hello.name) connected anew"
                if old.end(reason, discarding: true) { note(reason, of: hello.name) }
            }
            if let events { run(session, events) }
        }
    }

    private func run(_ session: Session, _ events: any PeerEvents) {
        logger.info("connected", metadata: ["peer": "\(session.id.peer)", "session": "\(session.id.number)"])
        session.run(events) { self.finished(session) }
    }

    // MARK: Ending

    func hasRoom(_ connection: Connection) {
        let told: (session: Session?, events: (any PeerEvents)?) = state.withLock { state in
            (state.sessions.values.first { $0.has(connection) }, state.events)
        }
        guard let session = told.session, let channel = session.channel(of: connection) else { return }
        told.events?.peerHasRoom(session.id, channel: channel)
    }

    func lost(_ connection: Connection, reason: String) {
        let found: (place: (peer: String, attempt: Identity?)?, session: Session?) = state.withLock { state in
            state.strangers[ObjectIdentifier(connection)] = nil
            guard let place = state.place(of: connection), var peer = state.peers[place.peer] else { return (nil, nil) }
            if place.attempt != nil { return (place, nil) }
            defer { state.peers[place.peer] = peer }
            if let session = peer.session, session.has(connection) {
                state.sessions[session.id.number] = nil
                // A session that does not last is one more failure; else a host that hangs up at once is dialed without pause.
                if NIODeadline.now() - session.established > .seconds(1) { peer.backoff.reset() }
                return (place, session)
            }
            defer { peer.waiting = nil }
            return (place, peer.waiting)
        }
        guard let place = found.place else { return }
        if let attempt = place.attempt { return abandon(place.peer, attempt, reason) }
        if let session = found.session, session.end(reason, discarding: false) { note(reason, of: place.peer) }
        redial(place.peer)
    }

    /// The owner has been told the end of a session: the next one may begin.
    private func finished(_ session: Session) {
        let name = session.id.peer
        let next: (session: Session?, events: (any PeerEvents)?, stopped: CheckedContinuation<Void, Never>?) =
            state.withLock { state in
                state.peers[name]?.session = nil
                if state.phase == .running, let waiting = state.peers[name]?.waiting {
                    state.peers[name]?.waiting = nil
                    state.peers[name]?.session = waiting
                    state.sessions[waiting.id.number] = waiting
                    return (waiting, state.events, nil)
                }
                guard !state.hasSessions, let stopped = state.stopped else { return (nil, nil, nil) }
                state.stopped = nil
                return (nil, nil, stopped)
            }
        next.stopped?.resume()
        if let session = next.session, let events = next.events { run(session, events) }
        redial(name)
    }

    /// An attempt has come to nothing: all of its connections are closed, and a later one is planned.
    private func abandon(_ peer: String, _ number: Identity, _ reason: String) {
        let attempt: NetworkState.Attempt? = state.withLock { state in
            guard let attempt = state.peers[peer]?.attempts.removeValue(forKey: number) else { return nil }
            if state.peers[peer]?.dialing == number { state.peers[peer]?.dialing = nil }
            return attempt
        }
        guard let attempt else { return }
        note(reason, of: peer)
        for connection in attempt.opened { connection.close(reason) }
        redial(peer)
    }

    /// Plans the next attempt, if this side dials and none is planned.
    private func redial(_ peer: String) {
        state.withLock { state in
            guard state.phase == .running, var entry = state.peers[peer], entry.wantsDialing, entry.redial == nil
            else { return }
            let pause = entry.backoff.next(chance: .random(in: 0..<1))
            entry.redial = group.next().scheduleTask(in: TimeAmount(pause)) { self.dial(peer) }
            state.peers[peer] = entry
        }
    }

    /// Keeps why a peer is not connected, and logs it unless the same was logged a moment ago.
    private func note(_ reason: String, of peer: String) {
        let now = Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000_000)
        let lines: [String] = state.withLock { state in
            guard state.phase == .running else { return [] }
            guard state.peers[peer] != nil else { return state.strangerLog.note(reason, now: now) }
            state.peers[peer]?.lastReason = reason
            return state.peers[peer]?.log.note(reason, now: now) ?? []
        }
        for line in lines { logger.warning("not connected: \(line)", metadata: ["peer": "\(peer)"]) }
    }
}
