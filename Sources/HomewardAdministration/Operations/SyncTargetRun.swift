import HomewardCore

/// The synchronization that writes this host's volumes now, within one session with its Primary.
package struct TargetRun: Sendable {
    package var primary: HostID
    package var offer: SyncOffer
    package var machine: SyncTarget
}

extension RVGMachine {
    /// Ends promises without their host's word; an epoch that was to be handed over with one is erased.
    package mutating func dropPromises(where isOver: (Pending) -> Bool) {
        for promise in header.pending where isOver(promise) {
            guard case .migrate(_, _, let epoch, _) = promise else { continue }
            header.lineage.forget(epoch.id)
            header.lineage.noteAbandoned(epoch.id)
        }
        header.pending.removeAll(where: isOver)
    }
}

extension RVGNode {
    /// Step 8: a Primary offers to synchronize this host.
    package mutating func synchronizeOffered(
        _ offer: SyncOffer,
        from host: HostID,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        do {
            try requireSynchronizable(offer, from: host)
        } catch {
            return vote(.no(error), token: offer.job.rawValue, to: host, &effects)
        }
        displaceOthers(than: offer, from: host, &effects)
        stopTarget()
        var participant = Participant(token: offer.job.rawValue, peer: host, kind: .synchronize(offer, .quiescing))
        if offer.verifyOnly {
            participant.kind = .synchronize(offer, prepareVerification(offer, &effects))
        } else if machine.header.targetJob?.checkpoint == offer.job {
            participant.kind = .synchronize(offer, .readingCursor)
            participant.task = begin(.readCursor(offer.job), for: .participant, &effects)
        } else {
            participant.kind = .synchronize(offer, .writing)
            // What still flows here under another Primary ends now: nothing is to come behind what is salvaged.
            machine.forgetStream()
        }
        participants.append(participant)
    }

    /// One offer's work at a time goes to the volumes: what others were promised, or do here, ends, and they hear it.
    ///
    /// Else an overtaken offer that still salvages would claim the header later, and blocks of one synchronization would
    /// land under the receipt of another. An earlier offer of the same Primary is answered as well: it waits for that.
    private mutating func displaceOthers(than offer: SyncOffer, from host: HostID, _ effects: inout NodeEffects) {
        let refusal = overtaken(by: machine.label(of: host))
        for other in participants where other.token != offer.job.rawValue {
            vote(.no(refusal), token: other.token, to: other.peer, &effects)
        }
        participants = []
        if let run = target, run.primary != host { failTarget(refusal, &effects) }
    }

    private func overtaken(by whom: String) -> Refusal {
        machine.refuse(
            .operationInProgress,
            "\(machine.hostName) took a later offer of \(whom)",
            hint: "see who is Primary: homeward status; then repeat the command there"
        )
    }

    /// What is compared must show everything that is logged here: a Secondary that was paused as soon as it was up to date
    /// may not have heard yet that the last records are durable at the Primary.
    ///
    /// The Primary made its whole log durable before it offered, and this host's log is part of it.
    private mutating func prepareVerification(
        _ offer: SyncOffer,
        _ effects: inout NodeEffects
    ) -> Participant.SyncPhase {
        guard isPart(of: offer.history) else { return .ready }
        machine.following.provenDurable = machine.end
        machine.wantApplied(&effects.core)
        return .applying
    }

    /// Whether all that is logged here is part of a Primary's history, so that all of it may be applied.
    private func isPart(of history: History) -> Bool {
        let own = machine.header.lineage.history
        return own.divergence(end: machine.end, dataCount: machine.dataCount, from: history) == 0
            && !own.entries.isEmpty
    }

    private func requireSynchronizable(_ offer: SyncOffer, from host: HostID) throws(Refusal) {
        let resumed = machine.header.targetJob?.checkpoint == offer.job
        try requireFollowable(offer.history, from: host, force: offer.force || resumed, verb: "syncrvg")
        guard offer.volumes == machine.volumes else { throw shapesDiffer(offer.volumes, host) }
        if offer.verifyOnly {
            guard machine.isImageConsistent, machine.imagePosition != nil || isPart(of: offer.history) else {
                throw machine.refuse(
                    .inconsistent,
                    "the Secondary on \(machine.hostName) is inconsistent: there is nothing to verify",
                    hint: machine.command("syncrvg", machine.hostName, options: "-c NAME")
                )
            }
            return
        }
        try machine.requireClosed(for: "syncrvg")
        if let job = machine.header.targetJob, job.primary == host, !resumed,
            machine.peer(host)?.contact?.jobs.contains(job.checkpoint) == true
        {
            throw machine.refuse(
                .syncInProgress,
                "synchronization \(job.name) of \(machine.hostName) is unfinished",
                hint: "finish it: " + machine.command("syncrvg", machine.hostName, options: "-c \(job.name)")
            )
        }
        guard machine.header.links.first(where: { $0.peer == host })?.attachID == nil else {
            throw machine.refuse(
                .linkAttached,
                "\(machine.hostName) is attached to \(machine.label(of: host))",
                hint: machine.command("stoprep", machine.hostName)
            )
        }
    }

