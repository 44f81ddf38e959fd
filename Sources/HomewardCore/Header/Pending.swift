/// A promise this host made to another, that only the other's word can end: kept over crashes.
///
/// The word is the other host's ``Contact``: what it holds now says whether it committed.
public enum Pending: Hashable, Sendable {
    /// A Secondary announced a takeover: from now on no frame of a reign that `epoch` closes is taken.
    case takeover(TransactionID, by: HostID, epoch: Epoch, firstID: UpdateID)
    /// An old Primary announced that it becomes a Secondary; its RLINK here was as given.
    case makesec(TransactionID, by: HostID, linkBefore: LinkRecord.Attachment)
    /// A Primary announced an attachment under which this Secondary will follow it.
    case attach(AttachID, by: HostID)
    /// The Primary announced that it hands its role to this host, under `epoch`.
    case migrate(TransactionID, by: HostID, epoch: Epoch, firstID: UpdateID)

    /// Most that the header has room for: each host of an RDS asks for one at a time.
    public static let countLimit = 64

    public var peer: HostID {
        switch self {
        case .takeover(_, let peer, _, _), .makesec(_, let peer, _), .attach(_, let peer), .migrate(_, let peer, _, _):
            peer
        }
    }

    /// The name under which the deciding host knows it.
    public var token: UInt64 {
        switch self {
        case .takeover(let transaction, _, _, _), .makesec(let transaction, _, _), .migrate(let transaction, _, _, _):
            transaction.rawValue
        case .attach(let attach, _):
            attach.rawValue
        }
    }

    /// Whether what was promised could end the reign that a Primary with this history is in.
    public func mayEnd(_ history: History) -> Bool {
        guard case .takeover(_, _, let epoch, _) = self, let reign = history.current?.reign else { return true }
        return epoch.closes.contains(reign)
    }

    /// For messages.
    public var verb: String {
        switch self {
        case .takeover: "takeover"
        case .makesec: "makesec"
        case .attach: "startrep"
        case .migrate: "migrate"
        }
    }
}

extension Pending: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .takeover(let transaction, let peer, let epoch, let firstID):
            writer.put(UInt8(1))
            writer.put(transaction)
            writer.put(peer)
            writer.put(epoch)
            writer.put(firstID)
        case .makesec(let transaction, let peer, let before):
            writer.put(UInt8(2))
            writer.put(transaction)
            writer.put(peer)
            switch before {
            case .detached:
                writer.put(UInt64?.none)
                writer.put(UpdateID.zero)
            case .attached(let attach, let cursor):
                writer.put(UInt64?.some(attach.rawValue))
                writer.put(cursor)
            }
        case .attach(let attach, let peer):
            writer.put(UInt8(3))
            writer.put(attach)
            writer.put(peer)
        case .migrate(let transaction, let peer, let epoch, let firstID):
            writer.put(UInt8(4))
            writer.put(transaction)
            writer.put(peer)
            writer.put(epoch)
            writer.put(firstID)
        }
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        switch try reader.take(UInt8.self) {
        case 1:
            self = .takeover(
                try reader.takeValue(),
                by: try reader.takeValue(),
                epoch: try reader.takeValue(),
                firstID: try reader.takeValue()
            )
        case 2:
            let transaction = try reader.takeValue(TransactionID.self)
            let peer = try reader.takeValue(HostID.self)
            let attach = try reader.takeOptional(UInt64.self)
            let cursor = try reader.takeValue(UpdateID.self)
            self = .makesec(
                transaction,
                by: peer,
                linkBefore: attach.map { .attached(AttachID(rawValue: $0), cursor: cursor) } ?? .detached
            )
        case 3:
            self = .attach(try reader.takeValue(), by: try reader.takeValue())
        case 4:
            self = .migrate(
                try reader.takeValue(),
                by: try reader.takeValue(),
                epoch: try reader.takeValue(),
                firstID: try reader.takeValue()
            )
        default:
            throw MalformedBytes("unknown kind of pending transaction")
        }
    }
}
