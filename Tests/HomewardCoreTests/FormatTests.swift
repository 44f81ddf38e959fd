import HomewardCore
import Testing

/// A byte that takes far more memory than a byte.
private struct Wide: ByteCodable {
    let words: InlineArray<8192, UInt64>

    func encode(into writer: inout ByteWriter) { writer.put(UInt8(0)) }

    init(from reader: inout ByteReader) throws(MalformedBytes) {
        if try reader.takeFlag() { throw MalformedBytes("enough") }
        words = InlineArray(repeating: 0)
    }
}

@Suite("Formats on disk and on the wire", .timeLimit(.minutes(2)))
struct FormatTests {
    private static let sample = Record(
        kind: .write,
        epoch: EpochID(rawValue: 77),
        id: UpdateID(9),
        position: LogPosition(4096),
        volume: 1,
        offset: 8192,
        length: 512,
        dataCount: 8,
        cumulativeBytes: 4096,
        durableID: UpdateID(7),
        wallTime: 5,
        logLife: 6,
        payloadCRC: 1,
        payloadBytes: 512
    )

    private static func fullHeader() -> RVGHeader {
        var generator = SeededGenerator(seed: 1)
        let peer = HostID(high: 3, low: 4)
        var header = RVGHeader.newPrimary(
            rvg: RVGID(high: 1, low: 2),
            host: HostID(high: 2, low: 1),
            hostName: "seattle",
            generator: &generator
        )
        let epoch = Epoch(
            number: 2,
            id: generator.name(),
            host: peer,
            hostName: "london",
            kind: .takeover,
            reign: generator.name(),
            closes: [generator.name(), generator.name()]
        )
        header.lineage.note(epoch)
        header.links = [
            LinkRecord(
                peer: peer,
                peerName: "london",
                peerDiskGroup: "dg",
                peerRVG: "rvg",
                settings: LinkSettings(synchronous: .override, bandwidthLimit: 9),
                attachment: .attached(generator.name(), cursor: UpdateID(4)),
                asynchronousSince: UpdateID(3),
                detachReason: "why not"
            )
        ]
        header.checkpoints = [
            Checkpoint(
                id: generator.name(),
                name: "c1",
                start: UpdateID(2),
                targets: [Checkpoint.Target(host: peer, end: UpdateID(5), received: true)],
                full: true
            )
        ]
        header.receipt = Receipt(
            checkpoint: generator.name(),
            primary: peer,
            epoch: epoch.id,
            start: UpdateID(1),
            end: UpdateID(2)
        )
        header.targetJob = TargetJob(checkpoint: generator.name(), name: "c2", primary: peer)
        header.pending = [
            .takeover(generator.name(), by: peer, epoch: epoch, firstID: UpdateID(6)),
            .makesec(generator.name(), by: peer, linkBefore: .attached(generator.name(), cursor: UpdateID(1))),
            .makesec(generator.name(), by: peer, linkBefore: .detached),
            .attach(generator.name(), by: peer),
            .migrate(generator.name(), by: peer, epoch: epoch, firstID: UpdateID(6)),
        ]
        header.fence = .closed(by: epoch)
        return header
    }

    @Test("a record comes back as it was written, and any wrong bit is noticed")
    func record() {
        let bytes = FormatTests.sample.encodeHeader(rvgTag: 5)
        #expect(bytes.count == Record.headerBytes)
        #expect(Record.decodeHeader(bytes, rvgTag: 5) == FormatTests.sample)
        #expect(Record.decodeHeader(bytes, rvgTag: 6) == nil)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(Record.decodeHeader(damaged, rvgTag: 5) == nil, "bit \(bit)")
        }
        for count in 0..<bytes.count { #expect(Record.decodeHeader(Array(bytes[..<count]), rvgTag: 5) == nil) }
    }

    @Test("a header with everything in it comes back as it was written")
    func header() throws {
        let format = HeaderFormat(copyBytes: 16 << 10)
        let header = FormatTests.fullHeader()
        let bytes = format.encode(header)
        #expect(try format.decode(bytes) == header)
        let padded = bytes + [UInt8](repeating: 0xEE, count: 100)
        #expect(try format.decode(padded) == header)
    }

