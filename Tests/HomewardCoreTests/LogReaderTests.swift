import HomewardCore
import Synchronization
import Testing

@Suite("Reading a log ahead", .timeLimit(.minutes(1)))
struct LogReaderTests {
    private static let format = HeaderFormat(copyBytes: 16 << 10)

    /// A device whose bytes from a place on cannot be read.
    private final class HalfDevice: BlockDevice {
        let whole: MemoryDevice
        let readable: UInt64
        /// Reads that failed.
        let failures = Atomic(0)
        var size: UInt64 { whole.size }
        var name: String { "half" }

        init(_ whole: MemoryDevice, readable: UInt64) {
            self.whole = whole
            self.readable = readable
        }

        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
            guard offset + UInt64(buffer.count) <= readable else {
                failures.add(1, ordering: .relaxed)
                throw Refusal(.ioError, name, "not readable", hint: "none")
            }
            try whole.read(at: offset, into: buffer)
        }

        func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
            try whole.write(at: offset, pieces)
        }

        func zero(at offset: UInt64, length: UInt64) throws(Refusal) { try whole.zero(at: offset, length: length) }
        func synchronize() throws(Refusal) {}
    }

    private func filled(_ size: Int) throws -> MemoryDevice {
        let device = MemoryDevice(size: size)
        var random = SeededGenerator(seed: 9)
        try device.write(at: 0, bytes: (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        return device
    }

    @Test("ranges in any order, across the seam and longer than what is read ahead, are those of the ring")
    func ranges() throws {
        let ring = LogRing(device: try filled(5 << 20), format: LogReaderTests.format)
        let limit = LogPosition(ring.capacity + 3_000_000)
        let reader = LogReader(ring, limit: limit)
        var random = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            let count = 1 + Int(random.next() % (random.next() % 4 == 0 ? 1_500_000 : 5_000))
            let position = LogPosition(3_000_000 + random.next() % (ring.capacity - UInt64(count)))
            let found = try reader.bytes(at: position, count: count)
            #expect(try ring.bytes(at: position, count: count) == Array(found))
        }
        let last = LogPosition(limit.value - 112)
        #expect(try ring.bytes(at: last, count: 112) == Array(reader.bytes(at: last, count: 112)))
    }

    @Test("what cannot be read behind a range does not keep the range from being read, and is tried once")
    func unreadable() throws {
        let whole = try filled(4 << 20)
        let ring = LogRing(device: whole, format: LogReaderTests.format)
        let device = HalfDevice(whole, readable: ring.place(of: LogPosition(100_000)))
        let half = LogRing(device: device, format: LogReaderTests.format)
        let reader = LogReader(half, limit: LogPosition(ring.capacity))
        for position in stride(from: UInt64(0), to: 99_000, by: 1_000) {
            let found = try reader.bytes(at: LogPosition(position), count: 1_000)
            #expect(try ring.bytes(at: LogPosition(position), count: 1_000) == Array(found))
        }
        #expect(device.failures.load(ordering: .relaxed) == 1)
        #expect(throws: Refusal.self) { _ = try reader.bytes(at: LogPosition(99_900), count: 200) }
    }
}