    package mutating func advanceSyncParticipant(
        _ participant: Participant,
        _ offer: SyncOffer,
        _ phase: Participant.SyncPhase,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        switch phase {
        case .salvaging, .readingCursor, .flushing: return
        case .applying:
            guard machine.applied == machine.end else { return machine.wantApplied(&effects.core) }
            setPhase(participant, .synchronize(offer, .ready))
            goOn(participant, now: now, into: &effects)
        case .writing:
            guard machine.isLogIdle, machine.written == machine.end else {
                return machine.wantDurable(&effects.core)
            }
            salvage(participant, offer, &effects)
            goOn(participant, now: now, into: &effects)
        case .quiescing:
            guard machine.isLogIdle, machine.applyInFlight == nil, machine.volumeSyncInFlight == nil else { return }
            // Nothing of the old log is ever replayed over a synchronized block; no block before this header is durable.
            machine.forgetStream()
            machine.rebaseLog(
                after: machine.end,
                dataCount: machine.dataCount,
                lastData: machine.lastDataID,
                cumulative: machine.cumulativeBytes
            )
            machine.header.consistentFrom = .never
            machine.header.receipt = nil
            machine.header.cleanStop = false
            machine.header.targetJob = TargetJob(
                checkpoint: offer.job,
                name: offer.name,
                primary: participant.peer,
                discarded: participant.discarded
            )
            machine.dropPromises { offer.force || $0.peer == participant.peer || !$0.mayEnd(offer.history) }
            for link in machine.header.links.indices { machine.header.links[link].detach() }
            machine.header.role = .secondary(of: participant.peer)
            for entry in offer.history.entries { machine.header.lineage.note(entry.epoch) }
            machine.headerChanged(&effects.core)
            setPhase(participant, .synchronize(offer, .landing))
            goOn(participant, now: now, into: &effects)
        case .landing:
            // What lies on the volumes becomes durable before it is compared: a block that is equal is not written again. So
            // nothing may still be on its way there.
            guard strayWrites.isEmpty else { return }
            setPhase(participant, .synchronize(offer, .flushing))
            begin(.synchronizeVolumes(cursor: nil), for: participant, &effects)
        case .ready:
            guard machine.isSettledOnDisk, strayWrites.isEmpty else { return }
            var cursor = participant.cursor ?? HeaderFormat.Cursor(job: offer.job, volume: 0, offset: 0)
            // A cursor that was noted with smaller extents may stand within one of these: it is compared again.
            cursor.offset -= cursor.offset % offer.extentBytes
            participants.removeAll { $0.token == participant.token }
            guard offer.verifyOnly || machine.header.targetJob?.checkpoint == offer.job else {
                // An attachment was agreed to meanwhile: these volumes are that Primary's now.
                let whom = machine.header.follows.map { machine.label(of: $0) } ?? "another host"
                return vote(.no(overtaken(by: whom)), token: participant.token, to: participant.peer, &effects)
            }
            target = TargetRun(
                primary: participant.peer,
                offer: offer,
                machine: SyncTarget(
                    job: offer.job,
                    volumes: machine.volumes,
                    blockBytes: offer.blockBytes,
                    extentBytes: offer.extentBytes,
                    verifyOnly: offer.verifyOnly,
                    from: cursor.volume,
                    offset: cursor.offset
                )
            )
            vote(
                .begin(
                    volume: cursor.volume,
                    offset: cursor.offset,
                    discarded: offer.verifyOnly ? nil : machine.header.targetJob?.discarded
                ),
                token: participant.token,
                to: participant.peer,
                &effects
            )
        }
    }

