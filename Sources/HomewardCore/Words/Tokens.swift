/// A random 64-bit name of something that one host makes and others refer to; zero is never one.
public protocol RandomName: RawRepresentable, Hashable, Comparable, Sendable, Codable, ByteCodable,
    CustomStringConvertible
where RawValue == UInt64 {
    init(rawValue: UInt64)
}

extension RandomName {
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    public var description: String { String(rawValue, radix: 16) }
    public func encode(into writer: inout ByteWriter) { writer.put(rawValue) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self.init(rawValue: try reader.take()) }
}

/// Names an epoch.
public struct EpochID: RandomName {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Names one attachment of an RLINK, from attach to detach: frames of another one are refused.
public struct AttachID: RandomName {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Names one checkpoint, and the synchronization job that belongs to it.
public struct CheckpointID: RandomName {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Names one operation over several hosts.
public struct TransactionID: RandomName {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The machines' only source of chance: a seed given from outside, then SplitMix64 (Steele, Lea, Flood 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// A fresh name; never zero.
    public mutating func name<Name: RandomName>() -> Name {
        Name(rawValue: next() | 1)
    }

    /// A fresh identity.
    public mutating func identity() -> Identity { Identity(high: next(), low: next()) }
}
