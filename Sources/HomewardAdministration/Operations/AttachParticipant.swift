import HomewardCore

/// A promise that this host is preparing for another: it needs work on its volumes before it can vote.
package struct Participant: Sendable {
    package enum Kind: Sendable {
        case attach(AttachOffer, AttachPhase)
        case synchronize(SyncOffer, SyncPhase)
    }

    package enum AttachPhase: Hashable, Sendable {
        /// The own log, which the Primary's history contains, goes to the volumes.
        case applying
        case sampling
        /// What no synchronization has made durable on the volumes becomes it now.
        case flushing
        case ready
    }

    package enum SyncPhase: Hashable, Sendable {
        /// Of a verification: the own log goes to the volumes first.
        case applying
        /// What is to be salvaged must be in the log's file first.
        case writing
        case salvaging
        /// Nothing of the log may be on its way to the devices when it is cut.
        case quiescing
        case readingCursor
        /// Blocks that an ended session was still writing land.
        case landing
        /// What is to be compared becomes durable on the volumes.
        case flushing
        case ready
    }

    package var token: UInt64
    package var peer: HostID
    package var kind: Kind
    /// The task that it waits for.
    package var task: UInt64?
    package var discarded: Discarded?
    package var cursor: HeaderFormat.Cursor?

    var synchronizes: Bool {
        if case .synchronize = kind { true } else { false }
    }
}

extension RVGNode {
    package mutating func prepareReceived(
        _ prepare: Prepare,
        from host: HostID,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        // A token names one promise. The same from another host would be mistaken for the first, and never come to an end.
        guard !participants.contains(where: { $0.token == prepare.token && $0.peer != host }),
            machine.header.pending.count < Pending.countLimit
        else {
            let refusal = machine.refuse(
                .operationInProgress,
                "\(machine.hostName) is preparing, or has promised, what this would be mistaken for",
                hint: "see what waits there: homeward status; then repeat the command"
            )
            return vote(.no(refusal), token: prepare.token, to: host, &effects)
        }
        switch prepare {
        case .takeover(let transaction, let epoch, let firstID, let history, let dataCount):
            takeoverAnnounced(
                transaction,
                epoch: epoch,
                firstID: firstID,
                history: history,
                dataCount: dataCount,
                from: host,
                into: &effects
            )
        case .makesec(let transaction, let history, _, _):
            makesecAnnounced(transaction, history: history, from: host, into: &effects)
        case .migrate(let transaction, let epoch, let firstID):
            migrateAnnounced(transaction, epoch: epoch, firstID: firstID, from: host, into: &effects)
        case .attach(let offer):
            attachOffered(offer, from: host, into: &effects)
        case .synchronize(let offer):
            synchronizeOffered(offer, from: host, now: now, into: &effects)
        }
    }

    package mutating func vote(_ vote: Vote, token: UInt64, to host: HostID, _ effects: inout NodeEffects) {
        machine.send(.vote(token: token, vote), to: host, &effects.core)
    }

    private mutating func attachOffered(_ offer: AttachOffer, from host: HostID, into effects: inout NodeEffects) {
        do {
            try requireAttachable(offer, from: host)
        } catch {
            return vote(.no(error), token: offer.attach.rawValue, to: host, &effects)
        }
        participants.removeAll { $0.peer == host }
        let fresh = machine.header.lineage.history.entries.isEmpty
        if offer.checkpoint == nil, !fresh {
            // All of it is part of the Primary's history and durable there: it may be applied now.
            machine.following.provenDurable = machine.end
            machine.wantApplied(&effects.core)
        }
        participants.append(Participant(token: offer.attach.rawValue, peer: host, kind: .attach(offer, .applying)))
    }

    private func requireAttachable(_ offer: AttachOffer, from host: HostID) throws(Refusal) {
        // Its blocks would land under the attachment.
        if let other = target?.primary ?? participants.first(where: \.synchronizes)?.peer, other != host {
            throw machine.refuse(
                .syncInProgress,
                "\(machine.label(of: other)) synchronizes \(machine.hostName)",
                hint: "wait for its end, or cancel it there; see how far it is: homeward status"
            )
        }
        let copied = isSynchronized(offer, from: host)
        // The copy was made from this Primary: what else it was once rival to was asked then.
        try requireFollowable(offer.history, from: host, force: copied, verb: "startrep")
        guard offer.volumes == machine.volumes else { throw shapesDiffer(offer.volumes, host) }
        guard offer.checkpoint != nil else { return try requireIdentical(offer, host) }
        if offer.madeByHand { return }
        guard copied else {
            throw machine.refuse(
                .noReceipt,
                "the copy on \(machine.hostName) was not made with checkpoint \(offer.checkpointName ?? "")",
                hint: machine.command("syncrvg", machine.hostName, options: "-c NAME")
            )
        }
    }

