import HomewardAdministration
import HomewardCore

/// One RVG on one host: disks that outlive the host's process, and the life that runs now.
///
/// What it shares with the other RVGs of its host is in ``shared``; each has devices, a log and lanes of its own.
final class HostedRVG {
    unowned let world: World
    unowned let shared: SimulatedHost
    let model: Model
    /// Drawn when the RDS is created.
    var rvg: RVGID
    /// Of the RVGs of its host.
    let number: Int
    let format: HeaderFormat
    let fuse = Fuse()
    let log: SimulatedDisk
    /// Those that the catalog names.
    private(set) var volumes: [SimulatedDisk] = []
    let ring: LogRing
    private(set) var life: Life?
    /// The newest header that is on disk.
    private(set) var persisted: RVGHeader?
    /// How often its header on disk became a Primary's.
    private(set) var promotions = 0
    /// Power was lost since it last opened as Primary.
    var lostPower = false
    var lives = 0
    /// A device fault hit in this life of the process: what its devices refuse is no wonder any more.
    private(set) var isAiling = false
    /// It left its host once: its volumes may hold anything.
    private(set) var wasRemoved = false
    /// The next payload that is read from the log is met by this, once.
    var misread: Fault?
    /// A bit of a durable record was turned over in this log.
    var flipped: Record?
    /// Recovery was lied to about a durable record of this log, and took it for damage.
    var belied: Record?
    /// Decides what recovery is lied to about, so that nothing else depends on it.
    var lies: Dice
    /// In this life reads lie while a log is read back: in one of three that are wide.
    let isLiedTo: Bool
    /// A bit of the next block that a synchronization compares here turns over.
    var rotten: UInt64?
    var memory = PlantMemory()
    /// How the host ends when the fuse blows.
    var fuseLosesPower = false
    /// The fuse is a device's: its process lives on, and is killed some time later.
    var fuseIsDevice = false

    init(_ shared: SimulatedHost, number: Int, model: Model, topology: Topology) {
        world = shared.world
        self.shared = shared
        rvg = RVGID(high: 0, low: 0)
        self.number = number
        self.model = model
        format = topology.limits.headerFormat
        var dice = Dice(seed: world.seed &* 0x94D0_49BB_1331_11EB)
        isLiedTo = dice.chance(33) && world.weather.isWide
        lies = Dice(seed: dice.word() ^ UInt64(number * 16 + shared.index + 1))
        let place = HostedRVG.title(shared.name, number)
        log = SimulatedDisk(name: "\(place)/log", size: format.ringOffset + topology.logBytes, fuse: fuse)
        ring = LogRing(device: log, format: format)
        for volume in 1...topology.volumeCount {
            volumes.append(SimulatedDisk(name: "\(place)/dv\(volume)", size: topology.volumeBytes, fuse: fuse))
        }
        log.keepsOlder = isLiedTo
        log.ignoresSynchronize = world.planted == .skipLogSync
        for volume in volumes { volume.ignoresSynchronize = world.planted == .skipVolumeSync }
        for disk in [log] + volumes { disk.onAilment = { [unowned self] in ail($0, disk) } }
    }

    // MARK: What is the host's

    var network: SimulatedNetwork { shared.network }
    var index: Int { shared.index }
    var id: HostID { shared.id }
    var wall: UInt64 { shared.wall }
    var isPaused: Bool { shared.isPaused }
    var awake: UInt64 { shared.awake }
    /// Nanoseconds that a device call takes at most.
    var slowestWork: UInt64 { shared.slowestWork * shared.slowness }
    func whenAwake(_ action: @escaping () -> Void) { shared.whenAwake(action) }

    /// How the story calls it: by its host, a further RVG also by its own name.
    var name: String { HostedRVG.title(shared.name, number) }
    private static func title(_ host: String, _ number: Int) -> String {
        number == 0 ? host : "\(host)/\(rvgName(number))"
    }
    /// The name of an RVG on every host.
    static func rvgName(_ number: Int) -> String { number == 0 ? "rvg" : "rvg\(number + 1)" }

    // MARK: Life and death

