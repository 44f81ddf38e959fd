import HomewardCore

/// startrep, on the Primary that decides (OperationSteps, 13 to 18).
package struct AttachOperation: Sendable {
    package enum Phase: Hashable, Sendable {
        /// `-f`: everything goes to the volumes before a sample of them is taken.
        case quiescing
        case sampling([BlockRange])
        case preparing
        /// The header with the attachment is on its way to disk.
        case committed
    }

    package var token: UInt64
    package var peer: HostID
    package var how: AttachMode
    package var attach: AttachID
    package var start: UpdateID
    package var end: UpdateID?
    package var checkpoint: Checkpoint?
    package var phase: Phase
    /// When it is given up: so long after it began to hold the application's writes, or after its offer.
    ///
    /// Never of a copy made by hand, for which nothing is held.
    package var deadline: Instant?
    package var sample: [SampledBlock] = []
    package var seed: UInt64
}

extension RVGNode {
    /// Blocks compared of each of so many volumes before a copy is believed that no receipt proves: at most 32, and of all
    /// together no more than an offer may carry.
    private static func sampleBlocks(ofEach volumes: Int) -> Int {
        min(32, max(1, AttachOffer.sampleLimit / max(volumes, 1)))
    }

    package mutating func beginAttach(
        _ peer: HostID,
        how: AttachMode,
        consent: Bool,
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        let link = try machine.requireLink(peer)
        if try isAlreadySo(.startrep, peer) {
            let summary = "replication to \(link.peerName) is started already"
            return answer(token, .success(.done(Outcome(already: true, summary: summary))), &effects)
        }
        try machine.requireOpenPrimary(for: "startrep")
        try requireIdle(for: "startrep")
        try requireNoSynchronization(of: peer, for: "startrep")
        _ = try machine.requireContact(peer, for: "startrep")
        var state = AttachOperation(
            token: token,
            peer: peer,
            how: how,
            attach: machine.random.name(),
            start: .zero,
            phase: .quiescing,
            seed: machine.random.next()
        )
        switch how {
        case .identical:
            machine.intakeHeldBy = "startrep"
            state.deadline = now.advanced(byMilliseconds: machine.limits.operationMilliseconds)
            machine.wantApplied(&effects.core)
        case .checkpoint(let name):
            let checkpoint = try requireCheckpoint(name, for: peer, consent: consent)
            state.checkpoint = checkpoint
            state.start = checkpoint.start
            state.end = checkpoint.end(for: peer)
            machine.pins.append(checkpoint.start)
        }
        machine.decide(later: state.attach.rawValue)
        operation = .attach(state)
        if state.checkpoint?.madeByHand == true {
            takeSample(state, into: &effects)
        } else if state.checkpoint != nil {
            offerAttach(state, now: now, into: &effects)
        }
    }

    private func requireCheckpoint(_ name: String, for peer: HostID, consent: Bool) throws(Refusal) -> Checkpoint {
        let host = machine.label(of: peer)
        guard let checkpoint = machine.header.checkpoints.first(where: { $0.name == name }) else {
            if let dead = machine.overflowed.last(where: { $0.checkpoint.name == name }) {
                throw machine.refuse(
                    .checkpointOverflowed,
                    "checkpoint \(name) overflowed: it had pinned \(dead.bytesNeeded) bytes of the \(machine.capacity) that the "
                        + "log has, and new writes needed the room",
                    hint: "synchronize again: " + machine.command("syncrvg", host, options: "-c NAME")
                )
            }
            throw machine.refuse(
                .unknownCheckpoint,
                "there is no checkpoint \(name)",
                hint: "vxrvg -g \(machine.diskGroup) cplist \(machine.name); or make one: "
                    + machine.command("syncrvg", host, options: "-c \(name)")
            )
        }
        if checkpoint.madeByHand {
            guard checkpoint.end != nil else {
                throw machine.refuse(
                    .checkpointIncomplete,
                    "checkpoint \(name) was started and not ended",
                    hint: "when the copy has ended: vxrvg -g \(machine.diskGroup) checkend \(machine.name)"
                )
            }
            guard consent else {
                throw machine.refuse(
                    .needsConsent,
                    "Was the copy on \(host) made between checkstart and checkend of \(name)? If not, it will be corrupt.",
                    hint: "answer y, or repeat with -s"
                )
            }
            return checkpoint
        }
        guard let target = checkpoint.targets.first(where: { $0.host == peer }) else {
            throw machine.refuse(
                .noReceipt,
                "checkpoint \(name) was not made for \(host)",
                hint: machine.command("syncrvg", host, options: "-c NAME")
            )
        }
        guard target.end != nil, target.received else {
            throw machine.refuse(
                .checkpointIncomplete,
                "the synchronization of \(host) under checkpoint \(name) is not complete",
                hint: "go on with it: " + machine.command("syncrvg", host, options: "-c \(name)")
            )
        }
        return checkpoint
    }

