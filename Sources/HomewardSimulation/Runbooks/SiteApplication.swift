import HomewardAdministration
import HomewardCore
import HomewardRunbooks

/// The site's service commands: `app start` and `app stop` on the host that they are sent to.
///
/// They do what they can and say by their exit code whether it is so; whatever asks for something that no procedure should
/// is found.
final class SiteApplication {
    private let world: World
    private let application: Application
    private let hosts: [HostedRVG]
    /// When it was last stopped by a command; nil while it runs.
    private(set) var stoppedSince: UInt64?
    private(set) var starts = 0
    private(set) var stops = 0

    /// The site file whose hooks call the commands.
    static let siteFile = """
        local hw = require("homeward")
        return {
          stop_application = function(ctx) hw.sh{ "app", "stop", on = ctx.host } end,
          start_application = function(ctx) hw.sh{ "app", "start", on = ctx.host } end,
        }
        """

    init(world: World, application: Application, hosts: [HostedRVG]) {
        self.world = world
        self.application = application
        self.hosts = hosts
    }

    /// The host on which it runs.
    var host: HostedRVG? { application.host }

    /// Carries a command out; it takes its time, and goes on when whoever sent it dies.
    func run(_ command: ShellCommand, _ finish: @escaping (ShellResult) -> Void) {
        let began = world.now
        world.after(world.milliseconds(5...300)) { [self] in
            let failure = carryOut(command)
            let result = ShellResult(
                code: failure == nil ? 0 : 1,
                output: [],
                errors: Array((failure ?? "").utf8),
                seconds: Double(world.now - began) / 1e9
            )
            world.trace("\(command.words.joined(separator: " ")) on \(command.host ?? "-"): \(failure ?? "done")")
            finish(result)
        }
    }

    /// Why it failed; nil when it is done.
    private func carryOut(_ command: ShellCommand) -> String? {
        guard let name = command.host, let host = hosts.first(where: { $0.name == name }) else {
            world.found("the command \(command.words) names no host: \(command.host ?? "none")")
            return "no host"
        }
        switch command.words {
        case ["app", "stop"]: return stop(on: host)
        case ["app", "start"]: return start(on: host)
        default:
            world.found("the site has no command \(command.words)")
            return "no command"
        }
    }

    private func stop(on host: HostedRVG) -> String? {
        stops += 1
        if stoppedSince == nil { stoppedSince = world.now }
        guard world.planted != .ignoreStop else { return nil }
        if application.host === host { application.close() }
        return nil
    }

    /// Ended by hand.
    func end(on host: HostedRVG) {
        guard application.host === host else { return }
        world.trace("the application on \(host.name) is ended by hand")
        application.close()
    }

    func start(on host: HostedRVG) -> String? {
        starts += 1
        if let life = host.life, !life.node.machine.header.isPrimary {
            world.found("the application is started on \(host.name), which is a Secondary")
        }
        if let running = application.host, running !== host {
            // On a host that was lost, or whose role was taken over, it is left behind: nobody could stop it there.
            if running.network.isConnected(running.index, host.index), running.life?.node.machine.isOpen == true {
                world.found("the application is started on \(host.name) while it runs on \(running.name)")
            }
            end(on: running)
        }
        application.isWanted = true
        guard application.open(on: host) else { return "the volumes on \(host.name) cannot be opened" }
        stoppedSince = nil
        return nil
    }
}
