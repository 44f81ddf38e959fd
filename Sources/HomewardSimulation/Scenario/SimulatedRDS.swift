import HomewardAdministration
import HomewardCore

/// One RDS: an RVG on each host, the application that writes it, the people who care for it, and the judge of its data.
///
/// With other RDSs it shares nothing but the hosts.
final class SimulatedRDS {
    private let world: World
    private let topology: Topology
    private let network: SimulatedNetwork
    let model: Model
    let hosts: [HostedRVG]
    /// Where its Primary is made, and belongs in the end.
    let home: Int
    let application: Application
    let administrator: Administrator
    private var meddler: Meddler?
    private var membership: Membership?
    private let status: StatusJudge
    /// When it was seen to be lost first, of the looks without a break.
    private var lostSince: UInt64?
    /// Decides what the catalogs meet, so that nothing else depends on it.
    private var luck: Dice

    /// Puts an RVG on each host; `number` is that of the RDS among those of this life.
    init(
        world: World,
        network: SimulatedNetwork,
        hosts machines: [SimulatedHost],
        number: Int,
        home: Int,
        topology: Topology
    ) {
        self.world = world
        self.topology = topology
        self.network = network
        self.home = home
        let model = Model(
            world: world,
            rvg: number,
            volumeBytes: topology.volumeBytes,
            volumeCount: topology.volumeCount
        )
        let hosts = machines.map { HostedRVG($0, number: number, model: model, topology: topology) }
        for (machine, hosted) in zip(machines, hosts) { machine.add(hosted) }
        model.attach(hosts)
        self.model = model
        self.hosts = hosts
        application = Application(world: world, model: model, pace: world.milliseconds(2...25))
        application.largest = Int(topology.logBytes) / Sectors.bytes / 6
        administrator = Administrator(
            world: world,
            model: model,
            network: network,
            application: application,
            hosts: hosts
        )
        administrator.home = home
        luck = Dice(seed: world.seed &* 0xC2B2_AE3D_27D4_EB4F ^ UInt64(number + 1))
        status = StatusJudge(world: world, model: model, hosts: hosts)
    }

    /// Lets people meddle; they draw behind the weather.
    func admitMeddler() { meddler = Meddler(world: world, hosts: hosts, application: application) }

    // MARK: The beginning

    ///
    /// - Parameter bare: nothing is made, which a runbook does.
    func create(bare: Bool) {
        let rvg = RVGID(high: world.word(), low: world.word())
        for host in hosts { host.rvg = rvg }
        var topology = topology
        var generator = SeededGenerator(seed: world.word())
        topology.drawSettings(world)
        let settings = topology.settings
        membership = Membership(
            world: world,
            network: network,
            hosts: hosts,
            number: model.firstVolume,
            application: application,
            settings: settings
        )
        guard !bare else { return }
        for host in hosts {
            let links = hosts.filter { $0 !== host }.map {
                LinkRecord(
                    peer: $0.id,
                    peerName: $0.shared.name,
                    peerDiskGroup: "dg",
                    peerRVG: HostedRVG.rvgName(host.number),
                    settings: settings
                )
            }
            let primary = hosts[home]
            var header =
                host === primary
                ? RVGHeader.newPrimary(
                    rvg: rvg,
                    host: host.id,
                    hostName: host.shared.name,
                    generator: &generator
                )
                : RVGHeader.newSecondary(rvg: rvg, host: host.id, of: primary.id, members: links)
            header.links = links
            make(host, header)
        }
    }

    /// Makes the RVG on a host: first its log, then the catalog that names it; in a wide scenario the host may die within.
    private func make(_ host: HostedRVG, _ header: RVGHeader) {
        if world.weather.isWide, luck.chance(10), world.weather.allows(.fullCatalog) {
            host.shared.catalog.ailment = .noSpace
        }
        if world.planted == .catalogFirst { try? host.shared.catalog.add(host.rvg) }
        if world.weather.isWide, world.weather.dice.chance(15), world.weather.allows(.crashInCall) {
            host.fuse.callsLeft = world.weather.dice.pick(0...4)
        }
        do throws(Refusal) {
            try LogRecovery.format(device: host.log, format: host.format, header: header)
            try host.shared.catalog.add(host.rvg)
            host.fuse.callsLeft = nil
        } catch {
            if host.fuse.blown {
                world.trace("\(host.name): dies while the RVG is made")
                world.hit(.crashInCall)
                host.log.losePower(garbles: true, world)
                host.fuse.blown = false
            } else {
                world.trace("\(host.name): \(error.message)")
                world.hit(.fullCatalog)
                host.fuse.callsLeft = nil
            }
            // An RVG that no catalog names was never made: it is made again. One that is named has a header.
            guard !host.shared.catalog.names(host.rvg) else { return }
            make(host, header)
        }
    }

