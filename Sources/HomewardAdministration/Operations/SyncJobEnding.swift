import HomewardCore

/// What a synchronization's targets say, and how it ends.
extension RVGNode {
    // MARK: What the target says

    package mutating func jobVoteReceived(
        _ position: Int,
        _ vote: Vote,
        from host: HostID,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        guard let target = jobs[position].targets.firstIndex(where: { $0.host == host }),
            case .offered = jobs[position].targets[target].phase
        else { return }
        switch vote {
        case .no(let refusal):
            jobs[position].targets[target].phase = .failed(refusal)
        case .yes:
            jobs[position].targets[target].phase = .failed(
                machine.refuse(
                    .strangePeer,
                    "\(machine.label(of: host)) agreed without a place to begin",
                    hint: "repeat it"
                )
            )
        case .begin(let volume, let offset, let discarded):
            jobs[position].targets[target].discarded = discarded
            jobs[position].targets[target].source = SyncSource(
                job: jobs[position].id,
                volumes: machine.volumes,
                limits: machine.limits,
                verifyOnly: jobs[position].verifyOnly,
                from: volume,
                offset: offset
            )
            jobs[position].targets[target].phase = .running
        }
    }

    package mutating func sourceMessage(
        _ message: SyncMessage,
        from host: HostID,
        into effects: inout NodeEffects
    ) {
        guard let position = jobs.firstIndex(where: { $0.id == message.job }),
            let target = jobs[position].targets.firstIndex(where: { $0.host == host })
        else { return }
        switch message {
        case .differing(_, let volume, let offset, let indices):
            guard
                jobs[position].targets[target].source?.differingReceived(volume: volume, offset: offset, indices)
                    == true
            else { return }
        case .written(_, let volume, let offset):
            jobs[position].targets[target].source?.writtenReceived(volume: volume, offset: offset)
        case .cancelled(_, let reason):
            jobs[position].targets[target].phase = .failed(reason)
        case .hashes, .block, .finished:
            return
        }
    }

    package mutating func sourceHashed(
        _ job: CheckpointID,
        _ host: HostID,
        _ extent: SyncSource.Extent,
        _ result: TaskResult,
        _ effects: inout NodeEffects
    ) {
        guard let (position, target) = running(job, host) else { return }
        switch result {
        case .hashes(let hashes):
            guard let message = jobs[position].targets[target].source?.hashed(extent, hashes) else { return }
            machine.send(.sync(message), to: host, &effects.core)
        case .failed(let refusal): jobs[position].targets[target].phase = .failed(refusal)
        case .salvaged, .block, .differing, .done, .cursor, .probed:
            preconditionFailure("hashing ends with hashes or a failure")
        }
    }

    package mutating func sourceRead(
        _ job: CheckpointID,
        _ host: HostID,
        _ range: BlockRange,
        _ result: TaskResult,
        _ effects: inout NodeEffects
    ) {
        guard let (position, target) = running(job, host) else { return }
        switch result {
        case .block(let bytes, let hash):
            jobs[position].targets[target].source?
                .blockSent(volume: range.volume, offset: range.offset, bytes: UInt64(bytes.count))
            machine.send(
                .sync(
                    .block(
                        job,
                        volume: range.volume,
                        offset: range.offset,
                        length: range.length,
                        hash: hash,
                        bytes: bytes
                    )
                ),
                to: host,
                &effects.core
            )
        case .failed(let refusal): jobs[position].targets[target].phase = .failed(refusal)
        case .salvaged, .hashes, .differing, .done, .cursor, .probed:
            preconditionFailure("a read ends with a block or a failure")
        }
    }

    func running(_ job: CheckpointID, _ host: HostID) -> (Int, Int)? {
        guard let position = jobs.firstIndex(where: { $0.id == job }),
            let target = jobs[position].targets.firstIndex(where: { $0.host == host }),
            case .running = jobs[position].targets[target].phase
        else { return nil }
        return (position, target)
    }

    /// A contact arrived: a receipt may stand there now, or an end mark must be told again.
    package mutating func contactArrived(
        _ contact: Contact,
        from host: HostID,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        if contact.failed { failTargets(on: host) }
        for position in jobs.indices { confirm(position, host, contact, &effects) }
        repeatCancel(to: host, contact, &effects)
        targetContact(contact, from: host, into: &effects)
    }

