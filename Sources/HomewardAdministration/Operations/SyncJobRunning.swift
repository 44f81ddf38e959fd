import HomewardCore

/// A synchronization under way: what its Primary does next, for each target.
extension RVGNode {
    // MARK: Going on

    package mutating func advanceJobs(now: Instant, into effects: inout NodeEffects) {
        takeUpJobs(now: now, into: &effects)
        failOverflowed(into: &effects)
        for position in jobs.indices {
            advance(job: position, now: now, into: &effects)
        }
        for job in jobs where job.phase == .over { unpin(job) }
        jobs.removeAll { $0.phase == .over }
    }

    mutating func unpin(_ job: SyncJob) {
        guard !job.verifyOnly, let pin = machine.pins.firstIndex(of: job.start) else { return }
        machine.pins.remove(at: pin)
    }

    /// After a crash of the Primary: every checkpoint in the header with a target that is not done is a job to go on with.
    mutating func takeUpJobs(now: Instant, into effects: inout NodeEffects) {
        guard machine.isOpen else { return }
        for checkpoint in machine.header.checkpoints where !checkpoint.madeByHand && !checkpoint.isComplete {
            guard !jobs.contains(where: { $0.id == checkpoint.id }) else { continue }
            let targets = targetsNamedOnce(checkpoint, &effects).map { target in
                var run = SyncJob.Target(host: target.host)
                if target.received {
                    run.phase = .done
                } else if machine.header.linkIndex(target.host) == nil {
                    // Headers of earlier releases kept a host that was removed.
                    run.phase = .failed(wasRemoved(target.host))
                } else if target.end != nil {
                    run.phase = .confirming
                }
                return run
            }
            machine.pins.append(checkpoint.start)
            jobs.append(
                SyncJob(
                    id: checkpoint.id,
                    name: checkpoint.name,
                    start: checkpoint.start,
                    phase: .running,
                    targets: targets,
                    tokens: [],
                    full: checkpoint.full,
                    force: false,
                    verifyOnly: false,
                    seed: machine.random.next(),
                    startedAt: now
                )
            )
            // A target that was heard before this host opened says nothing new by itself.
            for target in targets {
                guard let contact = machine.peer(target.host)?.contact else { continue }
                confirm(jobs.count - 1, target.host, contact, &effects)
            }
        }
    }

    /// A checkpoint's targets; the header forgets those that an earlier release noted twice, and that never were complete.
    private mutating func targetsNamedOnce(
        _ checkpoint: Checkpoint,
        _ effects: inout NodeEffects
    ) -> [Checkpoint.Target] {
        let targets = checkpoint.targets.reduce(into: [Checkpoint.Target]()) { once, target in
            if !once.contains(where: { $0.host == target.host }) { once.append(target) }
        }
        if targets.count < checkpoint.targets.count,
            let position = machine.header.checkpoints.firstIndex(where: { $0.id == checkpoint.id })
        {
            machine.header.checkpoints[position].targets = targets
            machine.headerChanged(&effects.core)
        }
        return targets
    }

    mutating func failOverflowed(into effects: inout NodeEffects) {
        for dead in machine.overflowed {
            let targets = dead.checkpoint.targets.map { machine.label(of: $0.host) }.joined(separator: ", ")
            guard let job = jobs.firstIndex(where: { $0.id == dead.checkpoint.id && $0.phase != .over }) else {
                continue
            }
            cancelJob(
                job,
                machine.refuse(
                    .checkpointOverflowed,
                    "checkpoint \(dead.checkpoint.name) overflowed and is deleted: it had pinned \(dead.bytesNeeded) bytes of the "
                        + "\(machine.capacity) that the log has, and new writes needed the room; the copy on \(targets) stays "
                        + "inconsistent",
                    hint: "use a larger log, or synchronize when less is written: "
                        + machine.command("syncrvg", options: "-c NAME")
                ),
                into: &effects
            )
        }
        if !machine.header.isPrimary || machine.header.fence != nil {
            // A change of role voids every job, and a Primary that was taken over sends nothing.
            for job in jobs.indices where jobs[job].phase != .over {
                cancelJob(
                    job,
                    machine.refuse(
                        .syncCancelled,
                        "\(machine.hostName) is no longer the Primary, or was taken over",
                        hint: "synchronize from the new Primary"
                    ),
                    into: &effects
                )
            }
        }
    }

