import HomewardAdministration
import HomewardCore

/// What one seed came to.
public struct SeedResult: Sendable {
    public var seed: UInt64
    /// What was found wrong; nil: nothing.
    public var finding: String?
    /// Equal for equal seeds, whatever process ran them.
    public var trace: UInt64
    public var events: Int
    public var writes: Int
    public var verbs: Int
    public var checks: Int
}

/// Runs seeds.
public enum Simulation {
    /// One seed from the beginning to convergence, or to the first finding.
    public static func run(seed: UInt64, planted: PlantedBug? = nil, verbose: Bool = false) -> SeedResult {
        let stage = Stage(world: World(seed: seed, planted: planted, verbose: verbose))
        return stage.play()
    }
}

/// Three hosts, an application, an operator, and what goes wrong.
private final class Stage {
    private let world: World
    private let network: SimulatedNetwork
    private let model: Model
    private let hosts: [SimulatedHost]
    private let application: Application
    private let administrator: Administrator
    private let chaosEnds: UInt64
    private let chaos: Chaos
    private static let second: UInt64 = 1_000_000_000

    init(world: World) {
        self.world = world
        let volumeBytes: UInt64 = world.chance(70) ? 64 << 10 : 128 << 10
        let logBytes: UInt64 = [96 << 10, 160 << 10, 320 << 10][world.pick(0...2)]
        let model = Model(world: world, volumeBytes: volumeBytes)
        let network = SimulatedNetwork(world: world)
        let limits = Stage.limits(world)
        self.model = model
        self.network = network
        hosts = ["seattle", "london", "tokyo"].enumerated().map { index, name in
            SimulatedHost(
                world: world,
                network: network,
                model: model,
                index: index,
                id: HostID(high: world.word(), low: world.word()),
                name: name,
                limits: limits,
                logBytes: logBytes,
                volumeBytes: volumeBytes
            )
        }
        network.attach(hosts)
        model.attach(hosts)
        application = Application(world: world, model: model, pace: world.milliseconds(2...25))
        administrator = Administrator(
            world: world,
            model: model,
            network: network,
            application: application,
            hosts: hosts
        )
        chaosEnds = world.pick(6...25) * Stage.second
        chaos = Chaos(
            world: world,
            network: network,
            hosts: hosts,
            ends: chaosEnds,
            interval: world.chance(50) ? 300...2_500 : 1_000...8_000
        )
    }

    private static func limits(_ world: World) -> Limits {
        var limits = Limits()
        limits.headerCopyBytes = 48 << 10
        limits.controlReserve = 8 << 10
        limits.syncBytes = [16 << 10, 32 << 10, 128 << 10][world.pick(0...2)]
        limits.syncMilliseconds = world.chance(60) ? world.pick(5...60) : world.pick(60...600)
        limits.applyBatchBytes = 24 << 10
        limits.pendingBytes = 48 << 10
        limits.sendWindow = 32 << 10
        limits.sendBatchBytes = 16 << 10
        limits.heartbeatMilliseconds = 100
        limits.primarySilenceMilliseconds = 400
        limits.returnGraceMilliseconds = 300
        limits.operationMilliseconds = 2_000
        limits.extentBytes = 16 << 10
        limits.blockBytes = 4 << 10
        limits.extentWindow = 3
        limits.blockWindow = 8
        return limits
    }

    func play() -> SeedResult {
        create()
        for host in hosts { host.start() }
        application.run()
        administrator.run()
        chaos.run()
        administrator.onVerb = { [chaos] in chaos.verbTyped($0) }
        keepConnected()
        inspect()
        wander()
        world.run(until: chaosEnds, eventLimit: 3_000_000)
        heal()
        world.run(until: chaosEnds + 240 * Stage.second, eventLimit: 3_000_000)
        if world.finding == nil, !finished { world.found("invariant 11: not converged: \(situation)") }
        return SeedResult(
            seed: world.seed,
            finding: world.finding,
            trace: world.traceHash,
            events: world.events,
            writes: application.requests,
            verbs: administrator.verbs,
            checks: model.checks
        )
    }

