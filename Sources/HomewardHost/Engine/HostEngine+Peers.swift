import HomewardAdministration
import HomewardCore
import HomewardThreads
import HomewardWire
import Logging

/// What one daemon asks of another on the control connection.
enum PeerCall: Codable, Sendable {
    /// Passed on for a client.
    case perform(Request)
    /// `addsec`: make the Secondary's RVG.
    case createSecondary(SecondaryOffer)
    /// `delsec`: remove it again; data remain.
    case deleteSecondary(RVGID)
    /// The RVG is gone from the host that says so.
    case forgotten(RVGID)
    /// This host's own part of an RDS.
    case describeMember(RVGID)
}

/// The RVG that a host is asked to make.
struct SecondaryOffer: Codable, Sendable {
    var rvg: RVGID
    var name: String
    var diskGroup: String
    var volumes: [VolumeShape]
    var log: String
    var logSize: UInt64
    var primary: HostID
    var members: [Contact.Link]
}

enum PeerReply: Codable, Sendable {
    case answer(Answer)
    case member(MemberDescription)
    case created(diskGroup: String)
    case refused(Refusal)
}

private struct CallFrame<Body: Codable & Sendable>: Codable, Sendable {
    var call: UInt64
    var body: Body
}

struct PendingCall {
    var session: PeerSession
    var progress: @Sendable (Progress) -> Void
    var finish: @Sendable (Result<PeerReply, Refusal>) -> Void
}

/// A request that is carried out for a peer.
struct Served {
    var task: Task<Void, Never>
    var asker: Asker
}

struct ServedCall: Hashable {
    var session: PeerSession
    var call: UInt64
}

extension HostEngine: PeerEvents {
    public func peerConnected(_ session: PeerSession, hello: PeerHello) {
        let runtimes = state.withLock { state in
            state.peers[session.peer] = KnownPeer(session: session, host: hello.host, greeted: true)
            return state.runtimes.values.map(\.self)
        }
        for runtime in runtimes { runtime.peerConnected(session, host: hello.host, name: session.peer) }
    }

    public func peerDisconnected(_ session: PeerSession, reason: String) {
        let (host, runtimes, lost, served) = state.withLock { state in
            let known = state.peers[session.peer]
            if known?.session == session { state.peers[session.peer] = nil }
            let lost = state.calls.filter { $0.value.session == session }
            for call in lost.keys { state.calls[call] = nil }
            let served = state.served.filter { $0.key.session == session }.map(\.value)
            return (known?.host, state.runtimes.values.map(\.self), lost.values.map(\.finish), served)
        }
        // What this host carries out for the peer goes on: it belongs to the host, not to whoever asked.
        for call in served { forget(call) }
        for finish in lost {
            finish(
                .failure(
                    refusal(
                        .hostUnreachable,
                        session.peer,
                        "was lost before it had answered: \(reason)",
                        hint: "see how it stands there: homeward status; then repeat the command, nothing is done twice"
                    )
                )
            )
        }
        guard let host else { return }
        for runtime in runtimes { runtime.peerDisconnected(session, host: host, reason: reason) }
    }

    public func peerHasRoom(_ session: PeerSession, channel: PeerChannel) {
        for runtime in state.withLock({ $0.runtimes.values.map(\.self) }) { runtime.peerHasRoom() }
    }

