import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost

/// The judge of runbooks: what a run did to the hosts, held against its journal and against what it promises.
///
/// It believes neither: it sees the requests that were answered, the journal's calls, and the hosts themselves.
final class RunJudge {
    private let world: World
    private let hosts: [HostedRVG]
    private let site: SiteApplication
    private let journal: SimulatedJournal
    private var command: RunbookCommand?
    private var present = Run()
    /// The last run was done: the next one is the first of its procedure.
    private var isOver = true
    /// Changes that hosts confirmed since the last disaster, or since another procedure was begun.
    private var changes: [Change] = []
    /// How it was when the procedure was begun first.
    private var origin = Origin()

    /// What was seen of the present run.
    private struct Run {
        var id: String?
        /// Steps by their ids, in the order in which they were begun.
        var steps: [(id: String, state: String)] = []
        var state = "running"
        /// The open Primary when it was begun.
        var primary: Int?
        /// Requests that change something, by the step in which they were sent.
        var changes: [(step: String?, what: String)] = []
    }

    private struct Origin {
        var disasters = 0
        var primary: Int?
        /// The reigns that hosts were in, also Primaries that were not open yet or were about to hear of another.
        var reigns: Set<EpochID> = []
        var promotions = 0
    }

    private struct Change: Equatable {
        var what: String
        var disasters: Int
    }

    init(world: World, hosts: [HostedRVG], site: SiteApplication, journal: SimulatedJournal) {
        self.world = world
        self.hosts = hosts
        self.site = site
        self.journal = journal
        journal.onCall = { [unowned self] in noted($0, $1) }
    }

    private var promotions: Int { hosts.reduce(0) { $0 + $1.promotions } }

    private func found(_ text: String) { world.found("invariant 10: \(command?.text ?? ""): \(text)") }

    // MARK: What happens

    func begin(_ command: RunbookCommand) {
        if isOver || self.command?.goesOn(as: command) != true {
            changes = []
            origin.disasters = world.disasters
            origin.primary = hosts.firstIndex { $0.life?.node.machine.isOpen == true }
            origin.reigns = Set(
                hosts.compactMap { $0.life.flatMap(reign) ?? $0.persisted?.lineage.history.current?.reign }
            )
            origin.promotions = promotions
        }
        isOver = false
        self.command = command
        present = Run()
        present.primary = hosts.firstIndex { $0.life?.node.machine.isOpen == true }
    }

    private func noted(_ call: JournalCall, _ answer: JournalAnswer) {
        switch call {
        case .beginRun:
            if case .begun(let id) = answer { present.id = id }
        case .beginStep(_, let id, _):
            if present.steps.contains(where: { $0.id == id }) { found("step \(id) is begun twice in one run") }
            if let open = present.steps.first(where: { $0.state == "running" })?.id {
                found("step \(id) is begun while \(open) is not ended")
            }
            present.steps.append((id, "running"))
        case .endStep(_, let id, let state, _):
            guard let place = present.steps.firstIndex(where: { $0.id == id && $0.state == "running" }) else {
                // Where a cancel lost the answer of the journal, the same end is told again.
                if present.steps.contains(where: { $0.id == id && $0.state == state }) { return }
                return found("step \(id) is ended as \(state), and was not begun")
            }
            present.steps[place].state = state
        case .endRun(_, let state, _): present.state = state
        case .beginCommand, .endCommand, .leftCommands, .ownRun, .lastRun, .run, .runs: return
        }
    }

    /// A host was asked to change something.
    func sent(_ request: Request, to target: ScriptTarget) {
        guard let what = RunJudge.change(request, target) else { return }
        let step = present.steps.last { $0.state == "running" }?.id
        present.changes.append((step, what))
        if step == nil { found("\(what) is sent outside of a step that the journal has begun") }
    }

    /// A host confirmed it.
    func answered(_ request: Request, to target: ScriptTarget, _ answer: Answer) {
        guard let what = RunJudge.change(request, target), !answer.wasAlready else { return }
        let change = Change(what: what, disasters: world.disasters)
        if changes.contains(change) { found("\(what) was carried out twice") }
        changes.removeAll { $0.disasters != world.disasters }
        changes.append(change)
    }

    /// The application is stopped where its procedure wants it to run.
    func stopsApplication(on host: HostedRVG) {
        guard host.index == RunbookOperator.home, host.life?.node.machine.isOpen == true, site.host === host else {
            return
        }
        found("the application is stopped on \(host.name), which has the Primary role already")
    }

    /// Names a change as the operator would, without what may differ from one try to the next; nil of what only looks.
    private static func change(_ request: Request, _ target: ScriptTarget) -> String? {
        switch request {
        case .takeover: "takeover on \(target)"
        case .makeSecondary(_, let primary, _): "makesec \(primary) on \(target)"
        case .migrate(_, let to, _): "migrate \(to ?? "")"
        case .synchronize(_, let secondaries, _, _, _, _): "syncrvg \(secondaries.joined(separator: " "))"
        case .startReplication(_, let secondary, _, _): "startrep \(secondary ?? "")"
        case .stopReplication(_, let secondary, _, _): "stoprep \(secondary ?? "")"
        case .checkDelete(_, let name): "checkdelete \(name)"
        case .createPrimary: "createpri on \(target)"
        case .addSecondary(_, _, let secondary, _, _): "addsec \(secondary)"
        default: nil
        }
    }

    // MARK: The end of a run

