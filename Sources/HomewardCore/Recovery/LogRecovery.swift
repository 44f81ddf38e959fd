/// What is known of a log after it was read from its header on.
public struct RecoveredLog: Sendable {
    /// The header that stands; rewritten in place and durable.
    public var header: RVGHeader
    /// Every record kept, from ``RVGHeader/tailID`` on; all durable.
    public var records: [Record]
    /// Where the next record may begin.
    public var appendPosition: LogPosition
    /// Damage: a record that was durable cannot be read.
    ///
    /// Nothing was cut.
    public var damage: String?

    package init(header: RVGHeader, records: [Record], appendPosition: LogPosition, damage: String? = nil) {
        self.header = header
        self.records = records
        self.appendPosition = appendPosition
        self.damage = damage
    }
}

/// Reads a log back after a stop or a crash (the article Log).
///
/// Invariants: what any later record or the header proves to have been durable is kept or reported as damage, never cut;
/// what is kept is durable when this returns; a record of an epoch that the header's history does not give for its id is
/// never believed, nor one of an earlier life of the log than the record before it.
public struct LogRecovery {
    private let ring: LogRing
    private let format: HeaderFormat

    public init(device: any BlockDevice, format: HeaderFormat) {
        self.format = format
        ring = LogRing(device: device, format: format)
    }

    /// Makes an empty log with this header; what the device held is not read again.
    ///
    /// Where it was a log before, the new one begins behind all places that records of that one can have: those of the same
    /// RVG would else be taken for its own.
    public static func format(device: any BlockDevice, format: HeaderFormat, header: RVGHeader) throws(Refusal) {
        var header = header
        header.tail.value += try firstPosition(device, format).value
        // The other copy might be of an earlier life with a higher generation: it goes first.
        try device.zero(at: format.offset(generation: header.generation + 1), length: format.copyBytes)
        try device.zero(at: format.cursorOffset, length: HeaderFormat.cursorBytes)
        try device.write(at: format.offset(generation: header.generation), bytes: format.encode(header))
        try device.synchronize()
    }

    /// Laps by which a log begins behind one whose header nobody can read: more than a log comes through.
    private static let lapsOfUnreadable: UInt64 = 1 << 16

    private static func firstPosition(_ device: any BlockDevice, _ format: HeaderFormat) throws(Refusal) -> LogPosition
    {
        let capacity = LogRing.capacity(deviceSize: device.size, format: format)
        guard capacity > 0 else { return LogPosition(0) }
        var laps: [UInt64] = []
        var wasUsed = false
        for generation in UInt64(0)...1 {
            let place = format.offset(generation: generation)
            let bytes = try device.bytes(at: place, count: Int(format.copyBytes))
            wasUsed = wasUsed || bytes.contains { $0 != 0 }
            // The records of a log lie between its tail and a lap behind it.
            if let header = try? format.decode(bytes) { laps.append(header.tail.value / capacity + 2) }
        }
        return LogPosition((laps.max() ?? (wasUsed ? lapsOfUnreadable : 0)) * capacity)
    }

    /// Reads header and records; of a log that must be one of this RVG and host, where they are given.
    /// - Throws: `bad-format`, with nothing changed, when neither copy of the header can be read, is one of another
    ///   release, or the log belongs to somebody else; `log-damaged` when the device gives different bytes from one read to
    ///   the next; `io-error`.
    public func recover(rvg: RVGID? = nil, host: HostID? = nil) throws(Refusal) -> RecoveredLog {
        guard ring.capacity >= Record.syncAlignment else {
            throw unreadable("byte \(ring.device.size): the file ends here, and headers alone take \(ring.origin)")
        }
        var header = try chooseHeader()
        if let rvg, header.rvg != rvg { throw strange("RVG", header.rvg, expected: rvg) }
        if let host, header.host != host { throw strange("host", header.host, expected: host) }
        try ring.device.write(at: format.offset(generation: header.generation), bytes: format.encode(header))
        try ring.device.synchronize()

        let tag = header.rvg.low
        let scan = try scanRecords(header: header, tag: tag)
        let proven = try provenDurable(header: header, scan: scan, tag: tag)
        let lastKept = scan.records.last?.id ?? header.tailID.previous
        if proven > lastKept {
            let place = ring.place(of: scan.stop)
            return RecoveredLog(
                header: header,
                records: scan.records,
                appendPosition: scan.end,
                damage: "\(ring.device.name), byte \(place): record \(lastKept.next) was durable (up to \(proven)) and "
                    + "cannot be read"
            )
        }
        try rewrite(scan.records, after: scan.provenInside, tag: tag)
        if !header.cleanStop { try beginLife(&header) }
        return RecoveredLog(
            header: header,
            records: scan.records,
            appendPosition: scan.end.aligned(to: Record.syncAlignment),
            damage: nil
        )
    }

