import HomewardAdministration
import HomewardCore

/// What goes wrong: processes and hosts that die, links that are cut, at any moment and within any device call.
final class Chaos {
    private let world: World
    private let network: SimulatedNetwork
    private let hosts: [SimulatedHost]
    private var ends: UInt64
    private var interval: ClosedRange<UInt64>

    init(world: World, network: SimulatedNetwork, hosts: [SimulatedHost], ends: UInt64, interval: ClosedRange<UInt64>) {
        self.world = world
        self.network = network
        self.hosts = hosts
        self.ends = ends
        self.interval = interval
        for host in hosts {
            host.onDeath = { [unowned self, unowned host] in comeBack(host) }
        }
    }

    func run() {
        world.after(world.milliseconds(interval)) { [self] in
            guard world.now < ends else { return }
            strike()
            run()
        }
    }

    /// Begins, and ends, later than it was meant to.
    func postpone(by time: UInt64) { ends += time }

    /// Goes on, or begins anew, until later.
    func goOn(until later: UInt64, interval: ClosedRange<UInt64>) {
        ends = later
        self.interval = interval
        run()
    }

    /// The host loses power, and is gone for a while.
    func lose(_ host: SimulatedHost, milliseconds: ClosedRange<UInt64>) {
        guard host.isRunning else { return }
        host.crash(power: world.chance(60))
        world.after(world.milliseconds(milliseconds)) { host.start() }
    }

    private func other(than host: SimulatedHost) -> Int {
        (host.index + world.pick(1...hosts.count - 1)) % hosts.count
    }

    private var isOver: Bool { world.now >= ends }

    /// The host starts again some time after it died.
    func comeBack(_ host: SimulatedHost) {
        let pause = isOver || world.chance(70) ? world.milliseconds(50...2_000) : world.milliseconds(2_000...9_000)
        world.after(pause) { [self] in
            if !isOver, world.chance(10), world.weather.allows(.crashInRecovery) {
                // It dies again while it recovers.
                let rvg = host.anyRVG(world.pick)
                rvg.fuseLosesPower = world.chance(60)
                rvg.fuse.callsLeft = world.pick(0...6)
            }
            host.start()
        }
    }

    /// A verb was typed: now and then somebody dies, or is cut off, before it has ended.
    func verbTyped(_ life: Life) {
        guard !isOver, world.chance(12) else { return }
        let host = world.chance(60) ? life.host.shared : hosts[world.pick(0...hosts.count - 1)]
        switch world.pick(0...5) {
        case 0...2:
            _ = light(host, calls: 14)
        case 3: world.after(world.pick(100_000...9_000_000)) { [self] in crash(host, power: world.chance(50)) }
        case 4:
            world.after(world.pick(100_000...9_000_000)) { [self] in
                partition(host.index, other(than: host))
            }
        default:
            guard world.weather.allows(.cut) else { return }
            world.after(world.pick(100_000...9_000_000)) { [self] in
                network.cut(host.index, other(than: host))
                world.disasters += 1
            }
        }
    }

    /// One of the next device calls of an RVG ends its host, or its devices.
    private func light(_ host: SimulatedHost, calls: Int) -> HostedRVG? {
        guard host.isRunning, world.weather.allows(.crashInCall) else { return nil }
        let rvg = host.anyRVG(world.pick)
        rvg.fuseLosesPower = world.chance(60)
        rvg.fuseIsDevice = world.chance(25)
        rvg.fuse.callsLeft = world.pick(0...calls)
        return rvg
    }

    private func strike() {
        // The Primary is where most of the decisions are.
        let primaries = hosts.filter { $0.rvgs.contains { $0.life?.node.machine.header.isPrimary == true } }
        let host =
            world.chance(50) && !primaries.isEmpty
            ? primaries[world.pick(0...primaries.count - 1)] : hosts[world.pick(0...hosts.count - 1)]
        switch world.pick(0...99) {
        case 0..<16: crash(host, power: false)
        case 16..<35: crash(host, power: true)
        case 35..<38:
            let living = hosts.count { $0.isRunning }
            for host in hosts where world.chance(70) { crash(host, power: world.chance(60)) }
            if living - hosts.count(where: { $0.isRunning }) > 1 { world.hit(.severalCrashes) }
        case 38..<62:
            // Within one of its next device calls.
            guard let rvg = light(host, calls: 40) else { return }
            world.trace("\(rvg.name): dies \(rvg.fuse.callsLeft ?? 0) device calls from now")
        case 62..<72:
            guard world.weather.allows(.cut) else { return }
            network.cut(host.index, other(than: host))
            world.disasters += 1
            world.after(world.milliseconds(0...200)) { [self] in network.connectAll() }
        case 72..<90: partition(host.index, other(than: host))
        case 90..<95:
            for other in 1..<hosts.count { partition(host.index, (host.index + other) % hosts.count) }
        default: stopInOrder(host)
        }
    }

    /// A host dies, and comes back some time later.
    func crash(_ host: SimulatedHost, power: Bool) {
        guard host.isRunning, world.weather.allows(power ? .hostCrash : .processCrash) else { return }
        host.crash(power: power)
        comeBack(host)
    }

    private func partition(_ a: Int, _ b: Int) {
        guard !network.isBlocked(a, b), world.weather.allows(.partition) else { return }
        world.disasters += 1
        world.trace("partition \(hosts[a].name) \(hosts[b].name)")
        world.hit(.partition)
        network.block(a, b)
        world.after(world.chance(60) ? world.milliseconds(100...3_000) : world.milliseconds(3_000...9_000)) { [self] in
            network.unblock(a, b)
            world.disasters += 1
            network.connectAll()
        }
    }

    private func stopInOrder(_ host: SimulatedHost) {
        guard host.isRunning, world.weather.allows(.orderlyStop) else { return }
        let process = host.starts
        world.trace("\(host.name): is asked to stop")
        world.hit(.orderlyStop)
        prepare(host.rvgs[...]) { [self] in
            world.after(10_000) { [self] in
                guard host.isCurrent(process) else { return }
                host.crash(power: world.chance(30))
                comeBack(host)
            }
        }
        // Whoever stops a daemon that does not end kills it.
        world.after(15_000_000_000) { [self] in
            guard host.isCurrent(process) else { return }
            crash(host, power: false)
        }
    }

    /// Its RVGs are brought to rest, one after another, as a daemon does it.
    private func prepare(_ rvgs: ArraySlice<HostedRVG>, then end: @escaping () -> Void) {
        guard let first = rvgs.first else { return end() }
        guard let life = first.life else { return prepare(rvgs.dropFirst(), then: end) }
        life.request(.prepareShutdown) { [self] result in
            world.trace("\(first.name): \(result)")
            prepare(rvgs.dropFirst(), then: end)
        }
    }
}
