import HomewardCore

/// takeover, on the Secondary that decides (OperationSteps, a to d).
///
/// ```text
/// silence ──▶ preparing ──▶ makingDurable ──▶ opening (committed) ──▶ done
///    └──────────────┴───────────────┴─▶ given up, nothing changed
/// ```
package struct TakeoverOperation: Sendable {
    package enum Phase: Hashable, Sendable {
        /// The Primary must stay silent until then.
        case silence(until: Instant)
        /// Third hosts that have not voted yet.
        case preparing([HostID], deadline: Instant)
        case makingDurable
        case opening
    }

    package var token: UInt64
    package var force: Bool
    package var transaction: TransactionID
    package var epoch: Epoch
    package var oldPrimary: HostID?
    /// Several Primaries, all shut, whose reigns are ended by force.
    package var rivals: [HostID] = []
    package var lastHeard: UpdateID?
    package var phase: Phase
    package var fork: UpdateID = .zero
    package var notes: [String] = []
}

extension RVGNode {
    package mutating func beginTakeover(
        force: Bool,
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        if machine.header.isPrimary {
            if let claim = ownTakeover, operation == nil {
                let outcome = Outcome(
                    already: true,
                    summary: "\(machine.hostName) has taken over already",
                    takeover: report(of: claim)
                )
                return answer(token, .success(.done(outcome)), &effects)
            }
            throw machine.refuse(
                .alreadyPrimary,
                "\(machine.hostName) is a Primary",
                hint: "a takeover is typed on a Secondary; where each role is: " + machine.command("printrvg")
            )
        }
        let rivals = force ? shutRivals : []
        let primary = machine.header.follows
        if rivals.isEmpty, let primary { try requireAllowed(.takeover, primary) }
        try requireIdle(for: "takeover")
        try requireTakeoverPossible(force: force)

        var epoch = machine.claim(.takeover, ending: rivals.compactMap { $0.contact?.lineage.history.current })
        // A handed epoch ends the reign of one Primary alone.
        if rivals.isEmpty, let handed = machine.handedEpoch { epoch = handed.epoch }
        let silentSince = primary.flatMap { machine.peer($0)?.lostAt } ?? machine.startedAt ?? now
        let state = TakeoverOperation(
            token: token,
            force: force,
            transaction: machine.random.name(),
            epoch: epoch,
            oldPrimary: primary,
            rivals: rivals.map(\.host),
            lastHeard: furthestKnown(beside: rivals.map(\.host)),
            phase: .silence(until: silentSince.advanced(byMilliseconds: machine.limits.primarySilenceMilliseconds)),
            notes: note(ended: rivals)
        )
        machine.takingOver = true
        machine.decide(later: state.transaction.rawValue)
        machine.forgetStream()
        operation = .takeover(state)
        if let primary, machine.peer(primary)?.session == nil {
            _ = begin(.probe(primary, name: machine.label(of: primary)), for: .operation, &effects)
        }
    }

    /// Where nobody listens any more there is no Primary whose silence would have to be waited for; one that starts again
    /// stays shut until it has heard of this host.
    package mutating func takeoverTaskDone(
        _ state: TakeoverOperation,
        _ result: TaskResult,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard case .probed(refused: true) = result, case .silence = state.phase,
            let primary = state.oldPrimary, machine.peer(primary)?.session == nil
        else { return }
        var state = state
        state.phase = .silence(until: now)
        operation = .takeover(state)
    }

    private func requireTakeoverPossible(force: Bool) throws(Refusal) {
        if let failure = machine.failure { throw failure }
        guard machine.header.lineage.history.current != nil else {
            throw machine.refuse(
                .inconsistent,
                "\(machine.hostName) never held data of this RVG",
                hint: "take over on a consistent Secondary; which are: " + machine.command("repstatus")
            )
        }
        guard machine.isImageConsistent else {
            throw machine.refuse(
                .inconsistent,
                "the Secondary on \(machine.hostName) is inconsistent"
                    + (machine.header.targetJob.map { ": synchronization \($0.name) is unfinished" } ?? ""),
                hint: "take over on a consistent Secondary (which are: " + machine.command("repstatus")
                    + "), or finish the synchronization when the Primary is back"
            )
        }
        if !force,
            case .takeover(_, let by, let epoch, _)? = machine.header.pending.first(where: {
                if case .takeover = $0 { true } else { false }
            })
        {
            throw machine.refuse(
                .transactionInDoubt,
                "\(machine.label(of: by)) announced a takeover (epoch \(epoch.number))",
                hint: "ask \(machine.label(of: by)); if it is gone for good: "
                    + machine.command("takeover", options: "-f -N", on: machine.hostName)
            )
        }
        try requirePrimaryGone()
    }

