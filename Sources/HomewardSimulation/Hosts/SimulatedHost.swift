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
    let slowestWork: UInt64
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
        volumeBytes: UInt64
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
        volumes = (1...2).map { SimulatedDisk(name: "\(name)/dv\($0)", size: volumeBytes, fuse: fuse) }
        slowestWork = [200_000, 1_000_000, 12_000_000][world.pick(0...2)]
        ring = LogRing(device: log, format: limits.headerFormat)
        log.ignoresSynchronize = world.planted == .skipLogSync
        for volume in volumes { volume.ignoresSynchronize = world.planted == .skipVolumeSync }
    }

    /// Starts the host: reads its log back, then runs.
    func start() {
        guard life == nil, world.finding == nil else { return }
        fuse.blown = false
        do throws(Refusal) {
            let recovered = try LogRecovery(device: log, format: format).recover()
            if let damage = recovered.damage { return world.found("\(name): recovery sees damage: \(damage)") }
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
            guard fuse.blown else { return world.found("\(name): cannot start: \(error)") }
            world.trace("\(name): died while starting")
            world.hit(.crashInRecovery)
            if fuseLosesPower { losePower() }
            onDeath?()
        }
    }

    /// A header is durable.
    func persist(_ header: RVGHeader) {
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
        life = nil
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
        guard fuse.blown else { return world.found("\(name): a device refused: \(refusal)") }
        guard let life else { return }
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
