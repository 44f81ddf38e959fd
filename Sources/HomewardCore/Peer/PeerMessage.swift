/// Everything that two hosts say to each other about one RVG.
public enum PeerMessage: Hashable, Sendable {
    /// The state of the sender; on the control connection.
    case contact(Contact)
    /// Asks for a promise; on the control connection.
    case prepare(Prepare)
    /// Answers a ``prepare(_:)`` with the token it had.
    case vote(token: UInt64, Vote)
    /// On the replication connection.
    case replication(ReplicationMessage)
    /// On the bulk connection.
    case sync(SyncMessage)
}

/// A promise that one host asks of another before it commits.
public enum Prepare: Hashable, Sendable, Codable {
    /// The sender becomes Primary under `epoch` from `firstID` on.
    case takeover(TransactionID, epoch: Epoch, firstID: UpdateID, history: History, dataCount: UInt64)
    /// The sender becomes a Secondary of the receiver.
    case makesec(TransactionID, history: History, end: UpdateID, dataCount: UInt64)
    case attach(AttachOffer)
    /// The receiver becomes Primary under `epoch` from `firstID` on.
    case migrate(TransactionID, epoch: Epoch, firstID: UpdateID)
    case synchronize(SyncOffer)

    /// The data count of a takeover with `-f`: no host that holds more is heard.
    public static let overruling = UInt64.max

    public var token: UInt64 {
        switch self {
        case .takeover(let transaction, _, _, _, _), .makesec(let transaction, _, _, _),
            .migrate(let transaction, _, _):
            transaction.rawValue
        case .attach(let offer): offer.attach.rawValue
        case .synchronize(let offer): offer.job.rawValue
        }
    }
}

/// The conditions under which a Secondary's copy joins the stream (OperationSteps, 14).
public struct AttachOffer: Hashable, Sendable, Codable {
    public var attach: AttachID
    /// Nil: the copies are said to be identical at `start` (`-f`).
    public var checkpoint: CheckpointID?
    public var checkpointName: String?
    /// Made by hand: no receipt is asked for.
    public var madeByHand: Bool
    /// Records from `start + 1` on will be sent.
    public var start: UpdateID
    /// Consistent once this is logged; nil with `-f`.
    public var end: UpdateID?
    /// The Primary's history up to `start`, and the whole of it.
    public var historyAtStart: History
    public var history: History
    public var lastDataID: UpdateID
    public var dataCount: UInt64
    public var cumulativeBytes: UInt64
    public var volumes: [VolumeShape]
    /// Blocks for a sampled comparison; empty when a receipt proves the copy.
    public var sample: [SampledBlock]
    public var sampleSeed: UInt64

    public init(
        attach: AttachID,
        checkpoint: CheckpointID?,
        checkpointName: String?,
        madeByHand: Bool,
        start: UpdateID,
        end: UpdateID?,
        historyAtStart: History,
        history: History,
        lastDataID: UpdateID,
        dataCount: UInt64,
        cumulativeBytes: UInt64,
        volumes: [VolumeShape],
        sample: [SampledBlock],
        sampleSeed: UInt64
    ) {
        self.attach = attach
        self.checkpoint = checkpoint
        self.checkpointName = checkpointName
        self.madeByHand = madeByHand
        self.start = start
        self.end = end
        self.historyAtStart = historyAtStart
        self.history = history
        self.lastDataID = lastDataID
        self.dataCount = dataCount
        self.cumulativeBytes = cumulativeBytes
        self.volumes = volumes
        self.sample = sample
        self.sampleSeed = sampleSeed
    }
}

/// One block and its hash at the Primary.
public struct SampledBlock: Hashable, Sendable, Codable {
    public var volume: UInt32
    public var offset: UInt64
    public var length: UInt64
    public var hash: BlockHash

    public init(volume: UInt32, offset: UInt64, length: UInt64, hash: BlockHash) {
        self.volume = volume
        self.offset = offset
        self.length = length
        self.hash = hash
    }
}

/// Name and length of a data volume: equal on all hosts of an RDS.
public struct VolumeShape: Hashable, Sendable, Codable {
    public var name: String
    public var size: UInt64

    public init(name: String, size: UInt64) {
        self.name = name
        self.size = size
    }
}

/// XXH3, 128 bits, keyed by the run's seed.
public struct BlockHash: Hashable, Sendable, Codable, ByteCodable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public func encode(into writer: inout ByteWriter) {
        writer.put(high)
        writer.put(low)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(high: try reader.take(), low: try reader.take())
    }
}

