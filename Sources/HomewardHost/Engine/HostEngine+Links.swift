import HomewardAdministration
import HomewardCore
import HomewardThreads

/// `vxrlink`: what is asked of one RLINK, by its own name, on the host where it is typed.
extension HostEngine {
    func answerLink(
        _ request: Request,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        switch request {
        case .linkStatus(let reference):
            let (runtime, link) = try find(reference)
            return .link(runtime.state.withLock { $0.node.describe(link, now: HostClock.now) })
        case .linkUpdates(let reference):
            let (runtime, link) = try find(reference)
            let updates = runtime.state.withLock { state in
                state.node.machine.header.isPrimary ? nil : state.node.updates(link)
            }
            guard let updates else {
                throw refusal(
                    .notSecondary,
                    link.name,
                    "updates is asked on a Secondary; \(settings.name) is the Primary",
                    hint: "on a Secondary: vxrlink -g \(runtime.diskGroup) updates "
                        + "\(LinkRecord.name(host: settings.name, rvg: runtime.name)) --host \(link.peerName); "
                        + "here: vxrlink -g \(runtime.diskGroup) status \(link.name)"
                )
            }
            return .updates(updates)
        case .pauseLink(let reference): return try await pause(reference, true, progress)
        case .resumeLink(let reference): return try await pause(reference, false, progress)
        case .attachLink(let reference, let how, let consent):
            let (runtime, link) = try find(reference)
            return try await finish(runtime, .startReplication(link.peer, how: how, consent: consent), progress)
        case .detachLink(let reference):
            let (runtime, link) = try find(reference)
            return try await finish(runtime, .stopReplication(link.peer, force: true), progress)
        case .listLinkCheckpoints(let reference):
            let (runtime, link) = try find(reference)
            guard runtime.state.withLock({ $0.node.machine.header.isPrimary }) else {
                throw refusal(
                    .notPrimary,
                    link.name,
                    "checkpoints of an RLINK are listed on the Primary",
                    hint: "on the Primary, as shown by: vradmin -g \(runtime.diskGroup) printrvg \(runtime.name)"
                )
            }
            // Secondary checkpoints are made by `vxrlink -c NAME pause`, which this release does not have: there are none.
            return .checkpoints([])
        default: preconditionFailure("not a request about an RLINK")
        }
    }

    private func pause(
        _ reference: RLinkReference,
        _ paused: Bool,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        let (runtime, link) = try find(reference)
        return try await finish(runtime, .setPaused(link.peer, paused), progress)
    }

    private func find(_ reference: RLinkReference) throws(Refusal) -> (RVGRuntime, LinkRecord) {
        let candidates = runtimes.filter { reference.diskGroup == nil || reference.diskGroup == $0.diskGroup }
        var found: [(RVGRuntime, LinkRecord)] = []
        var known: [String] = []
        for runtime in candidates {
            for link in runtime.state.withLock({ $0.node.machine.header.links }) {
                known.append(link.name)
                if link.name == reference.rlink { found.append((runtime, link)) }
            }
        }
        guard let first = found.first else {
            throw refusal(
                .unknownRLink,
                reference.rlink,
                "\(settings.name) has no such RLINK"
                    + (known.isEmpty ? "" : "; it has \(known.sorted().joined(separator: ", "))"),
                hint: "vxrvg -g \(reference.diskGroup ?? "DG") getrlinks RVG --host \(settings.name)"
            )
        }
        guard found.count == 1 else {
            throw refusal(.ambiguous, reference.rlink, "several disk groups have it", hint: "name one of them with -g")
        }
        return first
    }
}