    public func peerFrame(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8]) {
        guard let kind = FrameKind(rawValue: kind), kind.channel == channel else {
            return logger.warning("a frame of unknown kind", metadata: ["peer": "\(session.peer)", "kind": "\(kind)"])
        }
        do {
            switch kind {
            case .call: serve(try PeerFrames.decode(payload), session)
            case .callForget:
                let frame: CallFrame<Bool> = try PeerFrames.decode(payload)
                if let call = state.withLock({ $0.served[ServedCall(session: session, call: frame.call)] }) {
                    forget(call)
                }
            case .callAnswer: finishCall(try PeerFrames.decode(payload), session)
            case .callProgress: progress(try PeerFrames.decode(payload), session)
            case .callCancel:
                let frame: CallFrame<Bool> = try PeerFrames.decode(payload)
                state.withLock { $0.served[ServedCall(session: session, call: frame.call)] }?.task.cancel()
            case .contact, .prepare, .vote, .replication, .synchronization:
                let (rvg, message) = try PeerFrames.decode(kind: kind, payload)
                let (runtime, host) = state.withLock { ($0.runtimes[rvg], $0.peers[session.peer]?.host) }
                guard let runtime, let host else { return }
                runtime.received(message, from: host, session: session)
            }
        } catch {
            logger.warning("a frame could not be read", metadata: ["peer": "\(session.peer)", "reason": "\(error)"])
        }
    }

    // MARK: Calls

    private func send(_ kind: FrameKind, _ body: some Codable & Sendable, call: UInt64, to session: PeerSession) -> Bool
    {
        guard let payload = try? PeerFrames.json(CallFrame(call: call, body: body)) else { return false }
        return network.send(session, channel: kind.channel, kind: kind.rawValue, payload: payload)
    }

    /// Asks a peer and waits for its answer; cancelling cancels there too, losing the connection does not.
    ///
    /// What was cancelled there may have been done, and its answer is awaited; that of a question is not.
    func call(
        _ peer: String,
        _ call: PeerCall,
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws -> PeerReply {
        guard settings.peers[peer] != nil else {
            throw refusal(
                .unknownHost,
                peer,
                "is not among the peers of \(settings.name)",
                hint: "known: \(settings.peers.keys.sorted().joined(separator: ", ")); add it to peers in host.lua"
            )
        }
        guard let session = state.withLock({ $0.peers[peer]?.session }) else {
            let reason = network.status().first { $0.name == peer }?.lastReason
            throw refusal(
                .hostUnreachable,
                peer,
                "does not answer" + (reason.map { ": \($0)" } ?? ""),
                hint:
                    "start the daemon of \(peer) or mend the network, then repeat the command; what is known: homeward status"
            )
        }
        let asker = Asker.current
        let number = state.withLock { state in
            defer { state.nextCall += 1 }
            return state.nextCall
        }
        let takeBack: @Sendable () -> Void = { [self] in
            _ = send(asker?.isGone == true ? .callForget : .callCancel, true, call: number, to: session)
            // A peer that was stopped answers nothing, for as long as the connection lasts.
            guard case .describeMember = call else { return }
            let pending = state.withLock { $0.calls.removeValue(forKey: number) }
            pending?.finish(
                .failure(
                    refusal(.interrupted, peer, "was not waited for any longer", hint: "repeat the command")
                )
            )
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    state.calls[number] = PendingCall(session: session, progress: progress) { result in
                        continuation.resume(with: result)
                    }
                }
                if !send(.call, call, call: number, to: session) {
                    let pending = state.withLock { $0.calls.removeValue(forKey: number) }
                    pending?.finish(
                        .failure(refusal(.hostUnreachable, peer, "was lost", hint: "repeat the command"))
                    )
                }
                // What was sent before the call itself was for nothing.
                if Task.isCancelled { takeBack() }
            }
        } onCancel: {
            takeBack()
        }
    }

    private func forget(_ call: Served) {
        call.asker.leave()
        call.task.cancel()
    }

    /// Only who was asked answers.
    private func finishCall(_ frame: CallFrame<PeerReply>, _ session: PeerSession) {
        let pending = state.withLock { state in
            state.calls[frame.call]?.session == session ? state.calls.removeValue(forKey: frame.call) : nil
        }
        if case .refused(let refusal) = frame.body {
            pending?.finish(.failure(refusal))
        } else {
            pending?.finish(.success(frame.body))
        }
    }

    private func progress(_ frame: CallFrame<Progress>, _ session: PeerSession) {
        let call = state.withLock { $0.calls[frame.call] }
        if let call, call.session == session { call.progress(frame.body) }
    }

    private func serve(_ frame: CallFrame<PeerCall>, _ session: PeerSession) {
        let key = ServedCall(session: session, call: frame.call)
        let work: @Sendable () async -> Void = { [self] in
            var reply: PeerReply
            do {
                reply = try await answer(frame.body, from: session) { progress in
                    _ = self.send(.callProgress, progress, call: frame.call, to: session)
                }
            } catch var refused as Refusal {
                // Else whoever asked would take it for its own.
                refused.host = refused.host ?? settings.name
                reply = .refused(refused)
            } catch {
                reply = .refused(refusal(.interrupted, "request", "was cancelled", hint: "repeat it"))
            }
            _ = send(.callAnswer, reply, call: frame.call, to: session)
            state.withLock { $0.served[key] = nil }
        }
        // Made under the lock, so that it cannot have ended before it is known.
        let asker = Asker()
        state.withLock { state in
            let task = Asker.$current.withValue(asker) { Task { await work() } }
            state.served[key] = Served(task: task, asker: asker)
        }
    }

    /// Whether there is something of an RDS here that its Primary may have removed: what follows it, or nobody; never a
    /// Primary, nor a Secondary of another.
    ///
    /// Nor what cannot be looked at: an RVG that could not be opened may be a Primary, with updates that nobody else has. Who
    /// stands before it may give it up (`delpri -f`).
    /// - Returns: false when there is no such RVG.
    /// - Throws: `other-lineage`; `operation-in-progress` while it is being made or removed; why it could not be opened.
    private func hasRemovable(_ rvg: RVGID, by session: PeerSession) throws(Refusal) -> Bool {
        let (runtime, making, record, caller) = state.withLock { state in
            (
                state.runtimes[rvg], state.making.first { $0.id == rvg }, state.catalog.rvgs.first { $0.id == rvg },
                state.peers[session.peer]?.host
            )
        }
        guard let runtime else {
            if let making { throw beingMade(making) }
            if let record { throw unopened(record) }
            return false
        }
        let header = runtime.state.withLock { $0.node.machine.header }
        guard !header.isPrimary, header.follows == nil || header.follows == caller else {
            throw refusal(
                .otherLineage,
                "\(runtime.diskGroup)/\(runtime.name)",
                header.isPrimary ? "is a Primary on \(settings.name)" : "follows another Primary",
                hint: "vradmin -g \(runtime.diskGroup) -l printrvg \(runtime.name)"
            )
        }
        return true
    }

    private func answer(
        _ call: PeerCall,
        from session: PeerSession,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> PeerReply {
        switch call {
        case .perform(let request): return .answer(try await performHere(request, relayed: true, progress: progress))
        case .createSecondary(let offer): return .created(diskGroup: try createSecondary(offer))
        case .deleteSecondary(let rvg):
            if try hasRemovable(rvg, by: session) { try await forget(rvg) }
            return .created(diskGroup: "")
        case .forgotten(let rvg):
            let (runtime, caller) = state.withLock { ($0.runtimes[rvg], $0.peers[session.peer]?.host) }
            if let runtime, let caller { runtime.peerForgot(caller) }
            return .created(diskGroup: "")
        case .describeMember(let rvg):
            guard let runtime = state.withLock({ $0.runtimes[rvg] }) else {
                throw refusal(.unknownRVG, rvg.description, "is not on this host", hint: "vradmin printrvg")
            }
            return .member(describe(runtime))
        }
    }
}
