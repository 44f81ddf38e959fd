import HomewardCore

/// The one operation over several hosts that this host decides now.
package enum Operation: Sendable {
    case takeover(TakeoverOperation)
    case makesec(MakesecOperation)
    case attach(AttachOperation)
    case migrate(MigrateOperation)

    package var verb: String {
        switch self {
        case .takeover: "takeover"
        case .makesec: "makesec"
        case .attach: "startrep"
        case .migrate: "migrate"
        }
    }

    package var token: UInt64 {
        switch self {
        case .takeover(let operation): operation.token
        case .makesec(let operation): operation.token
        case .attach(let operation): operation.token
        case .migrate(let operation): operation.token
        }
    }

    /// The name under which others know it.
    package var transaction: UInt64 {
        switch self {
        case .takeover(let operation): operation.transaction.rawValue
        case .makesec(let operation): operation.transaction.rawValue
        case .attach(let operation): operation.attach.rawValue
        case .migrate(let operation): operation.transaction.rawValue
        }
    }
}

extension RVGNode {
    /// Refuses while an operation runs.
    package func requireIdle(for verb: String) throws(Refusal) {
        if let operation {
            throw machine.refuse(
                .operationInProgress,
                "\(operation.verb) runs on it",
                hint: "wait until it has ended (homeward status), then repeat \(verb)"
            )
        }
        try requireStaying(for: verb)
        if shutdown != nil {
            throw machine.refuse(
                .operationInProgress,
                "the daemon is stopping",
                hint: "start it again, then repeat \(verb)"
            )
        }
    }

    /// Refuses while the RVG is being removed: what is changed now would go with it.
    func requireStaying(for verb: String) throws(Refusal) {
        guard isBeingRemoved else { return }
        throw machine.refuse(
            .operationInProgress,
            "it is being removed from \(machine.hostName)",
            hint: "see whether it is gone (homeward status) before \(verb)"
        )
    }

    package mutating func advanceOperation(now: Instant, into effects: inout NodeEffects) {
        switch operation {
        case nil: return
        case .takeover(let state): advanceTakeover(state, now: now, into: &effects)
        case .makesec(let state): advanceMakesec(state, now: now, into: &effects)
        case .attach(let state): advanceAttach(state, now: now, into: &effects)
        case .migrate(let state): advanceMigrate(state, now: now, into: &effects)
        }
    }

    package mutating func voteReceived(
        _ token: UInt64,
        _ vote: Vote,
        from host: HostID,
        now: Instant,
        into effects: inout NodeEffects
    ) {
        if let job = jobs.firstIndex(where: { $0.id.rawValue == token }) {
            return jobVoteReceived(job, vote, from: host, now: now, into: &effects)
        }
        switch operation {
        case .takeover(let state) where state.transaction.rawValue == token:
            takeoverVote(state, vote, from: host, into: &effects)
        case .makesec(let state) where state.transaction.rawValue == token && state.peer == host:
            makesecVote(state, vote, now: now, into: &effects)
        case .attach(let state) where state.attach.rawValue == token && state.peer == host:
            attachVote(state, vote, now: now, into: &effects)
        case .migrate(let state) where state.transaction.rawValue == token && state.peer == host:
            migrateVote(state, vote, now: now, into: &effects)
        default:
            // The vote of an operation that was given up meanwhile. The contact that says so followed what asked for the
            // vote, and may have come before a promise that took some work: whoever promised is told again.
            if case .no = vote { return }
            machine.tellContactAgain(&effects.core)
        }
    }

    package mutating func operationTaskDone(_ result: TaskResult, now: Instant, into effects: inout NodeEffects) {
        switch operation {
        case .makesec(let state): makesecTaskDone(state, result, now: now, into: &effects)
        case .attach(let state): attachTaskDone(state, result, now: now, into: &effects)
        case .takeover(let state): takeoverTaskDone(state, result, now: now, into: &effects)
        case .migrate, nil: return
        }
    }

    /// Ends the operation without having committed: everything is as it was.
    package mutating func abandonOperation(_ refusal: Refusal, _ effects: inout NodeEffects) {
        guard let ended = operation else { return }
        operation = nil
        switch ended {
        case .takeover: machine.takingOver = false
        case .attach(let state): unpin(state)
        case .makesec(let state): unpin(state)
        case .migrate: break
        }
        dropOperationTasks()
        machine.release(operation: ended.verb, transaction: ended.transaction, &effects.core)
        answer(ended.token, .failure(refusal), &effects)
    }

    /// Ends the operation after its commit.
    package mutating func finishOperation(_ outcome: Outcome, _ effects: inout NodeEffects) {
        guard let ended = operation else { return }
        operation = nil
        dropOperationTasks()
        machine.release(operation: ended.verb, transaction: ended.transaction, &effects.core)
        answer(ended.token, .success(.done(outcome)), &effects)
    }

    /// What was read or written for an operation that has ended is not for the next one.
    private mutating func dropOperationTasks() {
        tasks.removeAll { if case .operation = $0.purpose { true } else { false } }
    }

