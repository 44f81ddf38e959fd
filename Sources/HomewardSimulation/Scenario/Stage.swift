import HomewardAdministration
import HomewardCore

/// Hosts, one RDS or several on them, and what goes wrong.
final class Stage {
    private let world: World
    private let network: SimulatedNetwork
    private let hosts: [SimulatedHost]
    private let sets: [SimulatedRDS]
    private let procedure: Procedure
    private let isSetUpByRunbook: Bool
    private var chaosEnds: UInt64
    private let chaos: Chaos
    private let squalls: Squalls
    private let rot: Rot
    private var runbooks: RunbookOperator?
    private static let second: UInt64 = 1_000_000_000

    init(_ scenario: Scenario, telling: Telling) {
        let world = World(scenario, telling: telling)
        self.world = world
        procedure = scenario.procedure ?? Procedure.of(seed: scenario.seed)
        isSetUpByRunbook = scenario.isSetUpByRunbook
        var topology = Topology(world)
        topology.widen(world)
        let network = SimulatedNetwork(world: world)
        topology.drawLimits(world)
        self.network = network
        let hosts = topology.hostNames.enumerated().map { [topology] index, name in
            SimulatedHost(
                world: world,
                network: network,
                index: index,
                id: HostID(high: world.word(), low: world.word()),
                name: name,
                limits: topology.limits
            )
        }
        self.hosts = hosts
        network.attach(hosts)
        let first = SimulatedRDS(
            world: world,
            network: network,
            hosts: hosts,
            number: 0,
            home: RunbookOperator.home,
            topology: topology
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
        rot = Rot(world: world, hosts: hosts)
        first.admitMeddler()
        // Drawn behind everything else: a life with one RVG does not depend on how many there could have been.
        let more = (1..<scenario.rvgCount).map { number in
            let further = topology.further(world)
            let set = SimulatedRDS(
                world: world,
                network: network,
                hosts: hosts,
                number: number,
                home: world.pick(0...hosts.count - 1),
                topology: further
            )
            set.admitMeddler()
            return set
        }
        sets = [first] + more
        world.coverage.count(sets.count == 1 ? "lives with one RVG" : "lives with several RVGs")
    }

    func play() -> SeedResult {
        for set in sets { set.create(bare: isSetUpByRunbook) }
        for host in hosts { host.start() }
        if isSetUpByRunbook { setUp(sets[0]) }
        for set in sets { set.run() }
        chaos.run()
        squalls.run()
        rot.run()
        for set in sets {
            set.runMeddler()
            set.administrator.onVerb = { [chaos] in chaos.verbTyped($0) }
        }
        if !isSetUpByRunbook { keepConnected() }
        for set in sets {
            set.inspect()
            set.wander { [unowned self] in world.now < chaosEnds }
        }
        world.run(until: chaosEnds, eventLimit: 3_000_000)
        if procedure == .runbooks { takeRunbooks(sets[0]) }
        heal()
        world.run(until: chaosEnds + 240 * Stage.second, eventLimit: 3_000_000)
        if world.finding == nil, !finished { judgeUnfinished() }
        if let runbooks { runs += runbooks.counts }
        return SeedResult(
            seed: world.seed,
            finding: world.finding,
            trace: world.traceHash,
            events: world.events,
            writes: sets.reduce(0) { $0 + $1.application.requests },
            verbs: sets.reduce(0) { $0 + $1.administrator.verbs },
            checks: sets.reduce(0) { $0 + $1.model.checks },
            runs: runs,
            coverage: world.coverage,
            size: LifeSize(faults: world.weather.struck, writes: world.writes.spent, whims: world.whims.spent)
        )
    }

    // MARK: By runbooks

    /// The runs of this life.
    private var runs = RunCounts()

    /// Hosts that have nothing get an RDS by a runbook, before anything else begins.
    private func setUp(_ set: SimulatedRDS) {
        keepConnected()
        let doors = ControlDoors(world: world, network: network, hosts: set.hosts)
        let setup = SetupOperator(
            world: world,
            hosts: set.hosts,
            home: set.home,
            application: set.application,
            doors: doors
        )
        setup.run()
        var end = world.now
        while world.finding == nil, !setup.isDone {
            end += Stage.second / 10
            guard end < 120 * Stage.second else { return world.found("invariant 11: \(setup.situation)") }
            world.run(until: end, eventLimit: 3_000_000)
        }
        runs += setup.counts
        chaosEnds += world.now
        chaos.postpone(by: world.now)
    }

    /// From now on people reach for runbooks, while hosts, links and terminals go on failing.
    ///
    /// Those of other RDSs go on typing.
    private func takeRunbooks(_ set: SimulatedRDS) {
        guard world.finding == nil else { return }
        world.trace("by runbooks")
        set.administrator.home = RunbookOperator.home
        set.application.isManaged = true
        let doors = ControlDoors(world: world, network: network, hosts: set.hosts)
        doors.onChange = { [chaos] in chaos.verbTyped($0) }
        let runbooks = RunbookOperator(
            world: world,
            network: network,
            hosts: set.hosts,
            application: set.application,
            doors: doors
        )
        self.runbooks = runbooks
        runbooks.isHopeless = { set.isLostToItsMedium }
        // Others still have to come home.
        runbooks.giveUp = { [unowned self] in if sets.count == 1 { endWithLoss() } }
        set.hand(to: runbooks, doors)
        if world.chance(75), let primary = set.hosts.first(where: { $0.life?.node.machine.isOpen == true }) {
            chaos.lose(primary.shared, milliseconds: 2_000...9_000)
        }
        chaosEnds = world.now + world.pick(8...25) * Stage.second
        chaos.goOn(until: chaosEnds, interval: world.chance(50) ? 1_000...5_000 : 3_000...20_000)
        world.run(until: chaosEnds, eventLimit: 3_000_000)
        runbooks.isCalm = true
    }

    /// Every RDS is at home, but for those that nothing brings there.
    private var isDone: Bool {
        let lost = sets.map { $0.isGivenUp() }
        return zip(sets, lost).allSatisfy { $0.isDone || $1 } && (lost[0] || runbooks?.isDone ?? true)
    }

    private func keepConnected() {
        network.connectAll()
        world.after(300_000_000) { [self] in keepConnected() }
    }

    // MARK: The end

    private var finished = false
    private var hadBlackout = false

    private func heal() {
        guard world.finding == nil else { return }
        world.trace("heal")
        world.weather.isOver = true
        network.unblockAll()
        for set in sets { set.heal() }
        for host in hosts {
            host.slowness = 1
            host.wake()
            if !host.isRunning { world.after(world.milliseconds(1...1_000)) { host.start() } }
        }
        awaitEnd()
    }

    private func awaitEnd() {
        world.after(500_000_000) { [self] in
            guard isDone else { return awaitEnd() }
            runbooks?.isOver = true
            for set in sets {
                set.application.isOver = true
                set.application.close()
            }
            world.trace("quiesce")
            world.after(3 * Stage.second) { [self] in judge() }
        }
    }

    private func goOn() {
        for set in sets { set.application.isOver = false }
        runbooks?.isOver = false
        awaitEnd()
    }

    /// Everything is at rest and every host loses its power: what was believed to be durable has to be.
    private func blackOut() {
        hadBlackout = true
        world.trace("the lights go out")
        for host in hosts {
            host.crash(power: true)
            world.after(world.weather.dice.milliseconds(10...800)) { host.start() }
        }
        goOn()
    }

    /// Everything is at rest, if it still is.
    private func judge() {
        guard isDone, sets.allSatisfy({ $0.isAtRest || $0.isGivenUp() }) else { return goOn() }
        // What was turned over and not read yet is found when the logs are read again.
        let isFlipped = sets.contains { $0.hosts.contains { $0.flipped != nil } }
        if isFlipped, !hadBlackout { return blackOut() }
        let remaining = sets.filter { !$0.isGivenUp() }
        for set in remaining where !set.judge() {
            if world.finding == nil { goOn() }
            return
        }
        if world.weather.isWide, !hadBlackout { return blackOut() }
        guard remaining.count == sets.count else { return endWithLoss() }
        finished = true
        if sets.contains(where: \.model.wasTakenOver) { world.coverage.count("failbacks completed") }
        world.coverage.count("lives that ended at home")
        world.stop()
    }

    /// What could be brought home was.
    private func endWithLoss() {
        finished = true
        world.coverage.count("lives lost to a damaged medium")
        world.stop()
    }

    private func judgeUnfinished() {
        let runs = runbooks.map { "; \($0.situation)" } ?? ""
        let situation = sets.map(\.situation).joined(separator: "; ")
        world.found("invariant 11: not converged: \(situation)\(runs)")
    }
}
