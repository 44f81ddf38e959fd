import FoundationEssentials
import HomewardCore

/// makesec, on the old Primary that decides (OperationSteps, 1 to 6).
package struct MakesecOperation: Sendable {
    package enum Phase: Hashable, Sendable {
        /// The whole log goes to the volumes first.
        case applying
        case salvaging(unsent: UInt64)
        case preparing(deadline: Instant)
        /// Committed; waiting until the new Primary has heard, at most until the deadline.
        case confirming(deadline: Instant)
    }

    package var token: UInt64
    package var peer: HostID
    package var force: Bool
    package var transaction: TransactionID
    package var phase: Phase
    /// The log is kept from here on.
    package var pin: UpdateID
    package var discarded: Discarded?
    package var unsent: UInt64 = 0
    /// The new Primary's contact has shown its promise, which it keeps until it has heard of the commit.
    package var sawPromise = false
    /// Checkpoints that the change of role voids.
    package var dropped: [String] = []
}

extension RVGNode {
    package mutating func beginMakesec(
        _ peer: HostID,
        force: Bool,
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        let newPrimary = machine.label(of: peer)
        guard machine.header.isPrimary else {
            if machine.header.follows == peer {
                let summary = "\(machine.hostName) is a Secondary of \(newPrimary) already"
                return answer(token, .success(.done(Outcome(already: true, summary: summary))), &effects)
            }
            throw machine.refuse(
                .notPrimary,
                "\(machine.hostName) is not a Primary, so there is nothing to convert",
                hint: machine.command("printrvg", options: "-l")
            )
        }
        try requireAllowed(.makesec, peer)
        try requireIdle(for: "makesec")
        if let failure = machine.failure { throw failure }
        let contact = try machine.requireContact(peer, for: "makesec")
        try requireNewPrimary(contact, peer)
        try machine.requireClosed(for: "makesec")
        machine.volumesHeldBy = "makesec"
        let state = MakesecOperation(
            token: token,
            peer: peer,
            force: force,
            transaction: machine.random.name(),
            phase: .applying,
            pin: machine.header.tailID
        )
        machine.decide(later: state.transaction.rawValue)
        // What is about to be counted, and kept in a file, is not freed when it is on the volumes.
        machine.pins.append(state.pin)
        machine.wantApplied(&effects.core)
        operation = .makesec(state)
    }

    package mutating func unpin(_ state: MakesecOperation) {
        if let position = machine.pins.firstIndex(of: state.pin) { machine.pins.remove(at: position) }
    }

    private func requireNewPrimary(_ contact: Contact, _ peer: HostID) throws(Refusal) {
        let name = machine.label(of: peer)
        guard contact.lineage.history.fork(with: machine.header.lineage.history) != nil else {
            throw machine.refuse(
                .otherLineage,
                "the RVG on \(name) does not descend from this one",
                hint: "remove one of the two (vradmin help delpri) and add it again (vradmin help addsec)"
            )
        }
        guard contact.open else {
            guard !machine.isOpen else {
                throw machine.refuse(
                    .notPrimary,
                    "\(machine.hostName) is the open Primary, and \(name) is not: it is \(name) that gives way",
                    hint: machine.command("makesec", machine.hostName, on: name)
                )
            }
            throw machine.refuse(
                .notPrimary,
                "\(name) is a Primary that is not open",
                hint: "name the host that took over, as shown by: " + machine.command("printrvg", options: "-l")
            )
        }
    }

    package mutating func advanceMakesec(_ state: MakesecOperation, now: Instant, into effects: inout NodeEffects) {
        switch state.phase {
        case .applying:
            // A log that is damaged is not carried out: what it holds before the damage is older than the volumes.
            guard machine.isLogDamaged || machine.applied == machine.end, machine.isLogIdle else {
                return machine.wantApplied(&effects.core)
            }
            countUnsent(state, now: now, into: &effects)
        case .salvaging: return
        case .preparing(let deadline):
            guard machine.peer(state.peer)?.contact != nil else {
                return abandonOperation(
                    Refusal(
                        .hostUnreachable,
                        machine.label(of: state.peer),
                        "was lost before it had agreed; nothing was changed",
                        hint: "repeat makesec when it answers",
                        host: machine.hostName
                    ),
                    &effects
                )
            }
            guard now >= deadline else { return }
            abandonOperation(
                machine.refuse(
                    .timedOut,
                    "\(machine.label(of: state.peer)) did not answer within 10 s",
                    hint: "repeat makesec"
                ),
                &effects
            )
        case .confirming(let deadline):
            guard machine.isSettledOnDisk else { return }
            let promised = machine.peer(state.peer)?.contact?.promised.contains(state.transaction.rawValue)
            if promised == true, !state.sawPromise {
                var state = state
                state.sawPromise = true
                operation = .makesec(state)
            }
            // A contact from before the promise does not tell that it is over.
            let confirmed = state.sawPromise && promised == false
            let lost = machine.peer(state.peer)?.contact == nil || now >= deadline
            guard confirmed || lost else { return }
            let name = machine.label(of: state.peer)
            var outcome = Outcome(summary: "\(machine.hostName) is a Secondary of \(name), detached")
            outcome.notes += machine.note(dropped: state.dropped)
            if lost, !confirmed { outcome.notes.append("\(name) will be told when it answers") }
            if state.unsent > 0 {
                outcome.discarded = state.discarded.map { machine.describe($0) }
                outcome.notes.append("\(counted(state.unsent, "update")) of \(machine.hostName) never reached \(name)")
            }
            finishOperation(outcome, &effects)
        }
    }