    package mutating func advanceAttach(_ state: AttachOperation, now: Instant, into effects: inout NodeEffects) {
        if let deadline = state.deadline, now >= deadline, let awaited = awaited(by: state) {
            return abandonOperation(
                machine.refuse(
                    .timedOut,
                    "startrep waited \(machine.limits.operationMilliseconds / 1_000) s \(awaited); nothing was changed",
                    hint: "repeat startrep"
                ),
                &effects
            )
        }
        switch state.phase {
        case .quiescing:
            guard machine.applied == machine.end, machine.isLogIdle else { return machine.wantApplied(&effects.core) }
            var state = state
            state.start = machine.end
            machine.pins.append(state.start.next)
            takeSample(state, into: &effects)
        case .sampling: return
        case .preparing:
            if let loss = loss(of: state.peer) { abandonOperation(loss, &effects) }
        case .committed:
            guard machine.isSettledOnDisk else { return }
            machine.startStream(to: state.peer, &effects.core)
            finishOperation(Outcome(summary: "replication to \(machine.label(of: state.peer)) is started"), &effects)
        }
    }

    /// Why a host that was asked will not answer any more; nil while it may.
    private func loss(of peer: HostID) -> Refusal? {
        guard let contact = machine.peer(peer)?.contact else {
            return Refusal(
                .hostUnreachable,
                machine.label(of: peer),
                "was lost before it had agreed; nothing was changed",
                hint: "repeat startrep when it answers",
                host: machine.hostName
            )
        }
        guard contact.failed else { return nil }
        return Refusal(
            .ioError,
            machine.label(of: peer),
            "had a device fail before it had agreed; nothing was changed",
            hint: "see its log, restart its daemon when the device works again, then repeat startrep",
            host: machine.hostName
        )
    }

    /// What holds it up; nil once it is committed.
    private func awaited(by state: AttachOperation) -> String? {
        let host = machine.label(of: state.peer)
        switch state.phase {
        case .quiescing: return "until all that was written is on the volumes of \(machine.hostName)"
        case .sampling(let ranges):
            return "until \(counted(UInt64(ranges.count), "sampled block")) were read on \(machine.hostName)"
        case .preparing:
            // A host that was lost is told as such.
            return machine.peer(state.peer)?.contact == nil ? nil : "until \(host) answers"
        case .committed: return nil
        }
    }

    /// Hashes some blocks here; the Secondary compares its own before it agrees.
    private mutating func takeSample(_ state: AttachOperation, into effects: inout NodeEffects) {
        var state = state
        let touched = machine.dataRecords(after: state.start)
        var ranges: [BlockRange] = []
        let most = RVGNode.sampleBlocks(ofEach: machine.volumes.count)
        for (volume, shape) in machine.volumes.enumerated() where ranges.count < AttachOffer.sampleLimit {
            let block = machine.limits.blockBytes
            let blocks = (shape.size + block - 1) / block
            for _ in 0..<min(UInt64(most), blocks) {
                let offset = machine.random.next() % blocks * block
                let range = BlockRange(volume: UInt32(volume), offset: offset, length: min(block, shape.size - offset))
                let written = touched.contains {
                    $0.volume == range.volume && $0.offset < range.offset + range.length
                        && range.offset < $0.offset + $0.length
                }
                if !written, !ranges.contains(range) { ranges.append(range) }
            }
        }
        state.phase = .sampling(ranges)
        operation = .attach(state)
        begin(.hash(ranges, seed: state.seed), for: .operation, &effects)
    }

