import HomewardAdministration
import HomewardCore

/// One host: what its RVGs have in common, which is one process, one power supply, one clock, one catalog, and one
/// connection with each other host.
final class SimulatedHost {
    unowned let world: World
    let network: SimulatedNetwork
    let index: Int
    let id: HostID
    let name: String
    let limits: Limits
    var catalog = SimulatedCatalog()
    private(set) var rvgs: [HostedRVG] = []
    /// The process is there.
    private(set) var isRunning = false
    /// How often it was started, which names the process that runs now.
    private(set) var starts = 0
    /// Told when the host died of itself, within a device call.
    var onDeath: (() -> Void)?
    /// Nanoseconds that a device call takes at most.
    let slowestWork: UInt64
    /// What slow devices multiply that by.
    var slowness: UInt64 = 1
    /// Since when it is stopped by a signal.
    private var pausedAt: UInt64?
    /// Nanoseconds of earlier pauses.
    private var paused: UInt64 = 0
    /// Stopped by a signal: what reaches the process waits until it wakes.
    var isPaused: Bool { pausedAt != nil }
    /// Nanoseconds of the world in which it was not stopped by a signal.
    var awake: UInt64 { world.now - paused - (pausedAt.map { world.now - $0 } ?? 0) }
    private var onWake: [() -> Void] = []
    /// It is stopped, and people believe that it is dead.
    var isTakenForDead = false
    /// What its wall clock is ahead.
    var wallOffset: Int64 = 0
    var wall: UInt64 { UInt64(Int64(world.wall) + wallOffset) }

    init(world: World, network: SimulatedNetwork, index: Int, id: HostID, name: String, limits: Limits) {
        self.world = world
        self.network = network
        self.index = index
        self.id = id
        self.name = name
        self.limits = limits
        slowestWork = [200_000, 1_000_000, 12_000_000][world.pick(0...2)]
    }

    func add(_ rvg: HostedRVG) { rvgs.append(rvg) }

    /// One of its RVGs; drawn only where there are several.
    func anyRVG(_ pick: (ClosedRange<Int>) -> Int) -> HostedRVG {
        rvgs.count == 1 ? rvgs[0] : rvgs[pick(0...rvgs.count - 1)]
    }

    // MARK: The process

    /// Whether the process that was started as this one still runs.
    func isCurrent(_ start: Int) -> Bool { isRunning && starts == start && world.finding == nil }

    /// Starts the host: opens its RVGs, one after another, and meets the others.
    ///
    /// An RVG that cannot be opened does not keep the others from serving.
    func start() {
        guard !isRunning, world.finding == nil else { return }
        isRunning = true
        starts += 1
        let named = rvgs.filter { catalog.names($0.rvg) }
        for rvg in named {
            do throws(Refusal) { try rvg.open(unreadable: isUnreadable()) } catch {
                guard rvg.fuse.blown || rvg.isAiling else {
                    return world.found("\(rvg.name): cannot start: \(error)")
                }
                world.trace("\(rvg.name): died while starting")
                guard !rvg.fuse.blown else { return dieInRecovery(of: rvg) }
            }
            guard world.finding == nil else { return }
        }
        let living = named.count { $0.life != nil }
        guard living > 0 || named.isEmpty else {
            isRunning = false
            onDeath?()
            return
        }
        if living < named.count { world.coverage.count("started with an RVG that could not be opened") }
        network.connectAll()
    }

    /// Where there are several RVGs, one of them cannot be opened now and then.
    private func isUnreadable() -> Bool {
        rvgs.count > 1 && world.weather.isWide && !world.weather.isOver && world.weather.dice.chance(6)
            && world.weather.allows(.readError)
    }

    private func dieInRecovery(of rvg: HostedRVG) {
        world.hit(.crashInRecovery)
        isRunning = false
        for other in rvgs { other.end(power: rvg.fuseLosesPower) }
        onDeath?()
    }

    /// The process dies, with all its RVGs; with `power` the host does.
    func crash(power: Bool) {
        guard isRunning else { return }
        world.disasters += 1
        world.trace("\(name): \(power ? "loses power" : "is killed")")
        world.hit(power ? .hostCrash : .processCrash)
        isRunning = false
        endPause()
        isTakenForDead = false
        onWake = []
        for rvg in rvgs { rvg.end(power: power) }
        network.cutAll(index)
    }

    // MARK: Connections

    func connected(to peer: SimulatedHost, session: UInt64) {
        for rvg in rvgs { rvg.life?.connected(to: peer, session: session) }
    }

    func ended(with peer: SimulatedHost, session: UInt64) {
        for rvg in rvgs { rvg.life?.ended(with: peer, session: session) }
    }

    /// A frame goes to the RVG that it names.
    func received(_ message: PeerMessage, for rvg: RVGID, from peer: SimulatedHost, session: UInt64) {
        let named = rvgs.first { $0.rvg == rvg }
        let taker = named.map(alterTaker)
        taker?.life?.received(message, from: peer, session: session)
    }

    // MARK: Pauses

    /// Does it, or as soon as the process runs again.
    func whenAwake(_ action: @escaping () -> Void) {
        if isPaused { onWake.append(action) } else { action() }
    }

    func pause() {
        endPause()
        pausedAt = world.now
        world.trace("\(name): is stopped by a signal")
    }

    func wake() {
        guard isPaused else { return }
        endPause()
        isTakenForDead = false
        world.trace("\(name): wakes")
        if rvgs.contains(where: { $0.model.isStale($0) }) {
            world.coverage.count("a paused host woke as a stale Primary")
        }
        let waiting = onWake
        onWake = []
        for action in waiting { whenAwake(action) }
    }

    private func endPause() {
        if let pausedAt { paused += world.now - pausedAt }
        pausedAt = nil
    }
}