    private mutating func countUnsent(_ state: MakesecOperation, now: Instant, into effects: inout NodeEffects) {
        guard let contact = machine.peer(state.peer)?.contact else {
            return abandonOperation(
                Refusal(
                    .hostUnreachable,
                    machine.label(of: state.peer),
                    "was lost; nothing was changed",
                    hint: "repeat makesec when it answers",
                    host: machine.hostName
                ),
                &effects
            )
        }
        var state = state
        let history = contact.lineage.history
        state.unsent =
            machine.header.lineage.history.divergence(
                end: machine.end,
                dataCount: machine.dataCount,
                from: history
            ) ?? machine.dataCount
        let records = machine.divergedRecords(from: history)
        if machine.isLogDamaged, !state.force {
            let text = machine.damage ?? "as found at an earlier start"
            return abandonOperation(
                machine.refuse(
                    .unsentUpdates,
                    "how many updates of \(machine.hostName) never reached \(machine.label(of: state.peer)) is unknown,"
                        + " its log is damaged (\(text)); \(records.count) before the damage are known not to have",
                    hint: "to give them up, those that can be read kept in a salvage file: "
                        + machine.command("makesec", machine.label(of: state.peer), options: "-f", on: machine.hostName)
                ),
                &effects
            )
        }
        if state.unsent > 0 {
            let unsent = Discarded(total: state.unsent, records: records)
            guard state.force else {
                return abandonOperation(
                    machine.refuse(
                        .unsentUpdates,
                        "\(counted(state.unsent, "update")) of \(machine.hostName) never reached \(machine.label(of: state.peer))"
                            + (unsent.map { ": \(machine.phrase($0))" } ?? ""),
                        hint: (records.isEmpty
                            ? "to give them up: " : "to give them up, what the log has kept in a salvage file: ")
                            + machine.command(
                                "makesec",
                                machine.label(of: state.peer),
                                options: "-f",
                                on: machine.hostName
                            )
                    ),
                    &effects
                )
            }
            state.discarded = unsent
            guard !records.isEmpty else { return announceMakesec(state, now: now, into: &effects) }
            state.phase = .salvaging(unsent: state.unsent)
            operation = .makesec(state)
            begin(.salvage(records, label: "makesec-\(machine.label(of: state.peer))"), for: .operation, &effects)
            return
        }
        announceMakesec(state, now: now, into: &effects)
    }

    package mutating func makesecTaskDone(
        _ state: MakesecOperation,
        _ result: TaskResult,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard case .salvaging = state.phase else { return }
        var state = state
        switch result {
        case .salvaged(let path):
            state.discarded?.salvageFile = path
            announceMakesec(state, now: now, into: &effects)
        case .failed(let refusal):
            abandonOperation(refusal, &effects)
        case .hashes, .block, .differing, .done, .cursor, .probed:
            preconditionFailure("a salvage ends with a file or a failure")
        }
    }