    /// A device failed: whatever waited for it here ends with its failure, and goes on after a restart has recovered.
    package mutating func endEverything(_ failure: Refusal, _ effects: inout NodeEffects) {
        abandonOperation(failure, &effects)
        for job in jobs { for token in job.tokens { answer(token, .failure(failure), &effects) } }
        for mark in marks { answer(mark.token, .failure(failure), &effects) }
        answer(shutdown?.token, .success(.done(Outcome(summary: "stopped; the next start recovers"))), &effects)
        jobs = []
        marks = []
        participants = []
        shutdown = nil
        stopTarget()
        releaseAnswers(&effects)
    }

    /// Whoever typed the command takes it back.
    ///
    /// What was not committed is given up, a synchronization only with the last one that waits for it; the rest goes on.
    public mutating func cancel(token: UInt64, now: Instant, wallTime: UInt64, into effects: inout NodeEffects) {
        lastNow = now
        if let job = jobs.firstIndex(where: { $0.tokens.contains(token) }) {
            if jobs[job].tokens.count > 1 {
                jobs[job].tokens.removeAll { $0 == token }
                let refusal = machine.refuse(
                    .interrupted,
                    "this command was interrupted; synchronization \(jobs[job].name) goes on for another",
                    hint: "see how far it is: homeward status"
                )
                answer(token, .failure(refusal), &effects)
            } else {
                cancelJob(job, interrupted(jobs[job]), into: &effects)
            }
        }
        if let current = operation, current.token == token, machine.undecided.contains(current.transaction) {
            abandonOperation(
                machine.refuse(.interrupted, "\(current.verb) was interrupted; nothing was changed", hint: "repeat it"),
                &effects
            )
        }
        advance(now: now, into: &effects)
    }

    /// Whoever typed the command is gone: a synchronization goes on, and nobody waits for it; an operation ends as it ends.
    ///
    /// A verification ends with the last who waits for it: nobody else can have its result, and no command ends it.
    public mutating func forget(token: UInt64, into effects: inout NodeEffects) {
        guard let job = jobs.firstIndex(where: { $0.tokens.contains(token) }) else { return }
        guard !jobs[job].verifyOnly || jobs[job].tokens.count > 1 else {
            return cancelJob(job, interrupted(jobs[job]), into: &effects)
        }
        jobs[job].tokens.removeAll { $0 == token }
        answer(
            token,
            .failure(
                machine.refuse(.interrupted, "whoever asked is gone; \(jobs[job].name) goes on", hint: "repeat it")
            ),
            &effects
        )
    }

    private func interrupted(_ job: SyncJob) -> Refusal {
        guard !job.verifyOnly else {
            return machine.refuse(.interrupted, "the verification was interrupted", hint: "repeat it")
        }
        return machine.refuse(
            .interrupted,
            "the synchronization was interrupted; checkpoint \(job.name) is deleted",
            hint: "repeat syncrvg with a checkpoint name"
        )
    }
}

extension RVGMachine {
    /// A refusal about this RVG.
    package func refuse(_ code: RefusalCode, _ message: String, hint: String) -> Refusal {
        Refusal(code, objectName, message, hint: hint, host: hostName)
    }

    /// `vradmin -g DG … RVG HOST`, for hints; with `--host` where it acts on one host alone.
    package func command(
        _ verb: String,
        _ host: String? = nil,
        options: String = "",
        on place: String? = nil
    ) -> String {
        "vradmin -g \(diskGroup) \(options.isEmpty ? "" : options + " ")\(verb) \(name)\(host.map { " " + $0 } ?? "")"
            + (place.map { " --host \($0)" } ?? "")
    }

    package mutating func decide(later transaction: UInt64) {
        undecided.append(transaction)
        contactDirty = true
    }

    /// The commit: what was undecided is decided in the same header write.
    package mutating func decided(_ transaction: UInt64) { undecided.removeAll { $0 == transaction } }

    package mutating func release(operation verb: String, transaction: UInt64, _ effects: inout Effects) {
        undecided.removeAll { $0 == transaction }
        if volumesHeldBy == verb { volumesHeldBy = nil }
        if intakeHeldBy == verb { intakeHeldBy = nil }
        tellContactAgain(&effects)
        effects.admissionChanged = true
    }

    /// What a change of role says of the checkpoints that it voids.
    package func note(dropped names: [String]) -> [String] {
        names.isEmpty ? [] : ["checkpoints made void by the change of role: \(names.joined(separator: ", "))"]
    }

    /// The peer's contact of now.
    package func requireContact(_ host: HostID, for verb: String) throws(Refusal) -> Contact {
        guard let contact = peer(host)?.contact else {
            throw Refusal(
                .hostUnreachable,
                label(of: host),
                "does not answer; \(verb) needs it",
                hint: "start its daemon or mend the network, then repeat \(verb); what is known: homeward status",
                host: hostName
            )
        }
        return contact
    }

    package func requireOpenPrimary(for verb: String) throws(Refusal) {
        guard header.isPrimary || failure != nil else {
            throw refuse(
                .notPrimary,
                "the RVG is a Secondary on \(hostName), and \(verb) is the Primary's",
                hint: "on the Primary, as shown by: " + command("printrvg")
            )
        }
        guard let closed = closedBecause else { return }
        throw closed
    }

    package func requireLink(_ host: HostID) throws(Refusal) -> LinkRecord {
        guard let link = header.links.first(where: { $0.peer == host }) else {
            throw refuse(
                .unknownSecondary,
                "\(label(of: host)) is not in the RDS",
                hint: "vradmin -g \(diskGroup) printrvg \(name)"
            )
        }
        return link
    }
}
