import FuzzSupport
import HomewardCore
import Testing

/// Everything that Core decodes, from bytes that were valid and are not quite any more.
///
/// Goal: no trap, no memory claimed by a length that lies, and whatever is accepted is written back as the same value.
@Suite("Decoders", .timeLimit(.minutes(20)))
struct DecoderFuzzTests {
    private static let epoch = Epoch(
        number: 2,
        id: EpochID(rawValue: 9),
        host: HostID(high: 1, low: 1),
        hostName: "london",
        kind: .takeover,
        reign: EpochID(rawValue: 9),
        closes: [EpochID(rawValue: 3), EpochID(rawValue: 4)]
    )
    private static let history = History(entries: [
        .init(epoch: epoch, firstID: UpdateID(1), dataBefore: 0),
        .init(epoch: epoch, firstID: UpdateID(7), dataBefore: 5),
    ])

    private static func record(_ kind: RecordKind, payload: [UInt8]) -> Record {
        Record(
            kind: kind,
            epoch: EpochID(rawValue: 77),
            id: UpdateID(9),
            position: LogPosition(4096),
            volume: 1,
            offset: 8192,
            length: UInt64(payload.count),
            dataCount: 8,
            cumulativeBytes: 4096,
            durableID: UpdateID(7),
            wallTime: 5,
            logLife: 6,
            payloadCRC: checksum(payload),
            payloadBytes: UInt32(payload.count)
        )
    }

    /// Decodes changed bytes of a value; what comes out goes in and out again unchanged.
    private func reread<Value: ByteCodable & Equatable>(_ value: Value, _ random: inout FuzzGenerator) {
        var writer = ByteWriter()
        writer.put(value)
        var reader = ByteReader(random.mutate(writer.bytes))
        guard let decoded = try? Value(from: &reader) else { return }
        var again = ByteWriter()
        again.put(decoded)
        var second = ByteReader(again.bytes)
        #expect((try? Value(from: &second)) == decoded, "seed \(random.seed)")
    }

    @Test("messages of replication and synchronization")
    func messages() throws {
        let attach = AttachID(rawValue: 8)
        let job = CheckpointID(rawValue: 5)
        let payload = [UInt8](repeating: 9, count: 64)
        let marks = DurabilityMarks(durable: UpdateID(4), wanted: UpdateID(6))
        let records = [
            SentRecord(record: Self.record(.write, payload: payload), payload: payload),
            SentRecord(record: Self.record(.mark, payload: []), payload: []),
        ]
        let hash = BlockHash(high: 1, low: 2)
        let replication: [ReplicationMessage] = [
            .start(attach, number: 3, history: Self.history, durable: UpdateID(4)),
            .report(attach, number: 3, loggedEnd: UpdateID(5)),
            .records(attach, epoch: EpochID(rawValue: 6), marks: marks, records),
            .acknowledge(attach, received: UpdateID(9), logged: UpdateID(8)),
            .heartbeat(attach, marks: marks, end: UpdateID(2), wallTime: 3), .notAttached(attach),
        ]
        let sync: [SyncMessage] = [
            .hashes(job, volume: 1, offset: 4096, [hash, hash]), .differing(job, volume: 0, offset: 0, [0, 3]),
            .block(job, volume: 1, offset: 8192, length: 3, hash: hash, bytes: [1, 2, 3]),
            .written(job, volume: 0, offset: 4096),
            .finished(job, start: UpdateID(1), end: UpdateID(2), epoch: EpochID(rawValue: 3)),
            .cancelled(job, reason: Refusal(.syncCancelled, "rvg", "because", hint: "again")),
        ]
        try Fuzz.run("messages", 4_000) { random in
            reread(random.pick(replication), &random)
            reread(random.pick(sync), &random)
            reread(Self.history, &random)
        }
    }

    @Test("a record's header, with a right checksum over wrong fields too")
    func records() throws {
        let header = Self.record(.write, payload: [1, 2, 3]).encodeHeader(rvgTag: 5)
        try Fuzz.run("records", 4_000) { random in
            var bytes = random.mutate(header)
            if bytes.count >= Record.headerBytes, !random.chance(4) {
                let crc = checksum(Array(bytes[..<(Record.headerBytes - 4)]))
                withUnsafeBytes(of: crc.littleEndian) {
                    bytes.replaceSubrange(Record.headerBytes - 4..<Record.headerBytes, with: $0)
                }
            }
            guard let record = Record.decodeHeader(bytes, rvgTag: 5) else { return }
            #expect(record.encodeHeader(rvgTag: 5) == Array(bytes.prefix(Record.headerBytes)), "seed \(random.seed)")
            #expect(record.payloadBytes <= UInt32(Record.payloadLimit), "seed \(random.seed)")
            _ = try? record.checkBounds([VolumeShape(name: "a", size: 4096), VolumeShape(name: "b", size: 1 << 20)])
        }
    }

