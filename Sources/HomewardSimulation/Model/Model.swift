import HomewardAdministration
import HomewardCore

/// The judge: remembers what the application wrote and was told, and compares it with the bytes on the disks.
///
/// It shares no code with the machines. Of them it believes only what they claim about themselves, as claims to be checked.
final class Model {
    unowned let world: World
    let sectorsPerVolume: Int
    private(set) var hosts: [HostedRVG] = []
    private var lines: [UInt64: Line] = [:]
    private var nextNumber: UInt32 = 1
    /// What was last seen of each host.
    private var seen: [Seen] = []
    private var bothOpenSince: UInt64?
    /// Images compared.
    private(set) var checks = 0
    /// A host took over: whatever ends at home from now on is a failback.
    private(set) var wasTakenOver = false

    private struct Seen {
        var entries = 0
        var newest: UInt64 = 0
        var open = false
        var life = 0
        var failedIn = 0
    }

    let volumeCount: Int
    /// What the sectors of the RVG's first volume say that they are of: each volume of a life has a number of its own, so
    /// that a sector of another RVG is no content that this one ever wrote.
    let firstVolume: Int

    init(world: World, rvg number: Int, volumeBytes: UInt64, volumeCount: Int) {
        self.world = world
        firstVolume = number * 16
        self.volumeCount = volumeCount
        sectorsPerVolume = Int(volumeBytes) / Sectors.bytes
    }

    func attach(_ hosts: [HostedRVG]) {
        self.hosts = hosts
        seen = hosts.map { _ in Seen() }
    }

    private func found(_ invariant: Int, _ text: String) { world.found("invariant \(invariant): \(text)") }

    // MARK: What the application does

    func line(of life: Life) -> Line? {
        life.node.machine.header.lineage.history.entries.last.flatMap { lines[$0.epoch.id.rawValue] }
    }

    func freshNumber() -> UInt32 {
        defer { nextNumber += 1 }
        return nextNumber
    }

    // MARK: What the hosts say

    private static let alarms = [
        "the log begins at", "are applied here and not part", " was expected",
    ]

    func note(_ text: String, _ host: HostedRVG) {
        // A detach by the log is a change from outside to whoever watches configurations.
        if text.contains("overflowed") || text.contains("detached") { world.disasters += 1 }
        // A record that was turned over, and was proven to have been durable by records that a Secondary had to cut after
        // that, is lost where nobody can tell; its Primary finds that out, and detaches it.
        let isExcused = text.contains("the log begins at") && hosts.contains { $0.doubted != nil && $0 !== host }
        for alarm in Model.alarms where text.contains(alarm) && !isExcused { world.found("\(host.name): \(text)") }
        if text.contains("failed and stays shut"), !host.fuse.blown, !host.isAiling {
            world.found("\(host.name): \(text)")
        }
    }

    /// After every step of a host.
    func observe(_ life: Life) {
        let host = life.host.index
        let entries = life.node.machine.header.lineage.history.entries
        if let last = entries.last, last.epoch.id.rawValue != seen[host].newest || entries.count != seen[host].entries {
            seen[host].newest = last.epoch.id.rawValue
            seen[host].entries = entries.count
            learnLines(entries, life.host)
        }
        let open = life.node.machine.isOpen
        if open != seen[host].open || seen[host].life != life.number {
            seen[host].life = life.number
            seen[host].open = open
            if open { opened(life) }
        }
        if life.node.machine.failure != nil {
            seen[host].failedIn = life.number
        } else if seen[host].failedIn == life.number {
            world.found("\(life.host.name) failed, and goes on without having been started again")
        }
        checkPins(life)
        checkOpen()
    }

    private func learnLines(_ entries: [History.Entry], _ host: HostedRVG) {
        var parent: Line?
        for entry in entries {
            let name = entry.epoch.id.rawValue
            if let known = lines[name] {
                if known.fork != Int(entry.dataBefore) || (known.parent !== parent && parent != nil) {
                    world.found(
                        "\(host.name): epoch \(entry.epoch.number) begins after \(entry.dataBefore) writes here, after "
                            + "\(known.fork) elsewhere"
                    )
                }
                parent = known
            } else {
                let line = Line(
                    name: name,
                    host: entry.epoch.hostName,
                    parent: parent,
                    fork: Int(entry.dataBefore)
                )
                lines[name] = line
                parent = line
            }
        }
    }

