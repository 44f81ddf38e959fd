import HomewardCore
import Testing

@Suite("Pending writes", .timeLimit(.minutes(1)))
struct PendingMapTests {
    private static func record(_ id: UInt64, volume: UInt32, offset: UInt64, length: UInt64) -> Record {
        Record(
            kind: .write,
            epoch: EpochID(rawValue: 1),
            id: UpdateID(id),
            position: LogPosition(0),
            volume: volume,
            offset: offset,
            length: length,
            dataCount: id,
            cumulativeBytes: 0,
            durableID: .zero,
            wallTime: 0,
            logLife: 1,
            payloadBytes: UInt32(length)
        )
    }

    @Test("every pending write that touches a range is found, in order, once")
    func againstList() {
        var random = SeededGenerator(seed: 5)
        var map = PendingMap()
        var list: [Record] = []
        for id in UInt64(1)...600 {
            let record = PendingMapTests.record(
                id,
                volume: UInt32(random.next() % 2),
                offset: random.next() % (4 << 20),
                length: 1 + random.next() % (2 << 20)
            )
            map.insert(record)
            list.append(record)
            if random.next() % 3 == 0, let first = list.first {
                map.remove(first)
                list.removeFirst()
            }
            #expect(map.bytes == list.reduce(0) { $0 + $1.length })
            let offset = random.next() % (4 << 20)
            let length = 1 + random.next() % (1 << 20)
            let found = map.candidates(volume: 0, offset: offset, length: length)
            let touching = list.filter {
                $0.volume == 0 && $0.offset < offset + length && offset < $0.offset + $0.length
            }
            #expect(found == found.sorted())
            #expect(Set(found).count == found.count)
            #expect(touching.allSatisfy { found.contains($0.id.value) })
        }
    }

    @Test("a write that never came in takes nothing with it")
    func stranger() {
        var map = PendingMap()
        map.insert(PendingMapTests.record(2, volume: 0, offset: 0, length: 10))
        map.remove(PendingMapTests.record(1, volume: 0, offset: 0, length: 10))
        #expect(map.bytes == 10)
        #expect(map.candidates(volume: 0, offset: 5, length: 1) == [2])
    }
}
