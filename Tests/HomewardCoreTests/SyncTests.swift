import HomewardCore
import Testing

@Suite("Synchronization of one target", .timeLimit(.minutes(1)))
struct SyncTests {
    private static let job = CheckpointID(rawValue: 4)
    private static let volumes = [VolumeShape(name: "a", size: 70_000), VolumeShape(name: "b", size: 16_384)]

    private static var limits: Limits {
        var limits = Limits()
        limits.blockBytes = 4096
        limits.extentBytes = 16_384
        limits.extentWindow = 2
        limits.blockWindow = 3
        return limits
    }

    private static func source(_ volume: UInt32 = 0, _ offset: UInt64 = 0) -> SyncSource {
        SyncSource(job: job, volumes: volumes, limits: limits, verifyOnly: false, from: volume, offset: offset)
    }

    private static func target() -> SyncTarget {
        SyncTarget(
            job: job,
            volumes: volumes,
            blockBytes: limits.blockBytes,
            extentBytes: limits.extentBytes,
            verifyOnly: false,
            from: 0,
            offset: 0
        )
    }

    private static func hash(_ bytes: ArraySlice<UInt8>) -> BlockHash {
        BlockHash(high: UInt64(checksum(Array(bytes))), low: UInt64(bytes.count))
    }

    @Test("whatever differs, the target ends as the source, and only what differed was sent", arguments: 1...20)
    func copies(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let origin = SyncTests.volumes.map { shape in
            (0..<shape.size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        var copy = origin
        for volume in copy.indices {
            for _ in 0..<3 { copy[volume][Int(random.next() % UInt64(copy[volume].count))] ^= 0x55 }
        }
        var source = SyncTests.source()
        var target = SyncTests.target()
        var toTarget: [SyncMessage] = []
        var toSource: [SyncMessage] = []
        var durable = copy
        var rounds = 0
        while !source.isDone {
            rounds += 1
            try #require(rounds < 10_000, "it does not end")
            while let work = source.nextWork() {
                switch work {
                case .hash(let extent):
                    let hashes = stride(from: extent.offset, to: extent.offset + extent.length, by: 4096).map { start in
                        let end = min(start + 4096, extent.offset + extent.length)
                        return SyncTests.hash(origin[Int(extent.volume)][Int(start)..<Int(end)])
                    }
                    toTarget.append(source.hashed(extent, hashes))
                case .read(let volume, let offset, let length):
                    let bytes = origin[Int(volume)][Int(offset)..<Int(offset + length)]
                    source.blockSent(volume: volume, offset: offset, bytes: length)
                    toTarget.append(
                        .block(
                            SyncTests.job,
                            volume: volume,
                            offset: offset,
                            length: length,
                            hash: SyncTests.hash(bytes),
                            bytes: Array(bytes)
                        )
                    )
                }
            }
            for message in toTarget {
                switch message {
                case .hashes(_, let volume, let offset, let hashes):
                    let taken = target.hashesReceived(volume: volume, offset: offset, hashes)
                    #expect(taken)
                case .block(_, let volume, let offset, let length, let hash, let bytes):
                    let taken = target.blockReceived(
                        volume: volume,
                        offset: offset,
                        length: length,
                        hash: hash,
                        bytes: bytes
                    )
                    #expect(taken)
                case .differing, .written, .finished, .cancelled: Issue.record("the source does not say this")
                }
            }
            toTarget = []
            while let work = target.nextWork() {
                switch work {
                case .compare(let volume, let offset, let length, let hashes):
                    let differing = hashes.indices.filter { index in
                        let start = Int(offset) + index * 4096
                        let end = min(start + 4096, Int(offset + length))
                        return SyncTests.hash(copy[Int(volume)][start..<end]) != hashes[index]
                    }
                    let answer = target.compared(volume: volume, offset: offset, differing: differing.map(UInt64.init))
                    if let answer { toSource.append(answer) }
                case .write(let volume, let offset, _, _, let bytes):
                    copy[Int(volume)].replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
                    target.blockWritten(volume: volume, offset: offset)
                case .synchronize:
                    durable = copy
                    toSource += target.synchronized()
                }
            }
            for message in toSource {
                switch message {
                case .differing(_, let volume, let offset, let indices):
                    let taken = source.differingReceived(volume: volume, offset: offset, indices)
                    #expect(taken)
                case .written(_, let volume, let offset): source.writtenReceived(volume: volume, offset: offset)
                case .hashes, .block, .finished, .cancelled: Issue.record("the target does not say this")
                }
            }
            toSource = []
        }
        #expect(durable == origin)
        #expect(source.compared == SyncTests.volumes.map(\.size))
        #expect(source.sent == source.differing)
        #expect(source.sent.reduce(0, +) <= 6 * 4096)
    }

    /// Reads and sends what the source lets go, and gives the offsets.
    private static func send(_ source: inout SyncSource, bytes: UInt64 = 4096) -> [UInt64] {
        var offsets: [UInt64] = []
        while let work = source.nextWork() {
            guard case .read(let volume, let offset, _) = work else { continue }
            source.blockSent(volume: volume, offset: offset, bytes: bytes)
            offsets.append(offset)
        }
        return offsets
    }

    @Test("a source runs ahead of what is durable at the target by a bounded number of bytes, and stands nowhere still")
    func ahead() {
        var limits = SyncTests.limits
        limits.blocksAhead = 12_288
        func source() -> SyncSource {
            SyncSource(
                job: SyncTests.job,
                volumes: SyncTests.volumes,
                limits: limits,
                verifyOnly: false,
                from: 0,
                offset: 0
            )
        }
        var slow = source()
        #expect(SyncTests.send(&slow) == [], "nothing was compared yet")
        // The younger extent is compared first, and may not fill the room for good.
        _ = slow.differingReceived(volume: 0, offset: 16_384, [0, 1, 2, 3])
        #expect(SyncTests.send(&slow) == [16_384, 20_480, 24_576])
        _ = slow.differingReceived(volume: 0, offset: 0, [0, 1, 2, 3])
        #expect(SyncTests.send(&slow) == [0, 4096, 8192, 12_288])
        slow.writtenReceived(volume: 0, offset: 0)
        #expect(SyncTests.send(&slow) == [28_672], "it is the oldest now")
        _ = slow.differingReceived(volume: 0, offset: 32_768, [0, 1])
        #expect(SyncTests.send(&slow) == [])
        slow.writtenReceived(volume: 0, offset: 16_384)
        #expect(SyncTests.send(&slow) == [32_768, 36_864])
        // Zeroes carry no bytes, and wait for nothing.
        var empty = source()
        _ = SyncTests.send(&empty, bytes: 0)
        for offset in [0, 16_384] as [UInt64] { _ = empty.differingReceived(volume: 0, offset: offset, [0, 1, 2, 3]) }
        #expect(SyncTests.send(&empty, bytes: 0).count == 8)
    }

    @Test("a target refuses hashes and blocks that fit nothing it asked for")
    func hostileSource() {
        var target = SyncTests.target()
        let hash = BlockHash(high: 0, low: 0)
        let four = [hash, hash, hash, hash]
        let strange: [(UInt32, UInt64, [BlockHash])] = [
            (2, 0, four), (.max, 0, four), (0, 4096, four), (0, 1 << 60, four), (0, 0, []), (0, 0, [hash]),
            (0, 65_536, four), (0, .max, four),
        ]
        for (volume, offset, hashes) in strange {
            let taken = target.hashesReceived(volume: volume, offset: offset, hashes)
            #expect(!taken, "volume \(volume), \(offset), \(hashes.count) hashes")
        }
        let first = target.hashesReceived(volume: 0, offset: 0, four)
        let again = target.hashesReceived(volume: 0, offset: 0, four)
        #expect(first && !again)
        let early = target.blockReceived(volume: 0, offset: 0, length: 4096, hash: hash, bytes: [])
        #expect(!early, "nothing was compared yet")
        _ = target.compared(volume: 0, offset: 0, differing: [1])
        let blocks: [(UInt32, UInt64, UInt64, [UInt8])] = [
            (0, 0, 4096, []), (0, 4096, 8192, []), (0, 4097, 4096, []), (0, 4096, 4096, [1, 2]), (1, 4096, 4096, []),
            (9, 4096, 4096, []), (0, .max, 4096, []),
        ]
        for (volume, offset, length, bytes) in blocks {
            let taken = target.blockReceived(volume: volume, offset: offset, length: length, hash: hash, bytes: bytes)
            #expect(!taken, "volume \(volume), \(offset), \(length), \(bytes.count) bytes")
        }
        let right = target.blockReceived(volume: 0, offset: 4096, length: 4096, hash: hash, bytes: [])
        #expect(right)
    }

    @Test("a source refuses answers about extents and blocks that it did not send")
    func hostileTarget() {
        var source = SyncTests.source()
        guard case .hash(let extent)? = source.nextWork() else {
            Issue.record("the first work is to hash")
            return
        }
        let strange: [(UInt32, UInt64, [UInt64])] = [
            (1, 0, []), (7, 0, []), (0, 16_384, []), (0, 0, [4]), (0, 0, [.max]), (0, 0, [1, 1]),
        ]
        for (volume, offset, indices) in strange {
            let taken = source.differingReceived(volume: volume, offset: offset, indices)
            #expect(!taken, "volume \(volume), \(offset), \(indices)")
        }
        source.writtenReceived(volume: extent.volume, offset: extent.offset)
        let right = source.differingReceived(volume: 0, offset: 0, [3, 0])
        let again = source.differingReceived(volume: 0, offset: 0, [])
        #expect(right && !again)
        let sourceWork = source.nextWork()
        #expect(sourceWork == .read(volume: 0, offset: 12_288, length: 4096))
    }

    @Test("whoever resumes begins at the cursor, wherever it lies")
    func cursor() {
        var source = SyncTests.source(0, 65_536)
        guard case .hash(let extent)? = source.nextWork() else {
            Issue.record("nothing to hash")
            return
        }
        #expect(extent.volume == 0 && extent.offset == 65_536 && extent.length == 4464)
        var behind = SyncTests.source(1, 16_384)
        let behindWork = behind.nextWork()
        #expect(behindWork == nil)
        #expect(behind.isDone)
        var strange = SyncTests.source(9, 0)
        let strangeWork = strange.nextWork()
        #expect(strangeWork == nil)
    }
}