    // MARK: The RDS

    private func create() {
        let rvg = RVGID(high: world.word(), low: world.word())
        var generator = SeededGenerator(seed: world.word())
        var settings = LinkSettings()
        if world.chance(40) { settings.synchronous = .override }
        if world.chance(15) { settings.srlprot = .off }
        for host in hosts {
            let links = hosts.filter { $0 !== host }.map {
                LinkRecord(peer: $0.id, peerName: $0.name, peerDiskGroup: "dg", peerRVG: "rvg", settings: settings)
            }
            var header =
                host.index == 0
                ? RVGHeader.newPrimary(rvg: rvg, host: host.id, hostName: host.name, generator: &generator)
                : RVGHeader.newSecondary(rvg: rvg, host: host.id, of: hosts[0].id, members: links)
            header.links = links
            do throws(Refusal) {
                try LogRecovery.format(device: host.log, format: host.format, header: header)
            } catch {
                world.found("cannot format: \(error)")
            }
        }
    }

    // MARK: Looking

    /// Looks at the images now and then.
    private func inspect() {
        world.after(world.milliseconds(80...1_000)) { [self] in
            for host in hosts { if let life = host.life { model.checkImage(life, "at a look") } }
            model.checkFollowers()
            inspect()
        }
    }

    /// The operator wants the Primary elsewhere now and then.
    private func wander() {
        world.after(world.milliseconds(3_000...15_000)) { [self] in
            guard world.now < chaosEnds else { return }
            administrator.home = world.pick(0...2)
            wander()
        }
    }

    // MARK: The end

    private var finished = false
    private var situation: String {
        hosts.map { host in
            guard let life = host.life else { return "\(host.name) down" }
            let machine = life.node.machine
            let closed = machine.header.isPrimary ? machine.closedBecause?.message ?? "open" : "secondary"
            let links = machine.header.links.map { "\($0.peerName) \($0.attachID == nil ? "detached" : "attached")" }
            return "\(host.name) \(closed), \(links.joined(separator: ", ")), \(machine.header.pending.count) pending"
        }.joined(separator: "; ")
    }

    private func heal() {
        guard world.finding == nil else { return }
        world.trace("heal")
        administrator.home = 0
        administrator.mishaps = false
        network.unblockAll()
        // With srlprot=off a log this small is overrun by a busy application for ever.
        application.pace = max(application.pace, 30_000_000)
        for host in hosts {
            host.fuse.callsLeft = nil
            if host.life == nil { world.after(world.milliseconds(1...1_000)) { host.start() } }
        }
        awaitEnd()
    }

    private func keepConnected() {
        network.connectAll()
        world.after(300_000_000) { [self] in keepConnected() }
    }

    private func awaitEnd() {
        world.after(500_000_000) { [self] in
            guard administrator.isDone else { return awaitEnd() }
            application.isOver = true
            application.close()
            world.trace("quiesce")
            world.after(3 * Stage.second) { [self] in judge() }
        }
    }

    /// Everything is at rest: the three images are one.
    private func judge() {
        guard administrator.isDone, let primary = hosts[0].life, let line = model.line(of: primary) else {
            application.isOver = false
            return awaitEnd()
        }
        finished = true
        for host in hosts {
            guard let life = host.life else { return world.found("\(host.name) is down at the end") }
            guard let numbers = model.checkImage(life, "at the end") else {
                return world.found("\(host.name) shows no image at the end")
            }
            if numbers != model.expected(line, line.count) {
                let counts = "\(life.node.machine.dataCount), the Primary took \(line.count)"
                return world.found("\(host.name) ends with another image: it holds \(counts) writes")
            }
            let machine = life.node.machine
            if machine.imagePosition != machine.end {
                return world.found(
                    "\(host.name) ends with its volumes at \(machine.imagePosition?.description ?? "no position"), its log "
                        + "at \(machine.end)"
                )
            }
        }
        world.stop()
    }
}