    /// A host opened as Primary: nothing that was promised may be missing.
    private func opened(_ life: Life) {
        guard let line = line(of: life), let entry = life.node.machine.header.lineage.history.entries.last else {
            return
        }
        world.trace("\(life.host.name): open in epoch \(entry.epoch.number), \(line.fork) writes")
        defer { life.host.lostPower = false }
        checkImage(life, "as it opens")
        guard !line.checked, let parent = line.parent else { return }
        line.checked = true
        let acknowledged = parent.promise(\.acknowledged)
        let promised = parent.promise(\.promised)
        world.coverage.count("opened: \(entry.epoch.kind)")
        if entry.epoch.kind == .takeover { wasTakenOver = true }
        switch entry.epoch.kind {
        case .creation: return
        case .uncleanStart:
            if line.fork < promised {
                found(
                    2,
                    "\(life.host.name) came back with \(line.fork) writes, \(promised) were promised to be durable"
                )
            } else if !life.host.lostPower, line.fork < acknowledged {
                found(2, "\(life.host.name) came back with \(line.fork) writes, \(acknowledged) were acknowledged")
            }
        case .migrate:
            // The receiver may also take over under the epoch that it was to be handed.
            let old = hosts.first { $0.shared.name == parent.host && $0 !== life.host }
            guard old?.persisted?.lineage.history.contains(entry.epoch.id) == true else {
                return checkSynchronous(life, parent, line)
            }
            if line.fork < max(acknowledged, promised) {
                found(2, "migrate to \(life.host.name) lost writes: \(line.fork) of \(max(acknowledged, promised))")
            }
        case .takeover: checkSynchronous(life, parent, line)
        }
    }

    /// A takeover on an RLINK that had not left synchronous mode loses nothing.
    private func checkSynchronous(_ life: Life, _ parent: Line, _ line: Line) {
        guard let old = hosts.first(where: { $0.shared.name == parent.host }), old !== life.host,
            let header = old.persisted, header.lineage.history.entries.last?.epoch.id.rawValue == parent.name,
            let link = header.links.first(where: { $0.peer == life.host.id }), link.settings.synchronous != .off,
            link.attachID != nil, link.asynchronousSince == nil
        else { return }
        if line.fork < parent.promised {
            found(
                2,
                "\(life.host.name) took over with \(line.fork) writes; synchronous, \(parent.promised) were promised"
            )
        }
    }

    // MARK: Two Primaries

    private func checkOpen() {
        let open = hosts.filter { host in
            seen[host.index].open && host.life?.number == seen[host.index].life
        }
        for host in open where hasHeardOfItsEnd(host) {
            found(8, "\(host.name) is open, and has heard of an epoch that ended its reign")
        }
        // Rivals stay open until one of them is given up by its people.
        guard open.count > 1, !open[0].isPaused, !open[1].isPaused,
            open[0].network.isConnected(open[0].index, open[1].index),
            isOver(open[0], by: open[1]) || isOver(open[1], by: open[0])
        else {
            bothOpenSince = nil
            return
        }
        let since = bothOpenSince ?? world.now
        bothOpenSince = since
        if world.now - since > 2_000_000_000 {
            found(8, "\(open[0].name) and \(open[1].name) are connected and both open for 2 s")
        }
    }

    /// An epoch that ended the reign `host` is Primary in, and was not given up, stands in its own header.
    private func hasHeardOfItsEnd(_ host: HostedRVG) -> Bool {
        guard let lineage = host.life?.node.machine.header.lineage,
            let reign = lineage.history.entries.last?.epoch.reign
        else { return false }
        return lineage.heard.contains { $0.closes.contains(reign) && !lineage.abandoned.contains($0.id) }
    }

    /// A Primary over whose reign another host's data went on.
    func isStale(_ host: HostedRVG) -> Bool {
        host.life?.node.machine.isOpen == true && hosts.contains { $0 !== host && isOver(host, by: $0) }
    }

    /// An epoch that `other`'s data went through ended the reign that `host` is Primary in.
    private func isOver(_ host: HostedRVG, by other: HostedRVG) -> Bool {
        guard let reign = host.persisted?.lineage.history.entries.last?.epoch.reign else { return false }
        return other.persisted?.lineage.history.entries.contains { $0.epoch.closes.contains(reign) } ?? false
    }

    // MARK: The log

    private func checkPins(_ life: Life) {
        guard life.node.machine.header.isPrimary, life.node.machine.failure == nil else { return }
        let tail = life.node.machine.header.tailID
        for link in life.node.machine.header.links {
            guard let cursor = link.cursor, cursor.next < tail else { continue }
            found(3, "\(life.host.name): \(link.name) needs the log from \(cursor.next), it begins at \(tail)")
        }
        for checkpoint in life.node.machine.header.checkpoints where checkpoint.start < tail {
            found(6, "\(life.host.name): checkpoint \(checkpoint.name) stands and the log begins behind it")
        }
    }

