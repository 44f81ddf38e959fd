import HomewardAdministration
import HomewardCore

/// The faults of wide scenarios: each a moment's weather, drawn from a generator of its own.
final class Squalls {
    private let world: World
    private let network: SimulatedNetwork
    private let hosts: [SimulatedHost]
    private let chaos: Chaos
    private var weather: Weather { world.weather }
    private let interval: ClosedRange<UInt64>
    /// Decides which Primaries are stopped and taken for dead, in one life of four, so that nothing else depends on it.
    private var deaths: Dice
    private let isDeadly: Bool

    /// What strikes here, each as often as it stands here.
    private static let kinds: [Fault] = [
        .failedSync, .failedSync, .readError, .shortRead, .writeError, .noSpace, .bitFlip, .bitFlip, .misdirectedRead,
        .staleRead, .slowDisk, .pause, .pause, .clockJump, .oneWayPartition, .oneWayPartition, .duplicateConnection,
        .duplicateConnection, .cutAtFrame, .cutAtFrame, .crashAtMessage, .crashAtMessage,
    ]

    init(world: World, network: SimulatedNetwork, hosts: [SimulatedHost], chaos: Chaos) {
        self.world = world
        self.network = network
        self.hosts = hosts
        self.chaos = chaos
        deaths = Dice(seed: world.seed &* 0x8CB9_2BA7_2F3D_8DD7 ^ 0xC6A4_A793_5BD1_E995)
        isDeadly = deaths.chance(25)
        interval = [400...3_000, 1_000...6_000, 3_000...20_000][world.weather.dice.pick(0...2)]
    }

    func run() {
        guard weather.isWide else { return }
        if isDeadly, weather.has(.takenForDead) { bury() }
        world.after(weather.dice.milliseconds(interval)) { [self] in
            if !weather.isOver { strike() }
            run()
        }
    }

    private func strike() {
        let fault = Squalls.kinds[weather.dice.pick(0...Squalls.kinds.count - 1)]
        let host = hosts[weather.dice.pick(0...hosts.count - 1)]
        let word = weather.dice.word()
        guard host.isRunning, weather.allows(fault) else { return }
        let rvg = host.anyRVG { weather.dice.pick($0) }
        switch fault {
        case .failedSync, .readError, .shortRead, .writeError, .noSpace:
            let disks = [rvg.log] + rvg.volumes
            disks[Int(word % UInt64(disks.count))].ailment = fault
        case .misdirectedRead, .staleRead: rvg.misread = fault
        case .bitFlip: rvg.turnOver(fault, word)
        case .slowDisk: slow(host)
        case .pause: pause(host)
        case .clockJump:
            host.wallOffset = Int64(word % 7_200_000_000_000) - 3_600_000_000_000
            world.trace("\(host.name): its wall clock jumps to \(host.wallOffset / 1_000_000_000) s")
            world.hit(.clockJump)
        case .oneWayPartition: mute(host, word)
        case .duplicateConnection: network.duplicate(host.index, other(than: host, word))
        case .cutAtFrame:
            network.light(frames: Int(word % 60)) { [self] source, target in
                world.hit(.cutAtFrame)
                world.disasters += 1
                network.cut(source, target)
            }
        case .crashAtMessage:
            network.light(frames: Int(word % 60)) { [self] source, target in
                world.hit(.crashAtMessage)
                chaos.crash(hosts[word % 2 == 0 ? source : target], power: word % 3 == 0)
            }
        default: return
        }
    }

    private func other(than host: SimulatedHost, _ word: UInt64) -> Int {
        (host.index + 1 + Int(word % UInt64(hosts.count - 1))) % hosts.count
    }

    private func mute(_ host: SimulatedHost, _ word: UInt64) {
        let other = other(than: host, word)
        let (a, b, way) = (min(host.index, other), max(host.index, other), Int(word >> 32 & 1))
        network.mute(a, b, way)
        world.after(weather.dice.milliseconds(200...6_000)) { [self] in
            network.unmute(a, b, way)
            network.connectAll()
        }
    }

    private func slow(_ host: SimulatedHost) {
        world.hit(.slowDisk)
        world.trace("\(host.name): its disks are slow")
        host.slowness = 20
        world.after(weather.dice.milliseconds(500...4_000)) { host.slowness = 1 }
    }

    private func pause(_ host: SimulatedHost) {
        guard !host.isPaused else { return }
        world.hit(.pause)
        world.disasters += 1
        host.pause()
        let process = host.starts
        world.after(weather.dice.milliseconds(1_000...2_000)) { [self] in
            if host.isPaused, host.isCurrent(process) { network.cutAll(host.index) }
        }
        let pause = weather.dice.chance(50) ? 50...900 : 900...9_000 as ClosedRange<UInt64>
        world.after(weather.dice.milliseconds(pause)) {
            if host.isCurrent(process) { host.wake() }
        }
    }

    /// A Primary is stopped by a signal for so long that people take it for dead: another host takes over before it wakes.
    private func bury() {
        world.after(deaths.milliseconds(3_000...12_000)) { [self] in
            guard !weather.isOver else { return }
            let open = hosts.filter { host in
                !host.isPaused && host.rvgs.contains { $0.life?.node.machine.isOpen == true }
            }
            if let host = deaths.pick(from: open), weather.allows(.takenForDead) { sleep(host) }
            bury()
        }
    }

    private func sleep(_ host: SimulatedHost) {
        world.hit(.pause)
        world.disasters += 1
        host.pause()
        host.isTakenForDead = true
        let process = host.starts
        world.after(deaths.milliseconds(200...900)) { [self] in
            if host.isPaused, host.isCurrent(process) { network.cutAll(host.index) }
        }
        world.after(deaths.milliseconds(4_000...9_000)) { if host.isCurrent(process) { host.wake() } }
    }
}