    private func note(ended rivals: [Peer]) -> [String] {
        guard !rivals.isEmpty else { return [] }
        let names = rivals.map(\.name).sorted().joined(separator: " and ")
        return ["the reigns of \(names) are ended; updates that only they hold are not part of this host's data"]
    }

    /// The newest id that is known of the old Primary's data: what this host heard of, or a host that answers, be it that
    /// Primary, shut, holds of the same history.
    private func furthestKnown(beside rivals: [HostID]) -> UpdateID? {
        let own = machine.header.lineage.history
        let others = machine.peers.compactMap { peer -> UpdateID? in
            guard let contact = peer.contact, let fork = own.fork(with: contact.lineage.history) else { return nil }
            guard contact.isPrimary else { return fork.firstID > machine.end.next ? contact.reach.end : nil }
            // A successor's epoch may begin just behind this host's end; without data in it nothing is lost.
            let counts = rivals.contains(peer.host) || peer.host == machine.header.follows
            guard counts, fork.firstID >= machine.end.next, contact.reach.dataCount > machine.dataCount else {
                return nil
            }
            return contact.reach.end
        }
        return ([machine.following.primaryEnd].compactMap(\.self) + others).max()
    }

    /// The takeover that this host's reign of now began with, if it is not closed: its own epoch, or one that was to be handed
    /// to it and that it used itself, which leaves the RLINK to the host that was to hand it over detached.
    private var ownTakeover: Epoch? {
        let entries = machine.header.lineage.history.entries
        guard machine.header.fence == nil, let reign = entries.last?.epoch.reign,
            let place = entries.lastIndex(where: { $0.epoch.id == reign }),
            entries[place].epoch.host == machine.header.host
        else { return nil }
        switch entries[place].epoch.kind {
        case .takeover: return entries[place].epoch
        case .migrate:
            guard place > 0, let link = machine.header.linkIndex(entries[place - 1].epoch.host),
                machine.header.links[link].attachID == nil
            else { return nil }
            return entries[place].epoch
        case .creation, .uncleanStart: return nil
        }
    }

    /// A session with the Primary is up, and what it says has not been read yet: its first word is waited for as long as its
    /// silence would be.
    private func isPrimarySpeaking(now: Instant) -> Bool {
        guard let primary = machine.header.follows.flatMap({ machine.peer($0) }), primary.session != nil,
            primary.contact == nil, let since = primary.connectedAt
        else { return false }
        return now.milliseconds(since: since) < machine.limits.primarySilenceMilliseconds
    }

    private func requirePrimaryGone() throws(Refusal) {
        for peer in machine.peers where peer.contact?.mayOpen == true {
            let follows = peer.host == machine.header.follows
            throw machine.refuse(
                .primaryReachable,
                "\(follows ? "the Primary" : "a Primary") \(peer.name) answers",
                hint: "to change roles with both hosts up: " + machine.command("migrate", machine.hostName)
            )
        }
    }

    /// A rival that is not there any more may have been restarted, and open.
    private func requireStillShut(_ rivals: [HostID]) throws(Refusal) {
        for host in rivals where machine.peer(host)?.contact?.isShut != true {
            throw machine.refuse(
                .primaryPrimary,
                "\(machine.label(of: host)), a Primary that was shut, does not answer any more, or is not shut",
                hint: "see what it does, and repeat it: " + machine.command("printrvg", options: "-l")
            )
        }
    }