    /// A record is about to be written: what lay there must be of no use to anybody.
    func willOverwrite(_ life: Life, _ record: Record) {
        let capacity = life.host.ring.capacity
        while let last = life.placed.last, last.id >= record.id { life.placed.removeLast() }
        while let first = life.placed.first, first.start + capacity < record.end.value {
            if let tail = life.host.persisted?.tailID, first.id >= tail {
                found(
                    3,
                    "\(life.host.name): record \(record.id) overwrites \(first.id); the header on disk begins at \(tail)"
                )
            }
            guard first.end + capacity <= record.position.value else { return }
            life.placed.removeFirst()
        }
    }

    // MARK: Images

    /// The numbers of the writes that the disks of a host show, its log carried out: nil when the log cannot be read.
    func image(of life: Life) -> (numbers: [UInt32], count: Int)? {
        var numbers = volumes(of: life)
        guard let count = replay(life, onto: &numbers) else { return nil }
        return (numbers, count)
    }

    /// What the volumes hold without the log.
    private func volumes(of life: Life) -> [UInt32] {
        var numbers = [UInt32](repeating: 0, count: volumeCount * sectorsPerVolume)
        for volume in 0..<volumeCount {
            life.host.volumes[volume].cache.withUnsafeBytes { raw in
                for sector in 0..<sectorsPerVolume {
                    let place = UnsafeRawBufferPointer(
                        rebasing: raw[sector * Sectors.bytes..<(sector + 1) * Sectors.bytes]
                    )
                    numbers[volume * sectorsPerVolume + sector] = Sectors.read(
                        place,
                        volume: firstVolume + volume,
                        sector: sector
                    )
                }
            }
        }
        return numbers
    }

    /// Carries the log out by reading its bytes, in this file's own words for the format.
    private func replay(_ life: Life, onto numbers: inout [UInt32]) -> Int? {
        let header = life.node.machine.header
        let ring = life.host.ring
        let written = life.node.machine.written.value
        var position = header.tail.value
        var next = header.tailID.value
        var count = Int(header.dataCountBelowTail)
        var logLife: UInt64 = 0
        let log = RingBytes(disk: life.host.log.cache, origin: Int(ring.origin), capacity: Int(ring.capacity))
        while next <= written {
            // What a torn write left behind is of an epoch that has ended, or of an earlier life of the log.
            let epoch = header.lineage.history.epoch(of: UpdateID(next))?.id.rawValue
            let isHere = { (place: UInt64) in
                log.number(place, 4) == 0x4352_5748 && log.number(place + 24, 8) == next
                    && log.number(place + 32, 8) == place && log.number(place + 16, 8) == epoch
                    && Castagnoli.sum(log.bytes(place, 108)) == UInt32(log.number(place + 108, 4))
                    && log.number(place + 96, 8) >= logLife
                    && Castagnoli.sum(log.bytes(place + 112, Int(log.number(place + 104, 4))))
                        == UInt32(log.number(place + 44, 4))
            }
            if !isHere(position) { position = (position + 4095) / 4096 * 4096 }
            guard isHere(position) else { return nil }
            let kind = log.number(position + 6, 1)
            let volume = Int(log.number(position + 40, 4))
            let sector = Int(log.number(position + 48, 8)) / Sectors.bytes
            let sectors = Int(log.number(position + 56, 8)) / Sectors.bytes
            let payload = log.number(position + 104, 4)
            if kind == 1 {
                log.bytes(position + 112, Int(payload)).withUnsafeBytes { raw in
                    for index in 0..<sectors {
                        let place = UnsafeRawBufferPointer(
                            rebasing: raw[index * Sectors.bytes..<(index + 1) * Sectors.bytes]
                        )
                        numbers[volume * sectorsPerVolume + sector + index] = Sectors.read(
                            place,
                            volume: firstVolume + volume,
                            sector: sector + index
                        )
                    }
                }
            } else if kind == 2 || kind == 3 {
                for index in 0..<sectors { numbers[volume * sectorsPerVolume + sector + index] = 0 }
            }
            if kind <= 3 { count += 1 }
            logLife = log.number(position + 96, 8)
            position += (112 + payload + 7) / 8 * 8
            next += 1
        }
        return count
    }

