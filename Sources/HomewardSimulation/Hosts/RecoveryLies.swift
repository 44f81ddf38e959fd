import HomewardAdministration
import HomewardCore

/// Reads that lie while a log is read back, only where a reader can notice: a record tells by its checksums, its id and its
/// place whether it is what was asked for, and a copy of the header by its checksum and its number.
///
/// Never lied about are the newest header and what no later record proves: a log that ends there is as good. They are drawn
/// from a generator of their own, so that they change nothing in lives without them.
extension HostedRVG {
    /// What recovery is lied to about.
    private struct Deceit {
        var fault: Fault
        var lie: Lie
        /// The record that is proven to have been durable; nil where the truth is to be recovered all the same, or not at all.
        var record: Record?
        /// What an honest disk gives, and holds afterwards.
        var truth: RecoveredLog
        var disk: SimulatedDisk
    }

    /// Reads the log back: all of it, or so that it is noticed.
    /// - Throws: as ``LogRecovery`` does; `log-damaged` where it was lied to.
    func recover() throws(Refusal) -> RecoveredLog {
        let recovery = LogRecovery(device: log, format: format)
        guard let deceit = draw() else { return try recovery.recover(rvg: rvg, host: id) }
        log.lie = deceit.lie
        defer { log.lie = nil }
        let recovered: RecoveredLog
        do throws(Refusal) { recovered = try recovery.recover(rvg: rvg, host: id) } catch {
            guard error.code == .logDamaged, log.lie == nil else { throw error }
            world.trace("\(name): \(error.message)")
            world.coverage.count("recovery stopped by a read that lied")
            ail(deceit.fault)
            throw error
        }
        if log.lie == nil { judge(recovered, deceit) }
        return recovered
    }

    private func judge(_ recovered: RecoveredLog, _ deceit: Deceit) {
        if recovered.damage != nil {
            belied = deceit.record
            world.coverage.count("damage taken from a read that lied")
            return ail(deceit.fault)
        }
        world.hit(deceit.fault)
        world.coverage.count("recovered in spite of a read that lied")
        if recovered.records != deceit.truth.records || log.cache != deceit.disk.cache {
            world.found("\(name): recovery was lied to, did not notice, and goes on with something else")
        }
    }

    // MARK: What is drawn

    private func draw() -> Deceit? {
        guard isLiedTo, !world.weather.isOver, lies.chance(15) else { return nil }
        let fault: Fault = lies.chance(50) ? .misdirectedRecovery : .staleRecovery
        let (kind, word) = (lies.pick(0...9), lies.word())
        guard fuse.callsLeft == nil, log.ailment == nil, !model.hosts.contains(where: { $0.doubted != nil }),
            world.weather.allows(fault)
        else { return nil }
        let disk = SimulatedDisk(copyOf: log)
        guard let truth = try? LogRecovery(device: disk, format: format).recover(rvg: rvg, host: id),
            truth.damage == nil
        else { return nil }
        var deceit: Deceit?
        switch kind {
        case 0...1: deceit = aboutHeader(fault, truth, disk)
        case 2...3: deceit = aboutTail(fault, word, truth, disk)
        default: deceit = aboutRecord(fault, word, truth, disk)
        }
        guard let lie = deceit?.lie, Array(log.cache[lie.place..<lie.end]) != lie.bytes else { return nil }
        return deceit
    }

    /// About the copy of the header that is older than the one that stands, also where that was never made durable.
    private func aboutHeader(_ fault: Fault, _ truth: RecoveredLog, _ disk: SimulatedDisk) -> Deceit? {
        let newest = truth.header.generation - (truth.header.cleanStop ? 0 : 1)
        let count = Int(format.copyBytes)
        let standing = Int(format.offset(generation: newest))
        let place = Int(format.offset(generation: newest + 1))
        let isElsewhere = fault == .misdirectedRecovery
        let bytes = isElsewhere ? log.cache[standing..<standing + count] : log.older[place..<place + count]
        return Deceit(fault: fault, lie: Lie(place: place, bytes: Array(bytes)), truth: truth, disk: disk)
    }

    /// About a record that nothing proves, when it is read to be written again: it was read before.
    private func aboutTail(_ fault: Fault, _ word: UInt64, _ truth: RecoveredLog, _ disk: SimulatedDisk) -> Deceit? {
        let proven = provenInside(truth)
        let tail = truth.records.filter { $0.id > proven && $0.payloadBytes > 0 }
        guard let record = pick(tail, word) else { return nil }
        return Deceit(fault: fault, lie: lie(fault, about: record, word, spared: 1), truth: truth, disk: disk)
    }

    /// About a record that a later one proves to have been durable.
    ///
    /// A Primary whose data nobody else has is left alone.
    private func aboutRecord(_ fault: Fault, _ word: UInt64, _ truth: RecoveredLog, _ disk: SimulatedDisk) -> Deceit? {
        guard !truth.header.isPrimary || isCopied else { return nil }
        let proven = truth.records.last.map { min($0.durableID, $0.id.previous) } ?? .zero
        guard let record = pick(truth.records.filter { $0.id <= proven && $0.payloadBytes > 0 }, word) else {
            return nil
        }
        return Deceit(fault: fault, lie: lie(fault, about: record, word), record: record, truth: truth, disk: disk)
    }

    private func provenInside(_ truth: RecoveredLog) -> UpdateID {
        truth.records.reduce(truth.header.tailID.previous) { max($0, min($1.durableID, $1.id)) }
    }

    private var isCopied: Bool {
        model.hosts.contains { other in
            guard other !== self, let theirs = other.life?.node.machine else { return false }
            return theirs.isImageConsistent && theirs.header.links.contains { $0.peer == id && $0.attachID != nil }
        }
    }

    private func pick(_ records: [Record], _ word: UInt64) -> Record? {
        records.isEmpty ? nil : records[Int(word % UInt64(records.count))]
    }

    /// A sector of it, or what there is of one up to its end or the ring's, is told to be another.
    private func lie(_ fault: Fault, about record: Record, _ word: UInt64, spared: Int = 0) -> Lie {
        let bytes = UInt64(Record.headerBytes) + UInt64(record.payloadBytes)
        let first = (word >> 16) % bytes / 512 * 512
        let place = ring.place(of: LogPosition(record.position.value + first))
        let count = min(512, bytes - first, ring.origin + ring.capacity - place)
        let away = (place - ring.origin + ring.capacity / 2) % (ring.capacity - 512) + ring.origin
        let source =
            fault == .misdirectedRecovery
            ? log.cache[Int(away)..<Int(away + count)] : log.older[Int(place)..<Int(place + count)]
        return Lie(place: Int(place), bytes: Array(source), spared: spared)
    }

    /// A record of its log that is not what it was, or was said not to be.
    var doubted: Record? { flipped ?? belied }
}
