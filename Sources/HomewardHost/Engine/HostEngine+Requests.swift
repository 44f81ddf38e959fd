import HomewardAdministration
import HomewardCore
import HomewardThreads
import HomewardWire

extension HostEngine: RequestHandler {
    public func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        if let host, host != settings.name { return try await relay(request, to: host, progress: progress) }
        return try await performHere(request, relayed: false, progress: progress)
    }

    private func relay(
        _ request: Request,
        to host: String,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        guard case .answer(let answer) = try await call(host, .perform(request), progress: progress) else {
            throw refusal(.strangePeer, host, "answered something else", hint: "compare the versions of both hosts")
        }
        return answer
    }

    /// Carries a request out on this host, or passes it to the Primary that decides it.
    func performHere(
        _ request: Request,
        relayed: Bool,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        do {
            return try await answer(request, relayed: relayed, progress: progress)
        } catch var refused as Refusal {
            refused.host = refused.host ?? settings.name
            throw refused
        }
    }

    private func answer(
        _ request: Request,
        relayed: Bool,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        switch request {
        case .createDiskGroup(let name): return .done(try createDiskGroup(name))
        case .createVolume(let group, let name, let path, let isDevice, let size):
            return .done(try createVolume(group, name, path: path, isDevice: isDevice, size: size))
        case .listVolumes(let group): return .volumes(try describeVolumes(group))
        case .sumVolume(let group, let name): return .sum(try await onThread { [self] in try sum(group, name) })
        case .createPrimary(let group, let rvg, let volumes, let log):
            return .done(try await createPrimary(group, rvg, volumes, log))
        case .describe(let group, let names): return .rds(try await describe(group, names))
        case .hostStatus: return .host(await describeHost())
        case .setBlocked(let peer, let blocked): return .done(try setBlocked(peer, blocked))
        case .shutDown:
            requestShutDown()
            return .done(Outcome(summary: "\(settings.name) ends"))
        case .linkStatus, .linkUpdates, .pauseLink, .resumeLink, .attachLink, .detachLink, .listLinkCheckpoints:
            return try await answerLink(request, progress: progress)
        case .takeover(let reference, let force):
            let runtime = try find(reference)
            return try await finish(runtime, .takeover(force: force), progress)
        case .makeSecondary(let reference, let primary, let force):
            let runtime = try find(reference)
            return try await finish(runtime, .makeSecondary(try host(primary, runtime), force: force), progress)
        case .checkStart(let reference, let name):
            return try await finish(try find(reference), .checkStart(name), progress)
        case .checkEnd(let reference): return try await finish(try find(reference), .checkEnd, progress)
        case .checkDelete(let reference, let name):
            return try await finish(try find(reference), .checkDelete(name), progress)
        case .listCheckpoints(let reference):
            let runtime = try find(reference)
            return .checkpoints(runtime.state.withLock { $0.node.checkpoints() })
        case .startRVG(let reference, let force):
            return try await finish(try find(reference), .start(force: force), progress)
        case .stopRVG(let reference): return try await finish(try find(reference), .stop, progress)
        case .deletePrimary(let reference, let force):
            if force, let record = unopenedRecord(reference) {
                try await forget(record.id)
                return .done(
                    Outcome(summary: "RVG \(record.diskGroup)/\(record.name), which could not be opened, is removed")
                )
            }
            return .done(try await deletePrimary(try find(reference), force: force))
        case .addSecondary(let reference, _, _, _, _), .deleteSecondary(let reference, _),
            .startReplication(let reference, _, _, _), .stopReplication(let reference, _, _, _),
            .pauseReplication(let reference, _), .resumeReplication(let reference, _),
            .synchronize(let reference, _, _, _, _, _), .verify(let reference, _, _), .migrate(let reference, _, _),
            .setAttributes(let reference, _, _):
            return try await answerAsPrimary(request, reference, relayed: relayed, progress: progress)
        }
    }

    // MARK: What the Primary decides

    private func answerAsPrimary(
        _ request: Request,
        _ reference: RVGReference,
        relayed: Bool,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        if case .addSecondary(_, _, let secondary, _, _) = request, secondary == settings.name {
            throw refusal(
                .usage,
                secondary,
                "addsec is not typed on the host that is added",
                hint: "type it on the Primary, or on another host of the RDS"
            )
        }
        let runtime = try find(reference)
        guard let primary = runtime.state.withLock({ $0.node.machine.decidingPrimary }) else {
            throw noPrimary(runtime)
        }
        guard primary != id else { return try await answerHere(request, runtime, progress: progress) }
        let name = runtime.state.withLock { $0.node.machine.label(of: primary) }
        guard !relayed else {
            throw refusal(
                .notPrimary,
                "\(runtime.diskGroup)/\(runtime.name)",
                "\(name) is the Primary, not \(settings.name)",
                hint: "repeat the command: the role moved meanwhile"
            )
        }
        return try await relay(rename(request, runtime, on: primary), to: name, progress: progress)
    }

    private func noPrimary(_ runtime: RVGRuntime) -> Refusal {
        let followed = runtime.state.withLock { state in
            state.node.machine.header.follows.map { state.node.machine.label(of: $0) }
        }
        return refusal(
            .hostUnreachable,
            "\(runtime.diskGroup)/\(runtime.name)",
            "\(settings.name) is a Secondary, and "
                + (followed.map { "its Primary \($0) does not answer as one" } ?? "no Primary answers"),
            hint: "start homeward on \(followed ?? "the Primary"); if it is gone, here: "
                + "vradmin -g \(runtime.diskGroup) -N takeover \(runtime.name)"
        )
    }

    /// The Primary may have other names for disk group and RVG.
    private func rename(_ request: Request, _ runtime: RVGRuntime, on primary: HostID) -> Request {
        guard
            let link = runtime.state.withLock({ state in
                state.node.machine.header.links.first { $0.peer == primary }
            })
        else { return request }
        let there = RVGReference(diskGroup: link.peerDiskGroup, rvg: link.peerRVG)
        return switch request {
        case .addSecondary(_, let primary, let secondary, let group, let attributes):
            .addSecondary(
                there,
                primary: primary,
                secondary: secondary,
                secondaryDiskGroup: group,
                attributes: attributes
            )
        case .deleteSecondary(_, let secondary): .deleteSecondary(there, secondary: secondary)
        case .startReplication(_, let secondary, let how, let consent):
            .startReplication(there, secondary: secondary, how: how, consent: consent)
        case .stopReplication(_, let secondary, let force, let consent):
            .stopReplication(there, secondary: secondary, force: force, consent: consent)
        case .pauseReplication(_, let secondary): .pauseReplication(there, secondary: secondary)
        case .resumeReplication(_, let secondary): .resumeReplication(there, secondary: secondary)
        case .synchronize(_, let secondaries, let checkpoint, let full, let force, let consent):
            .synchronize(
                there,
                secondaries: secondaries,
                checkpoint: checkpoint,
                full: full,
                force: force,
                consent: consent
            )
        case .verify(_, let secondaries, let consent): .verify(there, secondaries: secondaries, consent: consent)
        case .migrate(_, let to, let consent): .migrate(there, to: to, consent: consent)
        case .setAttributes(_, let secondary, let attributes):
            .setAttributes(there, secondary: secondary, attributes: attributes)
        default: request
        }
    }

    private func answerHere(
        _ request: Request,
        _ runtime: RVGRuntime,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        switch request {
        case .addSecondary(_, let primary, let secondary, let group, let attributes):
            return .done(try await addSecondary(runtime, primary, secondary, group, attributes))
        case .deleteSecondary(_, let secondary): return .done(try await deleteSecondary(runtime, secondary))
        case .startReplication(_, let secondary, let how, let consent):
            let peer = try secondaryHost(secondary, runtime)
            return try await finish(runtime, .startReplication(peer, how: how, consent: consent), progress)
        case .stopReplication(_, let secondary, let force, let consent):
            let peer = try secondaryHost(secondary, runtime)
            guard consent else { throw stopQuestion(runtime, peer) }
            return try await finish(runtime, .stopReplication(peer, force: force), progress)
        case .pauseReplication(_, let secondary):
            return try await finish(runtime, .setPaused(try secondaryHost(secondary, runtime), true), progress)
        case .resumeReplication(_, let secondary):
            return .done(try await resume(runtime, try secondaryHost(secondary, runtime), progress))
        case .synchronize(_, let secondaries, let checkpoint, let full, let force, let consent):
            let peers = try secondaries.map { name throws(Refusal) in try secondaryHost(name, runtime) }
            return try await finish(
                runtime,
                .synchronize(peers, checkpoint: checkpoint, full: full, force: force, consent: consent),
                progress
            )
        case .verify(_, let secondaries, let consent):
            let peers = try secondaries.map { name throws(Refusal) in try secondaryHost(name, runtime) }
            guard consent else {
                throw refusal(
                    .needsConsent,
                    "\(runtime.diskGroup)/\(runtime.name)",
                    "The comparison has a meaning only while nothing is written. Is the application stopped?",
                    hint: "answer y, or repeat with -s"
                )
            }
            return try await finish(runtime, .verify(peers), progress)
        case .migrate(_, let to, let consent):
            if to == settings.name, let outcome = try alreadyPrimary(runtime) { return .done(outcome) }
            let peer = try secondaryHost(to, runtime)
            guard consent else {
                throw refusal(
                    .needsConsent,
                    "\(runtime.diskGroup)/\(runtime.name)",
                    "The Primary role moves to \(to ?? "the Secondary"). Are the applications stopped?",
                    hint: "answer y, or repeat with -s"
                )
            }
            return try await finish(runtime, .migrate(peer), progress)
        case .setAttributes(_, let secondary, let attributes):
            return try await set(runtime, secondary, attributes, progress)
        default:
            preconditionFailure("not a request that a Primary decides")
        }
    }

    /// Resumes both ends: this host's, and the Secondary's where it was paused there (`vxrlink pause`).
    private func resume(
        _ runtime: RVGRuntime,
        _ peer: HostID,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Outcome {
        guard case .done(var outcome) = try await finish(runtime, .setPaused(peer, false), progress) else {
            preconditionFailure("a pause ends as done")
        }
        let (name, contact, own) = runtime.state.withLock { state in
            let machine = state.node.machine
            return (machine.label(of: peer), machine.peer(peer)?.contact, machine.header.host)
        }
        guard let contact, let link = contact.links.first(where: { $0.peer == own }), link.paused else {
            return outcome
        }
        let reference = RLinkReference(
            diskGroup: contact.diskGroup,
            rlink: LinkRecord.name(host: link.peerName, rvg: link.peerRVG)
        )
        _ = try await call(name, .perform(.resumeLink(reference)))
        outcome.already = false
        outcome.summary = "replication to \(name) is resumed, which had been paused there"
        return outcome
    }

    /// A migrate that is repeated after it has moved the role; nil when this host is no Primary.
    private func alreadyPrimary(_ runtime: RVGRuntime) throws(Refusal) -> Outcome? {
        let (isPrimary, closed) = runtime.state.withLock { state in
            (state.node.machine.header.isPrimary, state.node.machine.closedBecause)
        }
        guard isPrimary else { return nil }
        if let closed { throw closed }
        return Outcome(already: true, summary: "\(settings.name) is the Primary already")
    }

    private func stopQuestion(_ runtime: RVGRuntime, _ peer: HostID) -> Refusal {
        let name = runtime.state.withLock { $0.node.machine.label(of: peer) }
        return refusal(
            .needsConsent,
            "\(runtime.diskGroup)/\(runtime.name)",
            "Replication to \(name) loses its position; to start it again \(name) must be synchronized. Go on?",
            hint: "answer y, or repeat with -s"
        )
    }

    func finish(
        _ runtime: RVGRuntime,
        _ request: RVGRequest,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        switch try await runtime.perform(request, progress: progress) {
        case .done(let outcome): return .done(outcome)
        case .synchronized(let reports): return .synchronized(reports)
        }
    }

    // MARK: Names

    /// The RVG that a reference means.
    func find(_ reference: RVGReference) throws(Refusal) -> RVGRuntime {
        let (catalog, open) = state.withLock { ($0.catalog, $0.runtimes) }
        if let group = reference.diskGroup, !catalog.diskGroups.contains(where: { $0.name == group }) {
            throw unknownDiskGroup(group)
        }
        let fitting = catalog.rvgs.filter { record in
            record.name == reference.rvg && (reference.diskGroup ?? record.diskGroup) == record.diskGroup
        }
        guard let record = fitting.first else {
            let known = catalog.rvgs.map { "\($0.diskGroup)/\($0.name)" }.sorted().joined(separator: ", ")
            throw refusal(
                .unknownRVG,
                [reference.diskGroup, reference.rvg].compactMap(\.self).joined(separator: "/"),
                "\(settings.name) has no such RVG" + (known.isEmpty ? "" : "; it has \(known)"),
                hint: "vradmin printrvg; to make one: vradmin -g DG createpri RVG VOL,… LOG"
            )
        }
        guard fitting.count == 1 else {
            throw refusal(
                .ambiguous,
                reference.rvg,
                "is in disk groups \(fitting.map(\.diskGroup).sorted().joined(separator: ", "))",
                hint: "name one with -g"
            )
        }
        guard let runtime = open[record.id] else {
            throw unopened(record)
        }
        return runtime
    }

    /// Why an RVG of the catalog is not there.
    func unopened(_ record: Catalog.ReplicatedVolumeGroup) -> Refusal {
        let reason = state.withLock { $0.unopened[record.id] }
        return refusal(
            .ioError,
            "\(record.diskGroup)/\(record.name)",
            reason.map { "the RVG could not be opened: \($0.object): \($0.message)" } ?? "the RVG is being opened",
            hint: "mend that and start the daemon again; or give it up: "
                + "vradmin -g \(record.diskGroup) -f delpri \(record.name)"
        )
    }

    /// The RVG that a reference names, if it is in the catalog and could not be opened.
    private func unopenedRecord(_ reference: RVGReference) -> Catalog.ReplicatedVolumeGroup? {
        state.withLock { state in
            let fitting = state.catalog.rvgs.filter { record in
                record.name == reference.rvg && (reference.diskGroup ?? record.diskGroup) == record.diskGroup
            }
            guard fitting.count == 1, let record = fitting.first, state.unopened[record.id] != nil else { return nil }
            return record
        }
    }

    /// A member of the RDS by name; the one Secondary when none is named.
    func secondaryHost(_ name: String?, _ runtime: RVGRuntime) throws(Refusal) -> HostID {
        let links = runtime.state.withLock { $0.node.machine.header.links }
        if let name {
            guard let link = links.first(where: { $0.peerName == name }) else {
                let known = links.map(\.peerName).sorted().joined(separator: ", ")
                throw refusal(
                    .unknownSecondary,
                    name,
                    "is not in the RDS" + (known.isEmpty ? "" : "; it has \(known)"),
                    hint: "vradmin -g \(runtime.diskGroup) printrvg \(runtime.name)"
                )
            }
            return link.peer
        }
        guard let only = links.first, links.count == 1 else {
            throw refusal(
                links.isEmpty ? .unknownSecondary : .ambiguous,
                "\(runtime.diskGroup)/\(runtime.name)",
                links.isEmpty
                    ? "the RDS has no Secondary"
                    : "the RDS has several Secondaries: \(links.map(\.peerName).sorted().joined(separator: ", "))",
                hint: "name the Secondary"
            )
        }
        return only.peer
    }

    private func host(_ name: String, _ runtime: RVGRuntime) throws(Refusal) -> HostID {
        if let link = runtime.state.withLock({ state in
            state.node.machine.header.links.first { $0.peerName == name }
        }) {
            return link.peer
        }
        guard name != settings.name, settings.peers[name] != nil, let peer = state.withLock({ $0.peers[name] }) else {
            throw refusal(
                .unknownHost,
                name,
                name == settings.name ? "is this host itself" : "is not a host of this RDS that answers",
                hint: "name it as printed by: vradmin -g \(runtime.diskGroup) -l printrvg \(runtime.name)"
            )
        }
        return peer.host
    }

    // MARK: Threads

    /// Runs blocking work on a thread of its own, never on the pool that answers others.
    func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            startThread(name: "request") {
                do {
                    let value = try body()
                    continuation.resume(returning: value)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    private func setBlocked(_ peer: String, _ blocked: Bool) throws(Refusal) -> Outcome {
        guard settings.peers[peer] != nil else {
            throw refusal(.unknownHost, peer, "is not a peer of \(settings.name)", hint: "homeward status")
        }
        let already = state.withLock { $0.catalog.blockedPeers.contains(peer) } == blocked
        try changeCatalog { catalog in
            catalog.blockedPeers.removeAll { $0 == peer }
            if blocked { catalog.blockedPeers.append(peer) }
        }
        network.setBlocked(peer, blocked)
        return Outcome(
            already: already,
            summary: "connections with \(peer) are \(blocked ? "cut and refused" : "allowed")"
        )
    }
}