    mutating func advance(job position: Int, now: Instant, into effects: inout NodeEffects) {
        switch jobs[position].phase {
        case .over: return
        case .marking(let mark):
            guard machine.durable >= mark, machine.applied >= mark.previous else {
                return machine.wantApplied(&effects.core)
            }
            if jobs[position].verifyOnly {
                jobs[position].phase = .running
            } else {
                // Whoever was removed meanwhile does not enter the header.
                let targets = jobs[position].targets.filter { machine.header.linkIndex($0.host) != nil }
                machine.header.checkpoints.append(
                    Checkpoint(
                        id: jobs[position].id,
                        name: jobs[position].name,
                        start: mark,
                        targets: targets.map { Checkpoint.Target(host: $0.host) },
                        full: jobs[position].full
                    )
                )
                machine.headerChanged(&effects.core)
                jobs[position].phase = .recording
            }
            advance(job: position, now: now, into: &effects)
        case .recording:
            guard machine.isSettledOnDisk else { return }
            jobs[position].phase = .running
            advance(job: position, now: now, into: &effects)
        case .running:
            // After a crash the log is replayed from its tail: until it has reached the mark again, older records lie over
            // what the volumes held when it was made, and nothing of them would follow the copy.
            guard machine.replayed >= jobs[position].start.previous else { return machine.wantApplied(&effects.core) }
            for target in jobs[position].targets.indices {
                advance(job: position, target: target, into: &effects)
            }
            finishJobIfOver(position, now: now, into: &effects)
        }
    }

    mutating func advance(job position: Int, target: Int, into effects: inout NodeEffects) {
        let job = jobs[position]
        let host = job.targets[target].host
        switch job.targets[target].phase {
        case .done, .failed: return
        case .waiting:
            guard let contact = machine.peer(host)?.contact else { return }
            // It takes no offers, and may have said so before this job was taken up.
            guard !contact.failed else { return failTargets(on: host) }
            let offer = SyncOffer(
                job: job.id,
                name: job.name,
                history: machine.header.lineage.history,
                volumes: machine.volumes,
                blockBytes: machine.limits.blockBytes,
                extentBytes: machine.limits.extentBytes,
                seed: job.seed,
                verifyOnly: job.verifyOnly,
                full: job.full,
                force: job.force
            )
            machine.send(.prepare(.synchronize(offer)), to: host, &effects.core)
            jobs[position].targets[target].phase = .offered
        case .offered:
            // What it keeps of what it gives up, and has durable before it compares, takes as long as it takes. It answers
            // then, or says that its device failed, or is lost, and offered anew.
            return
        case .running:
            pumpSource(position, target, into: &effects)
        case .ending(let mark):
            guard machine.durable >= mark,
                let checkpoint = machine.header.checkpoints.firstIndex(where: { $0.id == job.id }),
                let entry = machine.header.checkpoints[checkpoint].targets.firstIndex(where: { $0.host == host })
            else { return machine.wantDurable(&effects.core) }
            machine.header.checkpoints[checkpoint].targets[entry].end = mark
            machine.headerChanged(&effects.core)
            jobs[position].targets[target].phase = .confirming
            tellFinished(job.id, host, &effects)
        case .confirming:
            return
        }
    }

    /// Tells a target its end mark; repeated at each contact until its receipt is seen.
    mutating func tellFinished(_ job: CheckpointID, _ host: HostID, _ effects: inout NodeEffects) {
        guard let checkpoint = machine.header.checkpoints.first(where: { $0.id == job }),
            let end = checkpoint.end(for: host),
            let epoch = machine.header.lineage.history.epoch(of: end)
        else { return }
        machine.send(
            .sync(.finished(job, start: checkpoint.start, end: end, epoch: epoch.id)),
            to: host,
            &effects.core
        )
    }

    mutating func pumpSource(_ position: Int, _ target: Int, into effects: inout NodeEffects) {
        let job = jobs[position]
        let host = job.targets[target].host
        while let work = jobs[position].targets[target].source?.nextWork() {
            switch work {
            case .hash(let extent):
                begin(
                    .hash(blocks(of: extent), seed: job.seed),
                    for: .sourceHash(job: job.id, target: host, extent),
                    &effects
                )
            case .read(let volume, let offset, let length):
                let range = BlockRange(volume: volume, offset: offset, length: length)
                begin(
                    .read(range, seed: job.seed, for: host),
                    for: .sourceRead(job: job.id, target: host, range),
                    &effects
                )
            }
        }
        guard jobs[position].targets[target].source?.isDone == true else { return }
        if job.verifyOnly {
            jobs[position].targets[target].phase = .done
            machine.send(
                .sync(
                    .cancelled(
                        job.id,
                        reason: machine.refuse(.syncCancelled, "verification ended", hint: "none needed")
                    )
                ),
                to: host,
                &effects.core
            )
            return
        }
        do {
            let mark = try machine.appendMark(wallTime: wallTime, now: lastNow, &effects.core)
            machine.wantDurable(&effects.core)
            jobs[position].targets[target].phase = .ending(mark)
        } catch {
            // Without room for the end mark the log drains or a checkpoint dies, maybe this one. Where it does neither, and
            // not for a moment only, nobody can say for how long.
            guard machine.intakeHeldBy == nil, machine.isLogKept(now: lastNow),
                let refusal = machine.makeControlRoom(now: lastNow, into: &effects.core)
            else { return }
            jobs[position].targets[target].phase = .failed(refusal)
        }
    }

    func blocks(of extent: SyncSource.Extent) -> [BlockRange] {
        stride(from: extent.offset, to: extent.offset + extent.length, by: Int(machine.limits.blockBytes)).map {
            BlockRange(
                volume: extent.volume,
                offset: $0,
                length: min(machine.limits.blockBytes, extent.offset + extent.length - $0)
            )
        }
    }
}
