import HomewardCore
import Testing

@Suite("Recovery of the log", .timeLimit(.minutes(1)))
struct RecoveryTests {
    private static let format = HeaderFormat(copyBytes: 32 << 10)
    private static let ringBytes = 64 << 10

    /// A log on a device in memory, written by hand.
    private final class Log {
        let device = MemoryDevice(size: Int(format.ringOffset) + ringBytes)
        var header: RVGHeader
        var end = LogPosition(0)
        var records: [Record] = []

        init(cleanStop: Bool = false) throws {
            var generator = SeededGenerator(seed: 3)
            header = RVGHeader.newPrimary(
                rvg: RVGID(high: 1, low: 2),
                host: HostID(high: 5, low: 6),
                hostName: "seattle",
                generator: &generator
            )
            header.cleanStop = cleanStop
            try LogRecovery.format(device: device, format: format, header: header)
        }

        var ring: LogRing { LogRing(device: device, format: format) }

        @discardableResult
        func append(
            durable: UInt64,
            epoch: EpochID? = nil,
            id: UInt64? = nil,
            at place: LogPosition? = nil
        ) throws -> Record {
            let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: records.count + 1), count: 1000)
            let number = id ?? UInt64(records.count + 1)
            let current = try #require(header.lineage.history.current)
            let record = Record(
                kind: .write,
                epoch: epoch ?? current.id,
                id: UpdateID(number),
                position: place ?? end,
                offset: 0,
                length: 1000,
                dataCount: number,
                cumulativeBytes: number * 1000,
                durableID: UpdateID(durable),
                wallTime: 0,
                logLife: header.logLife,
                payloadCRC: checksum(payload),
                payloadBytes: 1000
            )
            let bytes = record.encodeHeader(rvgTag: header.rvg.low) + payload
            try bytes.withUnsafeBytes { raw in try ring.write(at: record.position, [raw]) }
            records.append(record)
            end = record.end
            return record
        }

        func damage(_ record: Record, at offset: UInt64 = 200) {
            device.content[Int(ring.place(of: LogPosition(record.position.value + offset)))] ^= 0xFF
        }

        func writeHeader() throws {
            header.generation += 1
            try device.write(at: format.offset(generation: header.generation), bytes: format.encode(header))
        }

        func recover() throws -> RecoveredLog { try LogRecovery(device: device, format: format).recover() }
    }

    @Test("an empty log recovers empty")
    func empty() throws {
        let recovered = try Log().recover()
        #expect(recovered.records.isEmpty)
        #expect(recovered.damage == nil)
        #expect(recovered.appendPosition == LogPosition(0))
    }

    @Test("what was written comes back, and the next record begins on a fresh page")
    func whole() throws {
        let log = try Log()
        for _ in 1...5 { try log.append(durable: 0) }
        let recovered = try log.recover()
        #expect(recovered.records == log.records)
        #expect(recovered.appendPosition == log.end.aligned(to: Record.syncAlignment))
    }

    @Test("records of epochs that were dropped from the front of the history, after many unclean starts, come back")
    func droppedEpochs() throws {
        let log = try Log()
        for _ in 1...3 { try log.append(durable: 0) }
        for number in 0..<UInt64(History.limit) {
            let epoch = Epoch(
                number: number + 2,
                id: EpochID(rawValue: 1_000 + number),
                host: log.header.host,
                hostName: "seattle",
                kind: .uncleanStart,
                reign: try #require(log.header.lineage.history.current?.reign),
                closes: []
            )
            let first = UpdateID(UInt64(log.records.count + 1))
            log.header.lineage.history.open(epoch, at: first, dataBefore: UInt64(log.records.count))
            if number % 8 == 0 { try log.append(durable: UInt64(log.records.count)) }
        }
        try log.writeHeader()
        #expect(log.header.lineage.history.epoch(of: UpdateID(1)) == nil)
        let recovered = try LogRecovery(device: log.device, format: Self.format).recover()
        #expect(recovered.damage == nil)
        #expect(recovered.records == log.records)
    }

    @Test("what reads as something else when it is to be written again is not written, and recovery stops")
    func changesBetweenReads() throws {
        let log = try Log()
        for _ in 1...3 { try log.append(durable: 0) }
        let place = Int(log.ring.place(of: log.records[1].position))
        for offset in [8, 200] {
            log.device.lie = (place + offset, [UInt8](repeating: 0xEE, count: 64), spared: 1)
            #expect {
                try log.recover()
            } throws: {
                ($0 as? Refusal)?.code == .logDamaged
            }
            #expect(log.device.lie == nil)
        }
        let recovered = try log.recover()
        #expect(recovered.damage == nil)
        #expect(recovered.records == log.records)
    }

    @Test(
        "records of the same RVG prove nothing in a log that is made over them and begins at an older checkpoint",
        arguments: [false, true]
    )
    func madeOver(unreadable: Bool) throws {
        let log = try Log()
        for number in UInt64(1)...5 { try log.append(durable: number - 1) }
        let history = log.header.lineage.history
        if unreadable {
            for copy in UInt64(0)...1 { log.device.content[Int(Self.format.offset(generation: copy)) + 40] ^= 0xFF }
        }
        var header = RVGHeader.newSecondary(
            rvg: log.header.rvg,
            host: log.header.host,
            of: HostID(high: 7, low: 8),
            members: []
        )
        header.generation = log.header.generation
        try LogRecovery.format(device: log.device, format: Self.format, header: header)
        let empty = try log.recover()
        #expect(empty.records.isEmpty && empty.damage == nil)

        // A copy of what stood at id 2 is attached, and the next record is logged.
        log.header = empty.header
        log.header.lineage.history = history
        log.header.cleanStop = false
        log.header.tailID = UpdateID(3)
        log.header.tail = empty.appendPosition
        try log.writeHeader()
        log.records = []
        try log.append(durable: 2, id: 3, at: empty.appendPosition)
        let recovered = try log.recover()
        #expect(recovered.damage == nil)
        #expect(recovered.records.map(\.id) == [UpdateID(3)])
    }

    @Test("a torn tail that nothing proves durable is cut")
    func tornTail() throws {
        let log = try Log()
        for _ in 1...5 { try log.append(durable: 2) }
        log.damage(log.records[3])
        let recovered = try log.recover()
        #expect(recovered.records.count == 3)
        #expect(recovered.damage == nil)
    }

    @Test("a record that a later one says was durable, and that cannot be read, is damage and is not cut")
    func damagedDurable() throws {
        let log = try Log()
        for number in 1...6 { try log.append(durable: number == 6 ? 4 : 1) }
        log.damage(log.records[2])
        let recovered = try log.recover()
        #expect(recovered.damage?.contains("record 0.3 was durable (up to 0.4)") == true)
    }

    @Test("a record that was cut still proves those before the cut durable, and none behind it")
    func damagedBeforeCut() throws {
        let log = try Log()
        for number in 1...6 { try log.append(durable: number == 6 ? 5 : 1) }
        let first = try #require(log.header.lineage.history.current)
        var second = first
        second.number += 1
        second.id = EpochID(rawValue: first.id.rawValue &+ 1)
        second.kind = .uncleanStart
        log.header.lineage.history.open(second, at: UpdateID(5), dataBefore: 4)
        log.header.logLife += 1
        try log.writeHeader()
        log.damage(log.records[2], at: 20)
        let damage = try log.recover().damage
        #expect(damage?.contains("record 0.3 was durable (up to 0.4)") == true)
    }

    @Test("records of a life that the log was cut in prove nothing of what was logged behind the cut")
    func earlierLifeProvesNothing() throws {
        let log = try Log()
        for number in 1...8 { try log.append(durable: number == 8 ? 6 : 0) }
        log.header.logLife += 1
        try log.writeHeader()
        let cut = log.records[1].end.aligned(to: Record.syncAlignment)
        try log.append(durable: 2, id: 3, at: cut)
        let recovered = try log.recover()
        #expect(recovered.records.map(\.id.value) == [1, 2, 3])
        #expect(recovered.damage == nil)
    }

    @Test("a record that a checkpoint of the header needs is proven durable by it")
    func damagedCheckpoint() throws {
        let log = try Log()
        for _ in 1...4 { try log.append(durable: 0) }
        log.header.checkpoints = [Checkpoint(id: CheckpointID(rawValue: 1), name: "c", start: UpdateID(3))]
        try log.writeHeader()
        log.damage(log.records[2])
        #expect(try log.recover().damage != nil)
    }

    @Test("a record of an epoch that the history does not give for its id is never believed")
    func strangeEpoch() throws {
        let log = try Log()
        for _ in 1...3 { try log.append(durable: 0) }
        try log.append(durable: 3, epoch: EpochID(rawValue: 999))
        let recovered = try log.recover()
        #expect(recovered.records.count == 3)
        #expect(recovered.damage == nil)
    }

    @Test("records of an earlier lap are never believed, though their ids would follow")
    func oldLap() throws {
        let log = try Log()
        for _ in 1...3 { try log.append(durable: 0) }
        // What an earlier lap left behind: the right id at the right byte, a lap ago.
        let place = log.end
        let stale = try log.append(durable: 4, at: LogPosition(place.value + UInt64(RecoveryTests.ringBytes)))
        #expect(stale.id == UpdateID(4))
        let recovered = try log.recover()
        #expect(recovered.records.count == 3)
        #expect(recovered.damage == nil)
    }

    @Test(
        "a record that an earlier life of the log left behind a cut is not taken for the successor of one of this life"
    )
    func earlierLife() throws {
        let log = try Log()
        for _ in 1...3 { try log.append(durable: 0) }
        let cut = log.end
        let left = try log.append(durable: 0)
        log.header.logLife += 1
        try log.writeHeader()
        log.records.removeLast(2)
        // The third record is logged again where it was; the fourth begins a page, so that the old one stays behind it.
        log.end = LogPosition(cut.value - (log.records.last.map(\.span) ?? 0))
        try log.append(durable: 0)
        #expect(log.end == left.position)
        log.end = log.end.aligned(to: Record.syncAlignment)
        for _ in 1...2 { try log.append(durable: 3) }
        let recovered = try log.recover()
        #expect(recovered.records == log.records)
        #expect(recovered.damage == nil)
    }

    @Test("what an earlier life left before a page is not taken for what this life logged at its beginning")
    func leftBeforePage() throws {
        let log = try Log()
        for _ in 1...3 { try log.append(durable: 0) }
        // A start could not read the second record, which was not known to be durable: it goes on behind the first.
        let cut = log.records[0].end
        log.header.logLife += 1
        try log.writeHeader()
        log.records.removeLast(2)
        log.end = cut.aligned(to: Record.syncAlignment)
        for durable in [0, 0, 3] as [UInt64] { try log.append(durable: durable) }
        let recovered = try log.recover()
        #expect(recovered.records == log.records)
        #expect(recovered.damage == nil)
    }

    @Test("each start that was not clean begins a new life of the log, durably")
    func lives() throws {
        let clean = try Log(cleanStop: true)
        #expect(try clean.recover().header.logLife == 1)
        let log = try Log()
        #expect(try log.recover().header.logLife == 2)
        #expect(try log.recover().header.logLife == 3)
    }

    @Test("what was there at a clean stop and cannot be read is damage, though no record says that it was durable")
    func damagedAtRest() throws {
        let log = try Log(cleanStop: true)
        for _ in 1...4 { try log.append(durable: 0) }
        log.header.endAtCleanStop = UpdateID(4)
        try log.writeHeader()
        #expect(try log.recover().damage == nil)
        log.damage(log.records[3])
        #expect(try log.recover().damage != nil)
    }

    @Test("a record across the seam of the ring is read whole")
    func seam() throws {
        let log = try Log()
        let start = LogPosition(UInt64(RecoveryTests.ringBytes) - 512)
        log.header.tail = start
        try log.writeHeader()
        log.end = start
        for _ in 1...3 { try log.append(durable: 0) }
        #expect(try log.recover().records == log.records)
    }

    @Test("of two header copies the newer whole one counts, whichever is torn")
    func headerCopies() throws {
        let log = try Log(cleanStop: true)
        log.header.stopped = true
        try log.writeHeader()
        #expect(try log.recover().header.stopped)
        let place = Int(RecoveryTests.format.offset(generation: log.header.generation)) + 40
        log.device.content[place] ^= 1
        #expect(try !log.recover().header.stopped)
        log.device.content[Int(RecoveryTests.format.offset(generation: log.header.generation + 1)) + 40] ^= 1
        let refusal = #expect(throws: Refusal.self) { try log.recover() }
        #expect(refusal?.code == .badFormat)
    }

    @Test("recovering twice gives the same")
    func twice() throws {
        let log = try Log()
        for _ in 1...5 { try log.append(durable: 2) }
        log.damage(log.records[4])
        let first = try log.recover()
        let second = try log.recover()
        #expect(first.records == second.records)
        #expect(second.header.logLife == first.header.logLife + 1)
    }

    @Test("records behind a damage prove nothing once the log was begun anew")
    func begunAnew() throws {
        let log = try Log()
        for number in 1...8 { try log.append(durable: number == 8 ? 6 : 1) }
        log.damage(log.records[2])
        #expect(try log.recover().damage != nil)
        try expectNothingProven(log, after: 2)
    }

    @Test("records behind a cut prove nothing once the log was begun anew before it")
    func begunAnewBeforeCut() throws {
        let log = try Log()
        for number in 1...8 { try log.append(durable: number == 8 ? 3 : 1) }
        log.damage(log.records[3])
        let kept = try log.recover()
        #expect(kept.damage == nil && kept.records.count == 3)
        log.header = kept.header
        try expectNothingProven(log, after: 1)
    }

    /// The log is begun anew, as a copy of the volumes needs it, and no record is written before the next start.
    private func expectNothingProven(_ log: Log, after start: UInt64) throws {
        var machine = RVGMachine(
            recovered: try log.recover(),
            capacity: log.ring.capacity,
            volumes: [VolumeShape(name: "dv1", size: 1 << 20)],
            hostName: "seattle",
            diskGroup: "dg",
            name: "rvg",
            limits: Limits(),
            seed: 1
        )
        machine.rebaseLog(
            after: UpdateID(start),
            dataCount: start,
            lastData: UpdateID(start),
            cumulative: start * 1000
        )
        log.header = machine.header
        try log.writeHeader()
        let recovered = try log.recover()
        #expect(recovered.damage == nil)
        #expect(recovered.records.isEmpty)
        #expect(recovered.header.tailID == UpdateID(start + 1))
    }
}
