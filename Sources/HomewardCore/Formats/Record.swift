/// What a record of the log says happened.
public enum RecordKind: UInt8, Hashable, Sendable, Codable {
    /// Bytes of the application, in the payload.
    case write = 1
    /// The range reads as zeroes and keeps its space; no payload.
    case zeroes = 2
    /// The range reads as zeroes, a hole where possible; no payload.
    case trim = 3
    /// A checkpoint's start or end.
    case mark = 4
    /// The first record of an epoch.
    case role = 5

    /// Data records are what "holds", "diverged" and "unsent" count; marks and role records are not data.
    public var isData: Bool {
        switch self {
        case .write, .zeroes, .trim: true
        case .mark, .role: false
        }
    }
}

/// One record of the log, without its payload.
///
/// ```text
/// 0 magic 4 · version 3 · kind 1 · flags 1 │ 8 rvg tag │ 16 epoch │ 24 id │ 32 position
/// 40 volume 4 · payload CRC 4 │ 48 offset │ 56 length │ 64 data count │ 72 cumulative bytes
/// 80 durable id │ 88 wall time │ 96 life of the log │ 104 payload bytes 4 · header CRC 4 │ 112 payload, padded to 8
/// ```
/// All numbers little-endian. The header's CRC covers bytes 0 to 107.
public struct Record: Hashable, Sendable {
    public var kind: RecordKind
    public var epoch: EpochID
    public var id: UpdateID
    /// Where this copy lies: one of an earlier lap of the ring can never pass for it.
    public var position: LogPosition
    /// Index of the data volume within the RVG.
    public var volume: UInt32
    public var offset: UInt64
    public var length: UInt64
    /// Data records up to and with this one, since the lineage began.
    public var dataCount: UInt64
    /// Payload and range bytes up to and with this one, since the lineage began: for "behind" in bytes.
    public var cumulativeBytes: UInt64
    /// The id up to which the host that wrote this copy had made its own log durable.
    public var durableID: UpdateID
    /// Nanoseconds since 1970 at the Primary; for display only.
    public var wallTime: UInt64
    /// The life of the log in which this copy was written (``RVGHeader/logLife``).
    public var logLife: UInt64
    public var payloadCRC: UInt32
    /// Bytes that follow in the log: of a write its data, of a role record the epoch, else none.
    public var payloadBytes: UInt32

    public init(
        kind: RecordKind,
        epoch: EpochID,
        id: UpdateID,
        position: LogPosition,
        volume: UInt32 = 0,
        offset: UInt64 = 0,
        length: UInt64 = 0,
        dataCount: UInt64,
        cumulativeBytes: UInt64,
        durableID: UpdateID,
        wallTime: UInt64,
        logLife: UInt64,
        payloadCRC: UInt32 = 0,
        payloadBytes: UInt32 = 0
    ) {
        self.kind = kind
        self.epoch = epoch
        self.id = id
        self.position = position
        self.volume = volume
        self.offset = offset
        self.length = length
        self.dataCount = dataCount
        self.cumulativeBytes = cumulativeBytes
        self.durableID = durableID
        self.wallTime = wallTime
        self.logLife = logLife
        self.payloadCRC = payloadCRC
        self.payloadBytes = payloadBytes
    }

    public static let magic: UInt32 = 0x4352_5748  // "HWRC"
    /// The header's: a record of another version, which could only be taken for the end of the log, then never lies behind a
    /// header that this release reads.
    public static let version = HeaderFormat.version
    public static let headerBytes = 112
    /// A request above this is logged as several records.
    public static let payloadLimit = 1 << 20
    /// Records begin at multiples of this.
    public static let alignment: UInt64 = 8
    /// After an fdatasync the next record begins at a multiple of this, so that what is durable is never written again.
    public static let syncAlignment: UInt64 = 4096

    /// Bytes of log that the record takes, padding included.
    public var span: UInt64 { Record.span(payloadBytes: UInt64(payloadBytes)) }

    public static func span(payloadBytes: UInt64) -> UInt64 {
        (UInt64(headerBytes) + payloadBytes + alignment - 1) / alignment * alignment
    }

    /// The position just behind the record.
    public var end: LogPosition { LogPosition(position.value + span) }

    /// The 112 bytes before the payload.
    ///
    /// `rvgTag` keeps records of another RVG, whose log this file once was, apart.
    public func encodeHeader(rvgTag: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: Record.headerBytes)
        writer.put(Record.magic)
        writer.put(Record.version)
        writer.put(kind.rawValue)
        writer.put(UInt8(0))
        writer.put(rvgTag)
        writer.put(epoch.rawValue)
        writer.put(id.value)
        writer.put(position.value)
        writer.put(volume)
        writer.put(payloadCRC)
        writer.put(offset)
        writer.put(length)
        writer.put(dataCount)
        writer.put(cumulativeBytes)
        writer.put(durableID.value)
        writer.put(wallTime)
        writer.put(logLife)
        writer.put(payloadBytes)
        writer.put(checksum(writer.bytes))
        return writer.bytes
    }

    /// Reads a header; nil when it is none, is damaged, or belongs to another RVG.
    public static func decodeHeader(_ bytes: [UInt8], rvgTag: UInt64) -> Record? {
        bytes.withUnsafeBytes { decodeHeader($0, rvgTag: rvgTag) }
    }

    /// The same from memory that somebody else owns: a recovery reads millions of headers, and allocates for none.
    public static func decodeHeader(_ bytes: UnsafeRawBufferPointer, rvgTag: UInt64) -> Record? {
        guard bytes.count >= headerBytes else { return nil }
        var fields = FixedFields(bytes)
        guard fields.next() == magic, fields.next() == version, let kind = RecordKind(rawValue: fields.next()),
            fields.next() == UInt8(0), fields.next() == rvgTag
        else { return nil }
        let epoch = EpochID(rawValue: fields.next())
        let id = UpdateID(fields.next())
        let position = LogPosition(fields.next())
        let volume: UInt32 = fields.next()
        let payloadCRC: UInt32 = fields.next()
        let record = Record(
            kind: kind,
            epoch: epoch,
            id: id,
            position: position,
            volume: volume,
            offset: fields.next(),
            length: fields.next(),
            dataCount: fields.next(),
            cumulativeBytes: fields.next(),
            durableID: UpdateID(fields.next()),
            wallTime: fields.next(),
            logLife: fields.next(),
            payloadCRC: payloadCRC,
            payloadBytes: fields.next()
        )
        let sum: UInt32 = fields.next()
        guard sum == checksum(UnsafeRawBufferPointer(rebasing: bytes[..<(headerBytes - 4)])),
            record.payloadBytes <= UInt32(payloadLimit)
        else { return nil }
        return record
    }
}

/// Little-endian numbers one after the other, of memory that is known to hold them all.
private struct FixedFields {
    private let memory: UnsafeRawBufferPointer
    private var offset = 0

    init(_ memory: UnsafeRawBufferPointer) { self.memory = memory }

    mutating func next<Word: FixedWidthInteger>() -> Word {
        defer { offset += MemoryLayout<Word>.size }
        return Word(littleEndian: memory.loadUnaligned(fromByteOffset: offset, as: Word.self))
    }
}