    /// Takes the next phase at once, where nothing has to end first: else it would wait for the next tick.
    private mutating func goOn(_ participant: Participant, now: Instant, into effects: inout NodeEffects) {
        guard let next = participants.first(where: { $0.token == participant.token }),
            case .synchronize(let offer, let phase) = next.kind
        else { return }
        advanceSyncParticipant(next, offer, phase, now: now, into: &effects)
    }

    /// Keeps the records that the Primary's history does not contain, if there are any.
    private mutating func salvage(_ participant: Participant, _ offer: SyncOffer, _ effects: inout NodeEffects) {
        let diverged = machine.divergedRecords(from: offer.history)
        let own = machine.header.lineage.history
        let total =
            own.divergence(end: machine.end, dataCount: machine.dataCount, from: offer.history) ?? machine.dataCount
        guard let counted = Discarded(total: total, records: diverged), machine.header.consistentFrom != .never,
            total > machine.header.divergenceTold,
            let position = participants.firstIndex(where: { $0.token == participant.token })
        else { return setPhase(participant, .synchronize(offer, .quiescing)) }
        participants[position].discarded = counted
        guard !diverged.isEmpty else { return setPhase(participant, .synchronize(offer, .quiescing)) }
        participants[position].kind = .synchronize(offer, .salvaging)
        begin(.salvage(diverged, label: "syncrvg-\(offer.name)"), for: participant, &effects)
    }

    package mutating func syncParticipantTaskDone(
        _ participant: Participant,
        _ offer: SyncOffer,
        _ result: TaskResult
    ) {
        guard let position = participants.firstIndex(where: { $0.token == participant.token }) else { return }
        switch result {
        case .salvaged(let path):
            participants[position].discarded?.salvageFile = path
            participants[position].kind = .synchronize(offer, .quiescing)
        case .cursor(let cursor):
            participants[position].cursor = cursor
            participants[position].kind = .synchronize(offer, .landing)
        case .done: participants[position].kind = .synchronize(offer, .ready)
        case .hashes, .block, .differing, .probed, .failed:
            preconditionFailure("a synchronization begins with a salvage file, a cursor or durable volumes")
        }
    }

    // MARK: Blocks

    package mutating func syncReceived(
        _ message: SyncMessage,
        from host: HostID,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        switch message {
        case .differing, .written: sourceMessage(message, from: host, into: &effects)
        case .hashes(let job, let volume, let offset, let hashes):
            guard isRunning(job, host) else { return tellGone(job, host, &effects) }
            if target?.machine.hashesReceived(volume: volume, offset: offset, hashes) != true {
                failTarget(strange("hashes of no extent"), &effects)
            }
        case .block(let job, let volume, let offset, let length, let hash, let bytes):
            guard isRunning(job, host) else { return tellGone(job, host, &effects) }
            let taken = target?.machine.blockReceived(
                volume: volume,
                offset: offset,
                length: length,
                hash: hash,
                bytes: bytes
            )
            if taken != true { failTarget(strange("a block that nobody asked for"), &effects) }
        case .finished(let job, let start, let end, let epoch):
            guard machine.header.targetJob?.checkpoint == job, machine.header.targetJob?.primary == host else { return }
            machine.header.receipt = Receipt(checkpoint: job, primary: host, epoch: epoch, start: start, end: end)
            machine.header.targetJob = nil
            machine.headerChanged(&effects.core)
            stopTarget()
        case .cancelled(let job, _):
            if jobs.contains(where: { $0.id == job }) { return sourceMessage(message, from: host, into: &effects) }
            dropTargetJob(job, from: host, &effects)
        }
    }

    private func isRunning(_ job: CheckpointID, _ host: HostID) -> Bool {
        target?.offer.job == job && target?.primary == host
    }

    /// A message of a job that this host does not run: it is told, so that it is offered again or ended.
    private mutating func tellGone(_ job: CheckpointID, _ host: HostID, _ effects: inout NodeEffects) {
        guard !participants.contains(where: { $0.token == job.rawValue }) else { return }
        machine.send(
            .sync(
                .cancelled(
                    job,
                    reason: machine.refuse(
                        .syncCancelled,
                        "the synchronization does not run on \(machine.hostName)",
                        hint: machine.command("syncrvg", machine.hostName, options: "-c NAME")
                    )
                )
            ),
            to: host,
            &effects.core
        )
    }

    private func strange(_ what: String) -> Refusal {
        machine.refuse(.strangePeer, "the Primary sent \(what)", hint: "compare the versions of both hosts")
    }