    func end(_ runner: ScriptRunner, _ end: ScriptRunner.End) {
        guard world.finding == nil else { return }
        judgeRecord()
        switch end {
        case .killed: return
        case .failed: judgeFailure(runner)
        case .done:
            judgeJournal()
            isOver = true
            if origin.disasters == world.disasters { judgePromotions() }
            // What a host was when it answered last is known to hold only if nothing failed since.
            if runner.disastersAtLastAnswer[home(of: runner).name] == world.disasters { judgePromise(runner) }
        }
    }

    /// Whatever happened to the run, the journal has its steps as they were told to it.
    private func judgeRecord() {
        guard let id = present.id, let record = journal.run(id) else { return }
        for (told, kept) in zip(present.steps, record.steps) where told.id != kept.id || told.state != kept.state {
            found("step \(told.id) is \(told.state), and the journal says \(kept.id) \(kept.state)")
        }
        if present.steps.count != record.steps.count {
            found("\(present.steps.count) steps were begun, and the journal has \(record.steps.count)")
        }
    }

    private func judgeJournal() {
        guard let id = present.id, let record = journal.run(id) else {
            return found("it is done, and the journal has no run of it")
        }
        guard record.state == "done", record.ended != nil else {
            return found("it is done, and the journal says \(record.state)")
        }
        if record.steps.isEmpty { found("it is done, and the journal has no step of it") }
        for step in record.steps where step.state != "done" && step.state != "skipped" {
            found("it is done, and the journal says that step \(step.id) is \(step.state)")
        }
        for change in present.changes {
            guard let step = record.steps.first(where: { $0.id == change.step }), step.state == "skipped" else {
                continue
            }
            found("\(change.what) was sent in step \(step.id), which the journal has as skipped")
        }
    }

    private func judgeFailure(_ runner: ScriptRunner) {
        guard let id = present.id, let record = journal.run(id) else { return }
        guard record.state == "failed" || record.state == "interrupted", record.ended != nil else {
            return found("it failed, and the journal says \(record.state)")
        }
        if let step = record.steps.first(where: { $0.state == "running" }) {
            found("it failed, and the journal says that step \(step.id) is running")
        }
    }

    /// Without a disaster the role moves once, and only where it has to.
    ///
    /// A host may be open in a reign that was there: it had been handed the role and takes it now, or comes back and closes
    /// the reign of the one that was open.
    private func judgePromotions() {
        if command?.runbook == "setup-replication" { return }
        let open = hosts.firstIndex { $0.life?.node.machine.isOpen == true }
        let wasThere = open.flatMap { hosts[$0].life.flatMap(reign) }.map(origin.reigns.contains) ?? false
        let moved = promotions - origin.promotions
        let right = open == origin.primary ? 0...0 : (wasThere ? 0 : 1)...1
        if !right.contains(moved) { found("the Primary role moved \(moved) times, and once is enough where it has to") }
    }

    private func reign(_ life: Life) -> EpochID? { life.node.machine.header.lineage.history.current?.reign }

    private func judgePromise(_ runner: ScriptRunner) {
        switch runner.command.runbook {
        case "takeover": judgeTakeover(runner)
        case "migrate", "failback-difference", "failback-difference-multi": judgeHome(home(of: runner))
        case "setup-replication": judgeSetUp(home(of: runner))
        default: return
        }
    }

    /// The host that the command named; else what was home before the disaster.
    private func home(of runner: ScriptRunner) -> HostedRVG {
        let name = runner.command["home"] ?? runner.command["to"] ?? runner.command["primary"]
        return hosts.first { $0.name == name } ?? hosts[RunbookOperator.home]
    }

    /// The hosts to which the present run says that replication was started: each further Secondary, and whoever handed the
    /// role over.
    private func brought(to home: HostedRVG) -> [HostedRVG] {
        let steps = present.steps
        return hosts.filter { host in
            guard host !== home else { return false }
            if steps.contains(where: { $0.id == "start-replication-\(host.name)" }) { return true }
            return host.index == present.primary && steps.contains { $0.id == "migrate" && $0.state == "done" }
        }
    }

    private func judgeSetUp(_ primary: HostedRVG) {
        guard let machine = primary.life?.node.machine, machine.isOpen else {
            return found("it is done, and \(primary.name) is no open Primary")
        }
        for host in hosts where host !== primary {
            guard machine.peer(host.id)?.sending.isStreaming == true,
                host.life?.node.machine.isImageConsistent == true
            else { return found("it is done, and \(host.name) does not follow \(primary.name)") }
        }
    }

    private func judgeTakeover(_ runner: ScriptRunner) {
        guard let name = runner.command["to"], let host = hosts.first(where: { $0.name == name }) else { return }
        if host.life?.node.machine.isOpen != true { found("it is done, and \(name) is no open Primary") }
    }

    private func judgeHome(_ home: HostedRVG) {
        guard let machine = home.life?.node.machine, machine.isOpen else {
            return found("it is done, and \(home.name) is no open Primary")
        }
        if let other = hosts.first(where: { $0 !== home && $0.life?.node.machine.isOpen == true }) {
            found("it is done, and \(other.name) is an open Primary too")
        }
        if site.host !== home { found("it is done, and the application runs on \(site.host?.name ?? "no host")") }
        for host in brought(to: home) where machine.header.links.first(where: { $0.peer == host.id })?.attachID == nil {
            found("it is done, and \(host.name) is not attached to \(home.name)")
        }
    }
}

extension Answer {
    /// Nothing had to be changed.
    fileprivate var wasAlready: Bool {
        switch self {
        case .done(let outcome): outcome.already
        case .synchronized(let reports): reports.allSatisfy(\.already)
        default: true
        }
    }
}
