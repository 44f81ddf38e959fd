import HomewardCore

/// One RVG of one host with everything that runs on it: the machine, the one operation over several hosts, the
/// synchronizations.
///
/// Pure: stepped under the RVG's lock, drained by lanes; the real host and the simulator drive it alike.
///
/// Answers and messages made by a step leave only when the header they rest on is durable.
public struct RVGNode: Sendable {
    public package(set) var machine: RVGMachine
    /// The operation that this host decides; one at a time.
    package var operation: Operation?
    /// Promises being prepared for others.
    package var participants: [Participant] = []
    package var jobs: [SyncJob] = []
    package var target: TargetRun?
    package var tasks: [TaskOwner] = []
    /// Blocks of an ended synchronization that are still being written.
    ///
    /// The next one begins when none is left: a block that lands after it was compared anew would stay.
    package var strayWrites: [UInt64] = []
    package var nextTask: UInt64 = 1
    /// Answers that wait for the header.
    package var heldAnswers: [HeldAnswer] = []
    package var lastNow = Instant(nanoseconds: 0)
    package var wallTime: UInt64 = 0
    package var shutdown: Shutdown?
    /// Marks of checkpoints made by hand that are not durable yet.
    package var marks: [PendingMark] = []

    package struct PendingMark: Sendable {
        var token: UInt64
        var id: UpdateID
        var name: String
        var isEnd: Bool
    }

    package struct HeldAnswer: Sendable {
        var token: UInt64
        var result: Result<RVGAnswer, Refusal>
        var needs: UInt64
    }

    /// Who a task's result is for.
    package struct TaskOwner: Sendable {
        var id: UInt64
        var purpose: Purpose
    }

    package enum Purpose: Sendable {
        case operation
        /// Of the participant that waits for this task: one that is gone, and its successor, take nothing of it.
        case participant
        case sourceHash(job: CheckpointID, target: HostID, SyncSource.Extent)
        case sourceRead(job: CheckpointID, target: HostID, BlockRange)
        case targetCompare(job: CheckpointID, volume: UInt32, offset: UInt64)
        case targetWrite(job: CheckpointID, volume: UInt32, offset: UInt64)
        case targetSynchronize(job: CheckpointID)
    }

    public init(machine: RVGMachine) {
        self.machine = machine
    }

    // MARK: Driving

    /// Reports something to the machine (the end of a lane's work, a session, a tick) and lets everything that waited for it
    /// go on.
    public mutating func step<Value>(
        now: Instant,
        wallTime: UInt64,
        into effects: inout NodeEffects,
        _ body: (inout RVGMachine, inout Effects) -> Value
    ) -> Value {
        lastNow = now
        self.wallTime = wallTime
        let value = body(&machine, &effects.core)
        advance(now: now, into: &effects)
        return value
    }

    /// Whether anything beyond plain replication runs: what makes a step look further.
    private var isBusy: Bool {
        operation != nil || !participants.isEmpty || !jobs.isEmpty || target != nil || !heldAnswers.isEmpty
            || shutdown != nil || !marks.isEmpty || !machine.overflowed.isEmpty
    }

    /// Lets everything go on whose condition holds now.
    package mutating func advance(now: Instant, into effects: inout NodeEffects) {
        forgetEndedSessions()
        guard isBusy || machine.isOpen else { return }
        if let failure = machine.failure { return endEverything(failure, &effects) }
        advanceOperation(now: now, into: &effects)
        advanceParticipants(now: now, into: &effects)
        advanceJobs(now: now, into: &effects)
        advanceTarget(now: now, into: &effects)
        advanceMarks(now: now, into: &effects)
        advanceShutdown(now: now, into: &effects)
        releaseAnswers(&effects)
    }

    // MARK: Answers

    package mutating func answer(_ token: UInt64?, _ result: Result<RVGAnswer, Refusal>, _ effects: inout NodeEffects) {
        guard let token else { return }
        let result = result.mapError { refusal in
            var refusal = refusal
            refusal.host = refusal.host ?? machine.hostName
            return refusal
        }
        heldAnswers.append(HeldAnswer(token: token, result: result, needs: machine.criticalGeneration))
        releaseAnswers(&effects)
    }

    package mutating func releaseAnswers(_ effects: inout NodeEffects) {
        guard !heldAnswers.isEmpty else { return }
        let persisted = machine.failure == nil ? machine.persistedGeneration : .max
        for held in heldAnswers where held.needs <= persisted {
            let result = machine.failure.map { .failure($0) } ?? held.result
            effects.answers.append((held.token, result))
        }
        heldAnswers.removeAll { $0.needs <= persisted }
    }

    // MARK: Tasks

    @discardableResult
    package mutating func begin(_ work: NodeTask.Work, for purpose: Purpose, _ effects: inout NodeEffects) -> UInt64 {
        let id = nextTask
        nextTask += 1
        tasks.append(TaskOwner(id: id, purpose: purpose))
        effects.tasks.append(NodeTask(id: id, work: work))
        return id
    }

    /// Whether somebody still waits for a task's result.
    public func awaits(task id: UInt64) -> Bool { tasks.contains { $0.id == id } }

