import HomewardAdministration
import HomewardCore

/// A message on its way: as bytes where it has a format of bytes.
enum Packet {
    case plain(PeerMessage)
    case replication([UInt8])
    case sync([UInt8])

    init(_ message: PeerMessage, planted: PlantedBug?) {
        switch message {
        case .contact, .prepare, .vote: self = .plain(message)
        case .replication(var message):
            if planted == .applyUnproven { message = Packet.lie(message) }
            var writer = ByteWriter()
            writer.put(message)
            self = .replication(writer.bytes)
        case .sync(let message):
            var writer = ByteWriter()
            writer.put(message)
            self = .sync(writer.bytes)
        }
    }

    private static let allDurable = DurabilityMarks(durable: .never, wanted: .zero)

    private static func lie(_ message: ReplicationMessage) -> ReplicationMessage {
        switch message {
        case .start(let attach, let number, let history, _):
            .start(attach, number: number, history: history, durable: .never)
        case .records(let attach, let epoch, _, let records): .records(attach, epoch: epoch, marks: allDurable, records)
        case .heartbeat(let attach, _, let end, let time):
            .heartbeat(attach, marks: allDurable, end: end, wallTime: time)
        case .report, .acknowledge, .notAttached: message
        }
    }

    func unpack() throws(MalformedBytes) -> PeerMessage {
        switch self {
        case .plain(let message): return message
        case .replication(let bytes):
            var reader = ByteReader(bytes)
            return .replication(try reader.takeValue())
        case .sync(let bytes):
            var reader = ByteReader(bytes)
            return .sync(try reader.takeValue())
        }
    }
}
