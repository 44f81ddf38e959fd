/// A stretch of the lineage in which one host numbered the updates without a break.
///
/// Takeover, migrate and creation open a *reign*; an unclean start of the Primary opens a further epoch of the same reign.
/// Numbers order nothing across branches: two hosts may open the same number. The random id is what counts.
public struct Epoch: Hashable, Sendable, Codable {
    public enum Kind: UInt8, Hashable, Sendable, Codable {
        case creation = 0
        case takeover = 1
        case migrate = 2
        case uncleanStart = 3
    }

    /// 1 + the highest that the opening host had heard of.
    public var number: UInt64
    public var id: EpochID
    public var host: HostID
    /// Label of that host, for messages.
    public var hostName: String
    public var kind: Kind
    /// The epoch that opened the reign this one belongs to: itself, but for an unclean start.
    public var reign: EpochID
    /// The reigns that this epoch ends, those that they had ended in turn included.
    public var closes: [EpochID]

    public init(
        number: UInt64,
        id: EpochID,
        host: HostID,
        hostName: String,
        kind: Kind,
        reign: EpochID,
        closes: [EpochID]
    ) {
        self.number = number
        self.id = id
        self.host = host
        self.hostName = hostName
        self.kind = kind
        self.reign = reign
        self.closes = closes
    }

    /// Whether it opened a reign in competition with others: what can be a rival.
    public var isClaim: Bool {
        switch kind {
        case .takeover, .migrate: true
        case .creation, .uncleanStart: false
        }
    }

    /// Closed reigns that an epoch carries; the oldest beyond are of no use to anybody still in the lineage.
    public static let closesLimit = 64
}

extension Epoch: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(number)
        writer.put(id)
        writer.put(host)
        writer.put(hostName)
        writer.put(kind.rawValue)
        writer.put(reign)
        writer.put(closes)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        let number = try reader.take(UInt64.self)
        let id = try reader.takeValue(EpochID.self)
        let host = try reader.takeValue(HostID.self)
        let name = try reader.takeText()
        guard let kind = Kind(rawValue: try reader.take()) else { throw MalformedBytes("unknown kind of epoch") }
        self.init(
            number: number,
            id: id,
            host: host,
            hostName: name,
            kind: kind,
            reign: try reader.takeValue(),
            closes: try reader.takeArray()
        )
    }
}
