import HomewardAdministration
import HomewardCore
import HomewardThreads

extension HostEngine {
    /// Takes an RVG off this host; its volumes keep what they hold.
    ///
    /// - Throws: `volume-open`, or as the catalog does; the RVG goes on then.
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
        await runtime.rest(.prepareRemoval, withinMilliseconds: 8_000)
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
}