    @Test("a stream of frames in pieces of any size, damaged or with lengths that lie")
    func frames() throws {
        try Fuzz.run("frames", 2_000) { random in
            let sent = (0..<random.below(6)).map { number in
                Frame(kind: UInt8(number), channel: UInt8(random.below(3)), payload: random.bytes(random.below(300)))
            }
            var bytes = sent.flatMap { FrameFormat.encode($0) }
            var damaged = random.chance(2)
            if damaged { bytes = random.mutate(bytes) }
            let isWhole = !damaged
            var announced = 0
            if random.chance(4) {
                damaged = true
                announced = Int(random.word() % UInt64(FrameFormat.maximumPayload + 1))
                bytes += FrameFormat.header(kind: 1, channel: 0, payloadLength: announced, payloadChecksum: 0)
            }
            var decoder = FrameDecoder(maximumPayload: 4096)
            var taken: [Frame] = []
            var isRefused = false
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(1 + random.below(100))
                rest = rest.dropFirst(piece.count)
                guard let frames = try? decoder.frames(in: Array(piece)) else {
                    isRefused = true
                    break
                }
                taken += frames
            }
            let known = sent.prefix(taken.count)
            #expect(damaged || taken == Array(known), "seed \(random.seed)")
            // The empty one is that of an announced length of 0.
            let possible = Set(sent + [Frame(kind: 1, channel: 0, payload: [])])
            #expect(taken.allSatisfy(possible.contains), "seed \(random.seed): no sent frame")
            if isWhole { #expect(isRefused == (announced > 4096), "seed \(random.seed): \(announced) announced") }
        }
    }

    @Test("a greeting, and what is negotiated from it")
    func greetings() throws {
        let bytes = Greeting(
            attempt: Identity(high: 5, low: 6),
            host: Identity(high: 7, low: 8),
            name: "london",
            expecting: "seattle"
        ).encoded()
        try Fuzz.run("greetings", 4_000) { random in
            guard let greeting = try? Greeting(decoding: random.mutate(bytes)) else { return }
            let again = try Greeting(decoding: greeting.encoded())
            #expect(again == greeting)
            _ = try? greeting.negotiated(with: 1...UInt16(1 + random.below(4)))
        }
    }

    @Test("a log with right checksums over any numbers recovers and drives a machine, or is refused")
    func logs() throws {
        let format = HeaderFormat(copyBytes: 4096)
        try Fuzz.run("logs", 400, cost: 5) { random in
            let device = MemoryDevice(size: Int(format.ringOffset) + 8192 + random.below(3) * 4096)
            var generator = SeededGenerator(seed: random.seed)
            var header = RVGHeader.newPrimary(
                rvg: RVGID(high: 1, low: 2),
                host: HostID(high: 5, low: 6),
                hostName: "seattle",
                generator: &generator
            )
            if random.chance(2) { header.role = .secondary(of: HostID(high: 3, low: 3)) }
            header.cleanStop = random.chance(2)
            if random.chance(3) { header.tail = LogPosition(random.word()) }
            if random.chance(3) { header.tailID = UpdateID(random.word()) }
            if random.chance(3) { header.endAtCleanStop = UpdateID(random.word()) }
            if random.chance(3) { header.logLife = random.word() }
            if random.chance(3) { header.dataCountBelowTail = random.word() }
            if random.chance(3) { header.cumulativeBytesBelowTail = random.word() }
            try LogRecovery.format(device: device, format: format, header: header)
            let ring = LogRing(device: device, format: format)
            var place = header.tail
            for number in 0..<UInt64(random.below(8)) where place.value < 1 << 62 {
                var record = Self.record(random.pick([.write, .zeroes, .trim, .mark, .role]), payload: random.bytes(8))
                record.epoch = header.lineage.history.current?.id ?? record.epoch
                record.id = UpdateID(header.tailID.value &+ number)
                record.position = place
                record.logLife = header.logLife
                record.length = random.chance(2) ? random.word() : 8
                if random.chance(3) { record.offset = random.word() }
                if random.chance(3) { record.volume = UInt32(truncatingIfNeeded: random.word()) }
                if random.chance(4) { record.payloadBytes = UInt32(random.below(5000)) }
                if random.chance(4) { record.durableID = UpdateID(random.word()) }
                if random.chance(4) { record.dataCount = random.word() }
                let bytes = record.encodeHeader(rvgTag: header.rvg.low) + [UInt8](repeating: 0, count: 8)
                try bytes.withUnsafeBytes { raw in try ring.write(at: place, [raw]) }
                place = record.end.value % 512 == 0 ? record.end : record.end.aligned(to: 8)
                guard place.value - header.tail.value < 4096 else { break }
            }
            guard let log = try? LogRecovery(device: device, format: format).recover() else { return }
            drive(log, capacity: ring.capacity)
        }
    }

    private func drive(_ log: RecoveredLog, capacity: UInt64) {
        let volumes = [VolumeShape(name: "a", size: 1 << 20), VolumeShape(name: "b", size: 1 << 20)]
        var machine = RVGMachine(
            recovered: log,
            capacity: capacity,
            volumes: volumes,
            hostName: "seattle",
            diskGroup: "hrdg",
            name: "r",
            limits: Limits(),
            seed: 1
        )
        let isStrange = log.records.contains { (try? $0.checkBounds(volumes)) == nil }
        #expect(!isStrange || machine.header.fence != nil, "a log of other volumes is carried out")
        var effects = Effects()
        for second in 1...5 as ClosedRange<UInt64> {
            let now = Instant(nanoseconds: second * 1_000_000_000)
            machine.tick(now: now, wallTime: 1, into: &effects)
            while machine.nextHeader(now: now) != nil { machine.headerWritten(now: now, into: &effects) }
            while let batch = machine.nextLogBatch() { machine.logWritten(batch, now: now, into: &effects) }
            while machine.nextLogSync(now: now) != nil { machine.logSynced(now: now, into: &effects) }
            while let batch = machine.nextApplyBatch() { machine.replayedBatch(batch, now: now, into: &effects) }
            _ = machine.overlay(volume: 0, offset: 0, length: 1 << 20)
        }
    }
}