    /// What the volumes hold after the first `count` writes of a line.
    func expected(_ line: Line, _ count: Int) -> [UInt32] {
        var numbers = [UInt32](repeating: 0, count: volumeCount * sectorsPerVolume)
        line.visit(upTo: count) { write in
            for index in 0..<write.count {
                numbers[write.volume * sectorsPerVolume + write.sector + index] = write.number
            }
        }
        return numbers
    }

    /// The same of some sectors of one volume only.
    func expected(_ line: Line, _ count: Int, volume: Int, sectors: Range<Int>) -> [UInt32] {
        var numbers = [UInt32](repeating: 0, count: sectors.count)
        line.visit(upTo: count) { write in
            guard write.volume == volume else { return }
            for sector in (write.sector..<write.sector + write.count).clamped(to: sectors) {
                numbers[sector - sectors.lowerBound] = write.number
            }
        }
        return numbers
    }

    /// Compares what the disks of a host show now.
    func look(at life: Life, _ when: String) {
        checkImage(life, when)
        checkVolumes(life, when)
    }

    /// A Primary, or a Secondary that says it is consistent, must show its line's image after as many writes as it says.
    @discardableResult
    func checkImage(_ life: Life, _ when: String) -> [UInt32]? {
        let machine = life.node.machine
        guard life.isCurrent, machine.failure == nil, machine.isImageConsistent, life.host.flipped == nil,
            !machine.isLogDamaged,
            !life.host.fuse.blown,
            machine.header.lineage.history.current != nil, let line = line(of: life)
        else { return nil }
        checks += 1
        guard let (numbers, count) = image(of: life) else {
            found(
                1,
                "\(life.host.name), \(when): its log cannot be read from \(machine.header.tailID) to \(machine.written)"
            )
            return nil
        }
        guard count <= line.count else {
            found(1, "\(life.host.name), \(when): holds \(count) writes, \(line.host) took \(line.count)")
            return nil
        }
        let wanted = expected(line, count)
        guard numbers != wanted else { return numbers }
        let place = numbers.indices.first { numbers[$0] != wanted[$0] } ?? 0
        let fits = (0...line.count).reversed().first { expected(line, $0) == numbers }
        let role = machine.header.isPrimary ? "Primary" : "Secondary"
        found(
            1,
            "\(life.host.name) (\(role)), \(when): after \(count) writes of \(line.host) sector \(place) holds write "
                + "\(text(numbers[place])), not \(text(wanted[place])); "
                + (fits.map { "it is the image after \($0)" } ?? "it is no image at all")
        )
        return nil
    }

    /// The volumes of a Secondary that are said to show a position show the image of it, without the log's help: they are
    /// read and summed there.
    func checkVolumes(_ life: Life, _ when: String) {
        let machine = life.node.machine
        guard life.isCurrent, machine.failure == nil, !machine.header.isPrimary, machine.isApplierIdle,
            let position = machine.imagePosition, !machine.isLogDamaged, life.host.flipped == nil,
            !life.host.fuse.blown, machine.header.lineage.history.current != nil, let line = line(of: life)
        else { return }
        checks += 1
        let count = Int(machine.position(at: position).dataCount)
        guard count <= line.count else {
            return found(1, "\(life.host.name), \(when): shows \(count) writes, \(line.host) took \(line.count)")
        }
        let numbers = volumes(of: life)
        let wanted = expected(line, count)
        guard let place = numbers.indices.first(where: { numbers[$0] != wanted[$0] }) else { return }
        found(
            1,
            "\(life.host.name), \(when): its volumes are said to show \(position), \(count) writes of \(line.host), and "
                + "sector \(place) holds write \(text(numbers[place])), not \(text(wanted[place]))"
        )
    }

    private func text(_ number: UInt32) -> String { number == Sectors.garbage ? "garbage" : "\(number)" }

    /// Nobody follows a Primary while it holds a write outside the Primary's history.
    func checkFollowers() {
        for primary in hosts {
            guard let life = primary.life, life.node.machine.isOpen, let line = line(of: life) else { continue }
            for host in hosts where host !== primary {
                guard let other = host.life, let attach = other.node.machine.following.attach,
                    life.node.machine.header.links.contains(where: { $0.attachID == attach }),
                    other.node.machine.header.targetJob == nil, let theirs = self.line(of: other)
                else { continue }
                let count = Int(other.node.machine.dataCount)
                if theirs.common(with: line, count: count) < min(count, theirs.count) {
                    found(
                        8,
                        "\(host.name) follows \(primary.name) and holds \(count) writes of \(theirs.host) beyond it"
                    )
                }
            }
        }
    }
}
