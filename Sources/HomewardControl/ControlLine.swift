import FoundationEssentials
import HomewardAdministration
import HomewardCore

/// The body of `POST /v1/request`.
package struct ControlEnvelope: Hashable, Sendable, Codable {
    package var request: HomewardAdministration.Request
    /// The peer that shall answer instead.
    package var host: String?
    /// The client's own name for the request: what it takes it back by, with `POST /v1/cancel`.
    package var id: String?

    package init(request: HomewardAdministration.Request, host: String?, id: String? = nil) {
        self.request = request
        self.host = host
        self.id = id
    }
}

/// The body of `POST /v1/cancel`.
package struct ControlCancellation: Hashable, Sendable, Codable {
    package var id: String

    package init(id: String) { self.id = id }
}

/// One line of the answer to a request: any number of progress lines, then exactly one of the other two.
///
/// Blank lines stand between them while nothing is to be told; they carry no meaning but that both ends live.
package enum ControlLine: Sendable, Codable {
    case progress(HomewardAdministration.Progress)
    case answer(Answer)
    case error(Refusal)

    private enum Key: String, CodingKey {
        case progress, answer, error
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let progress = try container.decodeIfPresent(HomewardAdministration.Progress.self, forKey: .progress) {
            self = .progress(progress)
        } else if let refusal = try container.decodeIfPresent(Refusal.self, forKey: .error) {
            self = .error(refusal)
        } else {
            self = .answer(try container.decode(Answer.self, forKey: .answer))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .progress(let progress): try container.encode(progress, forKey: .progress)
        case .answer(let answer): try container.encode(answer, forKey: .answer)
        case .error(let refusal): try container.encode(refusal, forKey: .error)
        }
    }

    /// The line as it goes over the socket, newline included; keys are sorted so that equal values give equal bytes.
    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// Reads what ``encoded()`` wrote, without the newline; nil of a blank line.
    /// - Throws: A decoding error of anything else.
    package static func decoded(_ bytes: some Sequence<UInt8>) throws -> ControlLine? {
        let data = Data(bytes)
        guard data.contains(where: { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: " ") }) else { return nil }
        return try JSONDecoder().decode(ControlLine.self, from: data)
    }
}

/// What a decoding error says, in one line that names the field.
package func explanation(of error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .keyNotFound(let key, let context):
        return "the field \(key.stringValue) is missing\(place(context))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
        return "\(context.debugDescription)\(place(context))"
    @unknown default:
        return "\(error)"
    }
}

private func place(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.map(\.stringValue).joined(separator: ".")
    return path.isEmpty ? "" : " (at \(path))"
}