    /// A handed epoch that was given up or ended while this takeover waited is not opened; a new one is claimed next time.
    private func requireStillHanded(_ epoch: Epoch) throws(Refusal) {
        guard epoch.kind == .migrate, machine.handedEpoch?.epoch.id != epoch.id else { return }
        throw machine.refuse(
            .transactionInDoubt,
            "epoch \(epoch.number), which \(machine.hostName) was to be handed, was given up or ended meanwhile",
            hint: "repeat it: " + machine.command("takeover", options: "-N", on: machine.hostName)
        )
    }

    package mutating func advanceTakeover(
        _ state: TakeoverOperation,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        var state = state
        if machine.header.isPrimary, state.phase != .opening {
            // The old Primary came back meanwhile and had handed its role to this host: nothing is left to be taken.
            machine.decided(state.transaction.rawValue)
            state.epoch = machine.header.lineage.history.current ?? state.epoch
            state.fork = machine.end
            state.notes.append("the old Primary had handed its role over before it was lost")
            state.phase = .opening
            operation = .takeover(state)
        }
        switch state.phase {
        case .silence, .preparing, .makingDurable:
            do {
                try requirePrimaryGone()
                try requireStillShut(state.rivals)
                try requireStillHanded(state.epoch)
            } catch {
                return abandonOperation(error, &effects)
            }
            if isPrimarySpeaking(now: now) { return }
        case .opening: break
        }
        switch state.phase {
        case .silence(let until):
            guard now >= until else { return }
            prepareTakeover(&state, now: now, into: &effects)
        case .preparing(let hosts, let deadline):
            let waiting = hosts.filter { machine.peer($0)?.contact?.failed == false }
            if waiting.isEmpty {
                state.phase = .makingDurable
                machine.wantDurable(&effects.core)
                operation = .takeover(state)
                advanceTakeover(state, now: now, into: &effects)
            } else if now >= deadline {
                let names = waiting.map { machine.label(of: $0) }.joined(separator: ", ")
                abandonOperation(
                    machine.refuse(.timedOut, "\(names) did not answer within 10 s", hint: "repeat takeover"),
                    &effects
                )
            }
        case .makingDurable:
            guard machine.durable == machine.end, machine.isLogIdle else { return machine.wantDurable(&effects.core) }
            commitTakeover(&state, now: now, into: &effects)
        case .opening:
            guard machine.gate == nil, machine.durable >= machine.end || machine.durable > state.fork else { return }
            let summary = "\(machine.hostName) is the Primary (epoch \(state.epoch.number))"
            finishOperation(Outcome(summary: summary, notes: state.notes, takeover: report(state)), &effects)
        }
    }