    private mutating func failTarget(_ refusal: Refusal, _ effects: inout NodeEffects) {
        guard let run = target else { return }
        stopTarget()
        machine.send(.sync(.cancelled(run.offer.job, reason: refusal)), to: run.primary, &effects.core)
    }

    package mutating func stopTarget() {
        guard let run = target else { return }
        strayWrites += tasks.compactMap {
            if case .targetWrite(run.offer.job, _, _) = $0.purpose { $0.id } else { nil }
        }
        tasks.removeAll {
            switch $0.purpose {
            case .targetCompare(let job, _, _), .targetWrite(let job, _, _), .targetSynchronize(let job):
                job == run.offer.job
            case .operation, .participant, .sourceHash, .sourceRead: false
            }
        }
        target = nil
    }

    /// The Primary has ended the job: the volumes stay inconsistent until another synchronization.
    private mutating func dropTargetJob(_ job: CheckpointID, from host: HostID, _ effects: inout NodeEffects) {
        participants.removeAll { $0.token == job.rawValue }
        if isRunning(job, host) { stopTarget() }
        guard machine.header.targetJob?.checkpoint == job, machine.header.targetJob?.primary == host else { return }
        machine.header.targetJob = nil
        machine.headerChanged(&effects.core)
    }

    /// A Primary's contact that no longer knows the job ends it.
    package mutating func targetContact(_ contact: Contact, from host: HostID, into effects: inout NodeEffects) {
        guard let job = machine.header.targetJob, job.primary == host, contact.open,
            !contact.jobs.contains(job.checkpoint)
        else { return }
        dropTargetJob(job.checkpoint, from: host, &effects)
    }

    package mutating func advanceTarget(now: Instant, into effects: inout NodeEffects) {
        guard let run = target else { return }
        while let work = target?.machine.nextWork() {
            switch work {
            case .compare(let volume, let offset, let length, let hashes):
                begin(
                    .compare(
                        BlockRange(volume: volume, offset: offset, length: length),
                        blockBytes: run.offer.blockBytes,
                        hashes: hashes,
                        seed: run.offer.seed,
                        all: run.offer.full && !run.offer.verifyOnly
                    ),
                    for: .targetCompare(job: run.offer.job, volume: volume, offset: offset),
                    &effects
                )
            case .write(let volume, let offset, let length, let hash, let bytes):
                begin(
                    .write(
                        BlockRange(volume: volume, offset: offset, length: length),
                        bytes: bytes,
                        hash: hash,
                        seed: run.offer.seed
                    ),
                    for: .targetWrite(job: run.offer.job, volume: volume, offset: offset),
                    &effects
                )
            case .synchronize(let cursor):
                begin(.synchronizeVolumes(cursor: cursor), for: .targetSynchronize(job: run.offer.job), &effects)
            }
        }
    }

    package mutating func targetCompared(
        _ job: CheckpointID,
        _ volume: UInt32,
        _ offset: UInt64,
        _ result: TaskResult,
        _ effects: inout NodeEffects
    ) {
        guard let run = target, run.offer.job == job else { return }
        switch result {
        case .differing(let indices):
            guard let message = target?.machine.compared(volume: volume, offset: offset, differing: indices) else {
                return
            }
            machine.send(.sync(message), to: run.primary, &effects.core)
        case .failed(let refusal): failTarget(refusal, &effects)
        case .salvaged, .hashes, .block, .done, .cursor, .probed:
            preconditionFailure("a comparison ends with indices or a failure")
        }
    }

    package mutating func targetWrote(
        _ job: CheckpointID,
        _ volume: UInt32,
        _ offset: UInt64,
        _ result: TaskResult,
        _ effects: inout NodeEffects
    ) {
        guard target?.offer.job == job else { return }
        switch result {
        case .done: target?.machine.blockWritten(volume: volume, offset: offset)
        case .failed(let refusal): failTarget(refusal, &effects)
        case .salvaged, .hashes, .block, .differing, .cursor, .probed:
            preconditionFailure("a write ends as done or failed")
        }
    }

    package mutating func targetSynchronized(_ job: CheckpointID, _ result: TaskResult, _ effects: inout NodeEffects) {
        guard let run = target, run.offer.job == job else { return }
        if case .failed(let refusal) = result { return failTarget(refusal, &effects) }
        for message in target?.machine.synchronized() ?? [] {
            machine.send(.sync(message), to: run.primary, &effects.core)
        }
    }
}
