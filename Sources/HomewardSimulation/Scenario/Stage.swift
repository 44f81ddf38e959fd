import HomewardAdministration
import HomewardCore

/// Three hosts, an application, an operator, and what goes wrong.
final class Stage {
    private let world: World
    private let network: SimulatedNetwork
    private let model: Model
    private let hosts: [SimulatedHost]
    private let application: Application
    private let administrator: Administrator
    private let procedure: Procedure
    private var chaosEnds: UInt64
    private let chaos: Chaos
    private var runbooks: RunbookOperator?
    private static let second: UInt64 = 1_000_000_000

    init(_ scenario: Scenario, telling: Telling) {
        let world = World(scenario, telling: telling)
        self.world = world
        procedure = scenario.procedure ?? Procedure.of(seed: scenario.seed)
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
        if procedure == .runbooks { takeRunbooks() }
        heal()
        world.run(until: chaosEnds + 240 * Stage.second, eventLimit: 3_000_000)
        if world.finding == nil, !finished {
            let runs = runbooks.map { "; \($0.situation)" } ?? ""
            world.found("invariant 11: not converged: \(situation)\(runs)")
        }
        return SeedResult(
            seed: world.seed,
            finding: world.finding,
            trace: world.traceHash,
            events: world.events,
            writes: application.requests,
            verbs: administrator.verbs,
            checks: model.checks,
            runs: runbooks?.counts ?? RunCounts(),
            coverage: world.coverage
        )
    }

    // MARK: By runbooks

    /// From now on people reach for runbooks, while hosts, links and terminals go on failing.
    private func takeRunbooks() {
        guard world.finding == nil else { return }
        world.trace("by runbooks")
        administrator.home = RunbookOperator.home
        administrator.mishaps = false
        application.isManaged = true
        let doors = ControlDoors(world: world, network: network, hosts: hosts)
        doors.onChange = { [chaos] in chaos.verbTyped($0) }
        let runbooks = RunbookOperator(
            world: world,
            network: network,
            hosts: hosts,
            application: application,
            doors: doors
        )
        self.runbooks = runbooks
        administrator.pilot = { runbooks.act() }
        administrator.changesByOthers = { doors.changes }
        if world.chance(75), let primary = hosts.first(where: { $0.life?.node.machine.isOpen == true }) {
            chaos.lose(primary, milliseconds: 2_000...9_000)
        }
        chaosEnds = world.now + world.pick(8...25) * Stage.second
        chaos.goOn(until: chaosEnds, interval: world.chance(50) ? 1_000...5_000 : 3_000...20_000)
        world.run(until: chaosEnds, eventLimit: 3_000_000)
        runbooks.isCalm = true
    }

    private var isDone: Bool { administrator.isDone && runbooks?.isDone ?? true }

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
            guard isDone else { return awaitEnd() }
            runbooks?.isOver = true
            application.isOver = true
            application.close()
            world.trace("quiesce")
            world.after(3 * Stage.second) { [self] in judge() }
        }
    }

    /// Everything is at rest: the three images are one.
    private func judge() {
        guard isDone, let primary = hosts[0].life, let line = model.line(of: primary) else {
            application.isOver = false
            runbooks?.isOver = false
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
        if model.wasTakenOver { world.coverage.count("failbacks completed") }
        world.coverage.count("lives that ended at home")
        world.stop()
    }
}
