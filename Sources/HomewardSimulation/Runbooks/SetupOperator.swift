import HomewardAdministration
import HomewardCore
import LuaHost

/// The operator who sets replication up by the bundled runbook, and starts it again when its terminal died.
final class SetupOperator {
    private let world: World
    private let doors: ControlDoors
    private let journal: SimulatedJournal
    private let judge: RunJudge
    private let site: SiteApplication
    private let command: RunbookCommand
    private(set) var counts = RunCounts()
    private(set) var isDone = false
    private var lastReason = "nothing was refused"
    private var runner: ScriptRunner?
    /// Of each request per thousand runners die at, the first dozen of them.
    private let mortality: Int

    init(world: World, hosts: [HostedRVG], home: Int, application: Application, doors: ControlDoors) {
        self.world = world
        self.doors = doors
        site = SiteApplication(world: world, application: application, hosts: hosts)
        journal = SimulatedJournal(world: world)
        judge = RunJudge(world: world, hosts: hosts, site: site, journal: journal)
        mortality = [0, 5, 20, 40][world.pick(0...3)]
        var command = RunbookCommand(runbook: "setup-replication")
        command["copy"] = world.chance(50) ? "none" : "difference"
        command["primary"] = hosts[home].name
        command["rvg"] = HostedRVG.rvgName(0)
        self.command = command
    }

    /// In words, of one that comes to no end.
    var situation: String { "\(command.text) is not done: \(lastReason)" }

    func run() {
        do throws(LuaError) {
            if counts.begun > 0 { counts.resumed += 1 }
            counts.begun += 1
            let runner = try ScriptRunner(
                command,
                world: world,
                doors: doors,
                site: site,
                journal: journal,
                judge: judge,
                mortality: counts.begun > 12 ? 0 : mortality
            ) { [self] runner, end in ended(runner, end) }
            self.runner = runner
            judge.begin(command)
            runner.start()
        } catch {
            world.found("a Lua state could not be made: \(error)")
        }
    }

    private func ended(_ runner: ScriptRunner, _ end: ScriptRunner.End) {
        self.runner = nil
        journal.processEnded()
        judge.end(runner, end)
        switch end {
        case .done:
            counts.done += 1
            world.coverage.count("done: setup-replication")
            isDone = true
            return
        case .killed: counts.killed += 1
        case .failed(let error):
            counts.failed += 1
            lastReason = error.description
            world.trace("\(command.runbook): \(error)")
        }
        world.after(world.milliseconds(100...1_500)) { [self] in run() }
    }
}
