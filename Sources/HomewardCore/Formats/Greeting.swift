/// The first message on each connection, in both directions: who speaks, whom it believes to speak to, and which three
/// connections belong together.
///
/// The one message that all versions can read: later ones only append fields, and what follows the known ones is ignored.
public struct Greeting: Hashable, Sendable {
    /// The highest version that the sender speaks.
    public var version: UInt16
    /// The lowest version that the sender speaks.
    public var lowestVersion: UInt16
    /// Random, for each attempt of the dialing side; the answer repeats it.
    public var attempt: Identity
    public var host: HostID
    public var name: String
    /// The name by which the sender has configured the receiver.
    public var expecting: String

    public init(
        versions: ClosedRange<UInt16> = FrameFormat.versions,
        attempt: Identity,
        host: HostID,
        name: String,
        expecting: String
    ) {
        version = versions.upperBound
        lowestVersion = versions.lowerBound
        self.attempt = attempt
        self.host = host
        self.name = name
        self.expecting = expecting
    }

    /// The longest name, in bytes.
    public static let maximumName = 63

    /// The payload of the frame; the frame's header says the channel.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        FrameFormat.append(version, to: &bytes)
        FrameFormat.append(lowestVersion, to: &bytes)
        for word in [attempt.high, attempt.low, host.high, host.low] { FrameFormat.append(word, to: &bytes) }
        for text in [name, expecting] {
            precondition((1...Self.maximumName).contains(text.utf8.count), "the name \(text) is empty or too long")
            bytes.append(UInt8(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        return bytes
    }

    /// Reads what ``encoded()`` writes.
    ///
    /// - Throws: `bad-format` for a payload that is cut short, or has a name that is none.
    public init(decoding payload: [UInt8]) throws(Refusal) {
        var rest = payload[...]
        version = try Self.integer(&rest)
        lowestVersion = try Self.integer(&rest)
        attempt = Identity(high: try Self.integer(&rest), low: try Self.integer(&rest))
        host = Identity(high: try Self.integer(&rest), low: try Self.integer(&rest))
        name = try Self.text(&rest)
        expecting = try Self.text(&rest)
        guard lowestVersion <= version else {
            throw Self.refusal("versions \(lowestVersion) to \(version) are no range")
        }
    }

    /// The version that both ends speak.
    ///
    /// - Throws: `bad-format` naming both ranges when there is none.
    public func negotiated(with own: ClosedRange<UInt16>) throws(Refusal) -> UInt16 {
        let common = min(version, own.upperBound)
        guard common >= max(lowestVersion, own.lowerBound) else {
            throw Self.refusal(
                "\(name) speaks versions \(lowestVersion) to \(version), this host \(own.lowerBound) to \(own.upperBound)"
            )
        }
        return common
    }

    private static func integer<Value: FixedWidthInteger>(_ rest: inout ArraySlice<UInt8>) throws(Refusal) -> Value {
        let size = MemoryLayout<Value>.size
        guard rest.count >= size else { throw refusal("the greeting is cut short") }
        var value: Value = 0
        for (index, byte) in rest.prefix(size).enumerated() { value |= Value(byte) << (8 * index) }
        rest = rest.dropFirst(size)
        return value
    }

    private static func text(_ rest: inout ArraySlice<UInt8>) throws(Refusal) -> String {
        let length: UInt8 = try integer(&rest)
        guard (1...maximumName).contains(Int(length)), rest.count >= Int(length) else {
            throw refusal("the greeting has a name of \(length) bytes, and \(rest.count) bytes are left")
        }
        guard let text = String(validating: rest.prefix(Int(length)), as: UTF8.self) else {
            throw refusal("the greeting has a name that is not UTF-8")
        }
        rest = rest.dropFirst(Int(length))
        return text
    }

    private static func refusal(_ message: String) -> Refusal {
        Refusal(
            .badFormat,
            "connection",
            message,
            hint: "run the same release on both hosts: compare the releases that `homeward status --json` tells"
        )
    }
}