    /// A host goes on with a synchronization that ended without it, and whose checkpoint others still have: what it was told
    /// was lost, and it would refuse every other for ever.
    private mutating func repeatCancel(to host: HostID, _ contact: Contact, _ effects: inout NodeEffects) {
        guard machine.isOpen, contact.follows == machine.header.host, let job = contact.targetJob,
            let checkpoint = machine.header.checkpoints.first(where: { $0.id == job }),
            !checkpoint.targets.contains(where: { $0.host == host })
        else { return }
        let reason = machine.refuse(
            .syncCancelled,
            "synchronization \(checkpoint.name) ended without \(machine.label(of: host))",
            hint: machine.command("syncrvg", machine.label(of: host), options: "-c NAME")
        )
        machine.send(.sync(.cancelled(job, reason: reason)), to: host, &effects.core)
    }

    /// A target whose receipt is awaited says in its contact whether it has it.
    mutating func confirm(_ position: Int, _ host: HostID, _ contact: Contact, _ effects: inout NodeEffects) {
        let job = jobs[position]
        guard let target = job.targets.firstIndex(where: { $0.host == host }),
            case .confirming = job.targets[target].phase
        else { return }
        if contact.receipt?.checkpoint == job.id {
            if let checkpoint = machine.header.checkpoints.firstIndex(where: { $0.id == job.id }),
                let entry = machine.header.checkpoints[checkpoint].targets.firstIndex(where: { $0.host == host })
            {
                machine.header.checkpoints[checkpoint].targets[entry].received = true
                machine.headerChanged(&effects.core)
            }
            jobs[position].targets[target].phase = .done
        } else if contact.targetJob == job.id {
            tellFinished(job.id, host, &effects)
        } else {
            jobs[position].targets[target].phase = .failed(
                machine.refuse(
                    .noReceipt,
                    "\(machine.label(of: host)) no longer holds the copy that was made",
                    hint: machine.command("syncrvg", machine.label(of: host), options: "-c NAME")
                )
            )
        }
    }

    /// A device of the host failed: nothing of a job goes on there before its daemon is restarted.
    mutating func failTargets(on host: HostID) {
        for job in jobs.indices {
            for target in jobs[job].targets.indices where jobs[job].targets[target].host == host {
                switch jobs[job].targets[target].phase {
                case .done, .failed: continue
                case .waiting, .offered, .running, .ending, .confirming:
                    jobs[job].targets[target].phase = .failed(
                        machine.refuse(
                            .ioError,
                            "a device of \(machine.label(of: host)) failed",
                            hint: "see homeward status on \(machine.label(of: host)); mend it, restart its daemon, "
                                + "then repeat syncrvg"
                        )
                    )
                }
            }
        }
    }

    // MARK: The end

    mutating func finishJobIfOver(_ position: Int, now: Instant, into effects: inout NodeEffects) {
        let job = jobs[position]
        var failure: Refusal?
        for target in job.targets {
            switch target.phase {
            case .done: continue
            case .failed(let refusal): failure = failure ?? refusal
            case .waiting, .offered, .running, .ending, .confirming: return
            }
        }
        if let failure {
            let anyDone = job.targets.contains { if case .done = $0.phase { true } else { false } }
            if anyDone || job.verifyOnly {
                endJob(position, .failure(failure), &effects)
            } else {
                cancelJob(position, failure, into: &effects)
            }
            return
        }
        endJob(position, .success(.synchronized(reports(job, now: now))), &effects)
    }

