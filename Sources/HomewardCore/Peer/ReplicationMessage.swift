/// What flows over the replication connection.
///
/// Every message carries the attachment it belongs to.
public enum ReplicationMessage: Hashable, Sendable {
    /// Primary: a session begins under this attachment; the number tells a repeated start from the one before it.
    case start(AttachID, number: UInt64, history: History, durable: UpdateID)
    /// Secondary: its history is the Primary's now, and its log ends here; the number is the start's.
    case report(AttachID, number: UInt64, loggedEnd: UpdateID)
    /// Primary: records in order, each as it stands in its log; their payloads follow in the same order.
    case records(AttachID, epoch: EpochID, marks: DurabilityMarks, [SentRecord])
    /// Secondary: received contiguously; logged durably.
    case acknowledge(AttachID, received: UpdateID, logged: UpdateID)
    /// Primary: nothing new but its positions.
    case heartbeat(AttachID, marks: DurabilityMarks, end: UpdateID, wallTime: UInt64)
    /// Either side: a message came under an attachment that is not the receiver's.
    case notAttached(AttachID)

    public var attach: AttachID {
        switch self {
        case .start(let attach, _, _, _), .report(let attach, _, _), .records(let attach, _, _, _),
            .acknowledge(let attach, _, _), .heartbeat(let attach, _, _, _), .notAttached(let attach):
            attach
        }
    }
}

/// What a Primary says with everything it sends of the durability of its records.
public struct DurabilityMarks: Hashable, Sendable {
    /// Durable in the Primary's own log: a Secondary applies up to here.
    public var durable: UpdateID
    /// The Secondary is to make its log durable up to here at once: somebody waits for it, or the Primary has done so itself.
    ///
    /// A synchronous flush names its record before it is durable at home, so that both hosts' `fdatasync` run side by side.
    public var wanted: UpdateID

    public init(durable: UpdateID, wanted: UpdateID) {
        self.durable = durable
        self.wanted = wanted
    }
}

extension DurabilityMarks: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(durable)
        writer.put(wanted)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(durable: try reader.takeValue(), wanted: try reader.takeValue())
    }
}

/// A record on its way, with the bytes that follow it in the log.
public struct SentRecord: Hashable, Sendable {
    public var record: Record
    public var payload: [UInt8]

    public init(record: Record, payload: [UInt8]) {
        self.record = record
        self.payload = payload
    }
}

extension ReplicationMessage: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .start(let attach, let number, let history, let durable):
            writer.put(UInt8(1))
            writer.put(attach)
            writer.put(number)
            writer.put(history)
            writer.put(durable)
        case .report(let attach, let number, let end):
            writer.put(UInt8(2))
            writer.put(attach)
            writer.put(number)
            writer.put(end)
        case .records(let attach, let epoch, let marks, let records):
            writer.put(UInt8(3))
            writer.put(attach)
            writer.put(epoch)
            writer.put(marks)
            writer.put(records)
        case .acknowledge(let attach, let received, let logged):
            writer.put(UInt8(4))
            writer.put(attach)
            writer.put(received)
            writer.put(logged)
        case .heartbeat(let attach, let marks, let end, let time):
            writer.put(UInt8(5))
            writer.put(attach)
            writer.put(marks)
            writer.put(end)
            writer.put(time)
        case .notAttached(let attach):
            writer.put(UInt8(6))
            writer.put(attach)
        }
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        let kind = try reader.take(UInt8.self)
        let attach = try reader.takeValue(AttachID.self)
        switch kind {
        case 1:
            self = .start(
                attach,
                number: try reader.take(),
                history: try reader.takeValue(),
                durable: try reader.takeValue()
            )
        case 2: self = .report(attach, number: try reader.take(), loggedEnd: try reader.takeValue())
        case 3:
            self = .records(
                attach,
                epoch: try reader.takeValue(),
                marks: try reader.takeValue(),
                try reader.takeArray()
            )
        case 4:
            self = .acknowledge(attach, received: try reader.takeValue(), logged: try reader.takeValue())
        case 5:
            self = .heartbeat(
                attach,
                marks: try reader.takeValue(),
                end: try reader.takeValue(),
                wallTime: try reader.take()
            )
        case 6: self = .notAttached(attach)
        default: throw MalformedBytes("unknown replication message \(kind)")
        }
    }
}

extension SentRecord: ByteCodable {
    /// The tag on the wire: records travel between hosts of one RVG, which the frame names.
    private static let wireTag: UInt64 = 0

    public func encode(into writer: inout ByteWriter) {
        writer.append(record.encodeHeader(rvgTag: SentRecord.wireTag))
        writer.put(payload)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        var header: [UInt8] = []
        header.reserveCapacity(Record.headerBytes)
        for _ in 0..<Record.headerBytes / 8 {
            let word = try reader.take(UInt64.self)
            withUnsafeBytes(of: word.littleEndian) { header.append(contentsOf: $0) }
        }
        guard let record = Record.decodeHeader(header, rvgTag: SentRecord.wireTag) else {
            throw MalformedBytes("damaged record in a frame")
        }
        let payload = try reader.takeBytes()
        guard payload.count == Int(record.payloadBytes), checksum(payload) == record.payloadCRC else {
            throw MalformedBytes("damaged payload of record \(record.id) in a frame")
        }
        self.init(record: record, payload: payload)
    }
}
