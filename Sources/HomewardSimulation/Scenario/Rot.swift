import HomewardAdministration
import HomewardCore

/// Bits that turn over on their own, where a reader can judge it: only there can the product be held to anything.
///
/// Two lives of five that are wide have more kinds of them. These are drawn from a generator of their own, so that they
/// change nothing in the others.
final class Rot {
    private let world: World
    private let hosts: [SimulatedHost]
    private var dice: Dice
    private let isOn: Bool

    /// What strikes here, each as often as it stands here.
    private static let kinds: [Fault] = [.recordHeadFlip, .oldHeaderFlip, .blockFlip, .blockFlip]

    init(world: World, hosts: [SimulatedHost]) {
        self.world = world
        self.hosts = hosts
        var dice = Dice(seed: world.seed &* 0x9FB2_1C65_1E98_DF25 ^ 0x2545_F491_4F6C_DD1D)
        let isDrawn = dice.chance(40)
        isOn = world.weather.isWide && isDrawn
        self.dice = dice
    }

    func run() {
        guard isOn else { return }
        world.after(dice.milliseconds(300...2_500)) { [self] in
            guard !world.weather.isOver else { return }
            strike()
            run()
        }
    }

    private func strike() {
        let fault = Rot.kinds[dice.pick(0...Rot.kinds.count - 1)]
        let host = hosts[dice.pick(0...hosts.count - 1)]
        let rvg = host.anyRVG { dice.pick($0) }
        let word = dice.word()
        guard rvg.life != nil, world.weather.allows(fault) else { return }
        switch fault {
        case .recordHeadFlip: rvg.turnOver(fault, word)
        case .oldHeaderFlip: rvg.turnOverOldHeader(word)
        case .blockFlip: rvg.rotten = word
        default: return
        }
    }
}

extension HostedRVG {
    /// Turns a bit over in a record that a later durable record proves to have been durable: what no reader could judge is
    /// left alone, and so is a Primary whose data nobody else has.
    func turnOver(_ fault: Fault, _ word: UInt64) {
        guard let record = flippable(word) else { return }
        let isInHead = fault == .recordHeadFlip
        let byte =
            isInHead
            ? word >> 16 % UInt64(Record.headerBytes)
            : word >> 16 % UInt64(record.payloadBytes) + UInt64(Record.headerBytes)
        log.flip(bit: Int(word >> 40 & 7), at: ring.place(of: LogPosition(record.position.value + byte)))
        if !isInHead { whitewash(record) }
        flipped = record
        world.hit(fault)
        world.disasters += 1
        world.trace("\(name): a bit of \(isInHead ? "the head of " : "")record \(record.id) turns over in its log")
    }

    private func flippable(_ word: UInt64) -> Record? {
        let hosts = model.hosts
        guard let machine = life?.node.machine, machine.failure == nil, !hosts.contains(where: { $0.doubted != nil }),
            !machine.isLogDamaged
        else { return nil }
        if machine.header.isPrimary {
            let copies = hosts.filter { other in
                guard other !== self, let theirs = other.life?.node.machine else { return false }
                return theirs.isImageConsistent && theirs.following.attach != nil
            }
            guard !copies.isEmpty else { return nil }
        }
        let ids = machine.header.tailID.value..<max(machine.durable.next.value, machine.header.tailID.value)
        let durable = ids.compactMap { machine.record(UpdateID($0)) }
        let proven = durable.last.map { min($0.durableID, machine.replayed) } ?? .zero
        let candidates = durable.filter { $0.id <= proven && $0.payloadBytes > 0 }
        guard !candidates.isEmpty else { return nil }
        return candidates[Int(word % UInt64(candidates.count))]
    }

    /// Turns a bit over in the copy of the log's header that is older than the one that stands: nothing may come of it.
    func turnOverOldHeader(_ word: UInt64) {
        guard let header = persisted, let bytes = UInt64(exactly: format.encode(header).count) else { return }
        let place = format.offset(generation: header.generation + 1) + word % bytes
        log.flip(bit: Int(word >> 40 & 7), at: place)
        world.hit(.oldHeaderFlip)
        world.trace("\(name): a bit of the older copy of its log's header turns over")
    }

    /// Turns a bit over in a block that a synchronization is about to compare: the block differs now, and is copied.
    func rot(_ range: BlockRange) {
        guard let word = rotten, life?.node.machine.header.targetJob != nil else { return }
        rotten = nil
        volumes[Int(range.volume)].flip(bit: Int(word >> 40 & 7), at: range.offset + word % range.length)
        world.hit(.blockFlip)
        world.trace("\(name): a bit of a block turns over before it is compared")
    }
}