    /// Whether a synchronization, whose receipt stands, has made the copy that is offered to be attached.
    private func isSynchronized(_ offer: AttachOffer, from host: HostID) -> Bool {
        guard let receipt = machine.header.receipt else { return false }
        return receipt.checkpoint == offer.checkpoint && receipt.primary == host && receipt.start == offer.start
            && receipt.end == offer.end
    }

    /// `-f`: where lineage can tell, it must agree.
    private func requireIdentical(_ offer: AttachOffer, _ host: HostID) throws(Refusal) {
        let history = machine.header.lineage.history
        guard !history.entries.isEmpty else { return }
        let hint = machine.command("syncrvg", machine.hostName, options: "-c NAME")
        guard let diverged = history.divergence(end: machine.end, dataCount: machine.dataCount, from: offer.history)
        else {
            throw machine.refuse(.otherLineage, "the two RVGs have no epoch in common", hint: hint)
        }
        guard diverged == 0 else {
            throw machine.refuse(
                .diverged,
                "\(machine.hostName) holds \(counted(diverged, "update")) that \(machine.label(of: host)) does not have",
                hint: hint
            )
        }
        guard machine.dataCount == offer.dataCount, machine.isImageConsistent else {
            throw machine.refuse(
                .notUpToDate,
                "\(machine.hostName) holds \(machine.dataCount) of the \(offer.dataCount) updates of "
                    + "\(machine.label(of: host)), so the two are not identical",
                hint: hint
            )
        }
    }

    /// What holds for anybody who would follow a Primary.
    package func requireFollowable(_ history: History, from host: HostID, force: Bool, verb: String) throws(Refusal) {
        let name = machine.label(of: host)
        guard !machine.header.isPrimary else {
            throw machine.refuse(
                .notSecondary,
                "\(machine.hostName) is a Primary",
                hint: machine.command("makesec", name, on: machine.hostName)
            )
        }
        try requireIdle(for: verb)
        if let failure = machine.failure { throw failure }
        guard machine.header.linkIndex(host) != nil else {
            throw machine.refuse(.unknownSecondary, "\(name) is not in the RDS here", hint: machine.command("printrvg"))
        }
        if let closing = machine.header.lineage.closing(reignOf: history) {
            throw machine.refuse(
                .rival,
                "\(closing.hostName) ended the reign of \(name) (epoch \(closing.number))",
                hint: "make one of the two a Secondary of the other: "
                    + machine.command("makesec", "NEWPRIMARY", on: "HOST")
            )
        }
        if !force, let rival = machine.header.lineage.rival(of: history) {
            throw machine.refuse(
                .rival,
                "\(rival.hostName) took over from the same history (epoch \(rival.number)) and did not give way",
                hint:
                    "one of the two gives way first: \(machine.command("makesec", name, on: rival.hostName)), or the reverse"
                    + (verb == "syncrvg" ? "; or syncrvg -f" : "")
            )
        }
        try requireNoDoubt(except: host, history, force: force, verb: verb)
    }

    /// What another host may have committed here is not written over unasked: only its own word, or force, ends it.
    ///
    /// A synchronization from a Primary that the promised epoch does not concern ends it too; an attachment never does.
    private func requireNoDoubt(
        except host: HostID,
        _ history: History,
        force: Bool,
        verb: String
    ) throws(Refusal) {
        guard !force || verb == "startrep" else { return }
        for promise in machine.header.pending where promise.peer != host {
            guard verb == "startrep" || promise.mayEnd(history) else { continue }
            let other = machine.label(of: promise.peer)
            switch promise {
            case .takeover:
                throw machine.refuse(
                    .transactionInDoubt,
                    "\(machine.hostName) promised to let \(other) take over",
                    hint: "ask \(other); if it is gone for good: syncrvg -f"
                )
            case .migrate:
                throw machine.refuse(
                    .transactionInDoubt,
                    "\(other) may have handed its role to \(machine.hostName)",
                    hint: "ask \(other); if it is gone for good: takeover on \(machine.hostName), or syncrvg -f"
                )
            case .attach, .makesec: continue
            }
        }
    }

    package func shapesDiffer(_ theirs: [VolumeShape], _ host: HostID) -> Refusal {
        let text = { (shapes: [VolumeShape]) in shapes.map { "\($0.name) \($0.size)" }.joined(separator: ", ") }
        return machine.refuse(
            .volumeMismatch,
            "volumes differ: \(machine.label(of: host)) has \(text(theirs)); \(machine.hostName) has \(text(machine.volumes))",
            hint: "make the volumes equal in name, number and length"
        )
    }