    private mutating func prepareTakeover(
        _ state: inout TakeoverOperation,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        let third = machine.peers.filter { peer in
            // One whose device failed promises nothing before its daemon is restarted: it is as one that is not there.
            guard let contact = peer.contact else { return false }
            return !contact.isPrimary && !contact.failed
        }
        let first = machine.end.next
        for peer in third {
            // With -f a host that holds more is overruled: it fetches this host's records instead. Where -f overrules
            // Primaries, a better Secondary is to be known first.
            let count = state.force && state.rivals.isEmpty ? Prepare.overruling : machine.dataCount
            machine.send(
                .prepare(
                    .takeover(
                        state.transaction,
                        epoch: state.epoch,
                        firstID: first,
                        history: machine.header.lineage.history,
                        dataCount: count
                    )
                ),
                to: peer.host,
                &effects.core
            )
        }
        state.phase = .preparing(
            third.map(\.host),
            deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds)
        )
        operation = .takeover(state)
        advanceTakeover(state, now: now, into: &effects)
    }

    package mutating func takeoverVote(
        _ state: TakeoverOperation,
        _ vote: Vote,
        from host: HostID,
        into effects: inout NodeEffects
    ) {
        guard case .preparing(let hosts, let deadline) = state.phase else { return }
        switch vote {
        case .yes, .begin:
            var state = state
            state.phase = .preparing(hosts.filter { $0 != host }, deadline: deadline)
            operation = .takeover(state)
        case .no(let refusal) where refusal.code == .betterSecondary && !state.rivals.isEmpty:
            let there = machine.command("takeover", options: "-f -N", on: machine.label(of: host))
            abandonOperation(machine.refuse(refusal.code, refusal.message, hint: "take over there: " + there), &effects)
        case .no(let refusal):
            abandonOperation(refusal, &effects)
        }
    }

    /// One header write decides: from then on this host is the Primary.
    private mutating func commitTakeover(
        _ state: inout TakeoverOperation,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        state.fork = machine.end
        state.notes += abandonedReigns.map { "the updates of \($0) are not part of this host's data and are abandoned" }
        state.notes += machine.note(dropped: machine.header.checkpoints.map(\.name))
        for case .takeover(_, let by, let epoch, _) in machine.header.pending {
            state.notes.append(
                "the takeover that \(machine.label(of: by)) announced (epoch \(epoch.number)) is overruled"
            )
        }
        if state.epoch.kind != .migrate {
            let given = machine.header.lineage.history.entries.map(\.epoch.id)
            machine.header.lineage.revive(given)
        }
        machine.header.pending = []
        machine.header.lineage.history.open(state.epoch, at: machine.end.next, dataBefore: machine.dataCount)
        machine.header.lineage.forget(state.epoch.id)
        machine.takePrimaryRole()
        machine.openingEpoch = state.epoch
        machine.decided(state.transaction.rawValue)
        machine.headerChanged(&effects.core)
        machine.gate = .opening(since: machine.criticalGeneration)
        effects.core.wake.insert(.apply)
        state.phase = .opening
        operation = .takeover(state)
    }

    /// Reigns of the Primary followed that this host's data do not contain: it was to be synchronized and was not yet.
    private var abandonedReigns: [String] {
        guard let followed = machine.header.follows else { return [] }
        return machine.header.lineage.heard.filter { epoch in
            epoch.host == followed && epoch.isClaim && !machine.header.lineage.abandoned.contains(epoch.id)
        }.map { "\($0.hostName) since epoch \($0.number)" }
    }

    private func report(_ state: TakeoverOperation) -> TakeoverReport {
        let lost = state.lastHeard.map { $0.value - min($0.value, state.fork.value) }
        return TakeoverReport(
            epoch: state.epoch.number,
            forkID: state.fork,
            forkTime: machine.record(state.fork).flatMap { $0.wallTime == 0 ? nil : Double($0.wallTime) / 1e9 },
            lastHeardID: state.lastHeard,
            lostAtLeast: lost,
            oldPrimary: state.oldPrimary.map { machine.label(of: $0) }
        )
    }

    private func report(of epoch: Epoch) -> TakeoverReport {
        let first = machine.header.lineage.history.entries.last { $0.epoch.id == epoch.id }?.firstID ?? machine.end.next
        return TakeoverReport(
            epoch: epoch.number,
            forkID: first.previous,
            forkTime: nil,
            lastHeardID: nil,
            lostAtLeast: nil,
            oldPrimary: nil
        )
    }
}

extension RVGMachine {
    /// An epoch that the Primary had prepared to hand to this host, when it is in doubt; nil where somebody took over of it
    /// meanwhile, as this host has heard.
    package var handedEpoch: (epoch: Epoch, firstID: UpdateID)? {
        for case .migrate(_, _, let epoch, let firstID) in header.pending
        where firstID == end.next
            && header.lineage.closing(of: epoch, senderHistory: header.lineage.history) == nil
        {
            return (epoch, firstID)
        }
        return nil
    }

    /// A new epoch of this host that ends the reign that it followed, that of its own data, and those of `others`.
    package mutating func claim(_ kind: Epoch.Kind, ending others: [Epoch] = []) -> Epoch {
        let id: EpochID = random.name()
        var ended = others
        if let current = header.lineage.history.current { ended.append(current) }
        if let followed = header.follows {
            // The newest that is known of the Primary that it follows, from its last contact.
            let newest =
                peer(followed)?.lastContact?.lineage.history.current
                ?? header.lineage.heard.filter { $0.host == followed && !header.lineage.abandoned.contains($0.id) }
                .max { $0.number < $1.number }
            if let newest { ended.append(newest) }
        }
        for case .migrate(_, _, let epoch, _) in header.pending { ended.append(epoch) }
        return Epoch(
            number: header.lineage.nextNumber,
            id: id,
            host: header.host,
            hostName: hostName,
            kind: kind,
            reign: id,
            closes: header.lineage.closure(of: ended)
        )
    }
}
