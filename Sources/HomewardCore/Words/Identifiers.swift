/// A random 128-bit identity.
///
/// Names are labels that people may change; identities never change and are never reused.
public struct Identity: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Thirty-two hexadecimal digits.
    public var description: String { hexadecimal(high) + hexadecimal(low) }

    /// Reads what ``description`` writes; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count == 32,
            let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    public static func < (left: Identity, right: Identity) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let identity = Identity(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not an identity")
            )
        }
        self = identity
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

private func hexadecimal(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// Identity of a host, kept in its catalog.
public typealias HostID = Identity
/// Identity of a replicated volume group: the same on every host of the RDS.
public typealias RVGID = Identity

/// The number of a record in its lineage.
///
/// Ids of one lineage are contiguous; the first record has id 1.
///
/// Prints as VVR does: the two 32-bit halves, `high.low`.
public struct UpdateID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public var value: UInt64

    public init(_ value: UInt64) { self.value = value }

    /// Before the first record.
    public static let zero = UpdateID(0)
    /// Above every record: "never reached".
    public static let never = UpdateID(.max)

    public var next: UpdateID { UpdateID(value + 1) }
    /// The id before this one; zero stays zero.
    public var previous: UpdateID { UpdateID(value == 0 ? 0 : value - 1) }

    public var description: String { "\(value >> 32).\(value & 0xFFFF_FFFF)" }

    public static func < (left: UpdateID, right: UpdateID) -> Bool { left.value < right.value }

    public init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(UInt64.self) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// A byte position in the endless log; its place in the file is the position modulo the capacity of the ring.
public struct LogPosition: Hashable, Comparable, Sendable, Codable {
    public var value: UInt64

    public init(_ value: UInt64) { self.value = value }

    public static func < (left: LogPosition, right: LogPosition) -> Bool { left.value < right.value }

    /// The first position at or after this one that is a multiple of `alignment`.
    public func aligned(to alignment: UInt64) -> LogPosition {
        LogPosition((value + alignment - 1) / alignment * alignment)
    }

    public init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(UInt64.self) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// Nanoseconds of a monotonic clock.
///
/// Only differences have a meaning, and only on one host.
public struct Instant: Hashable, Comparable, Sendable {
    public var nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    public func advanced(byMilliseconds milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: nanoseconds + milliseconds * 1_000_000)
    }

    /// Whole milliseconds from `earlier` to this instant; zero when `earlier` is not earlier.
    public func milliseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? (nanoseconds - earlier.nanoseconds) / 1_000_000 : 0
    }
}
