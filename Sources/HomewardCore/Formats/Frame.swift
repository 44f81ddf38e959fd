import CChecksum

/// One message between two hosts: a header of fixed size, and a payload.
public struct Frame: Hashable, Sendable {
    /// What the payload is.
    ///
    /// From ``FrameFormat/firstReservedKind`` on, kinds belong to the connection itself.
    public var kind: UInt8
    /// The connection of the pair that it belongs to; checked, so that a crossed wire is noticed.
    public var channel: UInt8
    public var payload: [UInt8]

    public init(kind: UInt8, channel: UInt8, payload: [UInt8]) {
        self.kind = kind
        self.channel = channel
        self.payload = payload
    }
}

/// How a frame looks on the wire: little-endian, 20 bytes of header.
///
/// Magic (4), version (2), kind (1), channel (1), payload length (4), CRC32C of the payload (4), CRC32C of the sixteen
/// bytes before (4). The payload's checksum stands under the header's, so every single wrong bit is noticed. This layout
/// up to the length is the same in all versions, so that two releases can always tell each other why they part.
public enum FrameFormat {
    public static let headerSize = 20
    /// Above this a length is taken for damage, not for a message: nothing that hosts send comes near it.
    public static let maximumPayload = 16 << 20
    /// The versions that this release speaks; two hosts speak the highest that both have.
    public static let versions: ClosedRange<UInt16> = 1...1
    /// The version of headers until both ends know what they have in common.
    public static let greetingVersion: UInt16 = 1
    /// Kinds from here on are the connection's own: greeting, sign of life, refusal.
    public static let firstReservedKind: UInt8 = 0xF0
    /// "HWFR".
    static let magic: UInt32 = 0x5246_5748

    /// The header for a payload that follows it in one or several pieces.
    public static func header(
        kind: UInt8,
        channel: UInt8,
        version: UInt16 = versions.upperBound,
        payloadLength: Int,
        payloadChecksum: UInt32
    ) -> [UInt8] {
        precondition(payloadLength <= maximumPayload, "a frame of \(payloadLength) bytes is too long to send")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerSize)
        append(magic, to: &bytes)
        append(version, to: &bytes)
        bytes.append(kind)
        bytes.append(channel)
        append(UInt32(payloadLength), to: &bytes)
        append(payloadChecksum, to: &bytes)
        append(checksum(bytes), to: &bytes)
        return bytes
    }

    /// The whole frame in one array.
    public static func encode(_ frame: Frame, version: UInt16 = versions.upperBound) -> [UInt8] {
        header(
            kind: frame.kind,
            channel: frame.channel,
            version: version,
            payloadLength: frame.payload.count,
            payloadChecksum: checksum(frame.payload)
        ) + frame.payload
    }

    /// The CRC32C of bytes, going on from that of the bytes before them.
    public static func checksum(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        homeward_crc32c(previous, bytes.baseAddress, bytes.count)
    }

    /// The CRC32C of an array.
    public static func checksum(_ bytes: [UInt8], after previous: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0, after: previous) }
    }

    static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Takes frames out of a stream of bytes that arrives in pieces of any size.
///
/// Holds at most one unfinished frame. Once it has refused it stays useless: in a stream nothing after damage can be found.
public struct FrameDecoder: Sendable {
    /// The longest payload that is accepted.
    ///
    /// Small until the other end has said who it is, so that a stranger's header cannot claim memory.
    public var maximumPayload: Int
    /// The version that headers must have.
    public var version: UInt16

    private var header: [UInt8] = []
    private var payload: [UInt8] = []
    private var expected: Expected?
    private var damaged = false

    private struct Expected {
        var kind: UInt8
        var channel: UInt8
        var length: Int
        var checksum: UInt32
    }

    public init(maximumPayload: Int = FrameFormat.maximumPayload, version: UInt16 = FrameFormat.versions.upperBound) {
        self.maximumPayload = maximumPayload
        self.version = version
        header.reserveCapacity(FrameFormat.headerSize)
    }

    /// The next whole frame, or nil when all of `input` was taken and more is needed.
    ///
    /// What was taken is cut off the front of `input`; call again with the same variable until the answer is nil.
    /// - Throws: `bad-format`, naming what was found.
    public mutating func next(_ input: inout UnsafeRawBufferPointer) throws(Refusal) -> Frame? {
        if damaged { throw Self.refusal("the stream was damaged before") }
        if expected == nil {
            move(FrameFormat.headerSize - header.count, from: &input, to: \.header)
            guard header.count == FrameFormat.headerSize else { return nil }
            do throws(Refusal) {
                let parsed = try parse()
                expected = parsed
                payload = []
                payload.reserveCapacity(parsed.length)
            } catch {
                damaged = true
                throw error
            }
        }
        guard let expected else { return nil }
        move(expected.length - payload.count, from: &input, to: \.payload)
        guard payload.count == expected.length else { return nil }
        guard FrameFormat.checksum(payload) == expected.checksum else {
            damaged = true
            throw Self.refusal("the checksum of a payload of \(expected.length) bytes does not match")
        }
        let frame = Frame(kind: expected.kind, channel: expected.channel, payload: payload)
        self.expected = nil
        header.removeAll(keepingCapacity: true)
        payload = []
        return frame
    }

    /// All whole frames that `bytes` completes, in order.
    ///
    /// - Throws: `bad-format`; frames before the damage are lost with it.
    public mutating func frames(in bytes: [UInt8]) throws(Refusal) -> [Frame] {
        var frames: [Frame] = []
        var refusal: Refusal?
        bytes.withUnsafeBytes { raw in
            var input = raw
            do throws(Refusal) {
                while let frame = try next(&input) { frames.append(frame) }
            } catch {
                refusal = error
            }
        }
        if let refusal { throw refusal }
        return frames
    }

    private mutating func move(
        _ count: Int,
        from input: inout UnsafeRawBufferPointer,
        to target: WritableKeyPath<Self, [UInt8]>
    ) {
        let taken = min(count, input.count)
        guard taken > 0 else { return }
        self[keyPath: target].append(contentsOf: UnsafeRawBufferPointer(rebasing: input[..<taken]))
        input = UnsafeRawBufferPointer(rebasing: input[taken...])
    }

    private func parse() throws(Refusal) -> Expected {
        func read<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type) -> Value {
            Value(littleEndian: header.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) })
        }
        let magic = read(0, as: UInt32.self)
        guard magic == FrameFormat.magic else {
            throw Self.refusal("what arrived is no frame: it starts with 0x\(String(magic, radix: 16))")
        }
        guard FrameFormat.checksum(Array(header[..<16])) == read(16, as: UInt32.self) else {
            throw Self.refusal("the checksum of a header does not match")
        }
        let found = read(4, as: UInt16.self)
        guard found == version else { throw Self.refusal("a frame has version \(found), expected is \(version)") }
        let length = Int(read(8, as: UInt32.self))
        guard length <= maximumPayload else {
            throw Self.refusal("a frame announces \(length) bytes, accepted are \(maximumPayload)")
        }
        return Expected(kind: header[6], channel: header[7], length: length, checksum: read(12, as: UInt32.self))
    }

    private static func refusal(_ message: String) -> Refusal {
        Refusal(
            .badFormat,
            "connection",
            message,
            hint:
                "the connection is dropped and made again; if this repeats, compare the releases that `homeward status --json` tells on both hosts"
        )
    }
}
