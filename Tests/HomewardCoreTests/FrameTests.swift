import HomewardCore
import Testing

@Suite("Frames between hosts", .timeLimit(.minutes(2)))
struct FrameTests {
    private let sample = Frame(kind: 7, channel: 1, payload: Array("forty bytes of a payload, more or less…".utf8))

    @Test("a frame comes back as it was sent, whole, in single bytes, and several in one piece")
    func roundTrip() throws {
        let empty = Frame(kind: 0, channel: 2, payload: [])
        let long = Frame(kind: 200, channel: 0, payload: (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 31) })
        let bytes = [sample, empty, long].flatMap { FrameFormat.encode($0) }

        var whole = FrameDecoder()
        #expect(try whole.frames(in: bytes) == [sample, empty, long])

        var single = FrameDecoder()
        var found: [Frame] = []
        for byte in bytes { found += try single.frames(in: [byte]) }
        #expect(found == [sample, empty, long])
    }

    @Test("every single wrong bit is noticed")
    func bitFlips() {
        let bytes = FrameFormat.encode(sample)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            var decoder = FrameDecoder()
            #expect(throws: Refusal.self, "bit \(bit)") { try decoder.frames(in: damaged) }
        }
    }

    @Test("a frame that is cut short is waited for, not delivered and not refused")
    func truncation() throws {
        let bytes = FrameFormat.encode(sample)
        for count in 0..<bytes.count {
            var decoder = FrameDecoder()
            #expect(try decoder.frames(in: Array(bytes[..<count])).isEmpty)
            #expect(try decoder.frames(in: Array(bytes[count...])) == [sample])
        }
    }

    @Test("a length above the limit is refused from the header alone")
    func oversize() throws {
        let header = FrameFormat.header(kind: 1, channel: 0, payloadLength: 5000, payloadChecksum: 0)
        var decoder = FrameDecoder(maximumPayload: 4999)
        let refusal = #expect(throws: Refusal.self) { try decoder.frames(in: header) }
        #expect(refusal?.code == .badFormat)
        #expect(refusal?.message.contains("5000") == true)
        var patient = FrameDecoder(maximumPayload: 5000)
        #expect(try patient.frames(in: header).isEmpty)
    }

    @Test("another version is refused, and after a refusal nothing is accepted")
    func version() {
        var decoder = FrameDecoder()
        #expect(throws: Refusal.self) { try decoder.frames(in: FrameFormat.encode(sample, version: 9)) }
        #expect(throws: Refusal.self) { try decoder.frames(in: FrameFormat.encode(sample)) }
    }

    @Test("random bytes are refused or waited on, and never trap")
    func randomBytes() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            var bytes = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Half of them have a header that gets past the first checks.
            if bytes.count > 20, Bool.random(using: &random) {
                let length = Int.random(in: 0..<300, using: &random)
                let header = FrameFormat.header(
                    kind: bytes[0],
                    channel: bytes[1],
                    payloadLength: length,
                    payloadChecksum: 1
                )
                bytes.replaceSubrange(0..<20, with: header)
            }
            var decoder = FrameDecoder(maximumPayload: 256)
            _ = try? decoder.frames(in: bytes)
            _ = try? Greeting(decoding: bytes)
        }
    }
}

@Suite("Greetings between hosts", .timeLimit(.minutes(1)))
struct GreetingTests {
    private let greeting = Greeting(
        versions: 2...5,
        attempt: Identity(high: 1, low: .max),
        host: Identity(high: 3, low: 4),
        name: "london",
        expecting: "seattle"
    )

    @Test("a greeting comes back as it was sent, also with fields of a later release behind it")
    func roundTrip() throws {
        #expect(try Greeting(decoding: greeting.encoded()) == greeting)
        #expect(try Greeting(decoding: greeting.encoded() + [1, 2, 3]) == greeting)
    }

    @Test("a greeting that is cut short is refused at every length")
    func truncation() {
        let bytes = greeting.encoded()
        for count in 0..<bytes.count {
            #expect(throws: Refusal.self) { try Greeting(decoding: Array(bytes[..<count])) }
        }
    }

    @Test(
        "two hosts speak the highest version that both have, or none",
        arguments: [(1...1, nil), (1...2, 2), (4...9, 5), (3...3, 3), (6...9, nil)] as [(ClosedRange<UInt16>, UInt16?)]
    )
    func negotiation(own: ClosedRange<UInt16>, common: UInt16?) {
        #expect((try? greeting.negotiated(with: own)) == common)
    }

    @Test("a name that is empty, too long or not UTF-8 is refused")
    func names() {
        let bytes = greeting.encoded()
        let lengthAt = 36
        #expect(bytes[lengthAt] == 6)
        for (length, first) in [(UInt8(0), UInt8(65)), (64, 65), (6, 0xFF)] {
            var wrong = bytes
            wrong[lengthAt] = length
            wrong[lengthAt + 1] = first
            #expect(throws: Refusal.self) { try Greeting(decoding: wrong) }
        }
    }
}