    mutating func endJob(
        _ position: Int,
        _ result: Result<RVGAnswer, Refusal>,
        _ effects: inout NodeEffects
    ) {
        let told = result.mapError { withDiscarded($0, jobs[position]) }
        for token in jobs[position].tokens { answer(token, told, &effects) }
        jobs[position].tokens = []
        jobs[position].phase = .over
        let host = jobs[position].targets
        if case .failure = result, !jobs[position].verifyOnly {
            // A target that failed beside others that did not is taken out of the checkpoint: those remain usable.
            let failed = host.filter { if case .failed = $0.phase { true } else { false } }.map(\.host)
            for target in host {
                guard case .failed(let reason) = target.phase else { continue }
                machine.send(.sync(.cancelled(jobs[position].id, reason: reason)), to: target.host, &effects.core)
            }
            if let checkpoint = machine.header.checkpoints.firstIndex(where: { $0.id == jobs[position].id }) {
                machine.header.checkpoints[checkpoint].targets.removeAll { failed.contains($0.host) }
                // With no target left it would count as one made by hand, and pin the log.
                if machine.header.checkpoints[checkpoint].madeByHand {
                    machine.header.checkpoints.remove(at: checkpoint)
                }
                machine.headerChanged(&effects.core)
            }
        }
    }

    /// Stops a job at once: its checkpoint is deleted, its targets are told and stay inconsistent.
    package mutating func cancelJob(_ position: Int, _ refusal: Refusal, into effects: inout NodeEffects) {
        let job = jobs[position]
        for target in job.targets {
            machine.send(.sync(.cancelled(job.id, reason: refusal)), to: target.host, &effects.core)
        }
        if machine.header.checkpoints.contains(where: { $0.id == job.id }) {
            machine.header.checkpoints.removeAll { $0.id == job.id }
            machine.headerChanged(&effects.core)
        }
        for token in job.tokens { answer(token, .failure(withDiscarded(refusal, job)), &effects) }
        jobs[position].tokens = []
        jobs[position].phase = .over
    }

    /// What a job made its targets give up is told also when it failed.
    private func withDiscarded(_ refusal: Refusal, _ job: SyncJob) -> Refusal {
        let told = job.targets.compactMap { target in
            target.discarded.map { discarded in
                "; before that \(machine.label(of: target.host)) gave up \(counted(discarded.updates, "update"))"
                    + (discarded.salvageFile.map { ", kept there in \($0)" } ?? "")
            }
        }
        guard !told.isEmpty else { return refusal }
        return Refusal(
            refusal.code,
            refusal.object,
            refusal.message + told.joined(),
            hint: refusal.hint,
            host: refusal.host
        )
    }

    func reports(_ job: SyncJob, now: Instant) -> [SynchronizationReport] {
        let checkpoint = machine.header.checkpoints.first { $0.id == job.id }
        return job.targets.map { target in
            SynchronizationReport(
                secondary: machine.label(of: target.host),
                checkpoint: job.verifyOnly ? nil : job.name,
                already: false,
                volumes: progress(target.source),
                startID: checkpoint?.start,
                endID: checkpoint?.end(for: target.host),
                seconds: Double(now.milliseconds(since: job.startedAt)) / 1000,
                discarded: target.discarded.map { machine.describe($0, host: machine.label(of: target.host)) },
                notes: job.full && !job.verifyOnly ? ["every block was sent (-full)"] : []
            )
        }
    }

    func progress(_ source: SyncSource?) -> [Progress.VolumeProgress] {
        machine.volumes.enumerated().map { index, shape in
            Progress.VolumeProgress(
                volume: shape.name,
                size: shape.size,
                compared: source?.compared[index] ?? 0,
                differing: source?.differing[index] ?? 0,
                sent: source?.sent[index] ?? 0
            )
        }
    }

    /// How far the synchronization is that a request waits for: one for each Secondary.
    public func progress(token: UInt64, now: Instant) -> [Progress] {
        guard let job = jobs.first(where: { $0.tokens.contains(token) }) else { return [] }
        return job.targets.map { target in
            let volumes = progress(target.source ?? nil)
            let total = volumes.reduce(0) { $0 + $1.size }
            let done = target.source == nil ? 0 : volumes.reduce(0) { $0 + $1.compared }
            let seconds = Double(now.milliseconds(since: job.startedAt)) / 1000
            return Progress(
                phase: job.verifyOnly ? "verify" : "compare",
                host: machine.label(of: target.host),
                volumes: volumes,
                secondsLeft: done > 0 ? seconds * Double(total - done) / Double(done) : nil
            )
        }
    }
}