    /// What is logged from now on is told from what was cut, before any of it is written.
    private func beginLife(_ header: inout RVGHeader) throws(Refusal) {
        header.logLife += 1
        header.generation += 1
        try ring.device.write(at: format.offset(generation: header.generation), bytes: format.encode(header))
        try ring.device.synchronize()
    }

    private func chooseHeader() throws(Refusal) -> RVGHeader {
        var found: [RVGHeader] = []
        for generation in UInt64(0)...1 {
            let place = format.offset(generation: generation)
            let bytes = try ring.device.bytes(at: place, count: Int(format.copyBytes))
            do {
                guard let header = try format.decode(bytes) else { continue }
                try header.checkBounds()
                if header.generation % 2 == generation { found.append(header) }
            } catch {
                throw unreadable("byte \(place): \(error.what)")
            }
        }
        guard let header = found.max(by: { $0.generation < $1.generation }) else {
            throw unreadable("byte 0: neither copy of the log header is whole")
        }
        return header
    }

    /// A log of another RVG is whole, and not to be replayed over these volumes.
    private func strange(_ what: String, _ found: Identity, expected: Identity) -> Refusal {
        Refusal(
            .badFormat,
            ring.device.name,
            "\(ring.device.name), byte \(ring.origin): the log is one of \(what) \(found), expected is \(expected)",
            hint: "nothing was changed: put the file of this RVG in its place, or the catalog that belongs to the log"
        )
    }

    private func unreadable(_ what: String) -> Refusal {
        Refusal(
            .badFormat,
            ring.device.name,
            "\(ring.device.name), \(what)",
            hint: "nothing was changed; a log of another release is read by that release. Else keep the file, remove "
                + "the RVG with vradmin -f delpri, and add the host again with addsec and syncrvg"
        )
    }

    private struct Scan {
        var records: [Record] = []
        /// Behind the last record kept.
        var end: LogPosition
        /// Where the first record that could not be read would be.
        var stop: LogPosition
        /// Durable by the word of a record that was kept.
        var provenInside: UpdateID
    }

    private func scanRecords(header: RVGHeader, tag: UInt64) throws(Refusal) -> Scan {
        var scan = Scan(end: header.tail, stop: header.tail, provenInside: header.tailID.previous)
        var expected = header.tailID
        var life: UInt64 = 0
        let limit = header.tail.value + ring.capacity
        let reader = LogReader(ring, limit: LogPosition(limit))
        while true {
            var record = try readRecord(reader, at: scan.stop, expected, life, header: header, tag: tag, limit: limit)
            let aligned = scan.stop.aligned(to: Record.syncAlignment)
            // A record that an earlier start could not read, and cut, may still stand before what was logged in its place.
            if aligned > scan.stop, record.map({ $0.end <= aligned }) ?? true {
                let later = try readRecord(reader, at: aligned, expected, life, header: header, tag: tag, limit: limit)
                if let later, later.logLife > record?.logLife ?? 0 { record = later }
            }
            guard let record else { return scan }
            scan.records.append(record)
            scan.end = record.end
            scan.stop = record.end
            scan.provenInside = max(scan.provenInside, min(record.durableID, record.id))
            expected = expected.next
            life = record.logLife
        }
    }

