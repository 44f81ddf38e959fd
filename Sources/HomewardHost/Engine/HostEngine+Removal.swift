import HomewardAdministration
import HomewardCore
import HomewardThreads

extension HostEngine {
    /// Takes an RVG off this host; its volumes keep what they hold.
    ///
    /// - Parameters:
    ///   - rvg: Which one.
    ///   - keepsUpdates: A Primary stays while its log holds updates that are not on its volumes: nothing else has them.
    /// - Throws: `volume-open`, `link-attached`, `operation-in-progress`, or as the catalog does; with `keepsUpdates` also
    ///   `timed-out`, `log-damaged` and the refusal of a device that failed; `interrupted` when it is taken back before the
    ///   RVG has come to rest. The RVG goes on then.
    func forget(_ rvg: RVGID, keepsUpdates: Bool = false) async throws {
        guard let runtime = state.withLock({ $0.runtimes[rvg] }) else {
            try changeCatalog { catalog in catalog.rvgs.removeAll { $0.id == rvg } }
            state.withLock { $0.unopened[rvg] = nil }
            return
        }
        // Also where a device has failed, and nothing can be brought to rest.
        if let open = runtime.state.withLock({ $0.node.machine.refusalOfOpen }) { throw open }
        if keepsUpdates { try requireReadableLog(runtime.state.withLock { $0.node.machine }) }
        try await prepareRemoval(runtime, keepsUpdates: keepsUpdates)
        do {
            // A device that hangs holds whoever waits for what is under way on it: that is no thread that answers others.
            try await onThread { [self] in try remove(runtime) }
        } catch {
            runtime.ask(.abandonRemoval) { _ in }
            throw error
        }
        // Peers are told when it is gone: no contact of it follows, and a refused removal was never heard of. Whoever does
        // not answer hears nothing of it in a new session either.
        for peer in runtime.state.withLock({ $0.node.machine.header.links.map(\.peerName) }) {
            _ = try? await call(peer, .forgotten(rvg))
        }
    }

    /// Takes it out of the catalog, then waits until nothing of it runs any more.
    ///
    /// - Throws: as the catalog does; the RVG is as it was then.
    private func remove(_ runtime: RVGRuntime) throws(Refusal) {
        let id = runtime.id
        // Until its threads and tasks have ended it may still write to its volumes and its log, which nobody else may have
        // yet.
        state.withLock { state in state.making += state.catalog.rvgs.filter { $0.id == id } }
        defer { state.withLock { state in state.making.removeAll { $0.id == id } } }
        try changeCatalog { catalog in catalog.rvgs.removeAll { $0.id == id } }
        state.withLock { $0.runtimes[id] = nil }
        runtime.stop()
    }

    /// Refuses where nothing of the log is carried out any more, also what lies before the damage: to wait for that would
    /// be in vain, and what is behind the damage nobody knows.
    private func requireReadableLog(_ machine: RVGMachine) throws(Refusal) {
        guard machine.header.isPrimary, machine.failure == nil, machine.isLogDamaged else { return }
        let giveUp = "to give up what is in the log: " + machine.command("delpri", options: "-f", on: settings.name)
        let closed = machine.closedBecause
        // A reign that is closed as well is told first, and says nothing of the log.
        let damage = closed?.code == .logDamaged ? closed?.message : machine.damage
        throw machine.refuse(
            .logDamaged,
            damage ?? "its log is damaged",
            hint: (closed.map { "\($0.hint); " } ?? "") + giveUp
        )
    }

    /// Brings an RVG to rest that is to leave.
    ///
    /// One whose device fails or hangs leaves as it is, unless its updates are to be kept; one in which an operation does
    /// not end stays, because that may still attach a link.
    private func prepareRemoval(_ runtime: RVGRuntime, keepsUpdates: Bool) async throws(Refusal) {
        let bound = min(8_000, settings.limits.operationMilliseconds)
        // Of whoever went away nothing is taken back.
        let asker = Asker.current
        let isTakenBack = { Task.isCancelled && asker?.isGone != true }
        let answer = await runtime.rest(.prepareRemoval, withinMilliseconds: bound, unless: isTakenBack)
        let machine = runtime.state.withLock { $0.node.machine }
        // Refused before it began: another removal that is under way goes on.
        if machine.failure == nil, case .failure(let refused)? = answer { throw refused }
        guard
            let reason = reasonToStay(
                machine,
                operation: answer == nil ? runtime.state.withLock { $0.node.operation?.verb } : nil,
                isTakenBack: answer == nil && isTakenBack(),
                keepsUpdates: keepsUpdates
            )
        else { return }
        runtime.ask(.abandonRemoval) { _ in }
        throw reason
    }

    /// Why an RVG that was to come to rest stays; nil when nothing keeps it.
    private func reasonToStay(
        _ machine: RVGMachine,
        operation: String?,
        isTakenBack: Bool,
        keepsUpdates: Bool
    ) -> Refusal? {
        if isTakenBack {
            return machine.refuse(
                .interrupted,
                "the removal was interrupted; the RVG stays",
                hint: "repeat the command"
            )
        }
        if keepsUpdates, machine.header.isPrimary, machine.applied < machine.end {
            let updates = "updates up to \(machine.end) are in its log, on the volumes those up to \(machine.applied)"
            return machine.refuse(
                machine.failure == nil ? .timedOut : .ioError,
                machine.failure.map { "\(updates): \($0.message)" } ?? updates,
                hint: (machine.failure == nil
                    ? "repeat the command when nothing reads the volumes at a position (vol sum) and the disk answers"
                    : "mend the device and restart the daemon, which carries them out")
                    + "; to give them up: " + machine.command("delpri", options: "-f", on: settings.name)
            )
        }
        guard machine.failure == nil, let operation else { return nil }
        return machine.refuse(
            .operationInProgress,
            "\(operation) runs on it, and does not end",
            hint: "wait until it has ended (homeward status), or interrupt it; then repeat the command"
        )
    }
}
