import HomewardCore
import LuaHost

/// Where an operator begins runs of bundled runbooks, one at a time: with their journal and their judge, and how they ended.
final class RunnerSeat {
    private let world: World
    private let doors: ControlDoors
    private let journal: SimulatedJournal
    private let judge: RunJudge
    let site: SiteApplication
    private(set) var counts = RunCounts()
    /// The one that is at work.
    private(set) var runner: ScriptRunner?

    init(world: World, hosts: [HostedRVG], application: Application, doors: ControlDoors) {
        self.world = world
        self.doors = doors
        site = SiteApplication(world: world, application: application, hosts: hosts)
        journal = SimulatedJournal(world: world)
        judge = RunJudge(world: world, hosts: hosts, site: site, journal: journal)
    }

    /// Begins a run.
    ///
    /// - Parameters:
    ///   - command: what is typed.
    ///   - isResumed: it was typed before, and did not end well.
    ///   - mortality: of each request per thousand it dies at.
    ///   - ended: called once it has ended, is judged and counted.
    /// - Returns: the runner; nil when none could be made, which is a finding.
    @discardableResult
    func begin(
        _ command: RunbookCommand,
        isResumed: Bool,
        mortality: Int,
        _ ended: @escaping (ScriptRunner, ScriptRunner.End) -> Void
    ) -> ScriptRunner? {
        do throws(LuaError) {
            if isResumed { counts.resumed += 1 }
            counts.begun += 1
            let runner = try ScriptRunner(
                command,
                world: world,
                doors: doors,
                site: site,
                journal: journal,
                judge: judge,
                mortality: mortality
            ) { [self] runner, end in
                close(runner, end)
                ended(runner, end)
            }
            self.runner = runner
            judge.begin(command)
            runner.start()
            return runner
        } catch {
            world.found("a Lua state could not be made: \(error)")
            return nil
        }
    }

    private func close(_ runner: ScriptRunner, _ end: ScriptRunner.End) {
        self.runner = nil
        journal.processEnded()
        judge.end(runner, end)
        switch end {
        case .done:
            counts.done += 1
            world.coverage.count("done: \(runner.command.runbook)")
        case .killed: counts.killed += 1
        case .failed(let error):
            world.trace("\(runner.command.runbook): \(error)")
            if runner.wasInterrupted { counts.interrupted += 1 } else { counts.failed += 1 }
        }
    }
}