    /// A task ended.
    public mutating func taskDone(
        _ id: UInt64,
        _ result: TaskResult,
        now: Instant,
        wallTime: UInt64,
        into effects: inout NodeEffects
    ) {
        lastNow = now
        self.wallTime = wallTime
        guard let position = tasks.firstIndex(where: { $0.id == id }) else {
            strayWrites.removeAll { $0 == id }
            return advance(now: now, into: &effects)
        }
        switch tasks.remove(at: position).purpose {
        case .operation: operationTaskDone(result, now: now, into: &effects)
        case .participant: participantTaskDone(id, result, now: now, into: &effects)
        case .sourceHash(let job, let target, let extent): sourceHashed(job, target, extent, result, &effects)
        case .sourceRead(let job, let target, let range): sourceRead(job, target, range, result, &effects)
        case .targetCompare(let job, let volume, let offset): targetCompared(job, volume, offset, result, &effects)
        case .targetWrite(let job, let volume, let offset): targetWrote(job, volume, offset, result, &effects)
        case .targetSynchronize(let job): targetSynchronized(job, result, &effects)
        }
        advance(now: now, into: &effects)
    }

    // MARK: Messages

    /// A peer said something of this RVG.
    ///
    /// Payloads of records are given to `keep`, which says where they are. A message that cannot be one of this release is
    /// noted and changes nothing (``HomewardCore/PeerMessage/checkBounds(volumes:)``).
    public mutating func received(
        _ message: PeerMessage,
        from host: HostID,
        session: UInt64,
        now: Instant,
        wallTime: UInt64,
        into effects: inout NodeEffects,
        keep: ([UInt8]) -> PayloadReference
    ) {
        lastNow = now
        self.wallTime = wallTime
        guard machine.peer(host)?.session == session, machine.failure == nil else { return }
        do {
            try message.checkBounds(volumes: machine.volumes)
        } catch {
            return effects.core.note(
                "\(machine.objectName): a message of \(machine.label(of: host)) is not taken: \(error.what)"
            )
        }
        switch message {
        case .contact(let contact):
            machine.contactReceived(contact, from: host, session: session, now: now, into: &effects.core)
            contactArrived(contact, from: host, now: now, into: &effects)
        case .prepare(let prepare):
            prepareReceived(prepare, from: host, now: now, into: &effects)
        case .vote(let token, let vote):
            voteReceived(token, vote, from: host, now: now, into: &effects)
        case .replication(let message):
            replicationReceived(message, from: host, session: session, now: now, into: &effects, keep: keep)
        case .sync(let message):
            syncReceived(message, from: host, now: now, into: &effects)
        }
        advance(now: now, into: &effects)
    }

    private mutating func replicationReceived(
        _ message: ReplicationMessage,
        from host: HostID,
        session: UInt64,
        now: Instant,
        into effects: inout NodeEffects,
        keep: ([UInt8]) -> PayloadReference
    ) {
        switch message {
        case .start(let attach, let number, let history, let durable):
            machine.startReceived(
                attach,
                number: number,
                history: history,
                durable: durable,
                from: host,
                session: session,
                now: now,
                into: &effects.core
            )
        case .report(let attach, let number, let loggedEnd):
            machine.reportReceived(
                attach,
                number: number,
                loggedEnd: loggedEnd,
                from: host,
                session: session,
                now: now,
                into: &effects.core
            )
        case .records(let attach, let epoch, let marks, let records):
            machine.recordsReceived(
                attach,
                epoch: epoch,
                marks: marks,
                records.map { ($0.record, $0.payload.isEmpty ? .none : keep($0.payload)) },
                from: host,
                session: session,
                now: now,
                into: &effects.core
            )
        case .acknowledge(let attach, let received, let logged):
            machine.acknowledgeReceived(
                attach,
                received: received,
                logged: logged,
                from: host,
                session: session,
                into: &effects.core
            )
        case .heartbeat(let attach, let marks, let end, let time):
            machine.heartbeatReceived(
                attach,
                marks: marks,
                end: end,
                wallTime: time,
                from: host,
                session: session,
                now: now,
                into: &effects.core
            )
        case .notAttached(let attach):
            machine.notAttachedReceived(attach, from: host, session: session, into: &effects.core)
        }
    }

    /// A session with a peer ended.
    public mutating func sessionEnded(
        _ host: HostID,
        session: UInt64,
        reason: String,
        now: Instant,
        wallTime: UInt64,
        into effects: inout NodeEffects
    ) {
        lastNow = now
        guard machine.peer(host)?.session == session else { return }
        machine.sessionEnded(host, session: session, reason: reason, now: now, into: &effects.core)
        advance(now: now, into: &effects)
    }

    /// What ran over a session is over with it, also where the next session is up before the end of the last was told.
    private mutating func forgetEndedSessions() {
        for host in machine.takeEndedSessions() {
            participants.removeAll { $0.peer == host }
            for job in jobs.indices { jobs[job].sessionLost(with: host) }
            // What was hashed and read for that session is nothing that the next one asks for.
            tasks.removeAll {
                switch $0.purpose {
                case .sourceHash(_, let target, _), .sourceRead(_, let target, _): target == host
                case .operation, .participant, .targetCompare, .targetWrite, .targetSynchronize: false
                }
            }
            if target?.primary == host { stopTarget() }
        }
    }
}
