import HomewardAdministration
import HomewardCore
import LuaHost

/// How the runs of one seed ended.
public struct RunCounts: Sendable, Equatable {
    /// Begun, first or again.
    public var begun = 0
    public var done = 0
    /// Refused or failed; they said why.
    public var failed = 0
    /// The runner died in them.
    public var killed = 0
    /// Ended by Ctrl-C.
    public var interrupted = 0
    /// Begun by the same command as the one before, which had not ended well.
    public var resumed = 0

    public static func += (left: inout RunCounts, right: RunCounts) {
        left.begun += right.begun
        left.done += right.done
        left.failed += right.failed
        left.killed += right.killed
        left.interrupted += right.interrupted
        left.resumed += right.resumed
    }

    /// For people, one line.
    public var text: String {
        "\(begun) runbook runs: \(done) done, \(failed) failed, \(killed) killed, \(interrupted) interrupted; "
            + "\(resumed) were begun again"
    }
}

/// The operator who brings the Primary home by the bundled runbooks: looks, thinks, starts one, and starts it again when it
/// failed or its terminal died.
///
/// What no runbook does is typed by hand, by the ``Administrator``.
final class RunbookOperator {
    private let world: World
    private let network: SimulatedNetwork
    private let hosts: [HostedRVG]
    private let seat: RunnerSeat
    private var nextThought: UInt64 = 0
    private var nothingOpenSince: UInt64?
    private var closedSince: UInt64?
    /// The command that has not ended well yet.
    private var unfinished: RunbookCommand?
    private var refusedInRow = 0
    /// Until then everything is typed.
    private var byHandUntil: UInt64 = 0
    /// Nothing goes wrong any more: what is refused now is refused for no reason that would pass.
    var isCalm = false
    /// Nothing that anybody could type would help.
    var isHopeless: () -> Bool = { false }
    /// Called then.
    var giveUp: () -> Void = {}
    /// The end is judged: nothing is begun any more.
    var isOver = false
    /// Of each request per thousand runners die at.
    private let mortality: Int
    /// Why the last run failed.
    private var lastReason: String?
    static let home = 0

    init(
        world: World,
        network: SimulatedNetwork,
        hosts: [HostedRVG],
        application: Application,
        doors: ControlDoors
    ) {
        self.world = world
        self.network = network
        self.hosts = hosts
        seat = RunnerSeat(world: world, hosts: hosts, application: application, doors: doors)
        mortality = [0, 3, 8, 20][world.pick(0...3)]
    }

    var site: SiteApplication { seat.site }
    var counts: RunCounts { seat.counts }
    private var runner: ScriptRunner? { seat.runner }

    /// Nothing runs, nothing is left to be finished, and the application runs at home.
    var isDone: Bool {
        runner == nil && (isOver || unfinished == nil && site.host === hosts[RunbookOperator.home])
    }

    /// What is in the way of the end, for people.
    var situation: String {
        "runner \(runner?.command.text ?? "none"), unfinished \(unfinished?.text ?? "none"), application on "
            + (site.host?.name ?? "no host")
    }

    /// Does what is to be done by a runbook; false: it is to be typed, if anything is.
    func act() -> Bool {
        guard runner == nil else { return true }
        guard !isOver else { return false }
        guard world.now >= nextThought else { return true }
        let open = hosts.filter { $0.life?.node.machine.isOpen == true }
        guard let primary = open.first(where: { $0.index == RunbookOperator.home }) ?? open.first else {
            return withoutPrimary()
        }
        nothingOpenSince = nil
        guard world.now >= byHandUntil else { return false }
        // What a Secondary holds back is released by hand.
        let held = hosts.contains { host in
            host.life?.node.machine.header.links.contains { $0.peer == primary.id && $0.paused } ?? false
        }
        guard !held else { return false }
        if var unfinished, unfinished.runbook != "takeover" || world.chance(50),
            primary.index != RunbookOperator.home || world.chance(60)
        {
            // Another host may have taken over meanwhile: what was inferred then would not be inferred now.
            if unfinished.runbook.hasPrefix("failback"), !isTakenOver(primary, from: hosts[RunbookOperator.home]) {
                unfinished["home"] = hosts[RunbookOperator.home].name
            }
            begin(unfinished)
            return true
        }
        unfinished = nil
        if primary.index != RunbookOperator.home { return bringHome(from: primary) }
        return keepRunning(on: primary)
    }

    // MARK: What is to be done

    private func withoutPrimary() -> Bool {
        let since = nothingOpenSince ?? world.now
        nothingOpenSince = since
        let patience = world.now - since
        // A Primary that is only stopped is started, and one that is coming back is waited for: both by hand.
        let stopped = hosts.contains { host in
            host.life.map { $0.node.machine.header.isPrimary && $0.node.machine.header.stopped } ?? false
        }
        guard !stopped else { return false }
        guard patience > 1_500_000_000 else { return true }
        if world.weather.isWide, world.now < byHandUntil { return false }
        let secondaries = hosts.filter { $0.life?.node.machine.header.isPrimary == false }
        guard !secondaries.isEmpty, world.chance(85) else {
            return !(patience > 12_000_000_000)
        }
        let candidate = secondaries[world.pick(0...secondaries.count - 1)]
        var command = unfinished?.runbook == "takeover" && world.chance(60) ? unfinished : nil
        command = command ?? RunbookCommand(runbook: "takeover", arguments: [("to", candidate.name)])
        if let command { begin(command) }
        return true
    }

