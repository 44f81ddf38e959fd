/// The two places of the header at the front of the log volume, and what stands in them.
///
/// ```text
/// 0                 copyBytes           2 × copyBytes        + 4096
/// │ header copy 0   │ header copy 1     │ sync cursor        │ ring of records …
/// ```
/// A copy: magic 4, version 3, zero 2, body length 4, CRC of body 4, CRC of these sixteen bytes 4, body. Copies alternate
/// by generation, so that a torn write leaves the other whole.
public struct HeaderFormat: Hashable, Sendable {
    /// Room for one copy; 512 KiB holds the largest lineage, 32 links and 46 checkpoints.
    public let copyBytes: UInt64

    public init(copyBytes: UInt64 = 512 << 10) { self.copyBytes = copyBytes }

    public static let magic: UInt32 = 0x4844_5748  // "HWDH"
    /// Of header and records: one number, which changes with either.
    public static let version: UInt16 = 3
    private static let frontBytes = 20
    public static let cursorBytes: UInt64 = 4096

    public func offset(generation: UInt64) -> UInt64 { generation % 2 * copyBytes }
    public var cursorOffset: UInt64 { 2 * copyBytes }
    /// Where the ring begins.
    public var ringOffset: UInt64 { 2 * copyBytes + HeaderFormat.cursorBytes }

    /// The bytes of one copy.
    public func encode(_ header: RVGHeader) -> [UInt8] {
        var body = ByteWriter(reserving: 4096)
        body.put(header)
        precondition(body.bytes.count + HeaderFormat.frontBytes <= Int(copyBytes), "the header outgrew its place")
        var front = ByteWriter()
        front.put(HeaderFormat.magic)
        front.put(HeaderFormat.version)
        front.put(UInt16(0))
        front.put(UInt32(body.bytes.count))
        front.put(checksum(body.bytes))
        front.put(checksum(front.bytes))
        return front.bytes + body.bytes
    }

    /// What one copy's place holds: nil when it was never written or is torn.
    /// - Throws: when it is whole but of another version, which must not be taken for torn.
    public func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> RVGHeader? {
        guard bytes.count >= HeaderFormat.frontBytes else { return nil }
        var reader = ByteReader(bytes)
        let magic = try reader.take(UInt32.self)
        let version = try reader.take(UInt16.self)
        _ = try reader.take(UInt16.self)
        let length = Int(try reader.take(UInt32.self))
        let bodyCRC = try reader.take(UInt32.self)
        let frontCRC = try reader.take(UInt32.self)
        guard magic == HeaderFormat.magic, frontCRC == checksum(Array(bytes[..<16])), length <= reader.remaining else {
            return nil
        }
        guard version == HeaderFormat.version else {
            throw MalformedBytes("log header of version \(version); this release reads \(HeaderFormat.version)")
        }
        let body = Array(bytes[HeaderFormat.frontBytes..<HeaderFormat.frontBytes + length])
        guard checksum(body) == bodyCRC else { return nil }
        var bodyReader = ByteReader(body)
        return try RVGHeader(from: &bodyReader)
    }

    /// How far a synchronization has come on its target.
    ///
    /// It saves work and proves nothing.
    public struct Cursor: Hashable, Sendable {
        public var job: CheckpointID
        public var volume: UInt32
        public var offset: UInt64

        public init(job: CheckpointID, volume: UInt32, offset: UInt64) {
            self.job = job
            self.volume = volume
            self.offset = offset
        }
    }

    public func encode(_ cursor: Cursor) -> [UInt8] {
        var writer = ByteWriter()
        writer.put(HeaderFormat.magic)
        writer.put(cursor.job)
        writer.put(cursor.volume)
        writer.put(cursor.offset)
        writer.put(checksum(writer.bytes))
        return writer.bytes
    }

    /// Nil unless the bytes are a whole cursor.
    public func decodeCursor(_ bytes: [UInt8]) -> Cursor? {
        var reader = ByteReader(bytes)
        guard let magic = try? reader.take(UInt32.self), magic == HeaderFormat.magic,
            let job = try? reader.takeValue(CheckpointID.self), let volume = try? reader.take(UInt32.self),
            let offset = try? reader.take(UInt64.self), let crc = try? reader.take(UInt32.self),
            crc == checksum(Array(bytes[..<24]))
        else { return nil }
        return Cursor(job: job, volume: volume, offset: offset)
    }
}
