/// What flows over the bulk connection: comparison and blocks of one synchronization.
///
/// Each carries its job.
public enum SyncMessage: Hashable, Sendable {
    /// Source: the hashes of an extent's blocks, in order.
    case hashes(CheckpointID, volume: UInt32, offset: UInt64, [BlockHash])
    /// Target: the blocks of an extent that differ, by index, after comparing.
    case differing(CheckpointID, volume: UInt32, offset: UInt64, [UInt64])
    /// Source: one block; no bytes when it is all zero.
    case block(CheckpointID, volume: UInt32, offset: UInt64, length: UInt64, hash: BlockHash, bytes: [UInt8])
    /// Target: all blocks of the extent are written and durable.
    case written(CheckpointID, volume: UInt32, offset: UInt64)
    /// Source: everything is written; the end mark made for this target, and the epoch it is in.
    case finished(CheckpointID, start: UpdateID, end: UpdateID, epoch: EpochID)
    /// Either: the job is over, and why.
    case cancelled(CheckpointID, reason: Refusal)

    public var job: CheckpointID {
        switch self {
        case .hashes(let job, _, _, _), .differing(let job, _, _, _), .block(let job, _, _, _, _, _),
            .written(let job, _, _), .finished(let job, _, _, _), .cancelled(let job, _):
            job
        }
    }
}

extension SyncMessage: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .hashes(let job, let volume, let offset, let hashes):
            put(1, job, volume, offset, into: &writer)
            writer.put(hashes)
        case .differing(let job, let volume, let offset, let indices):
            put(2, job, volume, offset, into: &writer)
            writer.put(indices)
        case .block(let job, let volume, let offset, let length, let hash, let bytes):
            put(3, job, volume, offset, into: &writer)
            writer.put(length)
            writer.put(hash)
            writer.put(bytes)
        case .written(let job, let volume, let offset):
            put(4, job, volume, offset, into: &writer)
        case .finished(let job, let start, let end, let epoch):
            put(5, job, 0, 0, into: &writer)
            writer.put(start)
            writer.put(end)
            writer.put(epoch)
        case .cancelled(let job, let reason):
            put(6, job, 0, 0, into: &writer)
            writer.put(reason.code.rawValue)
            writer.put(reason.object)
            writer.put(reason.message)
            writer.put(reason.hint)
        }
    }

    private func put(
        _ kind: UInt8,
        _ job: CheckpointID,
        _ volume: UInt32,
        _ offset: UInt64,
        into writer: inout ByteWriter
    ) {
        writer.put(kind)
        writer.put(job)
        writer.put(volume)
        writer.put(offset)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        let kind = try reader.take(UInt8.self)
        let job = try reader.takeValue(CheckpointID.self)
        let volume = try reader.take(UInt32.self)
        let offset = try reader.take(UInt64.self)
        switch kind {
        case 1: self = .hashes(job, volume: volume, offset: offset, try reader.takeArray())
        case 2: self = .differing(job, volume: volume, offset: offset, try reader.takeArray())
        case 3:
            self = .block(
                job,
                volume: volume,
                offset: offset,
                length: try reader.take(),
                hash: try reader.takeValue(),
                bytes: try reader.takeBytes()
            )
        case 4: self = .written(job, volume: volume, offset: offset)
        case 5:
            self = .finished(
                job,
                start: try reader.takeValue(),
                end: try reader.takeValue(),
                epoch: try reader.takeValue()
            )
        case 6:
            guard let code = RefusalCode(rawValue: try reader.takeText()) else { throw MalformedBytes("unknown code") }
            let object = try reader.takeText()
            let message = try reader.takeText()
            self = .cancelled(job, reason: Refusal(code, object, message, hint: try reader.takeText()))
        default: throw MalformedBytes("unknown synchronization message \(kind)")
        }
    }
}