    /// Whoever does something begins to.
    func run() {
        application.run()
        administrator.run()
    }

    func runMeddler() {
        meddler?.run()
        membership?.home = { [administrator] in administrator.home }
        membership?.run()
        administrator.changesByOthers = { [unowned self] in verbsOfOthers }
    }

    private var verbsOfOthers: Int { (meddler?.verbs ?? 0) + (membership?.verbs ?? 0) }

    /// By runbooks from now on; nobody does strange things any more.
    func hand(to runbooks: RunbookOperator, _ doors: ControlDoors) {
        administrator.mishaps = false
        meddler?.isOver = true
        membership?.isOver = true
        administrator.pilot = { runbooks.act() }
        administrator.changesByOthers = { [unowned self] in doors.changes + verbsOfOthers }
    }

    // MARK: Looking

    /// Looks at the images now and then.
    func inspect() {
        world.after(world.milliseconds(80...1_000)) { [self] in
            for host in hosts {
                if let life = host.life { model.look(at: life, "at a look") }
            }
            model.checkFollowers()
            status.look()
            inspect()
        }
    }

    /// The operator wants the Primary elsewhere now and then.
    ///
    /// - Parameter goesOn: says whether that is still so.
    func wander(while goesOn: @escaping () -> Bool) {
        world.after(world.milliseconds(3_000...15_000)) { [self] in
            guard goesOn() else { return }
            administrator.home = world.pick(0...hosts.count - 1)
            wander(while: goesOn)
        }
    }

    // MARK: The end

    /// Nothing goes wrong any more.
    func heal() {
        administrator.home = home
        administrator.mishaps = false
        meddler?.isOver = true
        membership?.isOver = true
        // With srlprot=off a log this small is overrun by a busy application for ever.
        application.pace = max(application.pace, 30_000_000)
        for host in hosts {
            host.fuse.callsLeft = nil
            host.heal()
        }
    }

    /// Also nobody is about to restart a daemon.
    var isDone: Bool { administrator.isDone && hosts.allSatisfy { !$0.isAiling } }

    /// The Primary's log is damaged and no other host has a copy that could take over: nothing brings that home.
    var isLostToItsMedium: Bool {
        guard let damaged = hosts.first(where: { $0.doubted != nil })?.life?.node.machine, damaged.isLogDamaged,
            damaged.header.isPrimary
        else { return false }
        return !hosts.contains { host in
            guard let machine = host.life?.node.machine else { return false }
            return machine.header.isPrimary ? !machine.isLogDamaged : machine.isImageConsistent
        }
    }

    /// Lost for so long that nobody waits for it any more: of a life with several the others are still brought home.
    func isGivenUp() -> Bool {
        guard isLostToItsMedium else {
            lostSince = nil
            return false
        }
        let since = lostSince ?? world.now
        lostSince = since
        return world.now - since > 30_000_000_000
    }

    /// No host was started a moment ago: what it opens with has to reach the others, and their volumes.
    var isAtRest: Bool {
        hosts.allSatisfy { host in host.life.map { world.now - $0.began >= 2_000_000_000 } ?? false }
    }

    /// Everything is at rest: the images of all hosts are one.
    ///
    /// False: not yet, or something was found.
    func judge() -> Bool {
        guard let primary = hosts[home].life, let line = model.line(of: primary) else { return false }
        for host in hosts {
            guard let life = host.life else { return found("\(host.name) is down at the end") }
            guard let numbers = model.checkImage(life, "at the end") else {
                return found("\(host.name) shows no image at the end")
            }
            let machine = life.node.machine
            if numbers != model.expected(line, line.count) {
                let counts = "\(machine.dataCount), the Primary took \(line.count)"
                return found(
                    "\(host.name) ends with another image: it holds \(counts) writes; end \(machine.end), durable "
                        + "\(machine.durable), applied \(machine.applied), \(machine.following.held.count) records held, "
                        + "\(machine.freeLogBytes) bytes of log free"
                )
            }
            if machine.imagePosition != machine.end {
                return found(
                    "\(host.name) ends with its volumes at \(machine.imagePosition?.description ?? "no position"), its log "
                        + "at \(machine.end)"
                )
            }
        }
        return true
    }

    private func found(_ what: String) -> Bool {
        world.found(what)
        return false
    }

    /// In words, of one that did not converge.
    var situation: String {
        hosts.map { host in
            guard let life = host.life else { return "\(host.name) down" }
            let machine = life.node.machine
            let closed = machine.header.isPrimary ? machine.closedBecause?.message ?? "open" : "secondary"
            let links = machine.header.links.map { "\($0.peerName) \($0.attachID == nil ? "detached" : "attached")" }
            return "\(host.name) \(closed), \(links.joined(separator: ", ")), \(machine.header.pending.count) pending"
        }.joined(separator: "; ")
    }
}
