/// What a step of the machines asks its driver to do at once.
///
/// Everything whose order matters is pulled from a lane instead.
public struct Effects: Sendable {
    /// The lanes that have work now.
    public struct Lanes: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let log = Lanes(rawValue: 1)
        public static let logSync = Lanes(rawValue: 2)
        public static let header = Lanes(rawValue: 4)
        public static let apply = Lanes(rawValue: 8)
        public static let volumeSync = Lanes(rawValue: 16)
        public static let peers = Lanes(rawValue: 32)
    }

    /// The end of one request of the application.
    public struct Reply: Hashable, Sendable {
        public var token: UInt64
        public var failure: WriteFailure?

        public init(token: UInt64, failure: WriteFailure? = nil) {
            self.token = token
            self.failure = failure
        }
    }

    /// Something for the daemon's log.
    public struct Note: Hashable, Sendable {
        public var text: String
    }

    public var replies: [Reply] = []
    public var wake: Lanes = []
    /// Writers that wait for room may try again.
    public var admissionChanged = false
    public var notes: [Note] = []

    public init() {}

    public mutating func note(_ text: String) { notes.append(Note(text: text)) }
}

/// Why a write of the application failed although it was well formed.
public enum WriteFailure: Hashable, Sendable {
    /// Fenced, stopped, or not a Primary (any more).
    case closed(Refusal)
    /// `synchronous=fail`, `srlprot=fail` or `latencyprot=fail` and the link is down.
    case protection(Refusal)
    case device(Refusal)
}

/// Bytes that the driver holds until the record is written: which buffer, and where in it.
public struct PayloadReference: Hashable, Sendable {
    public var buffer: UInt64
    public var offset: Int
    public var count: Int

    public init(buffer: UInt64, offset: Int, count: Int) {
        self.buffer = buffer
        self.offset = offset
        self.count = count
    }

    public static let none = PayloadReference(buffer: 0, offset: 0, count: 0)
}

/// Records to be written to the ring in one go; they lie one behind the other but for gaps up to the next 4 KiB.
public struct LogBatch: Sendable {
    public struct Item: Sendable {
        public var record: Record
        public var payload: PayloadReference
    }

    public var items: [Item]
    public var through: UpdateID
}

/// Records to be carried out on the volumes, in order, read from the log; all are durable there.
public struct ApplyBatch: Sendable {
    public var records: [Record]
    public var through: UpdateID
    /// Given back with the result: a batch of an earlier reign of the log is not counted.
    public var generation: UInt64

    package init(records: [Record], through: UpdateID, generation: UInt64) {
        self.records = records
        self.through = through
        self.generation = generation
    }
}

/// A range of a read that is still in the log only.
public struct OverlayPiece: Hashable, Sendable {
    /// Within the volume.
    public var offset: UInt64
    public var length: UInt64
    /// Where its bytes are in the log; nil: zeroes.
    public var source: LogPosition?
}