    package mutating func attachTaskDone(
        _ state: AttachOperation,
        _ result: TaskResult,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard case .sampling(let ranges) = state.phase else { return }
        var state = state
        switch result {
        case .hashes(let hashes):
            state.sample = zip(ranges, hashes).map {
                SampledBlock(volume: $0.volume, offset: $0.offset, length: $0.length, hash: $1)
            }
            offerAttach(state, now: now, into: &effects)
        case .failed(let refusal): abandonOperation(refusal, &effects)
        case .salvaged, .block, .differing, .done, .cursor, .probed:
            preconditionFailure("a sample ends with hashes or a failure")
        }
    }

    private mutating func offerAttach(_ state: AttachOperation, now: Instant, into effects: inout NodeEffects) {
        var state = state
        let before = machine.position(at: state.start)
        let history = machine.header.lineage.history
        let offer = AttachOffer(
            attach: state.attach,
            checkpoint: state.checkpoint?.id,
            checkpointName: state.checkpoint?.name,
            madeByHand: state.checkpoint?.madeByHand ?? false,
            start: state.start,
            end: state.end,
            historyAtStart: history.upTo(state.start),
            history: history,
            lastDataID: before.lastData,
            dataCount: before.dataCount,
            cumulativeBytes: before.cumulative,
            volumes: machine.volumes,
            sample: state.sample,
            sampleSeed: state.seed
        )
        state.phase = .preparing
        // A copy made by hand is made durable there first, which takes as long as it takes: nothing is held meanwhile.
        if state.deadline == nil, state.checkpoint?.madeByHand != true {
            state.deadline = now.advanced(byMilliseconds: machine.limits.operationMilliseconds)
        }
        operation = .attach(state)
        machine.send(.prepare(.attach(offer)), to: state.peer, &effects.core)
    }

    package mutating func attachVote(
        _ state: AttachOperation,
        _ vote: Vote,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard case .preparing = state.phase else { return }
        if case .no(let refusal) = vote { return abandonOperation(refusal, &effects) }
        // The commit checks again what the offer rested on.
        if let closed = machine.closedBecause { return abandonOperation(closed, &effects) }
        if let checkpoint = state.checkpoint, !machine.header.checkpoints.contains(where: { $0.id == checkpoint.id }) {
            return abandonOperation(
                machine.refuse(
                    .checkpointOverflowed,
                    "checkpoint \(checkpoint.name) overflowed while startrep ran",
                    hint: machine.command("syncrvg", machine.label(of: state.peer), options: "-c NAME")
                ),
                &effects
            )
        }
        guard let link = machine.header.linkIndex(state.peer) else { return }
        var state = state
        machine.header.links[link].attachment = .attached(state.attach, cursor: state.start)
        machine.header.links[link].detachReason = nil
        machine.header.links[link].paused = false
        // A synchronous link begins asynchronously, until it has caught up.
        machine.header.links[link].asynchronousSince =
            machine.header.links[link].settings.synchronous == .off ? nil : state.start.next
        unpin(state)
        machine.decided(state.attach.rawValue)
        if machine.intakeHeldBy == "startrep" { machine.intakeHeldBy = nil }
        machine.headerChanged(&effects.core)
        state.phase = .committed
        operation = .attach(state)
    }

    package mutating func unpin(_ state: AttachOperation) {
        if case .quiescing = state.phase { return }
        let pin = state.checkpoint == nil ? state.start.next : state.start
        if let position = machine.pins.firstIndex(of: pin) { machine.pins.remove(at: position) }
    }
}

extension RVGMachine {
    /// What lies up to an id that the log still has, or that is its end.
    package func position(at id: UpdateID) -> (dataCount: UInt64, lastData: UpdateID, cumulative: UInt64) {
        if id == header.tailID.previous {
            return (header.dataCountBelowTail, header.lastDataIDBelowTail, header.cumulativeBytesBelowTail)
        }
        guard id < end, let record = record(id) else { return (dataCount, lastDataID, cumulativeBytes) }
        let last = lastData(upTo: id)
        return (record.dataCount, last, record.cumulativeBytes)
    }
}
