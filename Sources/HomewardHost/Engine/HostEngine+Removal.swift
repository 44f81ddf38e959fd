import HomewardAdministration
import HomewardCore
import HomewardThreads

extension HostEngine {
    /// Takes an RVG off this host; its volumes keep what they hold.
    ///
    /// - Throws: `volume-open`, `link-attached`, `operation-in-progress`, or as the catalog does; the RVG goes on then.
    func forget(_ rvg: RVGID) async throws {
        guard let runtime = state.withLock({ $0.runtimes[rvg] }) else {
            try changeCatalog { catalog in catalog.rvgs.removeAll { $0.id == rvg } }
            state.withLock { $0.unopened[rvg] = nil }
            return
        }
        if let holder = runtime.state.withLock({ state in
            state.node.machine.sessions.first?.holder
        }) {
            throw refusal(
                .volumeOpen,
                "\(runtime.diskGroup)/\(runtime.name)",
                "a volume is open by \(holder.label)",
                hint: "close that session first"
            )
        }
        try await prepareRemoval(runtime)
        do throws(Refusal) {
            try changeCatalog { catalog in catalog.rvgs.removeAll { $0.id == rvg } }
        } catch {
            runtime.ask(.abandonRemoval) { _ in }
            throw error
        }
        state.withLock { $0.runtimes[rvg] = nil }
        runtime.stop()
        // Peers are told when it is gone: no contact of it follows, and a refused removal was never heard of. Whoever does
        // not answer hears nothing of it in a new session either.
        for peer in runtime.state.withLock({ $0.node.machine.header.links.map(\.peerName) }) {
            _ = try? await call(peer, .forgotten(rvg))
        }
    }

    /// Brings an RVG to rest that is to leave.
    ///
    /// One whose device fails or hangs leaves as it is; one in which an operation does not end stays, because that may still
    /// attach a link.
    private func prepareRemoval(_ runtime: RVGRuntime) async throws(Refusal) {
        let answer = await runtime.rest(.prepareRemoval, withinMilliseconds: 8_000)
        let (hasFailed, verb) = runtime.state.withLock { ($0.node.machine.failure != nil, $0.node.operation?.verb) }
        guard !hasFailed else { return }
        if case .failure(let refused)? = answer { throw refused }
        guard answer == nil, let verb else { return }
        runtime.ask(.abandonRemoval) { _ in }
        throw refusal(
            .operationInProgress,
            "\(runtime.diskGroup)/\(runtime.name)",
            "\(verb) runs on it, and does not end",
            hint: "wait until it has ended (homeward status), or interrupt it; then repeat the command"
        )
    }
}
