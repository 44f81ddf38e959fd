import HomewardAdministration
import HomewardCore

/// The application: writes, flushes and reads on whichever host is the open Primary, and remembers what it was told.
final class Application {
    private let world: World
    private let model: Model
    private let volumeSectors: Int
    var isWanted = false
    /// Started and stopped by hand or by a site's commands, on the host that they name; else it follows the open Primary.
    var isManaged = false
    /// Stopped for good: the end is judged.
    var isOver = false
    /// Nanoseconds for which a request may be unanswered, or untaken; the longest of 600 lives was below 4 s.
    private static let patience: UInt64 = 20_000_000_000
    /// Sectors of the largest request.
    var largest = 24
    /// Mean time between requests.
    var pace: UInt64
    private var session: (life: Life, number: UInt64)?
    private var outstanding = 0
    /// What was asked for in this session and is not answered yet, by token: since when.
    private var waiting: [UInt64: UInt64] = [:]
    /// Since when no write has been taken.
    private var heldSince: UInt64?
    private var nextSession: UInt64 = 1
    private(set) var requests = 0

    init(world: World, model: Model, pace: UInt64) {
        self.world = world
        self.model = model
        self.pace = pace
        volumeSectors = model.sectorsPerVolume
    }

    /// The host on which it has the volumes open.
    var host: HostedRVG? { session?.life.isCurrent == true ? session?.life.host : nil }

    func run() {
        if let open = session, !open.life.isCurrent {
            session = nil
            outstanding = 0
        }
        judgeWaiting()
        if session == nil, isWanted, !isOver, !isManaged {
            open(on: model.hosts.first { $0.life?.node.machine.isOpen == true })
        }
        if session != nil, isWanted, !isOver, outstanding < 6 { act() }
        let burst = world.chance(70)
        world.after(burst ? world.pick(20_000...pace) : world.pick(pace...pace * 12)) { [self] in run() }
    }

    /// Opens the volumes; whether they could be.
    @discardableResult
    func open(on host: HostedRVG?) -> Bool {
        if self.host != nil { close() }
        guard let life = host?.life, host?.isPaused == false else { return false }
        let number = nextSession
        nextSession += 1
        var opened = false
        life.step { node, _ in
            do throws(Refusal) {
                let holder = SessionHolder(process: nil, label: "application")
                try node.openSession(id: number, volume: 0, readOnly: false, holder: holder)
                opened = true
            } catch {
                return
            }
        }
        if opened {
            session = (life, number)
            waiting = [:]
            heldSince = nil
        }
        return opened
    }

    /// Closes the volumes.
    func close() {
        guard let open = session else { return }
        session = nil
        outstanding = 0
        guard open.life.isCurrent else { return }
        open.life.host.whenAwake { open.life.step { node, _ in node.closeSession(id: open.number) } }
    }

    /// Invariant 11: what an application waits for comes, or is refused, while its host runs.
    private func judgeWaiting() {
        guard let life = session?.life, !life.host.isPaused, !life.host.isAiling else {
            for token in waiting.keys { waiting[token] = world.now }
            heldSince = heldSince.map { _ in world.now }
            return
        }
        let oldest = [waiting.values.min(), heldSince].compactMap(\.self).min() ?? world.now
        guard world.now - oldest > Self.patience else { return }
        world.found(
            "invariant 11: \(life.host.name) has left \(heldSince == oldest ? "a write untaken" : "a request unanswered") for "
                + "\((world.now - oldest) / 1_000_000_000) s"
        )
    }

    private func act() {
        guard let life = session?.life, life.isCurrent, !life.host.isPaused else { return }
        switch world.pick(0...99) {
        case 0..<64: write(life, durably: world.chance(12), zero: nil)
        case 64..<72: write(life, durably: false, zero: .zeroes)
        case 72..<76: write(life, durably: false, zero: .trim)
        case 76..<88: flush(life)
        default: read(life)
        }
    }

