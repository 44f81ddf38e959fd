import HomewardCore

/// One synchronization or verification, on the Primary that it belongs to (architecture section 8, 7 to 12).
///
/// It belongs to the daemon: whoever typed the command only waits for it. After a crash of the Primary it is made again from
/// the checkpoint in the header.
package struct SyncJob: Sendable {
    package enum Phase: Hashable, Sendable {
        /// The start mark S becomes durable, and everything below it applied.
        case marking(UpdateID)
        /// The header with the checkpoint is on its way to disk.
        case recording
        case running
        /// Reports are ready; the answer waits for the header.
        case over
    }

    package struct Target: Sendable {
        package enum Phase: Sendable {
            /// To be offered as soon as the host answers.
            case waiting
            case offered(deadline: Instant)
            case running
            /// The end mark becomes durable.
            case ending(UpdateID)
            /// Told of its end mark; its receipt is awaited.
            case confirming
            case done
            case failed(Refusal)
        }

        package var host: HostID
        package var phase: Phase = .waiting
        package var source: SyncSource?
        package var discarded: Discarded?
        package var already = false
    }

    package var id: CheckpointID
    package var name: String
    package var start: UpdateID
    package var phase: Phase
    package var targets: [Target]
    package var tokens: [UInt64]
    package var full: Bool
    package var force: Bool
    package var verifyOnly: Bool
    package var seed: UInt64
    package var startedAt: Instant

    package mutating func sessionLost(with host: HostID) {
        guard let position = targets.firstIndex(where: { $0.host == host }) else { return }
        switch targets[position].phase {
        case .offered, .running:
            targets[position].phase =
                verifyOnly
                ? .failed(
                    Refusal(.hostUnreachable, name, "the Secondary was lost during verification", hint: "repeat it")
                ) : .waiting
            targets[position].source = nil
        case .waiting, .ending, .confirming, .done, .failed: return
        }
    }
}

extension RVGNode {
    package func requireNoSynchronization(of host: HostID, for verb: String) throws(Refusal) {
        let running = jobs.first { job in
            job.targets.contains {
                guard $0.host == host else { return false }
                switch $0.phase {
                case .done, .failed: return false
                case .waiting, .offered, .running, .ending, .confirming: return true
                }
            }
        }
        guard let running else { return }
        throw machine.refuse(
            .syncInProgress,
            "synchronization \(running.name) of \(machine.label(of: host)) runs",
            hint: "wait for its end, then repeat \(verb)"
        )
    }

    package mutating func beginSynchronization(
        _ hosts: [HostID],
        name: String,
        full: Bool,
        force: Bool,
        consent: Bool,
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        for host in hosts {
            _ = try machine.requireLink(host)
            try requireAllowed(.syncrvg, host)
        }
        try machine.requireOpenPrimary(for: "syncrvg")
        try machine.requireCheckpointName(name)
        try requireIdle(for: "syncrvg")
        if let job = jobs.firstIndex(where: { $0.name == name && !$0.verifyOnly }) {
            let same = Set(jobs[job].targets.map(\.host)) == Set(hosts)
            guard same, jobs[job].phase != .over else { throw nameInUse(name) }
            // The command is typed again while its own job runs: wait for that one.
            return jobs[job].tokens.append(token)
        }
        if let known = machine.header.checkpoints.first(where: { $0.name == name }) {
            guard !known.madeByHand, hosts.allSatisfy({ host in known.targets.contains { $0.host == host } }) else {
                throw nameInUse(name)
            }
            if known.isComplete, hosts.allSatisfy({ receiptStands(known, $0) }) {
                return answer(token, .success(.synchronized(already(known, hosts))), &effects)
            }
            throw nameInUse(name)
        }
        guard machine.header.checkpoints.count < Checkpoint.countLimit else { throw machine.tooManyCheckpoints }
        for host in hosts {
            _ = try machine.requireContact(host, for: "syncrvg")
            try requireNoSynchronization(of: host, for: "syncrvg")
        }
        try requireAnotherCopy(than: hosts, consent: consent)
        let id: CheckpointID = machine.random.name()
        let start = try machine.appendMark(wallTime: wallTime, now: now, &effects.core)
        machine.pins.append(start)
        machine.wantApplied(&effects.core)
        jobs.append(
            SyncJob(
                id: id,
                name: name,
                start: start,
                phase: .marking(start),
                targets: hosts.map { SyncJob.Target(host: $0) },
                tokens: [token],
                full: full,
                force: force,
                verifyOnly: false,
                seed: machine.random.next(),
                startedAt: now
            )
        )
    }

