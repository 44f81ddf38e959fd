import HomewardAdministration
import HomewardCore

/// One host: disks that outlive it, and the life that runs now.
final class SimulatedHost {
    unowned let world: World
    let network: SimulatedNetwork
    let model: Model
    let index: Int
    let id: HostID
    let name: String
    let limits: Limits
    let fuse = Fuse()
    let log: SimulatedDisk
    let volumes: [SimulatedDisk]
    let ring: LogRing
    var format: HeaderFormat { limits.headerFormat }
    private(set) var life: Life?
    /// Told when the host died of itself, within a device call.
    var onDeath: (() -> Void)?
    /// The newest header that is on disk.
    private(set) var persisted: RVGHeader?
    /// How often its header on disk became a Primary's.
    private(set) var promotions = 0
    /// Power was lost since it last opened as Primary.
    var lostPower = false
    var lives = 0
    /// Nanoseconds that a device call takes at most.
    var slowestWork: UInt64
    /// What a slow device multiplies that by.
    var slowness: UInt64 = 1
    /// A device fault hit in this life of the process: what its devices refuse is no wonder any more.
    private(set) var isAiling = false
    /// The next payload that is read from the log is met by this, once.
    var misread: Fault?
    /// A bit of a durable record was turned over in this log.
    var flipped: Record?
    /// Stopped since then; what reaches the process waits until it wakes.
    private(set) var isPaused = false
    private var onWake: [() -> Void] = []
    /// The catalog on its disk names the RVG.
    var isNamed = true
    var memory = PlantMemory()
    /// What its wall clock is ahead.
    var wallOffset: Int64 = 0
    var wall: UInt64 { UInt64(Int64(world.wall) + wallOffset) }
    /// How the host ends when its fuse blows.
    var fuseLosesPower = false
    /// The fuse is a device's: its process lives on, and is killed some time later.
    var fuseIsDevice = false

    init(
        world: World,
        network: SimulatedNetwork,
        model: Model,
        index: Int,
        id: HostID,
        name: String,
        limits: Limits,
        logBytes: UInt64,
        volumeBytes: UInt64,
        volumeCount: Int
    ) {
        self.world = world
        self.network = network
        self.model = model
        self.index = index
        self.id = id
        self.name = name
        self.limits = limits
        log = SimulatedDisk(name: "\(name)/log", size: limits.headerFormat.ringOffset + logBytes, fuse: fuse)
        let fuse = fuse
        volumes = (1...volumeCount).map { SimulatedDisk(name: "\(name)/dv\($0)", size: volumeBytes, fuse: fuse) }
        slowestWork = [200_000, 1_000_000, 12_000_000][world.pick(0...2)]
        ring = LogRing(device: log, format: limits.headerFormat)
        log.ignoresSynchronize = world.planted == .skipLogSync
        for volume in volumes { volume.ignoresSynchronize = world.planted == .skipVolumeSync }
        for disk in [log] + volumes { disk.onAilment = { [unowned self] in ail($0, disk) } }
    }

    /// Starts the host: reads its log back, then runs.
    func start() {
        guard life == nil, world.finding == nil else { return }
        fuse.blown = false
        isAiling = false
        misread = nil
        log.reopen(dropsCleanPages: false)
        for volume in volumes { volume.reopen(dropsCleanPages: true) }
        do throws(Refusal) {
            let recovered = alter(try LogRecovery(device: log, format: format).recover())
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
                hostName: name,
                diskGroup: "dg",
                name: "rvg",
                limits: limits,
                seed: world.word()
            )
            let life = Life(host: self, node: RVGNode(machine: machine), recovered: recovered.records)
            self.life = life
            life.begin()
            network.connectAll()
        } catch {
            guard fuse.blown || isAiling else { return world.found("\(name): cannot start: \(error)") }
            world.trace("\(name): died while starting")
            if fuse.blown { world.hit(.crashInRecovery) }
            if fuse.blown, fuseLosesPower { losePower() }
            onDeath?()
        }
    }

    /// Damage is seen where a bit was turned over, and nowhere else; false: it was not as it should be.
    private func judge(_ recovered: RecoveredLog) -> Bool {
        if let record = flipped, record.position < recovered.header.tail { flipped = nil }
        if let damage = recovered.damage {
            guard let record = flipped, damage.contains("record \(record.id) was durable") else {
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

    /// A record is written where the one lay that was turned over.
    func willOverwrite(_ record: Record) {
        guard let old = flipped else { return }
        let ahead = (record.position.value + ring.capacity - old.position.value % ring.capacity) % ring.capacity
        if ahead < old.span || ahead + record.span > ring.capacity { flipped = nil }
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
        let sick = life
        world.after(world.weather.dice.milliseconds(200...6_000)) { [self] in
            guard life != nil, life === sick else { return }
            crash(power: world.weather.dice.chance(50))
            onDeath?()
        }
    }

    /// What has not hit yet never will.
    func heal() {
        misread = nil
        for disk in [log] + volumes { disk.ailment = nil }
    }

    // MARK: Pauses

    /// Does it, or as soon as the process runs again.
    func whenAwake(_ action: @escaping () -> Void) {
        if isPaused { onWake.append(action) } else { action() }
    }

    func pause() {
        isPaused = true
        world.trace("\(name): is stopped by a signal")
    }

    func wake() {
        guard isPaused else { return }
        isPaused = false
        world.trace("\(name): wakes")
        let waiting = onWake
        onWake = []
        for action in waiting { whenAwake(action) }
    }

    /// A header is durable.
    func persist(_ header: RVGHeader) {
        // What was turned over lies behind the tail now, and is never read again.
        if let record = flipped, record.position < header.tail { flipped = nil }
        if header.isPrimary, persisted?.isPrimary == false { promotions += 1 }
        if !header.isPrimary, persisted?.isPrimary == true { world.coverage.count("gave the Primary role up") }
        persisted = header
    }

    /// The process dies; with `power` the host does.
    func crash(power: Bool) {
        guard life != nil else { return }
        fuseIsDevice = false
        world.disasters += 1
        world.trace("\(name): \(power ? "loses power" : "is killed")")
        world.hit(power ? .hostCrash : .processCrash)
        if power { rememberTail() }
        life = nil
        isPaused = false
        onWake = []
        fuse.callsLeft = nil
        if power { losePower() }
        network.cutAll(index)
    }

    private func losePower() {
        lostPower = true
        log.losePower(garbles: true, world)
        for volume in volumes { volume.losePower(garbles: false, world) }
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
                crash(power: fuseLosesPower)
                onDeath?()
            }
        }
        world.hit(.crashInCall)
        crash(power: fuseLosesPower)
        onDeath?()
    }
}
