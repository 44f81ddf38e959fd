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
        case .makeSecondary(let reference, let primary, let force):
            let runtime = try find(reference)
            return try await finish(runtime, .makeSecondary(try host(primary, runtime), force: force), progress)
        case .takeover(let reference, _), .checkStart(let reference, _), .checkEnd(let reference),
            .checkDelete(let reference, _), .listCheckpoints(let reference), .startRVG(let reference, _),
            .stopRVG(let reference):
            return try await answerResolved(request, try find(reference), progress: progress)
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
            throw runtime.state.withLock { $0.node.noPrimary }
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
        let link = runtime.state.withLock { state in state.node.machine.header.links.first { $0.peer == primary } }
        // The Primary may have other names for disk group and RVG.
        let renamed = link.map { request.renamed(RVGReference(diskGroup: $0.peerDiskGroup, rvg: $0.peerRVG)) }
        return try await relay(renamed ?? request, to: name, progress: progress)
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
        case .resumeReplication(_, let secondary):
            return .done(try await resume(runtime, try secondaryHost(secondary, runtime), progress))
        case .setAttributes(_, let secondary, let attributes):
            return try await set(runtime, secondary, attributes, progress)
        default: return try await answerResolved(request, runtime, progress: progress)
        }
    }

    /// Requests that concern this RVG alone.
    private func answerResolved(
        _ request: Request,
        _ runtime: RVGRuntime,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        switch try runtime.state.withLock({ state throws(Refusal) in try state.node.resolve(request) }) {
        case .ask(let asked): return try await finish(runtime, asked, progress)
        case .answered(let answer): return answer
        case nil: preconditionFailure("not a request of one RVG")
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
                hint:
                    "vradmin printrvg; to make one: vradmin -g \(reference.diskGroup ?? "DG") createpri \(reference.rvg) "
                    + "VOL,VOL LOG --host \(settings.name)"
            )
        }
        guard fitting.count == 1 else {
            throw refusal(
                .ambiguous,
                reference.rvg,
                "is in disk groups \(fitting.map(\.diskGroup).sorted().joined(separator: ", "))",
                hint: "name one of them with -g"
            )
        }
        guard let runtime = open[record.id] else {
            throw unopened(record)
        }
        return runtime
    }

    /// Why an RVG of the catalog is not there: with the code and the remedy of what kept it from being opened.
    func unopened(_ record: Catalog.ReplicatedVolumeGroup) -> Refusal {
        let reason = state.withLock { $0.unopened[record.id] }
        let object = "\(record.diskGroup)/\(record.name)"
        guard let reason else {
            return refusal(.ioError, object, "the RVG is being opened", hint: "repeat the command")
        }
        return refusal(
            reason.code,
            object,
            "the RVG could not be opened: \(reason.object): \(reason.message)",
            hint: "\(reason.hint); then start the daemon again. Or give the RVG up: "
                + "vradmin -g \(record.diskGroup) -f delpri \(record.name) --host \(settings.name)"
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
        try runtime.state.withLock { state throws(Refusal) in try state.node.secondaryHost(name) }
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
    ///
    /// - Throws: `limit-reached`, when nothing of it has begun; as `body` does.
    func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do throws(Refusal) {
                try threads.start("request") {
                    do {
                        let value = try body()
                        continuation.resume(returning: value)
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            } catch {
                continuation.resume(throwing: error)
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
