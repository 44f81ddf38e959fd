import HomewardAdministration
import HomewardCore
import LuaHost

/// The operator who sets replication up by the bundled runbook, and starts it again when its terminal died.
final class SetupOperator {
    private let world: World
    private let seat: RunnerSeat
    private let command: RunbookCommand
    private(set) var isDone = false
    private var lastReason = "nothing was refused"
    /// Of each request per thousand runners die at, the first dozen of them.
    private let mortality: Int

    init(world: World, hosts: [HostedRVG], home: Int, application: Application, doors: ControlDoors) {
        self.world = world
        seat = RunnerSeat(world: world, hosts: hosts, application: application, doors: doors)
        mortality = [0, 5, 20, 40][world.pick(0...3)]
        var command = RunbookCommand(runbook: "setup-replication")
        command["copy"] = world.chance(50) ? "none" : "difference"
        command["primary"] = hosts[home].name
        command["rvg"] = HostedRVG.rvgName(0)
        self.command = command
    }

    var counts: RunCounts { seat.counts }

    /// In words, of one that comes to no end.
    var situation: String { "\(command.text) is not done: \(lastReason)" }

    func run() {
        let begun = counts.begun
        seat.begin(command, isResumed: begun > 0, mortality: begun < 12 ? mortality : 0) { [self] _, end in
            switch end {
            case .done:
                isDone = true
                return
            case .killed: break
            case .failed(let error): lastReason = error.description
            }
            world.after(world.milliseconds(100...1_500)) { [self] in run() }
        }
    }
}