    private func nameInUse(_ name: String) -> Refusal {
        machine.refuse(
            .checkpointNameInUse,
            "a checkpoint \(name) exists",
            hint: "choose another name, or: vxrvg -g \(machine.diskGroup) -c \(name) checkdelete \(machine.name)"
        )
    }

    private func receiptStands(_ checkpoint: Checkpoint, _ host: HostID) -> Bool {
        // A host that does not answer now is believed as the header has it.
        guard let contact = machine.peer(host)?.contact else { return true }
        return contact.receipt?.checkpoint == checkpoint.id
    }

    private func already(_ checkpoint: Checkpoint, _ hosts: [HostID]) -> [SynchronizationReport] {
        hosts.map { host in
            SynchronizationReport(
                secondary: machine.label(of: host),
                checkpoint: checkpoint.name,
                already: true,
                volumes: machine.volumes.map { Progress.VolumeProgress(volume: $0.name, size: $0.size) },
                startID: checkpoint.start,
                endID: checkpoint.end(for: host),
                seconds: 0,
                discarded: nil,
                notes: []
            )
        }
    }

    /// The last good copy is not put at risk unasked.
    private func requireAnotherCopy(than hosts: [HostID], consent: Bool) throws(Refusal) {
        guard !consent else { return }
        let losing = hosts.filter { machine.peer($0)?.contact?.consistent == true }
        guard !losing.isEmpty else { return }
        let others = machine.header.links.map(\.peer).filter { host in
            !hosts.contains(host) && machine.peer(host)?.contact?.consistent == true
        }
        guard others.isEmpty else { return }
        let names = losing.map { machine.label(of: $0) }.joined(separator: ", ")
        throw machine.refuse(
            .needsConsent,
            "Until the synchronization has ended and startrep has caught up, no consistent copy but the Primary's exists: "
                + "\(names) will be inconsistent. Go on?",
            hint: "answer y, or repeat with -s"
        )
    }

    package mutating func beginVerification(
        _ hosts: [HostID],
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        for host in hosts {
            _ = try machine.requireLink(host)
            try requireAllowed(.verify, host)
        }
        try machine.requireOpenPrimary(for: "syncrvg -verify")
        for host in hosts {
            let link = try machine.requireLink(host)
            _ = try machine.requireContact(host, for: "syncrvg -verify")
            try requireNoSynchronization(of: host, for: "syncrvg -verify")
            if let cursor = link.cursor, cursor < machine.lastDataID {
                throw machine.refuse(
                    .notUpToDate,
                    "\(link.peerName) was paused before it was up to date",
                    hint: machine.command("resumerep", link.peerName)
                        + ", wait until repstatus says up-to-date, pause again"
                )
            }
        }
        machine.wantApplied(&effects.core)
        jobs.append(
            SyncJob(
                id: machine.random.name(),
                name: "verify",
                start: machine.end,
                phase: .marking(machine.end),
                targets: hosts.map { SyncJob.Target(host: $0) },
                tokens: [token],
                full: false,
                force: false,
                verifyOnly: true,
                seed: machine.random.next(),
                startedAt: now
            )
        )
    }

    // MARK: Going on

