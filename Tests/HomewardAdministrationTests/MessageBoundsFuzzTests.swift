import FuzzSupport
import HomewardCore
import Testing

/// Goal: no message that reaches out of the volumes, or has numbers that cannot be reckoned with, gets past the check, and
/// no other one is refused.
///
/// Method: fields are drawn from within and from the ends of their ranges; what is right is reckoned here once more.
@Suite("Bounds of messages", .timeLimit(.minutes(20)))
struct MessageBoundsFuzzTests {
    private static let volumes = [VolumeShape(name: "a", size: 1 << 20), VolumeShape(name: "b", size: 4096)]
    private static let job = CheckpointID(rawValue: 5)
    private static let attach = AttachID(rawValue: 8)
    private static let epoch = EpochID(rawValue: 9)
    private static let hash = BlockHash(high: 1, low: 1)

    /// Below this numbers can be added to each other.
    private static func isCounter(_ numbers: UInt64...) -> Bool { numbers.allSatisfy { $0 < 1 << 62 } }

    private static func isInside(_ volume: UInt32, _ offset: UInt64, _ length: UInt64) -> Bool {
        guard volumes.indices.contains(Int(volume)) else { return false }
        let (end, overflow) = offset.addingReportingOverflow(length)
        return !overflow && end <= volumes[Int(volume)].size
    }

    private func expect(_ message: PeerMessage, _ isRight: Bool, _ seed: UInt64) {
        let isTaken = (try? message.checkBounds(volumes: Self.volumes)) != nil
        #expect(isTaken == isRight, "seed \(seed): \(message)")
    }

    private func volume(_ random: inout FuzzGenerator) -> UInt32 {
        random.chance(4) ? UInt32(truncatingIfNeeded: random.word()) : UInt32(random.below(3))
    }

    private func number(_ random: inout FuzzGenerator) -> UInt64 {
        random.chance(3) ? random.word() : UInt64(random.below(5_000))
    }

    @Test("what a synchronization names lies in the volumes")
    func synchronization() throws {
        try Fuzz.run("bounds-synchronization", 2_000) { random in
            let (volume, offset, length) = (volume(&random), number(&random), number(&random))
            let isPlace = Self.isInside(volume, offset, 0)
            expect(.sync(.hashes(Self.job, volume: volume, offset: offset, [Self.hash])), isPlace, random.seed)
            expect(.sync(.differing(Self.job, volume: volume, offset: offset, [0])), isPlace, random.seed)
            expect(.sync(.written(Self.job, volume: volume, offset: offset)), isPlace, random.seed)
            expect(
                .sync(
                    .block(Self.job, volume: volume, offset: offset, length: length, hash: Self.hash, bytes: [])
                ),
                Self.isInside(volume, offset, length),
                random.seed
            )
            expect(
                .sync(.finished(Self.job, start: UpdateID(offset), end: UpdateID(length), epoch: Self.epoch)),
                Self.isCounter(offset, length),
                random.seed
            )
        }
    }

    @Test("blocks of an offer fill extents, and neither is larger than can be held")
    func offers() throws {
        try Fuzz.run("bounds-offers", 2_000) { random in
            let block: UInt64 = random.pick([4096, 65_536, 16 << 20, (16 << 20) + 1, random.word()])
            let extent: UInt64 = random.pick([1 << 20, 1 << 30, (1 << 30) + 1, block, random.word()])
            let offer = SyncOffer(
                job: Self.job,
                name: "cp",
                history: History(entries: []),
                volumes: Self.volumes,
                blockBytes: block,
                extentBytes: extent,
                seed: 1,
                verifyOnly: false,
                full: false,
                force: false
            )
            let isRight =
                block > 0 && block <= 16 << 20 && extent >= block && extent <= 1 << 30 && extent % max(block, 1) == 0
            expect(.prepare(.synchronize(offer)), isRight, random.seed)
        }
    }

    @Test("records lie in the volumes, and ids and counts can be reckoned with")
    func replication() throws {
        try Fuzz.run("bounds-replication", 2_000) { random in
            let (offset, length) = (number(&random), number(&random))
            let kind = random.pick([RecordKind.write, .zeroes, .trim, .mark, .role])
            let fitting = kind == .write ? UInt32(truncatingIfNeeded: length) : 0
            let record = Record(
                kind: kind,
                epoch: Self.epoch,
                id: UpdateID(number(&random)),
                position: LogPosition(0),
                volume: volume(&random),
                offset: offset,
                length: length,
                dataCount: number(&random),
                cumulativeBytes: number(&random),
                durableID: UpdateID(1),
                wallTime: 1,
                logLife: 1,
                payloadCRC: 0,
                payloadBytes: random.chance(6) ? fitting &+ 1 : fitting
            )
            let isPlace = Self.isInside(record.volume, offset, length)
            let isWhole: Bool =
                switch kind {
                case .write: UInt64(record.payloadBytes) == length && isPlace
                case .zeroes, .trim: record.payloadBytes == 0 && isPlace
                case .mark, .role: true
                }
            let isCounted = Self.isCounter(record.id.value, record.dataCount, record.cumulativeBytes)
            let (durable, wanted) = (number(&random), number(&random))
            let marks = DurabilityMarks(durable: UpdateID(durable), wanted: UpdateID(wanted))
            let isMarked = Self.isCounter(durable, wanted)
            let sent = [SentRecord(record: record, payload: [])]
            expect(
                .replication(.records(Self.attach, epoch: Self.epoch, marks: marks, sent)),
                isWhole && isCounted && isMarked,
                random.seed
            )
            expect(
                .replication(.heartbeat(Self.attach, marks: marks, end: UpdateID(offset), wallTime: 3)),
                isMarked && Self.isCounter(offset),
                random.seed
            )
            expect(
                .replication(.acknowledge(Self.attach, received: UpdateID(durable), logged: UpdateID(wanted))),
                isMarked,
                random.seed
            )
            expect(
                .replication(.report(Self.attach, number: 3, loggedEnd: UpdateID(offset))),
                Self.isCounter(offset),
                random.seed
            )
        }
    }
}