    @Test("any wrong bit of a header makes the copy none, and so does any lost end")
    func headerDamage() {
        let format = HeaderFormat(copyBytes: 16 << 10)
        let bytes = format.encode(FormatTests.fullHeader())
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect((try? format.decode(damaged)).flatMap(\.self) == nil, "bit \(bit)")
        }
        for count in 0..<bytes.count {
            #expect((try? format.decode(Array(bytes[..<count]))).flatMap(\.self) == nil, "\(count) bytes")
        }
    }

    @Test("a cursor of a synchronization comes back, and a damaged one does not")
    func cursor() {
        let format = HeaderFormat()
        let cursor = HeaderFormat.Cursor(job: CheckpointID(rawValue: 3), volume: 1, offset: 65_536)
        let bytes = format.encode(cursor)
        #expect(format.decodeCursor(bytes + [1, 2, 3]) == cursor)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(format.decodeCursor(damaged) == nil, "bit \(bit)")
        }
    }

    @Test("replication messages come back, and cut short they are refused")
    func replication() throws {
        let payload = [UInt8](repeating: 9, count: 512)
        var record = FormatTests.sample
        record.payloadCRC = checksum(payload)
        let attach = AttachID(rawValue: 8)
        let messages: [ReplicationMessage] = [
            .start(attach, number: 3, history: FormatTests.fullHeader().lineage.history, durable: UpdateID(4)),
            .report(attach, number: 3, loggedEnd: UpdateID(5)),
            .records(
                attach,
                epoch: EpochID(rawValue: 6),
                marks: DurabilityMarks(durable: UpdateID(7), wanted: UpdateID(9)),
                [SentRecord(record: record, payload: payload)]
            ),
            .acknowledge(attach, received: UpdateID(9), logged: UpdateID(8)),
            .heartbeat(
                attach,
                marks: DurabilityMarks(durable: UpdateID(1), wanted: UpdateID(1)),
                end: UpdateID(2),
                wallTime: 3
            ),
            .notAttached(attach),
        ]
        for message in messages {
            var writer = ByteWriter()
            writer.put(message)
            var reader = ByteReader(writer.bytes)
            #expect(try ReplicationMessage(from: &reader) == message)
            for count in stride(from: 0, to: writer.bytes.count, by: 7) {
                var short = ByteReader(Array(writer.bytes[..<count]))
                #expect(throws: MalformedBytes.self) { try ReplicationMessage(from: &short) }
            }
        }
    }

    @Test("a payload that does not match its checksum is refused with its record")
    func payload() {
        var writer = ByteWriter()
        writer.put(SentRecord(record: FormatTests.sample, payload: [UInt8](repeating: 1, count: 512)))
        var reader = ByteReader(writer.bytes)
        #expect(throws: MalformedBytes.self) { try SentRecord(from: &reader) }
    }

    @Test("messages of a synchronization come back, and cut short they are refused")
    func synchronization() throws {
        let job = CheckpointID(rawValue: 8)
        let hash = BlockHash(high: 1, low: 2)
        let messages: [SyncMessage] = [
            .hashes(job, volume: 1, offset: 4096, [hash, hash]),
            .differing(job, volume: 0, offset: 0, [0, 3]),
            .block(job, volume: 1, offset: 8192, length: 3, hash: hash, bytes: [1, 2, 3]),
            .written(job, volume: 0, offset: 4096),
            .finished(job, start: UpdateID(1), end: UpdateID(2), epoch: EpochID(rawValue: 3)),
            .cancelled(job, reason: Refusal(.syncCancelled, "rvg", "because", hint: "again")),
        ]
        for message in messages {
            var writer = ByteWriter()
            writer.put(message)
            var reader = ByteReader(writer.bytes)
            #expect(try SyncMessage(from: &reader) == message)
            for count in 0..<writer.bytes.count {
                var short = ByteReader(Array(writer.bytes[..<count]))
                #expect(throws: MalformedBytes.self) { try SyncMessage(from: &short) }
            }
        }
    }

    @Test("a count that the bytes allow takes no memory before the elements are there")
    func promisedElements() {
        // For as many elements as are promised it would be a TiB, which no machine gives.
        let promised = 16 << 20
        var writer = ByteWriter(reserving: promised)
        writer.put(UInt32(promised))
        writer.append([0, 1] + [UInt8](repeating: 0, count: promised - 2))
        var reader = ByteReader(writer.bytes)
        let malformed = #expect(throws: MalformedBytes.self) { try reader.takeArray(Wide.self) }
        #expect(malformed == MalformedBytes("enough"))
    }
}