    package mutating func advanceJobs(now: Instant, into effects: inout NodeEffects) {
        takeUpJobs(now: now)
        failOverflowed(into: &effects)
        for position in jobs.indices {
            advance(job: position, now: now, into: &effects)
        }
        for job in jobs where job.phase == .over { unpin(job) }
        jobs.removeAll { $0.phase == .over }
    }

    private mutating func unpin(_ job: SyncJob) {
        guard !job.verifyOnly, let pin = machine.pins.firstIndex(of: job.start) else { return }
        machine.pins.remove(at: pin)
    }

    /// After a crash of the Primary: every checkpoint in the header with a target that is not done is a job to go on with.
    private mutating func takeUpJobs(now: Instant) {
        guard machine.isOpen else { return }
        for checkpoint in machine.header.checkpoints where !checkpoint.madeByHand && !checkpoint.isComplete {
            guard !jobs.contains(where: { $0.id == checkpoint.id }) else { continue }
            let targets = checkpoint.targets.map { target in
                var run = SyncJob.Target(host: target.host)
                if target.received { run.phase = .done } else if target.end != nil { run.phase = .confirming }
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
        }
    }

    private mutating func failOverflowed(into effects: inout NodeEffects) {
        for dead in machine.overflowed {
            guard let job = jobs.firstIndex(where: { $0.id == dead.checkpoint.id && $0.phase != .over }) else {
                continue
            }
            cancelJob(
                job,
                machine.refuse(
                    .checkpointOverflowed,
                    "checkpoint \(dead.checkpoint.name) overflowed and is deleted: the log would have had to hold more than "
                        + "\(dead.bytesNeeded) bytes, it has \(machine.capacity)",
                    hint: "use a larger log, or synchronize when less is written: "
                        + machine.command("syncrvg", options: "-c NAME")
                ),
                into: &effects
            )
        }
        if !machine.isOpen, !machine.header.isPrimary {
            // A change of role voids every job.
            for job in jobs.indices where jobs[job].phase != .over {
                cancelJob(
                    job,
                    machine.refuse(
                        .syncCancelled,
                        "\(machine.hostName) is no longer the Primary",
                        hint: "synchronize from the new Primary"
                    ),
                    into: &effects
                )
            }
        }
    }

    private mutating func advance(job position: Int, now: Instant, into effects: inout NodeEffects) {
        switch jobs[position].phase {
        case .over: return
        case .marking(let mark):
            guard machine.durable >= mark, machine.applied >= mark.previous else {
                return machine.wantApplied(&effects.core)
            }
            if jobs[position].verifyOnly {
                jobs[position].phase = .running
            } else {
                machine.header.checkpoints.append(
                    Checkpoint(
                        id: jobs[position].id,
                        name: jobs[position].name,
                        start: mark,
                        targets: jobs[position].targets.map { Checkpoint.Target(host: $0.host) },
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
            for target in jobs[position].targets.indices {
                advance(job: position, target: target, now: now, into: &effects)
            }
            finishJobIfOver(position, now: now, into: &effects)
        }
    }

    private mutating func advance(job position: Int, target: Int, now: Instant, into effects: inout NodeEffects) {
        let job = jobs[position]
        let host = job.targets[target].host
        switch job.targets[target].phase {
        case .done, .failed: return
        case .waiting:
            guard machine.peer(host)?.contact != nil else { return }
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
            jobs[position].targets[target].phase = .offered(
                deadline: now.advanced(byMilliseconds: machine.limits.operationMilliseconds * 6)
            )
        case .offered(let deadline):
            guard now >= deadline else { return }
            jobs[position].targets[target].phase = .failed(
                machine.refuse(.timedOut, "\(machine.label(of: host)) did not answer in time", hint: "repeat syncrvg")
            )
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
    private mutating func tellFinished(_ job: CheckpointID, _ host: HostID, _ effects: inout NodeEffects) {
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

    private mutating func pumpSource(_ position: Int, _ target: Int, into effects: inout NodeEffects) {
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
                begin(.read(range, seed: job.seed), for: .sourceRead(job: job.id, target: host, range), &effects)
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
            // No room for the end mark: the writers' need for room kills the checkpoint soon, or the log drains.
            return
        }
    }

    private func blocks(of extent: SyncSource.Extent) -> [BlockRange] {
        stride(from: extent.offset, to: extent.offset + extent.length, by: Int(machine.limits.blockBytes)).map {
            BlockRange(
                volume: extent.volume,
                offset: $0,
                length: min(machine.limits.blockBytes, extent.offset + extent.length - $0)
            )
        }
    }

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
        case .salvaged, .block, .differing, .done, .cursor: preconditionFailure("hashing ends with hashes or a failure")
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
            jobs[position].targets[target].source?.blockSent(volume: range.volume, bytes: UInt64(bytes.count))
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
        case .salvaged, .hashes, .differing, .done, .cursor:
            preconditionFailure("a read ends with a block or a failure")
        }
    }

    private func running(_ job: CheckpointID, _ host: HostID) -> (Int, Int)? {
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
        for position in jobs.indices {
            let job = jobs[position]
            guard let target = job.targets.firstIndex(where: { $0.host == host }),
                case .confirming = job.targets[target].phase
            else { continue }
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
        targetContact(contact, from: host, into: &effects)
    }

    // MARK: The end

    private mutating func finishJobIfOver(_ position: Int, now: Instant, into effects: inout NodeEffects) {
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

    private mutating func endJob(
        _ position: Int,
        _ result: Result<RVGAnswer, Refusal>,
        _ effects: inout NodeEffects
    ) {
        for token in jobs[position].tokens { answer(token, result, &effects) }
        jobs[position].tokens = []
        jobs[position].phase = .over
        let host = jobs[position].targets
        if case .failure = result, !jobs[position].verifyOnly {
            // A target that failed beside others that did not is taken out of the checkpoint: those remain usable.
            let failed = host.filter { if case .failed = $0.phase { true } else { false } }.map(\.host)
            if let checkpoint = machine.header.checkpoints.firstIndex(where: { $0.id == jobs[position].id }) {
                machine.header.checkpoints[checkpoint].targets.removeAll { failed.contains($0.host) }
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
        for token in job.tokens { answer(token, .failure(refusal), &effects) }
        jobs[position].tokens = []
        jobs[position].phase = .over
    }

    private func reports(_ job: SyncJob, now: Instant) -> [SynchronizationReport] {
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

    private func progress(_ source: SyncSource?) -> [Progress.VolumeProgress] {
        machine.volumes.enumerated().map { index, shape in
            Progress.VolumeProgress(
                volume: shape.name,
                size: shape.size,
                compared: source?.compared[index] ?? shape.size,
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

extension RVGMachine {
    package func requireCheckpointName(_ name: String) throws(Refusal) {
        let length = name.utf8.count
        guard length > 0, length <= Checkpoint.nameLimit else {
            throw refuse(
                .badName,
                "checkpoint name \(name) has \(length) characters; 1 to \(Checkpoint.nameLimit) are allowed",
                hint: "choose a shorter name"
            )
        }
    }

    package var tooManyCheckpoints: Refusal {
        refuse(
            .limitReached,
            "\(header.checkpoints.count) checkpoints exist, \(Checkpoint.countLimit) are allowed",
            hint: "delete old ones: vxrvg -g \(diskGroup) -c NAME checkdelete \(name)"
        )
    }

    /// Appends a mark, if the log has room for one.
    package mutating func appendMark(
        wallTime: UInt64,
        now: Instant,
        _ effects: inout Effects
    ) throws(Refusal) -> UpdateID {
        guard hasRoom(payloadBytes: 0, control: true) else {
            throw refuse(.logFull, "the log has no room for a mark", hint: "wait until Secondaries have caught up")
        }
        return append(kind: .mark, wallTime: wallTime, now: now, into: &effects)
    }
}
