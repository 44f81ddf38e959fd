import HomewardCore

/// Hosts, volumes, sizes and settings of one life.
struct Topology {
    var hostNames = ["seattle", "london", "tokyo"]
    var volumeCount = 2
    var volumeBytes: UInt64
    var logBytes: UInt64
    var limits = Limits()
    var settings = LinkSettings()

    /// What narrow scenarios draw is drawn in any case, and in the same order.
    init(_ world: World) {
        volumeBytes = world.chance(70) ? 64 << 10 : 128 << 10
        logBytes = [96 << 10, 160 << 10, 320 << 10][world.pick(0...2)]
    }

    /// Drawn behind the network's.
    mutating func drawLimits(_ world: World) {
        limits = Topology.limits(world)
        guard world.weather.isWide else { return }
        widenLimits(&limits, &world.weather.dice)
    }

    /// What is there besides, in a wide scenario.
    mutating func widen(_ world: World) {
        guard world.weather.isWide else { return }
        widenSizes(&world.weather.dice)
        world.trace(
            "\(hostNames.joined(separator: ", ")); \(volumeCount) volumes of \(volumeBytes >> 10) KiB, a log of "
                + "\(logBytes >> 10) KiB"
        )
    }

    /// Sizes of a further RVG on the same hosts.
    func further(_ world: World) -> Topology {
        var other = self
        other.volumeCount = world.pick(1...2)
        if world.chance(50) { other.volumeBytes = 32 << 10 }
        other.logBytes = [64 << 10, 96 << 10, 160 << 10][world.pick(0...2)]
        return other
    }

    private mutating func widenSizes(_ dice: inout Dice) {
        hostNames = Array(["seattle", "london", "tokyo", "lima"].prefix([2, 3, 3, 3, 4][dice.pick(0...4)]))
        volumeCount = dice.pick(1...3)
        if dice.chance(20) { volumeBytes = 32 << 10 }
        // The smallest leaves room for a handful of records beside the reserve and the page that each sync begins.
        if dice.chance(20) { logBytes = 64 << 10 }
    }

    private func widenLimits(_ limits: inout Limits, _ dice: inout Dice) {
        if dice.chance(25) { limits.syncMilliseconds = dice.pick(1...5) }
        if dice.chance(25) { limits.sendWindow = 12 << 10 }
        if dice.chance(25) { limits.heartbeatMilliseconds = dice.pick(40...250) }
    }

    /// Settings of the RLINKs: drawn later, with the RDS.
    mutating func drawSettings(_ world: World) {
        if world.chance(40) { settings.synchronous = .override }
        if world.chance(15) { settings.srlprot = .off }
        guard world.weather.isWide else { return }
        if world.weather.dice.chance(12) { settings.synchronous = .fail }
        if world.weather.dice.chance(12) { settings.srlprot = .fail }
        guard world.weather.dice.chance(25) else { return }
        settings.latencyprot = world.weather.dice.chance(70) ? .override : .fail
        settings.latencyHighMark = world.weather.dice.pick(4...40)
        settings.latencyLowMark = settings.latencyHighMark / 2
        world.trace("latencyprot=\(settings.latencyprot.rawValue), high mark \(settings.latencyHighMark)")
    }

    private static func limits(_ world: World) -> Limits {
        var limits = Limits()
        limits.headerCopyBytes = 48 << 10
        limits.controlReserve = 8 << 10
        limits.syncBytes = [16 << 10, 32 << 10, 128 << 10][world.pick(0...2)]
        limits.syncMilliseconds = world.chance(60) ? world.pick(5...60) : world.pick(60...600)
        limits.applyBatchBytes = 24 << 10
        limits.applyBatchBytesBehind = 64 << 10
        limits.pendingBytes = 48 << 10
        limits.pendingEmptyBytes = 96 << 10
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
}