    private mutating func announceMakesec(_ state: MakesecOperation, now: Instant, into effects: inout NodeEffects) {
        var state = state
        state.phase = .preparing(deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds))
        operation = .makesec(state)
        machine.send(
            .prepare(
                .makesec(
                    state.transaction,
                    history: machine.header.lineage.history,
                    end: machine.end,
                    dataCount: machine.dataCount
                )
            ),
            to: state.peer,
            &effects.core
        )
    }

    package mutating func makesecVote(
        _ state: MakesecOperation,
        _ vote: Vote,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard case .preparing = state.phase else { return }
        switch vote {
        case .no(let refusal): abandonOperation(refusal, &effects)
        case .yes, .begin:
            guard let contact = machine.peer(state.peer)?.contact else { return }
            var state = state
            let damaged = machine.isLogDamaged
            state.dropped = machine.header.checkpoints.map(\.name)
            machine.becomeSecondary(of: state.peer, givingUp: contact.lineage.history)
            // What lies on its volumes is no image that anybody had.
            if damaged { machine.header.consistentFrom = .never }
            machine.header.divergenceTold = state.unsent
            machine.decided(state.transaction.rawValue)
            unpin(state)
            machine.headerChanged(&effects.core)
            machine.advanceTail(&effects.core)
            machine.failWaiters(&effects.core)
            state.phase = .confirming(deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds))
            operation = .makesec(state)
        }
    }

    // MARK: The new Primary

    /// An old Primary announces that it becomes this host's Secondary.
    package mutating func makesecAnnounced(
        _ transaction: TransactionID,
        history: History,
        from host: HostID,
        into effects: inout NodeEffects
    ) {
        let token = transaction.rawValue
        func no(_ refusal: Refusal) { vote(.no(refusal), token: token, to: host, &effects) }
        guard machine.header.isPrimary, machine.isOpen || machine.header.stopped else {
            return no(
                machine.closedBecause
                    ?? machine.refuse(
                        .notPrimary,
                        "\(machine.hostName) is not the Primary",
                        hint: machine.command("printrvg")
                    )
            )
        }
        guard machine.header.lineage.history.fork(with: history) != nil else {
            return no(
                machine.refuse(
                    .otherLineage,
                    "the two RVGs have no epoch in common",
                    hint: "remove one of the two (vradmin help delpri) and add it again (vradmin help addsec)"
                )
            )
        }
        if case .makesec? = operation {
            return no(
                machine.refuse(
                    .operationInProgress,
                    "\(machine.hostName) runs makesec itself",
                    hint: "wait for its end"
                )
            )
        }
        guard let link = machine.header.linkIndex(host) else {
            return no(
                machine.refuse(
                    .unknownSecondary,
                    "\(machine.label(of: host)) is not in the RDS of \(machine.hostName)",
                    hint: machine.command("addsec", "\(machine.hostName) \(machine.label(of: host))")
                )
            )
        }
        machine.header.pending.append(
            .makesec(transaction, by: host, linkBefore: machine.header.links[link].attachment)
        )
        machine.header.links[link].detach(because: "\(machine.label(of: host)) becomes a Secondary of this host")
        machine.stopStream(to: host, &effects.core)
        machine.headerChanged(&effects.core)
        vote(.yes, token: token, to: host, &effects)
    }
}

extension RVGMachine {
    /// Gives the Primary role up: role, lineage and links in one header change, which the caller notes.
    package mutating func becomeSecondary(of peer: HostID, givingUp kept: History) {
        // Common epochs that the other dropped from the front of its history are not given up.
        let mine = header.lineage.history.entries
        let common = mine.lastIndex { kept.contains($0.epoch.id) }
        for entry in mine[(common.map { $0 + 1 } ?? 0)...] { header.lineage.noteAbandoned(entry.epoch.id) }
        header.role = .secondary(of: peer)
        header.fence = nil
        header.cleanStop = false
        header.checkpoints = []
        header.consistentFrom = .zero
        for link in header.links.indices { header.links[link].detach() }
        for peer in peers.indices { peers[peer].sending = Sending() }
        gate = .starting
        openingEpoch = nil
        following = Following()
        pendingWrites.removeAll()
    }

    /// Counts, times and places as people read them.
    package func phrase(_ discarded: Discarded) -> String {
        guard discarded.kept > 0 else {
            return "\(counted(discarded.updates, "update")), none of them in the log any more"
        }
        let part = discarded.kept < discarded.updates ? "the \(discarded.kept) that the log still has: " : ""
        let places = discarded.ranges.prefix(4).map {
            "\(volumes[Int($0.volume)].name) at \($0.offset) (\($0.length) bytes)"
        }
        let more = discarded.ranges.count + discarded.rangesLeftOff - places.count
        let ids =
            discarded.firstID == discarded.lastID
            ? "id \(discarded.firstID), written \(utc(discarded.firstTime))"
            : "ids \(discarded.firstID) to \(discarded.lastID), "
                + "written \(utc(discarded.firstTime)) to \(utc(discarded.lastTime))"
        return "\(part)\(discarded.bytes) bytes, \(ids), "
            + places.joined(separator: ", ") + (more > 0 ? " and \(more) more ranges" : "")
    }

    private func utc(_ nanoseconds: UInt64) -> String {
        Date(timeIntervalSince1970: Double(nanoseconds) / 1e9).formatted(.iso8601)
    }

    package func describe(_ discarded: Discarded, host: String? = nil) -> DiscardedUpdates {
        DiscardedUpdates(
            host: host ?? hostName,
            updates: discarded.updates,
            kept: discarded.kept,
            bytes: discarded.bytes,
            firstID: discarded.firstID,
            lastID: discarded.lastID,
            firstTime: Double(discarded.firstTime) / 1e9,
            lastTime: Double(discarded.lastTime) / 1e9,
            ranges: discarded.ranges.map {
                VolumeRange(volume: volumes[Int($0.volume)].name, offset: $0.offset, length: $0.length)
            },
            rangesLeftOff: discarded.rangesLeftOff,
            salvageFile: discarded.salvageFile
        )
    }
}
