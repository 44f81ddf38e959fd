import HomewardCore
import Testing

@Suite("What lasts of a batch", .timeLimit(.minutes(1)))
struct LastingRecordsTests {
    private static let volumeBytes = 96 << 10

    private func record(_ id: UInt64, _ kind: RecordKind, volume: UInt32 = 0, _ range: Range<Int>) -> Record {
        Record(
            kind: kind,
            epoch: EpochID(rawValue: 1),
            id: UpdateID(id),
            position: LogPosition(id * 4096),
            volume: volume,
            offset: UInt64(range.lowerBound),
            length: UInt64(range.count),
            dataCount: id,
            cumulativeBytes: 0,
            durableID: .zero,
            wallTime: 0,
            logLife: 0,
            payloadCRC: 0,
            payloadBytes: 0
        )
    }

    private func lasting(_ records: [Record]) -> [Record] {
        ApplyBatch(records: records, through: records.last?.id ?? .zero, generation: 0).lasting
    }

    /// Each record fills its range with its id; zeroes and trims with nothing.
    private func carryOut(_ records: [Record]) -> [[UInt64]] {
        var volumes = [[UInt64]](repeating: Array(repeating: .max, count: Self.volumeBytes / 512), count: 2)
        for record in records {
            let range = Int(record.offset / 512)..<Int((record.offset + record.length) / 512)
            for sector in range { volumes[Int(record.volume)][sector] = record.kind == .write ? record.id.value : 0 }
        }
        return volumes
    }

    @Test("carried out, the volumes hold the same; batches of all kinds, 2,000 seeds")
    func same() {
        var dropped = 0
        for seed in 0..<2_000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let records = (1...40 as ClosedRange<UInt64>).map { id in
                let aligned = random.next() % 3 > 0
                let unit = aligned ? 4096 : 512
                let units = Self.volumeBytes / unit
                let start = Int(random.next() % UInt64(units))
                let count = 1 + Int(random.next() % UInt64(min(units - start, aligned ? 6 : 20)))
                let kinds: [RecordKind] = [.write, .write, .write, .zeroes, .trim]
                return record(
                    id,
                    kinds[Int(random.next() % 5)],
                    volume: UInt32(random.next() % 2),
                    start * unit..<(start + count) * unit
                )
            }
            let kept = lasting(records)
            dropped += records.count - kept.count
            #expect(carryOut(kept) == carryOut(records), "seed \(seed)")
            #expect(kept.map(\.id) == kept.map(\.id).sorted(), "seed \(seed)")
        }
        // Else nothing was tried.
        #expect(dropped > 10_000)
    }

    @Test("what a later record covers is left out, across the words of the map, and no page that it only touches")
    func covered() {
        let page = 4096
        let old = (1...70 as ClosedRange<UInt64>).map { record($0, .write, Int($0) * page..<(Int($0) + 1) * page) }
        #expect(lasting(old + [record(71, .write, page..<71 * page)]).map(\.id.value) == [71])
        #expect(lasting(old + [record(71, .zeroes, page + 512..<71 * page)]).map(\.id.value) == [1, 71])
        #expect(lasting(old + [record(71, .trim, page..<71 * page - 512)]).map(\.id.value) == [70, 71])
        #expect(lasting(old + [record(71, .write, volume: 1, page..<71 * page)]).count == 71)
    }

    @Test("a trim of a whole large volume is carried out, and stands in nobody's way")
    func long() {
        let whole = record(2, .trim, 0..<1 << 40)
        let records = [record(1, .write, 0..<4096), whole, record(3, .write, 8192..<12288)]
        #expect(lasting(records).map(\.id.value) == [1, 2, 3])
    }
}