/// The conditions of a synchronization or verification (OperationSteps, 8).
public struct SyncOffer: Hashable, Sendable, Codable {
    /// The checkpoint's id; of a verification a random one.
    public var job: CheckpointID
    public var name: String
    public var history: History
    public var volumes: [VolumeShape]
    public var blockBytes: UInt64
    public var extentBytes: UInt64
    public var seed: UInt64
    /// Compare and report only.
    public var verifyOnly: Bool
    /// Send every block.
    public var full: Bool
    /// Overrides `rival`.
    public var force: Bool

    public init(
        job: CheckpointID,
        name: String,
        history: History,
        volumes: [VolumeShape],
        blockBytes: UInt64,
        extentBytes: UInt64,
        seed: UInt64,
        verifyOnly: Bool,
        full: Bool,
        force: Bool
    ) {
        self.job = job
        self.name = name
        self.history = history
        self.volumes = volumes
        self.blockBytes = blockBytes
        self.extentBytes = extentBytes
        self.seed = seed
        self.verifyOnly = verifyOnly
        self.full = full
        self.force = force
    }
}

/// The answer to a ``Prepare``.
public enum Vote: Hashable, Sendable, Codable {
    case yes
    /// Begin the synchronization here; with what was given up for it.
    case begin(volume: UInt32, offset: UInt64, discarded: Discarded?)
    case no(Refusal)
}

/// Records that a host gave up, counted; the wider description is made where they are shown.
public struct Discarded: Hashable, Sendable, Codable {
    /// All data records that were given up.
    public var updates: UInt64
    /// Those of them that the log still had: what follows describes them, and the salvage file holds them.
    public var kept: UInt64
    public var bytes: UInt64
    public var firstID: UpdateID
    public var lastID: UpdateID
    /// Nanoseconds since 1970.
    public var firstTime: UInt64
    public var lastTime: UInt64
    /// Merged, sorted; at most ``rangeLimit``.
    public var ranges: [Range]
    public var rangesLeftOff: Int
    public var salvageFile: String?

    public static let rangeLimit = 64

    public struct Range: Hashable, Sendable, Codable {
        public var volume: UInt32
        public var offset: UInt64
        public var length: UInt64

        public init(volume: UInt32, offset: UInt64, length: UInt64) {
            self.volume = volume
            self.offset = offset
            self.length = length
        }
    }

    /// Describes the data records, `total` or fewer, that are left of those given up; nil when there are none to give up.
    public init?(total: UInt64, records: some Sequence<Record>) {
        guard total > 0 else { return nil }
        let data = records.filter(\.kind.isData)
        updates = total
        kept = UInt64(data.count)
        bytes = data.reduce(0) { $0 + $1.length }
        firstID = data.first?.id ?? .zero
        lastID = data.last?.id ?? .zero
        firstTime = data.first?.wallTime ?? 0
        lastTime = data.last?.wallTime ?? 0
        let merged = Discarded.merge(data.map { Range(volume: $0.volume, offset: $0.offset, length: $0.length) })
        ranges = Array(merged.prefix(Discarded.rangeLimit))
        rangesLeftOff = merged.count - ranges.count
    }

    private static func merge(_ ranges: [Range]) -> [Range] {
        var merged: [Range] = []
        for range in ranges.sorted(by: { ($0.volume, $0.offset) < ($1.volume, $1.offset) }) {
            if let last = merged.last, last.volume == range.volume, last.offset + last.length >= range.offset {
                merged[merged.count - 1].length = max(last.length, range.offset + range.length - last.offset)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}

extension Discarded: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        for number in [updates, kept, bytes, firstID.value, lastID.value, firstTime, lastTime, UInt64(rangesLeftOff)] {
            writer.put(number)
        }
        writer.put(ranges)
        writer.put(salvageFile ?? "")
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        updates = try reader.take()
        kept = try reader.take()
        bytes = try reader.take()
        firstID = try reader.takeValue()
        lastID = try reader.takeValue()
        firstTime = try reader.take()
        lastTime = try reader.take()
        rangesLeftOff = Int(clamping: try reader.take(UInt64.self))
        ranges = try reader.takeArray()
        let path = try reader.takeText()
        salvageFile = path.isEmpty ? nil : path
    }
}

extension Discarded.Range: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(volume)
        writer.put(offset)
        writer.put(length)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(volume: try reader.take(), offset: try reader.take(), length: try reader.take())
    }
}
