import HomewardAdministration
import HomewardCore

/// Follows the machines of one life from outside, and notes each step from a state to another.
///
/// What happens within one step of a machine counts as one transition from where it was to where it is.
struct StateWatch {
    private static let machines = ["role", "stream", "target", "promise", "takeover", "makesec", "startrep", "migrate"]
    /// By the place of each in ``machines``.
    private var states = [String](repeating: "begin", count: machines.count)
    private var links: [(peer: HostID, state: String)] = []
    private var targets: [Key: String] = [:]

    private struct Key: Hashable {
        var job: CheckpointID
        var host: HostID
    }

    mutating func look(at node: RVGNode, _ coverage: inout Coverage) {
        move(0, StateWatch.role(node.machine), &coverage)
        move(1, StateWatch.stream(node.machine), &coverage)
        move(2, StateWatch.target(node), &coverage)
        move(3, StateWatch.promise(node.machine), &coverage)
        let (place, phase) = node.operation.map(StateWatch.phase) ?? (0, "")
        for machine in 4...7 { move(machine, machine == place ? phase : "idle", &coverage) }
        lookAtLinks(node.machine, &coverage)
        lookAtJobs(node, &coverage)
    }

    private mutating func move(_ machine: Int, _ state: String, _ coverage: inout Coverage) {
        let before = states[machine]
        guard before != state else { return }
        states[machine] = state
        coverage.visit(.init(StateWatch.machines[machine], before, state))
    }

    // MARK: Role

    private static func role(_ machine: RVGMachine) -> String {
        let header = machine.header
        if machine.failure != nil { return "failed" }
        if machine.isLogDamaged { return header.isPrimary ? "damaged primary" : "damaged secondary" }
        guard header.isPrimary else {
            if header.targetJob != nil { return "being synchronized" }
            if header.consistentFrom == .never { return "inconsistent" }
            if header.lineage.history.current == nil { return "empty secondary" }
            return machine.isImageConsistent ? "secondary" : "catching up"
        }
        if header.fence != nil { return "fenced" }
        switch machine.gate {
        case .starting: return "returned"
        case .opening: return "opening"
        case nil: return header.stopped ? "stopped" : "open"
        }
    }

    // MARK: Operations

    private static func phase(_ operation: Operation) -> (Int, String) {
        switch operation {
        case .takeover(let state):
            switch state.phase {
            case .silence: (4, "silence")
            case .preparing: (4, "preparing")
            case .makingDurable: (4, "making durable")
            case .opening: (4, "opening")
            }
        case .makesec(let state):
            switch state.phase {
            case .applying: (5, "applying")
            case .salvaging: (5, "salvaging")
            case .preparing: (5, "preparing")
            case .confirming: (5, "confirming")
            }
        case .attach(let state):
            switch state.phase {
            case .quiescing: (6, "quiescing")
            case .sampling: (6, "sampling")
            case .preparing: (6, "preparing")
            case .committed: (6, "committed")
            }
        case .migrate(let state):
            switch state.phase {
            case .draining: (7, "draining")
            case .preparing: (7, "preparing")
            case .handing: (7, "handing")
            }
        }
    }

    // MARK: The Secondary's end

    private static func stream(_ machine: RVGMachine) -> String {
        if machine.following.deferredStart != nil { return "waiting for the lanes" }
        return machine.following.attach == nil ? "none" : "following"
    }

    private static func target(_ node: RVGNode) -> String {
        if let run = node.target { return run.offer.verifyOnly ? "verifying" : "writing blocks" }
        for participant in node.participants {
            switch participant.kind {
            case .attach(_, .applying): return "attach: applying"
            case .attach(_, .sampling): return "attach: sampling"
            case .attach(_, .ready): return "attach: ready"
            case .synchronize(_, let phase):
                switch phase {
                case .applying: return "applying"
                case .writing: return "writing its log"
                case .salvaging: return "salvaging"
                case .quiescing: return "quiescing"
                case .readingCursor: return "reading its cursor"
                case .landing: return "waiting for blocks to land"
                case .flushing: return "flushing"
                case .ready: return "ready"
                }
            }
        }
        return "idle"
    }

    private static func promise(_ machine: RVGMachine) -> String { machine.header.pending.last?.verb ?? "none" }

    // MARK: The Primary's end

    private mutating func lookAtLinks(_ machine: RVGMachine, _ coverage: inout Coverage) {
        if links.count != machine.header.links.count {
            links = machine.header.links.map { link in
                links.first { $0.peer == link.peer } ?? (link.peer, "begin")
            }
        }
        for (place, link) in machine.header.links.enumerated() {
            let state = machine.header.isPrimary ? StateWatch.rlink(link, machine) : "of a secondary"
            let before = links[place].peer == link.peer ? links[place].state : "begin"
            guard state != before else { continue }
            links[place] = (link.peer, state)
            coverage.visit(.init("rlink", before, state))
        }
    }

    private static func rlink(_ link: LinkRecord, _ machine: RVGMachine) -> String {
        guard link.attachID != nil else { return "detached" }
        if link.paused { return "paused" }
        switch machine.peer(link.peer)?.sending.phase {
        case .starting: return "starting"
        case .streaming: return "streaming"
        case .idle, nil: return "attached"
        }
    }

    private mutating func lookAtJobs(_ node: RVGNode, _ coverage: inout Coverage) {
        guard !node.jobs.isEmpty || !targets.isEmpty else { return }
        var present: [Key: String] = [:]
        for job in node.jobs {
            let machine = job.verifyOnly ? "verify" : "syncrvg"
            for target in job.targets {
                let key = Key(job: job.id, host: target.host)
                let state = StateWatch.state(job, target)
                let before = targets[key] ?? "begin"
                if before != state { coverage.visit(.init(machine, before, state)) }
                present[key] = state
            }
        }
        targets = present
    }

    private static func state(_ job: SyncJob, _ target: SyncJob.Target) -> String {
        switch job.phase {
        case .marking: return "marking"
        case .recording: return "recording"
        case .running, .over: break
        }
        return switch target.phase {
        case .waiting: "waiting"
        case .offered: "offered"
        case .running: "running"
        case .ending: "ending"
        case .confirming: "confirming"
        case .done: "done"
        case .failed: "failed"
        }
    }
}
