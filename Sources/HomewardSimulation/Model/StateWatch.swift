import HomewardAdministration
import HomewardCore

/// Follows the machines of one life from outside, and notes each step from a state to another.
///
/// What happens within one step of a machine counts as one transition from where it was to where it is.
struct StateWatch {
    private var role = WatchedState.begin
    private var stream = WatchedState.begin
    private var target = WatchedState.begin
    private var promise = WatchedState.begin
    private var removal = WatchedState.begin
    /// Of the operations over several hosts, by their places in ``operations``.
    private var phases = [WatchedState](repeating: .begin, count: operations.count)
    private static let operations: [WatchedMachine] = [.takeover, .makesec, .startrep, .migrate]
    private var links: [(peer: HostID, state: WatchedState)] = []
    private var targets: [Key: WatchedState] = [:]

    private struct Key: Hashable {
        var job: CheckpointID
        var host: HostID
    }

    mutating func look(at node: RVGNode, _ coverage: inout Coverage) {
        StateWatch.move(.role, &role, StateWatch.role(node.machine), &coverage)
        StateWatch.move(.stream, &stream, StateWatch.stream(node.machine), &coverage)
        StateWatch.move(.target, &target, StateWatch.target(node), &coverage)
        StateWatch.move(.promise, &promise, StateWatch.promise(node.machine), &coverage)
        StateWatch.move(.removal, &removal, StateWatch.removal(node), &coverage)
        let running = node.operation.map(StateWatch.phase)
        for (place, machine) in StateWatch.operations.enumerated() {
            let state = running?.machine == machine ? running?.state ?? .idle : .idle
            StateWatch.move(machine, &phases[place], state, &coverage)
        }
        lookAtLinks(node.machine, &coverage)
        lookAtJobs(node, &coverage)
    }

    private static func move(
        _ machine: WatchedMachine,
        _ place: inout WatchedState,
        _ state: WatchedState,
        _ coverage: inout Coverage
    ) {
        guard place != state else { return }
        coverage.visit(.init(machine.rawValue, place.rawValue, state.rawValue))
        place = state
    }

    // MARK: Role

    private static func role(_ machine: RVGMachine) -> WatchedState {
        let header = machine.header
        if machine.failure != nil { return .failed }
        if machine.isLogDamaged { return header.isPrimary ? .damagedPrimary : .damagedSecondary }
        guard header.isPrimary else {
            if header.targetJob != nil { return .beingSynchronized }
            if header.lineage.history.current == nil { return .emptySecondary }
            if header.consistentFrom == .never { return .inconsistent }
            return machine.isImageConsistent ? .secondary : .catchingUp
        }
        if header.fence != nil { return .fenced }
        switch machine.gate {
        case .starting: return .returned
        case .opening: return .opening
        case nil: return header.stopped ? .stopped : .open
        }
    }

    // MARK: Operations

    private static func phase(_ operation: Operation) -> (machine: WatchedMachine, state: WatchedState) {
        switch operation {
        case .takeover(let state):
            switch state.phase {
            case .silence: (.takeover, .silence)
            case .preparing: (.takeover, .preparing)
            case .makingDurable: (.takeover, .makingDurable)
            case .opening: (.takeover, .opening)
            }
        case .makesec(let state):
            switch state.phase {
            case .applying: (.makesec, .applying)
            case .salvaging: (.makesec, .salvaging)
            case .preparing: (.makesec, .preparing)
            case .confirming: (.makesec, .confirming)
            }
        case .attach(let state):
            switch state.phase {
            case .quiescing: (.startrep, .quiescing)
            case .sampling: (.startrep, .sampling)
            case .preparing: (.startrep, .preparing)
            case .committed: (.startrep, .committed)
            }
        case .migrate(let state):
            switch state.phase {
            case .draining: (.migrate, .draining)
            case .preparing: (.migrate, .preparing)
            case .handing: (.migrate, .handing)
            }
        }
    }

    private static func removal(_ node: RVGNode) -> WatchedState {
        guard node.machine.volumesHeldBy == "removal" else { return .none }
        return node.shutdown == nil ? .held : .draining
    }

    // MARK: The Secondary's end

    private static func stream(_ machine: RVGMachine) -> WatchedState {
        if machine.following.deferredStart != nil { return .waitingForLanes }
        return machine.following.attach == nil ? .none : .following
    }

    private static func target(_ node: RVGNode) -> WatchedState {
        if let run = node.target { return run.offer.verifyOnly ? .verifying : .writingBlocks }
        for participant in node.participants {
            switch participant.kind {
            case .attach(_, .applying): return .attachApplying
            case .attach(_, .sampling): return .attachSampling
            case .attach(_, .flushing): return .attachFlushing
            case .attach(_, .ready): return .attachReady
            case .synchronize(_, let phase):
                switch phase {
                case .applying: return .applying
                case .writing: return .writingLog
                case .salvaging: return .salvaging
                case .quiescing: return .quiescing
                case .readingCursor: return .readingCursor
                case .landing: return .landing
                case .flushing: return .flushing
                case .ready: return .ready
                }
            }
        }
        return .idle
    }

    private static func promise(_ machine: RVGMachine) -> WatchedState {
        switch machine.header.pending.last {
        case nil: .none
        case .takeover: .takeover
        case .makesec: .makesec
        case .attach: .startrep
        case .migrate: .migrate
        }
    }

    // MARK: The Primary's end

    private mutating func lookAtLinks(_ machine: RVGMachine, _ coverage: inout Coverage) {
        if links.count != machine.header.links.count {
            links = machine.header.links.map { link in
                links.first { $0.peer == link.peer } ?? (link.peer, .begin)
            }
        }
        for (place, link) in machine.header.links.enumerated() {
            if links[place].peer != link.peer { links[place] = (link.peer, .begin) }
            let state = machine.header.isPrimary ? StateWatch.rlink(link, machine) : .ofSecondary
            StateWatch.move(.rlink, &links[place].state, state, &coverage)
        }
    }

    private static func rlink(_ link: LinkRecord, _ machine: RVGMachine) -> WatchedState {
        guard link.attachID != nil else { return .detached }
        if link.paused { return .paused }
        switch machine.peer(link.peer)?.sending.phase {
        case .starting: return .starting
        case .streaming: return .streaming
        case .idle, nil: return .attached
        }
    }

    private mutating func lookAtJobs(_ node: RVGNode, _ coverage: inout Coverage) {
        guard !node.jobs.isEmpty || !targets.isEmpty else { return }
        var present: [Key: WatchedState] = [:]
        for job in node.jobs {
            for target in job.targets {
                let key = Key(job: job.id, host: target.host)
                var state = targets[key] ?? .begin
                StateWatch.move(job.verifyOnly ? .verify : .syncrvg, &state, StateWatch.state(job, target), &coverage)
                present[key] = state
            }
        }
        targets = present
    }

    private static func state(_ job: SyncJob, _ target: SyncJob.Target) -> WatchedState {
        switch job.phase {
        case .marking: return .marking
        case .recording: return .recording
        case .running, .over: break
        }
        return switch target.phase {
        case .waiting: .waiting
        case .offered: .offered
        case .running: .running
        case .ending: .ending
        case .confirming: .confirming
        case .done: .done
        case .failed: .failed
        }
    }
}