    private func readRecord(
        _ reader: LogReader,
        at position: LogPosition,
        _ expected: UpdateID,
        _ life: UInt64,
        header: RVGHeader,
        tag: UInt64,
        limit: UInt64
    ) throws(Refusal) -> Record? {
        guard position.value + UInt64(Record.headerBytes) <= limit else { return nil }
        let bytes = try reader.bytes(at: position, count: Record.headerBytes)
        guard let record = Record.decodeHeader(bytes, rvgTag: tag), record.position == position,
            record.id == expected, record.logLife >= life, record.end.value <= limit,
            header.lineage.history.mayNumber(record.id, as: record.epoch)
        else { return nil }
        guard record.payloadBytes > 0 else { return record }
        let payload = try reader.bytes(
            at: LogPosition(position.value + UInt64(Record.headerBytes)),
            count: Int(record.payloadBytes)
        )
        return checksum(payload) == record.payloadCRC ? record : nil
    }

    /// The highest id that was durable here, by the word of the header (its marks and cursors stand there only once they are
    /// durable), of the kept records, or of any later one.
    ///
    /// A later record may have been cut since: it speaks for what is left of its epoch. One of an earlier life of the log
    /// than the last record kept says nothing, as what followed it was logged after it.
    private func provenDurable(header: RVGHeader, scan: Scan, tag: UInt64) throws(Refusal) -> UpdateID {
        var proven = max(scan.provenInside, header.tailID.previous)
        // At a clean stop everything was durable, and the header says where it ended: nothing else has to be read.
        if header.cleanStop { return max(proven, header.endAtCleanStop) }
        for checkpoint in header.checkpoints {
            let ends = checkpoint.targets.compactMap(\.end) + [checkpoint.end ?? .zero]
            proven = max(proven, ends.reduce(checkpoint.start, max))
        }
        if header.isPrimary { for link in header.links { proven = max(proven, link.cursor ?? .zero) } }
        let next = scan.records.last?.id.next ?? header.tailID
        let life = scan.records.last?.logLife ?? 0
        let limit = header.tail.value + ring.capacity
        var position = scan.stop.value / Record.alignment * Record.alignment
        let chunkBytes: UInt64 = 1 << 20
        while position + UInt64(Record.headerBytes) <= limit {
            let count = Int(min(chunkBytes + UInt64(Record.headerBytes), limit - position))
            try ring.bytes(at: LogPosition(position), count: count).withUnsafeBytes { chunk in
                for offset in stride(from: 0, through: count - Record.headerBytes, by: Int(Record.alignment)) {
                    // Nearly nowhere: all the rest of the log is looked through.
                    guard chunk.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian == Record.magic
                    else {
                        continue
                    }
                    let bytes = UnsafeRawBufferPointer(rebasing: chunk[offset..<offset + Record.headerBytes])
                    guard let record = Record.decodeHeader(bytes, rvgTag: tag), record.id >= next,
                        record.position.value == position + UInt64(offset), record.logLife >= life,
                        let last = header.lineage.history.lastID(upTo: record.id, as: record.epoch)
                    else { continue }
                    proven = max(proven, min(record.durableID, last))
                }
            }
            position += chunkBytes
        }
        return proven
    }

    /// Writes what may have been in the page cache only once more, so that it is durable before anybody relies on it.
    ///
    /// What reads as something else now than a moment ago is not written over what may be whole.
    private func rewrite(_ records: [Record], after proven: UpdateID, tag: UInt64) throws(Refusal) {
        for record in records where record.id > proven {
            let bytes = try ring.bytes(at: record.position, count: Record.headerBytes + Int(record.payloadBytes))
            var failure: Refusal?
            bytes.withUnsafeBytes { raw in
                guard isWhole(record, raw, tag) else {
                    failure = changed(record)
                    return
                }
                do throws(Refusal) { try ring.write(at: record.position, [raw]) } catch { failure = error }
            }
            if let failure { throw failure }
        }
        try ring.device.synchronize()
    }

    private func isWhole(_ record: Record, _ bytes: UnsafeRawBufferPointer, _ tag: UInt64) -> Bool {
        guard Record.decodeHeader(bytes, rvgTag: tag) == record else { return false }
        let payload = UnsafeRawBufferPointer(rebasing: bytes[Record.headerBytes...])
        return payload.isEmpty || checksum(payload) == record.payloadCRC
    }

    private func changed(_ record: Record) -> Refusal {
        Refusal(
            .logDamaged,
            ring.device.name,
            "\(ring.device.name), byte \(ring.place(of: record.position)): record \(record.id) was whole, and reads as "
                + "something else now",
            hint: "no record was changed: start the daemon again; if it is seen again, look at the device: dmesg"
        )
    }
}