    /// Reads the log back, then runs.
    ///
    /// - Parameter unreadable: the first read of the log fails.
    /// - Throws: what its devices refused.
    func open(unreadable: Bool) throws(Refusal) {
        fuse.blown = false
        isAiling = false
        misread = nil
        log.reopen(dropsCleanPages: false)
        for volume in volumes { volume.reopen(dropsCleanPages: true) }
        if unreadable { log.ailment = .readError }
        volumes = alterVolumes(volumes)
        let recovered = alter(try recover())
        guard judge(recovered) else { return }
        lives += 1
        persisted = recovered.header
        world.trace(
            "\(name): start, \(recovered.header.isPrimary ? "primary" : "secondary") "
                + "\(recovered.header.tailID)…\(recovered.records.last?.id ?? .zero)"
        )
        let machine = RVGMachine(
            recovered: recovered,
            capacity: ring.capacity,
            volumes: volumes.enumerated().map { VolumeShape(name: "dv\($0)", size: $1.size) },
            hostName: shared.name,
            diskGroup: "dg",
            name: HostedRVG.rvgName(number),
            limits: shared.limits,
            seed: world.word()
        )
        let life = Life(host: self, node: RVGNode(machine: machine), recovered: recovered.records)
        self.life = life
        life.begin()
    }

    /// The process is gone, or the power too.
    func end(power: Bool) {
        fuseIsDevice = false
        if power { rememberTail() }
        life = nil
        fuse.callsLeft = nil
        if power { losePower() }
    }

    private func losePower() {
        lostPower = true
        log.losePower(garbles: true, world)
        for volume in volumes { volume.losePower(garbles: false, world) }
    }

    /// Damage is seen where a bit was turned over, and nowhere else; false: it was not as it should be.
    private func judge(_ recovered: RecoveredLog) -> Bool {
        forgetPassed(recovered.header.tail)
        if let damage = recovered.damage {
            guard let record = flipped ?? belied, damage.contains("record \(record.id) was durable") else {
                world.found("\(name): recovery sees damage: \(damage)")
                return false
            }
            world.trace("\(name): \(damage)")
            world.coverage.count("damage found by recovery")
        } else if let record = flipped, recovered.records.contains(where: { $0.position == record.position }) {
            world.found("\(name): recovery believes record \(record.id), of which a bit was turned over")
            return false
        }
        return true
    }

    /// A record is written where the one lay that was turned over, or lied about.
    func willOverwrite(_ record: Record) {
        let covers = { [ring] (old: Record) in
            let ahead = (record.position.value + ring.capacity - old.position.value % ring.capacity) % ring.capacity
            return ahead < old.span || ahead + record.span > ring.capacity
        }
        if flipped.map(covers) == true { flipped = nil }
        if belied.map(covers) == true { belied = nil }
    }

    /// What lies behind the tail is never read again.
    private func forgetPassed(_ tail: LogPosition) {
        if let record = flipped, record.position < tail { flipped = nil }
        if let record = belied, record.position < tail { belied = nil }
    }

    /// Of a log that is nobody's any more nothing is known.
    func forget() {
        wasRemoved = true
        persisted = nil
        flipped = nil
        belied = nil
        misread = nil
        memory = PlantMemory()
    }

    // MARK: Ailments

    private func ail(_ fault: Fault, _ disk: SimulatedDisk) {
        world.trace("\(name): \(fault.rawValue) of \(disk.name)")
        ail(fault)
    }

    /// A device fault hit: sooner or later somebody starts the daemon again.
    func ail(_ fault: Fault) {
        world.hit(fault)
        world.disasters += 1
        isAiling = true
        let sick = shared.starts
        world.after(world.weather.dice.milliseconds(200...6_000)) { [self] in
            guard shared.isCurrent(sick) else { return }
            shared.crash(power: world.weather.dice.chance(50))
            shared.onDeath?()
        }
    }

    /// What has not hit yet never will.
    func heal() {
        misread = nil
        rotten = nil
        for disk in [log] + volumes { disk.ailment = nil }
    }

    /// A header is durable.
    func persist(_ header: RVGHeader) {
        forgetPassed(header.tail)
        if header.isPrimary, persisted?.isPrimary == false { promotions += 1 }
        if !header.isPrimary, persisted?.isPrimary == true { world.coverage.count("gave the Primary role up") }
        persisted = header
    }

    /// A device call failed.
    func deviceFailed(_ refusal: Refusal) {
        guard fuse.blown || isAiling else { return world.found("\(name): a device refused: \(refusal)") }
        guard let life else { return }
        guard fuse.blown else { return life.drive { $0.deviceFailed(refusal, into: &$1) } }
        if fuseIsDevice {
            guard life.node.machine.failure == nil else { return }
            world.disasters += 1
            world.trace("\(name): a device fails")
            world.hit(.deadDevice)
            life.drive { $0.deviceFailed(refusal, into: &$1) }
            return world.after(world.milliseconds(100...6_000)) { [self] in
                guard self.life === life else { return }
                shared.crash(power: fuseLosesPower)
                shared.onDeath?()
            }
        }
        world.hit(.crashInCall)
        shared.crash(power: fuseLosesPower)
        shared.onDeath?()
    }
}
