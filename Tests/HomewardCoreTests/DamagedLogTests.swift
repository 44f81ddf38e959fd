import HomewardCore
import Testing

/// A small log with everything that recovery decides by, and what must come of it after one piece of damage.
///
/// The ring begins shortly before its seam. Records 1 to 3, 4 and 5, 6 and 7 begin a page each, as after an `fdatasync`;
/// 6 and 7 say that all before them is durable, nothing says so of 6 and 7 themselves.
private struct SampleLog {
    static let format = HeaderFormat(copyBytes: 1024)
    static let ringBytes = 16 << 10
    /// What records 6 and 7 prove.
    static let proven = 5

    let content: [UInt8]
    let records: [Record]
    /// Bytes of each record on the device, header and payload.
    let extents: [[Range<Int>]]
    let older: RVGHeader
    let newer: RVGHeader

    init() throws {
        let device = MemoryDevice(size: Int(SampleLog.format.ringOffset) + SampleLog.ringBytes)
        let ring = LogRing(device: device, format: SampleLog.format)
        var generator = SeededGenerator(seed: 3)
        var header = RVGHeader.newPrimary(
            rvg: RVGID(high: 1, low: 2),
            host: HostID(high: 5, low: 6),
            hostName: "seattle",
            generator: &generator
        )
        header.cleanStop = false
        header.tail = LogPosition(UInt64(3 * SampleLog.ringBytes) - Record.syncAlignment)
        try LogRecovery.format(device: device, format: SampleLog.format, header: header)
        older = header
        header.generation += 1
        header.stopped = true
        try device.write(
            at: SampleLog.format.offset(generation: header.generation),
            bytes: SampleLog.format.encode(header)
        )
        newer = header

        let epoch = try #require(header.lineage.history.current).id
        var records: [Record] = []
        var place = header.tail
        for number in 1...7 as ClosedRange<UInt64> {
            let payload = number == 2 ? [] : (0..<(100 * Int(number))).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
            if number == 4 || number == 6 { place = place.aligned(to: Record.syncAlignment) }
            let record = Record(
                kind: number == 2 ? .zeroes : .write,
                epoch: epoch,
                id: UpdateID(number),
                position: place,
                offset: number * 4096,
                length: number == 2 ? 4096 : UInt64(payload.count),
                dataCount: number,
                cumulativeBytes: number * 1000,
                durableID: UpdateID(number < 4 ? 0 : number < 6 ? 3 : 5),
                wallTime: 9,
                logLife: header.logLife,
                payloadCRC: checksum(payload),
                payloadBytes: UInt32(payload.count)
            )
            let bytes = record.encodeHeader(rvgTag: header.rvg.low) + payload
            try bytes.withUnsafeBytes { raw in try ring.write(at: place, [raw]) }
            records.append(record)
            place = record.end
        }
        self.records = records
        content = device.content
        extents = records.map { record in
            let first = Int(ring.place(of: record.position))
            let count = Record.headerBytes + Int(record.payloadBytes)
            let room = device.content.count - first
            guard count > room else { return [first..<first + count] }
            let origin = Int(ring.origin)
            return [first..<first + room, origin..<origin + count - room]
        }
    }

    /// The record that a byte of the device belongs to, by its number; nil between records and outside of the ring.
    func record(at byte: Int) -> Int? {
        extents.firstIndex { $0.contains { $0.contains(byte) } }.map { $0 + 1 }
    }

    /// Whether a byte belongs to the copy of a header as it was written.
    func belongs(_ byte: Int, to header: RVGHeader) -> Bool {
        let first = Int(SampleLog.format.offset(generation: header.generation))
        return (first..<first + SampleLog.format.encode(header).count).contains(byte)
    }
}

@Suite("A damaged log", .timeLimit(.minutes(2)))
struct DamagedLogTests {
    private func recover(_ content: [UInt8]) throws -> (RecoveredLog, after: [UInt8]) {
        let device = MemoryDevice(size: 0)
        device.content = content
        let log = try LogRecovery(device: device, format: SampleLog.format).recover()
        return (log, device.content)
    }

    @Test("each byte flipped: what is proven durable is whole or named as damaged, and nothing else comes back")
    func flipped() throws {
        let sample = try SampleLog()
        for byte in sample.content.indices {
            var content = sample.content
            content[byte] ^= 1 << (byte % 8)
            let (log, after) = try recover(content)
            let chosen = sample.belongs(byte, to: sample.newer) ? sample.older : sample.newer
            #expect(log.header.stopped == chosen.stopped, "byte \(byte)")
            guard let hit = sample.record(at: byte) else {
                #expect(log.records == sample.records && log.damage == nil, "byte \(byte)")
                continue
            }
            #expect(log.records == Array(sample.records.prefix(hit - 1)), "byte \(byte), record \(hit)")
            guard hit <= SampleLog.proven else {
                #expect(log.damage == nil, "byte \(byte), record \(hit)")
                continue
            }
            let damage = try #require(log.damage, "byte \(byte), record \(hit)")
            #expect(damage.contains("memory, byte ") && damage.contains("record 0.\(hit) was durable"))
            #expect(after == content, "a damaged log is left as it is (byte \(byte))")
        }
    }

