import HomewardCore
import Testing

@Suite("Checksums", .timeLimit(.minutes(1)))
struct ChecksumTests {
    @Test("a checksum is the one of the textbook, bit by bit, at every length and alignment")
    func everyLength() {
        #expect(checksum(Array("123456789".utf8)) == 0xE306_9283)
        var random = SeededGenerator(seed: 2)
        let bytes = (0..<5_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withUnsafeBytes { raw in
            for begin in 0..<8 {
                var state = ~UInt32(0)
                for end in begin..<raw.count {
                    let part = UnsafeRawBufferPointer(rebasing: raw[begin..<end])
                    guard checksum(part) == ~state else {
                        Issue.record("\(end - begin) bytes from \(begin)")
                        return
                    }
                    state = ChecksumTests.step(state, raw[end])
                }
            }
        }
    }

    @Test("a checksum is the same in one piece and in many, also over a payload of 1 MiB")
    func pieces() {
        var random = SeededGenerator(seed: 3)
        let bytes = (0..<Record.payloadLimit).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var state = ~UInt32(0)
        for byte in bytes { state = ChecksumTests.step(state, byte) }
        #expect(checksum(bytes) == ~state)
        for piece in [97, 1_535, 1_536, 1_537, 4_000, 65_536] {
            var pieced: UInt32 = 0
            for start in stride(from: 0, to: bytes.count, by: piece) {
                pieced = checksum(Array(bytes[start..<min(start + piece, bytes.count)]), continuing: pieced)
            }
            #expect(pieced == ~state, "pieces of \(piece)")
        }
    }

    /// CRC32C of one more byte, by the reflected polynomial.
    private static func step(_ state: UInt32, _ byte: UInt8) -> UInt32 {
        var state = state ^ UInt32(byte)
        for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0x82F6_3B78 : state >> 1 }
        return state
    }
}