    private func bringHome(from primary: HostedRVG) -> Bool {
        // An application that hangs on a Primary that was shut is ended before anything else.
        if let running = site.host, running.life?.node.machine.isOpen == false { site.end(on: running) }
        let home = hosts[RunbookOperator.home]
        guard let life = home.life, network.isConnected(home.index, primary.index) else {
            return keepRunning(on: primary)
        }
        // Two that are Primary beside this one: the other is told by hand to give way.
        if hosts.contains(where: { $0 !== home && $0 !== primary && $0.life?.node.machine.header.isPrimary == true }) {
            return false
        }
        // What a pause holds back is released by hand.
        guard !(primary.life?.node.machine.header.links.contains(where: \.paused) ?? false)
        else {
            return false
        }
        let follows = primary.life?.node.machine.peer(home.id)?.sending.isStreaming == true
        if !life.node.machine.header.isPrimary, follows, world.chance(60) {
            begin(RunbookCommand(runbook: "migrate", arguments: [("to", home.name)]))
            return true
        }
        var command = RunbookCommand(
            runbook: world.chance(50) ? "failback-difference" : "failback-difference-multi"
        )
        // After a takeover it is known whose home it was; a person says it all the same now and then.
        if !isTakenOver(primary, from: home) || world.chance(60) { command["home"] = home.name }
        if world.chance(30) { command["outage"] = "short" }
        if command.runbook.hasSuffix("multi"), world.chance(25) { command["start_first"] = "yes" }
        begin(command)
        return true
    }

    private func isTakenOver(_ primary: HostedRVG, from home: HostedRVG) -> Bool {
        let entries = primary.life?.node.machine.header.lineage.history.entries ?? []
        guard let reign = entries.last(where: { $0.epoch.kind != .uncleanStart }), reign.epoch.kind == .takeover else {
            return false
        }
        return entries.last { $0.firstID <= reign.firstID && $0.epoch.id != reign.epoch.id }?.epoch.host == home.id
    }

    /// The application is started by hand where a host crashed under it.
    private func keepRunning(on primary: HostedRVG) -> Bool {
        guard site.host == nil else {
            closedSince = nil
            return false
        }
        let since = closedSince ?? world.now
        closedSince = since
        guard world.now - since > 1_000_000_000 else { return false }
        closedSince = nil
        _ = site.start(on: primary)
        return false
    }

    // MARK: Runs

    private func begin(_ command: RunbookCommand) {
        let runner = seat.begin(
            command,
            isResumed: unfinished == command,
            mortality: isCalm ? mortality / 4 : mortality
        ) { [self] runner, end in ended(runner, end) }
        guard let runner, world.chance(mortality == 0 ? 0 : 6) else { return }
        let patience = world.chance(70) ? world.milliseconds(1...300) : world.milliseconds(300...3_000)
        world.after(patience) { [weak runner] in runner?.interrupt() }
    }

    private func ended(_ runner: ScriptRunner, _ end: ScriptRunner.End) {
        nextThought = world.now + world.milliseconds(100...1_500)
        switch end {
        case .done:
            refusedInRow = 0
            unfinished = nil
        case .killed: unfinished = runner.command
        case .failed(let error):
            unfinished = runner.command
            guard !runner.wasInterrupted else { return }
            refused(error, runner.command)
        }
    }

    private func refused(_ error: LuaError, _ command: RunbookCommand) {
        let defects: [LuaError.Code] = [
            .syntax, .runtime, .cpuLimit, .memoryLimit, .outputLimit, .type, .badArgument, .undeclared, .unknownModule,
            .cannotWait,
        ]
        if defects.contains(error.code) {
            return world.found("\(command.text): \(error)\n\(error.traceback ?? "")")
        }
        // Another reason is progress.
        let reason = error.description
        refusedInRow = isCalm && reason == lastReason ? refusedInRow + 1 : 0
        lastReason = reason
        if refusedInRow > 25, isHopeless() { return giveUp() }
        if refusedInRow > 25 {
            return world.found("invariant 11: \(command.text) is refused again and again: \(error)")
        }
        // What no runbook mends: a Secondary of a rival, a pause.
        var byHand = ["not-secondary", "link-paused", "rival"]
        // Of several old Primaries that wait for each other one is opened by force.
        if world.weather.isWide { byHand.append("primary-primary") }
        let isVerb = world.weather.isWide && error.description.contains("-f start")
        if isVerb || byHand.contains(where: { error.description.contains("[\($0)]") }) {
            byHandUntil = world.now + 4_000_000_000
        }
        unfinished = adopt(error, command)
    }

    /// A person types what the hint says, or thinks again.
    private func adopt(_ error: LuaError, _ command: RunbookCommand) -> RunbookCommand? {
        var command = command
        for word in error.description.split(whereSeparator: { " ;,:()\"'`\n".contains($0) }) {
            let parts = word.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty,
                parts[0].allSatisfy({ $0.isLowercase || $0 == "_" }), world.chance(70)
            else { continue }
            command[String(parts[0])] = String(parts[1].prefix { $0.isLetter || $0.isNumber || "-_".contains($0) })
        }
        return world.chance(50) ? command : nil
    }
}
