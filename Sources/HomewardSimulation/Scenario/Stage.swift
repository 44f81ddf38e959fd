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
    private let squalls: Squalls
    private let meddler: Meddler
    private let status: StatusJudge
    private var topology: Topology
    private var runbooks: RunbookOperator?
    private static let second: UInt64 = 1_000_000_000

    init(_ scenario: Scenario, telling: Telling) {
        let world = World(scenario, telling: telling)
        self.world = world
        procedure = scenario.procedure ?? Procedure.of(seed: scenario.seed)
        var topology = Topology(world)
        topology.widen(world)
        let model = Model(world: world, volumeBytes: topology.volumeBytes, volumeCount: topology.volumeCount)
        let network = SimulatedNetwork(world: world)
        topology.drawLimits(world)
        self.topology = topology
        self.model = model
        self.network = network
        hosts = topology.hostNames.enumerated().map { [topology] index, name in
            SimulatedHost(
                world: world,
                network: network,
                model: model,
                index: index,
                id: HostID(high: world.word(), low: world.word()),
                name: name,
                limits: topology.limits,
                logBytes: topology.logBytes,
                volumeBytes: topology.volumeBytes,
                volumeCount: topology.volumeCount
            )
        }
        network.attach(hosts)
        model.attach(hosts)
        application = Application(world: world, model: model, pace: world.milliseconds(2...25))
        application.largest = Int(topology.logBytes) / Sectors.bytes / 6
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
        squalls = Squalls(world: world, network: network, hosts: hosts, chaos: chaos)
        status = StatusJudge(world: world, model: model, hosts: hosts)
        meddler = Meddler(world: world, hosts: hosts, application: application)
    }

    func play() -> SeedResult {
        create()
        for host in hosts { host.start() }
        application.run()
        administrator.run()
        chaos.run()
        squalls.run()
        meddler.run()
        administrator.changesByOthers = { [meddler] in meddler.verbs }
        administrator.onVerb = { [chaos] in chaos.verbTyped($0) }
        keepConnected()
        inspect()
        wander()
        world.run(until: chaosEnds, eventLimit: 3_000_000)
        if procedure == .runbooks { takeRunbooks() }
        heal()
        world.run(until: chaosEnds + 240 * Stage.second, eventLimit: 3_000_000)
        if world.finding == nil, !finished, isLostToItsMedium {
            world.coverage.count("lives lost to a damaged medium")
        } else if world.finding == nil, !finished {
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
            coverage: world.coverage,
            faults: world.weather.struck
        )
    }

    // MARK: By runbooks

    /// From now on people reach for runbooks, while hosts, links and terminals go on failing.
    private func takeRunbooks() {
        guard world.finding == nil else { return }
        world.trace("by runbooks")
        administrator.home = RunbookOperator.home
        administrator.mishaps = false
        meddler.isOver = true
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
        runbooks.isHopeless = { [unowned self] in isLostToItsMedium }
        administrator.pilot = { runbooks.act() }
        administrator.changesByOthers = { [meddler] in doors.changes + meddler.verbs }
        if world.chance(75), let primary = hosts.first(where: { $0.life?.node.machine.isOpen == true }) {
            chaos.lose(primary, milliseconds: 2_000...9_000)
        }
        chaosEnds = world.now + world.pick(8...25) * Stage.second
        chaos.goOn(until: chaosEnds, interval: world.chance(50) ? 1_000...5_000 : 3_000...20_000)
        world.run(until: chaosEnds, eventLimit: 3_000_000)
        runbooks.isCalm = true
    }

    /// The Primary's log is damaged and no other host has a copy that could take over: nothing brings that home.
    private var isLostToItsMedium: Bool {
        guard let damaged = hosts.first(where: { $0.flipped != nil })?.life?.node.machine, damaged.isLogDamaged,
            damaged.header.isPrimary
        else { return false }
        return !hosts.contains { host in
            guard let machine = host.life?.node.machine else { return false }
            return machine.isOpen || !machine.header.isPrimary && machine.isImageConsistent
        }
    }

    /// Also nobody is about to restart a daemon.
    private var isDone: Bool {
        administrator.isDone && runbooks?.isDone ?? true && hosts.allSatisfy { !$0.isAiling }
    }

    // MARK: The RDS

    private func create() {
        let rvg = RVGID(high: world.word(), low: world.word())
        var generator = SeededGenerator(seed: world.word())
        topology.drawSettings(world)
        let settings = topology.settings
        for host in hosts {
            let links = hosts.filter { $0 !== host }.map {
                LinkRecord(peer: $0.id, peerName: $0.name, peerDiskGroup: "dg", peerRVG: "rvg", settings: settings)
            }
            var header =
                host.index == 0
                ? RVGHeader.newPrimary(rvg: rvg, host: host.id, hostName: host.name, generator: &generator)
                : RVGHeader.newSecondary(rvg: rvg, host: host.id, of: hosts[0].id, members: links)
            header.links = links
            make(host, header)
        }
    }

    /// Makes the RVG on a host: first its log, then the catalog that names it; in a wide scenario the host may die within.
    private func make(_ host: SimulatedHost, _ header: RVGHeader) {
        host.isNamed = world.planted == .catalogFirst
        if world.weather.isWide, world.weather.dice.chance(15), world.weather.allows(.crashInCall) {
            host.fuse.callsLeft = world.weather.dice.pick(0...4)
        }
        do throws(Refusal) {
            try LogRecovery.format(device: host.log, format: host.format, header: header)
            host.isNamed = true
            host.fuse.callsLeft = nil
        } catch {
            world.trace("\(host.name): dies while the RVG is made")
            world.hit(.crashInCall)
            host.log.losePower(garbles: true, world)
            host.fuse.blown = false
            // An RVG that no catalog names was never made: it is made again. One that is named has a header.
            guard !host.isNamed else { return }
            make(host, header)
        }
    }

    // MARK: Looking

    /// Looks at the images now and then.
    private func inspect() {
        world.after(world.milliseconds(80...1_000)) { [self] in
            for host in hosts { if let life = host.life { model.checkImage(life, "at a look") } }
            model.checkFollowers()
            status.look()
            inspect()
        }
    }

    /// The operator wants the Primary elsewhere now and then.
    private func wander() {
        world.after(world.milliseconds(3_000...15_000)) { [self] in
            guard world.now < chaosEnds else { return }
            administrator.home = world.pick(0...hosts.count - 1)
            wander()
        }
    }

    // MARK: The end

    private var finished = false
    private var hadBlackout = false
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
        meddler.isOver = true
        world.weather.isOver = true
        network.unblockAll()
        // With srlprot=off a log this small is overrun by a busy application for ever.
        application.pace = max(application.pace, 30_000_000)
        for host in hosts {
            host.fuse.callsLeft = nil
            host.slowness = 1
            host.heal()
            host.wake()
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

    /// Everything is at rest and every host loses its power: what was believed to be durable has to be.
    private func blackOut() {
        hadBlackout = true
        world.trace("the lights go out")
        for host in hosts {
            host.crash(power: true)
            world.after(world.weather.dice.milliseconds(10...800)) { host.start() }
        }
        application.isOver = false
        runbooks?.isOver = false
        awaitEnd()
    }

    /// Everything is at rest: the three images are one.
    private func judge() {
        guard isDone, let primary = hosts[0].life, let line = model.line(of: primary) else {
            application.isOver = false
            runbooks?.isOver = false
            return awaitEnd()
        }
        // What was turned over and not read yet is found when the logs are read again.
        if hosts.contains(where: { $0.flipped != nil }), !hadBlackout { return blackOut() }
        for host in hosts {
            guard let life = host.life else { return world.found("\(host.name) is down at the end") }
            guard let numbers = model.checkImage(life, "at the end") else {
                return world.found("\(host.name) shows no image at the end")
            }
            if numbers != model.expected(line, line.count) {
                let counts = "\(life.node.machine.dataCount), the Primary took \(line.count)"
                let machine = life.node.machine
                return world.found(
                    "\(host.name) ends with another image: it holds \(counts) writes; end \(machine.end), durable "
                        + "\(machine.durable), applied \(machine.applied), \(machine.following.held.count) records held, "
                        + "\(machine.freeLogBytes) bytes of log free"
                )
            }
            let machine = life.node.machine
            if machine.imagePosition != machine.end {
                return world.found(
                    "\(host.name) ends with its volumes at \(machine.imagePosition?.description ?? "no position"), its log "
                        + "at \(machine.end)"
                )
            }
        }
        if world.weather.isWide, !hadBlackout { return blackOut() }
        finished = true
        if model.wasTakenOver { world.coverage.count("failbacks completed") }
        world.coverage.count("lives that ended at home")
        world.stop()
    }
}
