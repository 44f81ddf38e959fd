import HomewardCore

/// migrate, on the Primary that decides (OperationSteps, 19 to 25).
package struct MigrateOperation: Sendable {
    package enum Phase: Hashable, Sendable {
        /// Intake is stopped; everything must be durable here and logged on every attached Secondary.
        case draining(deadline: Instant)
        /// The first id of the new epoch was told.
        case preparing(firstID: UpdateID, deadline: Instant)
        /// Committed: the header, then the new Primary's word. Only that one numbers records in its epoch.
        case handing(deadline: Instant)
    }

    package var token: UInt64
    package var peer: HostID
    package var transaction: TransactionID
    package var epoch: Epoch
    package var phase: Phase
    /// Checkpoints that the change of role voids.
    package var dropped: [String] = []
}

extension RVGNode {
    package mutating func beginMigrate(
        _ peer: HostID,
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        let host = machine.label(of: peer)
        if !machine.header.isPrimary, machine.header.follows == peer, machine.peer(peer)?.contact?.open == true {
            return answer(
                token,
                .success(.done(Outcome(already: true, summary: "\(host) is the Primary already"))),
                &effects
            )
        }
        _ = try machine.requireLink(peer)
        // Before the table: while an application writes a Secondary is behind now and then, and waiting would not help.
        try machine.requireClosed(for: "migrate")
        if machine.header.isPrimary { try requireKnownPrimary(for: peer) }
        try requireAllowed(.migrate, peer)
        try requireLinksReady()
        try machine.requireOpenPrimary(for: "migrate")
        try requireIdle(for: "migrate")
        if let job = jobs.first {
            throw machine.refuse(
                .syncInProgress,
                "synchronization \(job.name) runs, and a change of role would void it",
                hint: "wait for its end, or interrupt it, then repeat migrate"
            )
        }
        let contact = try machine.requireContact(peer, for: "migrate")
        guard contact.consistent else {
            throw machine.refuse(
                .inconsistent,
                "\(host) is inconsistent until it has logged the end of its synchronization",
                hint: "wait until repstatus says up-to-date, then repeat migrate"
            )
        }
        machine.volumesHeldBy = "migrate"
        machine.intakeHeldBy = "migrate"
        machine.wantDurable(&effects.core)
        let state = MigrateOperation(
            token: token,
            peer: peer,
            transaction: machine.random.name(),
            epoch: handOverEpoch(to: peer),
            phase: .draining(deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds))
        )
        machine.decide(later: state.transaction.rawValue)
        operation = .migrate(state)
    }

    /// The new reign belongs to the host that receives it.
    private mutating func handOverEpoch(to peer: HostID) -> Epoch {
        var epoch = machine.claim(.migrate)
        epoch.host = peer
        epoch.hostName = machine.label(of: peer)
        return epoch
    }

    /// Every other RLINK must flow too, but for those that are detached.
    ///
    /// A rival that answers has to give way first: this Primary's answers keep it shut, and in the moment in which the role
    /// is nobody's it would open.
    private func requireLinksReady() throws(Refusal) {
        for link in machine.header.links where link.attachID != nil || isUnsettledRival(link.peer) {
            try requireAllowed(.migrate, link.peer)
        }
    }

    /// Another Primary whose reign nothing that this host knows of has closed.
    private func isUnsettledRival(_ host: HostID) -> Bool {
        guard let contact = machine.peer(host)?.contact, contact.isPrimary,
            contact.lineage.history.current != nil
        else { return false }
        return machine.header.lineage.closing(reignOf: contact.lineage.history) == nil
    }

    package mutating func advanceMigrate(_ state: MigrateOperation, now: Instant, into effects: inout NodeEffects) {
        switch state.phase {
        case .draining(let deadline):
            do { try requireLinksReady() } catch { return abandonOperation(error, &effects) }
            let behind = machine.header.links.filter { link in
                guard link.attachID != nil, let sending = machine.peer(link.peer)?.sending else { return false }
                return sending.logged < machine.end
            }
            guard machine.durable == machine.end, machine.isLogIdle, behind.isEmpty else {
                guard now < deadline else { return abandonOperation(notUpToDate(behind), &effects) }
                return machine.wantDurable(&effects.core)
            }
            var state = state
            state.phase = .preparing(
                firstID: machine.end.next,
                deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds)
            )
            operation = .migrate(state)
            machine.send(
                .prepare(.migrate(state.transaction, epoch: state.epoch, firstID: machine.end.next)),
                to: state.peer,
                &effects.core
            )
        case .preparing(_, let deadline):
            let lost = machine.peer(state.peer)?.contact == nil
            guard lost || now >= deadline else { return }
            abandonOperation(
                Refusal(
                    lost ? .hostUnreachable : .timedOut,
                    machine.label(of: state.peer),
                    "\(lost ? "was lost" : "did not answer within 10 s"); the role was not moved",
                    hint: "repeat migrate",
                    host: machine.hostName
                ),
                &effects
            )
        case .handing(let deadline): handOver(state, deadline, now: now, into: &effects)
        }
    }

    private func notUpToDate(_ behind: [LinkRecord]) -> Refusal {
        let names = behind.map { link in
            let logged = machine.peer(link.peer)?.sending.logged ?? .zero
            return "\(link.peerName) by \(counted(machine.end.value - min(logged.value, machine.end.value), "update"))"
        }
        return machine.refuse(
            .notUpToDate,
            "Secondaries are behind: \(names.joined(separator: ", "))",
            hint: "wait until repstatus says up-to-date, then repeat migrate"
        )
    }

    package mutating func migrateVote(
        _ state: MigrateOperation,
        _ vote: Vote,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard case .preparing(let firstID, _) = state.phase else { return }
        if case .no(let refusal) = vote { return abandonOperation(refusal, &effects) }
        // Nothing may have been logged since the id was told, or the new Primary would lack it.
        guard machine.end.next == firstID, machine.durable == machine.end, machine.isLogIdle else {
            return abandonOperation(
                machine.refuse(.notUpToDate, "a record was logged meanwhile", hint: "repeat migrate"),
                &effects
            )
        }
        var state = state
        let history = machine.header.lineage.history
        state.dropped = machine.header.checkpoints.map(\.name)
        machine.becomeSecondary(of: state.peer, givingUp: history)
        machine.header.lineage.history.open(state.epoch, at: firstID, dataBefore: machine.dataCount)
        machine.header.lineage.forget(state.epoch.id)
        if let link = machine.header.linkIndex(state.peer) {
            machine.header.links[link].attachment = .attached(machine.random.name(), cursor: firstID.previous)
            machine.header.links[link].detachReason = nil
        }
        machine.decided(state.transaction.rawValue)
        machine.following.provenDurable = machine.durable
        machine.headerChanged(&effects.core)
        machine.failWaiters(&effects.core)
        state.phase = .handing(deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds))
        operation = .migrate(state)
    }

    private mutating func handOver(
        _ state: MigrateOperation,
        _ deadline: Instant,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard machine.isSettledOnDisk else { return }
        let host = machine.label(of: state.peer)
        let open = machine.peer(state.peer)?.contact?.open == true
        let away = machine.peer(state.peer)?.contact == nil || now >= deadline
        guard open || away else { return }
        var outcome = Outcome(
            summary: "\(host) is the Primary (epoch \(state.epoch.number)); replication to it runs back"
        )
        outcome.notes += machine.note(dropped: state.dropped)
        if !open { outcome.notes.append("\(host) has not answered since it was told; it becomes Primary when it does") }
        if open { outcome.summary = "\(host) is the Primary; \(machine.hostName) follows it" }
        finishOperation(outcome, &effects)
    }

    // MARK: The new Primary

    package mutating func migrateAnnounced(
        _ transaction: TransactionID,
        epoch: Epoch,
        firstID: UpdateID,
        from host: HostID,
        into effects: inout NodeEffects
    ) {
        let token = transaction.rawValue
        guard !machine.header.isPrimary, machine.header.follows == host, machine.failure == nil,
            machine.isImageConsistent, operation == nil, machine.header.pending.isEmpty
        else {
            let refusal = machine.refuse(
                .inconsistent,
                "\(machine.hostName) cannot become Primary now",
                hint: machine.command("repstatus", options: "-l")
            )
            return vote(.no(refusal), token: token, to: host, &effects)
        }
        guard machine.end.next == firstID, machine.durable == machine.end else {
            let refusal = machine.refuse(
                .notUpToDate,
                "\(machine.hostName) ends at \(machine.end), not \(firstID.previous)",
                hint: "repeat migrate"
            )
            return vote(.no(refusal), token: token, to: host, &effects)
        }
        machine.header.pending.append(.migrate(transaction, by: host, epoch: epoch, firstID: firstID))
        machine.headerChanged(&effects.core)
        vote(.yes, token: token, to: host, &effects)
    }
}