    package mutating func advanceParticipants(now: Instant, into effects: inout NodeEffects) {
        for participant in participants {
            switch participant.kind {
            case .attach(let offer, .applying):
                let waits = offer.checkpoint == nil && machine.applied < machine.end
                // A block of an ended synchronization that lands later would lie over what is attached.
                guard !waits, machine.isLogIdle, machine.applyInFlight == nil, machine.volumeSyncInFlight == nil,
                    strayWrites.isEmpty
                else {
                    if waits { machine.wantApplied(&effects.core) }
                    continue
                }
                guard !offer.sample.isEmpty else {
                    makeDurable(participant, offer, into: &effects)
                    continue
                }
                setPhase(participant, .attach(offer, .sampling))
                let ranges = offer.sample.map { BlockRange(volume: $0.volume, offset: $0.offset, length: $0.length) }
                begin(.hash(ranges, seed: offer.sampleSeed), for: participant, &effects)
            case .attach(let offer, .ready): acceptAttach(participant, offer, into: &effects)
            case .attach(_, .sampling), .attach(_, .flushing): continue
            case .synchronize(let offer, let phase):
                advanceSyncParticipant(participant, offer, phase, now: now, into: &effects)
            }
        }
    }

    package mutating func setPhase(_ participant: Participant, _ kind: Participant.Kind) {
        guard let position = participants.firstIndex(where: { $0.token == participant.token }) else { return }
        participants[position].kind = kind
    }

    /// Begins a task that a participant waits for.
    package mutating func begin(_ work: NodeTask.Work, for participant: Participant, _ effects: inout NodeEffects) {
        guard let position = participants.firstIndex(where: { $0.token == participant.token }) else { return }
        participants[position].task = begin(work, for: .participant, &effects)
    }

    package mutating func participantTaskDone(
        _ task: UInt64,
        _ result: TaskResult,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard let position = participants.firstIndex(where: { $0.task == task }) else { return }
        participants[position].task = nil
        let participant = participants[position]
        if case .failed(let refusal) = result {
            participants.remove(at: position)
            return vote(.no(refusal), token: participant.token, to: participant.peer, &effects)
        }
        switch participant.kind {
        case .attach(let offer, .flushing): setPhase(participant, .attach(offer, .ready))
        case .attach(let offer, _):
            guard case .hashes(let hashes) = result else { return }
            let differing = zip(offer.sample, hashes).filter { $0.hash != $1 }.count
            guard differing == 0 else {
                participants.remove(at: position)
                let refusal = machine.refuse(
                    .copyDiffers,
                    "\(differing) of \(hashes.count) sampled blocks differ on \(machine.hostName)",
                    hint: machine.command("syncrvg", machine.hostName, options: "-c NAME")
                )
                return vote(.no(refusal), token: participant.token, to: participant.peer, &effects)
            }
            makeDurable(participant, offer, into: &effects)
        case .synchronize(let offer, _):
            syncParticipantTaskDone(participant, offer, result)
        }
    }

    /// A copy that was made by hand, or is said to be identical, may be in the page cache alone: it becomes durable before
    /// the header says that the volumes are consistent.
    ///
    /// What is attached after a synchronization is durable by its receipt.
    private mutating func makeDurable(
        _ participant: Participant,
        _ offer: AttachOffer,
        into effects: inout NodeEffects
    ) {
        guard !isSynchronized(offer, from: participant.peer) else {
            return acceptAttach(participant, offer, into: &effects)
        }
        setPhase(participant, .attach(offer, .flushing))
        begin(.synchronizeVolumes(cursor: nil), for: participant, &effects)
    }

    /// Step 14: one header write takes the base, the history and the attachment; then the vote.
    private mutating func acceptAttach(
        _ participant: Participant,
        _ offer: AttachOffer,
        into effects: inout NodeEffects
    ) {
        participants.removeAll { $0.token == participant.token }
        guard machine.isLogIdle, let link = machine.header.linkIndex(participant.peer) else {
            let refusal = machine.refuse(
                .operationInProgress,
                "what it holds changed while startrep was prepared",
                hint: "repeat startrep"
            )
            return vote(.no(refusal), token: participant.token, to: participant.peer, &effects)
        }
        machine.forgetStream()
        machine.rebaseLog(
            after: offer.start,
            dataCount: offer.dataCount,
            lastData: offer.lastDataID,
            cumulative: offer.cumulativeBytes
        )
        machine.header.lineage.adopt(offer.historyAtStart)
        for entry in offer.history.entries { machine.header.lineage.note(entry.epoch) }
        machine.header.consistentFrom = offer.end ?? .zero
        machine.header.role = .secondary(of: participant.peer)
        machine.header.targetJob = nil
        for other in machine.header.links.indices where other != link { machine.header.links[other].detach() }
        machine.header.links[link].attachment = .attached(offer.attach, cursor: offer.start)
        machine.header.links[link].detachReason = nil
        machine.header.pending.removeAll { $0.peer == participant.peer }
        machine.header.pending.append(.attach(offer.attach, by: participant.peer))
        machine.following.reachedPosition = offer.end == nil
        machine.headerChanged(&effects.core)
        vote(.yes, token: participant.token, to: participant.peer, &effects)
    }
}
