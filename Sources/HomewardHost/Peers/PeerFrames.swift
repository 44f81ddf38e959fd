import Foundation
import HomewardCore
import HomewardWire

/// Kinds of frames between hosts.
///
/// The first 16 bytes of an RVG's frame name the RVG.
enum FrameKind: UInt8 {
    case contact = 1
    case prepare = 2
    case vote = 3
    case replication = 4
    case synchronization = 5
    /// A ``PeerCall`` and what comes back of it.
    case call = 6
    case callProgress = 7
    case callAnswer = 8
    case callCancel = 9
    case callForget = 10

    var channel: PeerChannel {
        switch self {
        case .contact, .prepare, .vote, .call, .callProgress, .callAnswer, .callCancel, .callForget: .control
        case .replication: .replication
        case .synchronization: .bulk
        }
    }
}

private struct TokenVote: Codable {
    var token: UInt64
    var vote: Vote
}

/// Messages of an RVG as frames.
enum PeerFrames {
    static func encode(_ message: PeerMessage, rvg: RVGID) throws -> (kind: FrameKind, payload: [UInt8]) {
        var writer = ByteWriter(reserving: 512)
        writer.put(rvg)
        switch message {
        case .contact(let contact):
            writer.append(try json(contact))
            return (.contact, writer.bytes)
        case .prepare(let prepare):
            writer.append(try json(prepare))
            return (.prepare, writer.bytes)
        case .vote(let token, let vote):
            writer.append(try json(TokenVote(token: token, vote: vote)))
            return (.vote, writer.bytes)
        case .replication(let message):
            writer.put(message)
            return (.replication, writer.bytes)
        case .sync(let message):
            writer.put(message)
            return (.synchronization, writer.bytes)
        }
    }

    /// - Throws: whatever makes the frame one of a stranger.
    static func decode(kind: FrameKind, _ payload: [UInt8]) throws -> (rvg: RVGID, message: PeerMessage) {
        var reader = ByteReader(payload)
        let rvg = try reader.takeValue(RVGID.self)
        let message: PeerMessage
        switch kind {
        case .contact: message = .contact(try decode(reader.takeRest()))
        case .prepare: message = .prepare(try decode(reader.takeRest()))
        case .vote:
            let vote: TokenVote = try decode(reader.takeRest())
            message = .vote(token: vote.token, vote.vote)
        case .replication: message = .replication(try reader.takeValue())
        case .synchronization: message = .sync(try reader.takeValue())
        case .call, .callProgress, .callAnswer, .callCancel, .callForget:
            throw MalformedBytes("a call is not a message of an RVG")
        }
        return (rvg, message)
    }

    static func json(_ value: some Encodable) throws -> [UInt8] { [UInt8](try JSONEncoder().encode(value)) }

    static func decode<Value: Decodable>(_ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(bytes))
    }
}
