import HomewardCore

/// One synchronization or verification, on the Primary that it belongs to (OperationSteps, 7 to 12).
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
            /// It answers when its volumes are ready: there is no bound but its session.
            case offered
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
        let hosts = RVGNode.once(hosts)
        for host in hosts { _ = try machine.requireLink(host) }
        if let job = jobs.firstIndex(where: { $0.name == name && !$0.verifyOnly }) {
            let same = Set(jobs[job].targets.map(\.host)) == Set(hosts)
            guard same, jobs[job].phase != .over else { throw nameInUse(name) }
            // The command is typed again while its own job runs: wait for that one.
            return jobs[job].tokens.append(token)
        }
        for host in hosts { try requireAllowed(.syncrvg, host) }
        try machine.requireOpenPrimary(for: "syncrvg")
        try machine.requireCheckpointName(name)
        try requireIdle(for: "syncrvg")
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
        machine.overflowed.removeAll { $0.checkpoint.name == name }
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

    func nameInUse(_ name: String) -> Refusal {
        machine.refuse(
            .checkpointNameInUse,
            "a checkpoint \(name) exists",
            hint: "choose another name, or: vxrvg -g \(machine.diskGroup) -c \(name) checkdelete \(machine.name)"
        )
    }

    func receiptStands(_ checkpoint: Checkpoint, _ host: HostID) -> Bool {
        // A host that does not answer now is believed as the header has it.
        guard let contact = machine.peer(host)?.contact else { return true }
        return contact.receipt?.checkpoint == checkpoint.id
    }

    func already(_ checkpoint: Checkpoint, _ hosts: [HostID]) -> [SynchronizationReport] {
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
    func requireAnotherCopy(than hosts: [HostID], consent: Bool) throws(Refusal) {
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

    /// Each host once, in the order in which they were named first: what a host says is for one target.
    private static func once(_ hosts: [HostID]) -> [HostID] {
        hosts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    package mutating func beginVerification(
        _ hosts: [HostID],
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        let hosts = RVGNode.once(hosts)
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
        guard !name.contains("/"), name.unicodeScalars.allSatisfy({ $0.value > 32 && $0.value < 127 }) else {
            throw refuse(
                .badName,
                "\(name) is no name of a checkpoint: it has a character other than letters, digits and _ - .",
                hint: "choose another name; those that there are: vxrvg -g \(diskGroup) cplist \(self.name)"
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
        if let intakeHeldBy {
            throw refuse(
                .operationInProgress,
                "\(intakeHeldBy) holds the log",
                hint: "wait until it has ended (homeward status), then repeat the command"
            )
        }
        guard hasRoom(payloadBytes: 0, control: true) else {
            // The log drains or a checkpoint dies, also where nobody writes, and the next try finds room; or it says why not.
            if let refusal = makeControlRoom(now: now, into: &effects) { throw refusal }
            throw refuse(
                .logFull,
                "the log has no room for a mark",
                hint: "wait until Secondaries have caught up, then repeat it"
            )
        }
        return append(kind: .mark, wallTime: wallTime, now: now, into: &effects)
    }
}