    @Test("zeroes from each byte of the ring on: what lies before is whole, what lies behind is the lost tail")
    func zeroed() throws {
        let sample = try SampleLog()
        let origin = Int(SampleLog.format.ringOffset)
        let first = sample.older.tail.value
        for step in 0..<SampleLog.ringBytes {
            var content = sample.content
            for rest in step..<SampleLog.ringBytes {
                content[origin + (Int(first) + rest) % SampleLog.ringBytes] = 0
            }
            let whole = sample.records.prefix { record in
                let end = record.position.value + UInt64(Record.headerBytes) + UInt64(record.payloadBytes)
                return end <= first + UInt64(step)
            }
            let (log, _) = try recover(content)
            #expect(log.records == Array(whole), "from byte \(step) of the ring on")
            #expect(log.damage == nil)
        }
    }

    @Test("both copies of the header damaged, each byte with each: refused with file and place, and left as it is")
    func bothCopies() throws {
        let sample = try SampleLog()
        let length = SampleLog.format.encode(sample.newer).count
        for byte in 0..<length {
            var content = sample.content
            content[byte] ^= 0x10
            content[1024 + (byte * 31 % length)] ^= 1
            let found = #expect(throws: Refusal.self) { _ = try recover(content) }
            #expect(found?.code == .badFormat && found?.object == "memory")
            #expect(found?.message.contains("byte 0") == true && found?.hint.isEmpty == false)
        }
    }

    @Test("cut off at each byte of what goes before the ring: refused, never read beyond", arguments: [0, 1])
    func cutOff(odd: Int) throws {
        let sample = try SampleLog()
        let least = Int(SampleLog.format.ringOffset + Record.syncAlignment)
        for size in stride(from: odd, to: least, by: 2) {
            let found = #expect(throws: Refusal.self) { _ = try recover(Array(sample.content.prefix(size))) }
            #expect(found?.code == .badFormat && found?.message.contains("byte \(size)") == true)
        }
    }

    @Test("a header of an older or newer release is refused by its version, whichever copy it is")
    func otherVersion() throws {
        for version in [2, 4, 99] as [UInt16] { try refuses(version: version) }
        #expect(Record.version == HeaderFormat.version, "else records of another version lie behind a known header")
    }

    private func refuses(version: UInt16) throws {
        let sample = try SampleLog()
        for copies in [[0], [1], [0, 1]] {
            var content = sample.content
            for place in copies.map({ $0 * 1024 }) {
                content[place + 4] = UInt8(version)
                let front = checksum(Array(content[place..<place + 16]))
                withUnsafeBytes(of: front.littleEndian) { content.replaceSubrange(place + 16..<place + 20, with: $0) }
            }
            let found = #expect(throws: Refusal.self) { _ = try recover(content) }
            #expect(found?.code == .badFormat && found?.message.contains("version \(version)") == true)
        }
    }

    @Test("what is no log at all is refused", arguments: [0x00, 0x42, 0xFF] as [UInt8])
    func foreign(byte: UInt8) throws {
        let content = [UInt8](repeating: byte, count: 1 << 16)
        let found = #expect(throws: Refusal.self) { _ = try recover(content) }
        #expect(found?.code == .badFormat)
    }

    @Test("a whole log of another RVG, or of another host, is refused and not changed")
    func other() throws {
        let sample = try SampleLog()
        let device = MemoryDevice(size: 0)
        device.content = sample.content
        let recovery = LogRecovery(device: device, format: SampleLog.format)
        let stranger = Identity(high: 8, low: 8)
        for (rvg, host) in [(stranger, sample.older.host), (sample.older.rvg, stranger)] {
            let found = #expect(throws: Refusal.self) { _ = try recovery.recover(rvg: rvg, host: host) }
            #expect(found?.code == .badFormat && found?.message.contains("\(stranger)") == true)
            #expect(device.content == sample.content)
        }
        #expect(try recovery.recover(rvg: sample.older.rvg, host: sample.older.host).records == sample.records)
    }

    @Test("a whole record that does not fit the volumes makes the log damaged, and none of it is carried out")
    func otherVolumes() throws {
        let sample = try SampleLog()
        let (log, _) = try recover(sample.content)
        let capacity = UInt64(SampleLog.ringBytes)
        func machine(_ size: UInt64) -> RVGMachine {
            RVGMachine(
                recovered: log,
                capacity: capacity,
                volumes: [VolumeShape(name: "dv01", size: size)],
                hostName: "seattle",
                diskGroup: "hrdg",
                name: "r",
                limits: Limits(),
                seed: 1
            )
        }
        var short = machine(6 * 4096 - 1)
        let reason = "the log is not one of these volumes: 600 bytes at 24576 of a volume of 24575"
        #expect(short.header.fence == .damaged(reason))
        #expect(short.nextApplyBatch() == nil)
        #expect(machine(8 * 4096).header.fence == nil)
    }
}