    private func write(_ life: Life, durably: Bool, zero: RecordKind?) {
        var count = world.chance(80) ? world.pick(1...8) : world.pick(8...24)
        let volume = world.pick(0...model.volumeCount - 1)
        var sector = world.pick(0...volumeSectors - count)
        if world.weather.isWide { (count, sector) = widen(count, sector) }
        let number = zero == nil ? model.freshNumber() : 0
        let token = life.nextToken
        var bytes: [UInt8] = []
        if zero == nil {
            bytes.reserveCapacity(count * Sectors.bytes)
            let place = model.firstVolume + volume
            for index in 0..<count { Sectors.fill(&bytes, number: number, volume: place, sector: sector + index) }
        }
        let request = ApplicationWrite(
            kind: zero ?? .write,
            volume: UInt32(volume),
            offset: UInt64(sector * Sectors.bytes),
            length: UInt64(count * Sectors.bytes),
            durably: durably,
            pieces: zero == nil ? pieces(bytes, Life.buffer(of: token)) : [],
            token: token
        )
        var admission = Admission.wait
        guard let line = model.line(of: life) else { return }
        guard world.writes.take() else {
            heldSince = nil
            return
        }
        life.step { [world] node, effects in
            admission = node.admit(request, wallTime: life.host.wall, now: world.instant, into: &effects)
            self.heldSince = admission == .wait ? self.heldSince ?? world.now : nil
            guard admission == .accepted else { return }
            life.nextToken += 1
            life.payloads[Life.buffer(of: token)] = bytes
            // Each piece of a request is a record of its own.
            let parts = max(request.pieces.count, 1)
            let last = node.machine.end.value
            var first = sector
            for part in 0..<parts {
                let sectors = request.pieces.isEmpty ? count : request.pieces[part].payload.count / Sectors.bytes
                let id = last - UInt64(parts - 1 - part)
                line.writes.append(ModelWrite(number: number, volume: volume, sector: first, count: sectors, id: id))
                first += sectors
            }
            let count = line.count
            self.waiting[token] = world.now
            life.replies[token] = { [weak self] failure in
                self?.outstanding -= 1
                self?.waiting[token] = nil
                guard failure == nil else { return }
                line.acknowledged = max(line.acknowledged, count)
                if durably { line.promised = max(line.promised, count) }
            }
        }
        requests += 1
        if admission == .accepted { outstanding += 1 }
    }

    /// Hot spots that are written over again and again, and large requests.
    private func widen(_ count: Int, _ sector: Int) -> (count: Int, sector: Int) {
        let large = world.weather.dice.chance(4) ? min(largest, world.weather.dice.pick(24...64)) : count
        let count = min(max(large, 1), volumeSectors)
        let place = world.weather.dice.chance(25) ? world.weather.dice.pick(0...8) : sector
        return (count, min(place, volumeSectors - count))
    }

    /// A request longer than a record's limit goes in pieces; here the limit is a matter of chance.
    private func pieces(_ bytes: [UInt8], _ buffer: UInt64) -> [(payload: PayloadReference, crc: UInt32)] {
        var cuts = [0, bytes.count]
        if world.weather.isWide, bytes.count > Sectors.bytes, world.weather.dice.chance(10) {
            cuts.insert(world.weather.dice.pick(1...bytes.count / Sectors.bytes - 1) * Sectors.bytes, at: 1)
        }
        return zip(cuts, cuts.dropFirst()).map { start, end in
            (PayloadReference(buffer: buffer, offset: start, count: end - start), checksum(Array(bytes[start..<end])))
        }
    }

    private func flush(_ life: Life) {
        let token = life.nextToken
        guard let line = model.line(of: life) else { return }
        let promise = line.acknowledged
        outstanding += 1
        life.step { [world] node, effects in
            life.nextToken += 1
            self.waiting[token] = world.now
            life.replies[token] = { [weak self] failure in
                self?.outstanding -= 1
                self?.waiting[token] = nil
                if failure == nil { line.promised = max(line.promised, promise) }
            }
            if node.flush(token: token, into: &effects) != .accepted {
                life.replies[token] = nil
                self.waiting[token] = nil
                self.outstanding -= 1
            }
        }
    }

    /// Reads what is pending through the log, and compares.
    private func read(_ life: Life) {
        guard let line = model.line(of: life), !life.host.fuse.blown else { return }
        let count = world.pick(1...16)
        let volume = world.pick(0...model.volumeCount - 1)
        let sector = world.pick(0...volumeSectors - count)
        let offset = UInt64(sector * Sectors.bytes)
        let machine = life.node.machine
        let written = machine.written.value
        do throws(Refusal) {
            var bytes = try life.host.volumes[volume].bytes(at: offset, count: count * Sectors.bytes)
            for piece in machine.overlay(volume: UInt32(volume), offset: offset, length: UInt64(bytes.count)) {
                let start = Int(piece.offset - offset)
                let source = try piece.source.map { position throws(Refusal) in
                    try life.host.ring.bytes(at: position, count: Int(piece.length))
                }
                bytes.replaceSubrange(
                    start..<start + Int(piece.length),
                    with: source ?? [UInt8](repeating: 0, count: Int(piece.length))
                )
            }
            let own = line.writes.count { $0.id <= written }
            let wanted = model.expected(line, line.fork + own, volume: volume, sectors: sector..<sector + count)
            bytes.withUnsafeBytes { raw in
                for index in 0..<count {
                    let place = UnsafeRawBufferPointer(
                        rebasing: raw[index * Sectors.bytes..<(index + 1) * Sectors.bytes]
                    )
                    let number = Sectors.read(place, volume: model.firstVolume + volume, sector: sector + index)
                    let expected = wanted[index]
                    if number != expected {
                        world.found(
                            "\(life.host.name): a read gave write \(number) where \(expected) was the last written"
                        )
                    }
                }
            }
        } catch {
            // An error of a read is the application's to bear.
            if !life.host.isAiling { life.host.deviceFailed(error) }
        }
    }
}
