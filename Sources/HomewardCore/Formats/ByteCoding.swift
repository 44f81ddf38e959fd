import CChecksum

/// CRC32C of bytes; `crc` continues an earlier one.
public func checksum(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    homeward_crc32c(crc, bytes.baseAddress, bytes.count)
}

/// CRC32C of an array.
public func checksum(_ bytes: [UInt8], continuing crc: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { checksum($0, continuing: crc) }
}

/// Writes little-endian fields one after the other.
public struct ByteWriter {
    public private(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    fileprivate mutating func putWord(_ word: some FixedWidthInteger) {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func put(_ flag: Bool) { putWord(UInt8(flag ? 1 : 0)) }

    public mutating func put(_ text: String) {
        let utf8 = Array(text.utf8)
        putWord(UInt32(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    public mutating func put(_ raw: [UInt8]) {
        putWord(UInt32(raw.count))
        bytes.append(contentsOf: raw)
    }

    public mutating func put(_ value: some ByteCodable) { value.encode(into: &self) }

    public mutating func put(_ value: (some ByteCodable)?) {
        put(value != nil)
        if let value { put(value) }
    }

    public mutating func put(_ values: [some ByteCodable]) {
        putWord(UInt32(values.count))
        for value in values { put(value) }
    }

    /// Appends bytes without a length.
    public mutating func append(_ raw: [UInt8]) { bytes.append(contentsOf: raw) }
}

/// Bytes that cannot be what they should be.
///
/// Carries where it was noticed, for the message of the refusal made from it.
public struct MalformedBytes: Error, Hashable, Sendable {
    public let what: String

    public init(_ what: String) { self.what = what }
}

/// Reads what ``ByteWriter`` wrote; every length is checked before it is believed.
public struct ByteReader {
    private let bytes: [UInt8]
    public private(set) var offset = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var remaining: Int { bytes.count - offset }

    public mutating func take<Word: FixedWidthInteger>(_ type: Word.Type = Word.self) throws(MalformedBytes) -> Word {
        let size = MemoryLayout<Word>.size
        guard remaining >= size else { throw MalformedBytes("ends within a number at byte \(offset)") }
        let word = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Word.self) }
        offset += size
        return Word(littleEndian: word)
    }

    public mutating func takeFlag() throws(MalformedBytes) -> Bool {
        switch try take(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw MalformedBytes("a flag is neither 0 nor 1 at byte \(offset - 1)")
        }
    }

    public mutating func takeBytes() throws(MalformedBytes) -> [UInt8] {
        let count = Int(try take(UInt32.self))
        guard count <= remaining else { throw MalformedBytes("ends within \(count) bytes at byte \(offset)") }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    public mutating func takeText() throws(MalformedBytes) -> String {
        guard let text = String(validating: try takeBytes(), as: UTF8.self) else {
            throw MalformedBytes("text is not UTF-8 before byte \(offset)")
        }
        return text
    }

    public mutating func takeValue<Value: ByteCodable>(_ type: Value.Type = Value.self) throws(MalformedBytes) -> Value
    {
        try Value(from: &self)
    }

    public mutating func takeOptional<Value: ByteCodable>(
        _ type: Value.Type = Value.self
    ) throws(MalformedBytes) -> Value? {
        try takeFlag() ? try Value(from: &self) : nil
    }

    public mutating func takeArray<Value: ByteCodable>(
        _ type: Value.Type = Value.self
    ) throws(MalformedBytes) -> [Value] {
        let count = Int(try take(UInt32.self))
        // Each element takes a byte or more, so a count beyond the bytes left is a lie.
        guard count <= remaining else { throw MalformedBytes("\(count) elements in \(remaining) bytes") }
        var values: [Value] = []
        // An element may take far more memory than bytes, so a count that is possible must not size an allocation either.
        values.reserveCapacity(min(count, 1024))
        for _ in 0..<count { values.append(try Value(from: &self)) }
        return values
    }

    /// Everything that is left.
    public mutating func takeRest() -> [UInt8] {
        defer { offset = bytes.count }
        return Array(bytes[offset...])
    }
}

/// A value with one fixed order of fields on disk and on the wire.
public protocol ByteCodable {
    func encode(into writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(MalformedBytes)
}

extension UInt8: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.putWord(self) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self = try reader.take() }
}

extension UInt16: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.putWord(self) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self = try reader.take() }
}

extension UInt32: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.putWord(self) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self = try reader.take() }
}

extension UInt64: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.putWord(self) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self = try reader.take() }
}

extension String: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.put(self) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self = try reader.takeText() }
}

extension UpdateID: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.putWord(value) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self.init(try reader.take()) }
}

extension LogPosition: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.putWord(value) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self.init(try reader.take()) }
}

extension Identity: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(high)
        writer.put(low)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(high: try reader.take(), low: try reader.take())
    }
}
