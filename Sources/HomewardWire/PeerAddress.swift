import HomewardCore
import NIOCore

/// A loopback address with a port, as `host.lua` has it: `127.0.0.1:7110`, `[::1]:7110`, `localhost:7110`.
public struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Numeric; `localhost` has become 127.0.0.1, since no name service is asked.
    public let host: String
    public let port: Int

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reads `ADDRESS:PORT`.
    ///
    /// - Parameters:
    ///   - text: what the configuration says.
    ///   - object: what it says it of, for the refusal.
    /// - Throws: `bad-configuration` when malformed, `not-loopback` when another machine could be meant.
    public init(_ text: String, of object: String) throws(Refusal) {
        func malformed(_ why: String) -> Refusal {
            Refusal(
                .badConfiguration,
                object,
                "the address \"\(text)\" \(why)",
                hint: "write ADDRESS:PORT with a loopback address, for example \"127.0.0.1:7110\""
            )
        }
        guard let colon = text.lastIndex(of: ":") else { throw malformed("has no port") }
        var name = String(text[..<colon])
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(digits),
            port <= 65_535
        else { throw malformed("has no port from 0 to 65535 after the last colon") }
        if name.hasPrefix("["), name.hasSuffix("]") {
            name = String(name.dropFirst().dropLast())
        } else if name.contains(":") {
            throw malformed("has an IPv6 address without brackets")
        }
        if name == "localhost" { name = "127.0.0.1" }
        guard !name.isEmpty else { throw malformed("names no address") }
        self.host = name
        self.port = port
        guard let socket = try? SocketAddress(ipAddress: name, port: port) else {
            // A host name cannot be told to be loopback without asking a name service, and is refused like a foreign address.
            let letters = name.utf8.contains { !((48...57).contains($0) || $0 == 46 || $0 == 58) }
            throw letters && !text.hasPrefix("[") ? Self.notLoopback(text, object) : malformed("is no IP address")
        }
        guard Self.isLoopback(socket) else { throw Self.notLoopback(text, object) }
    }

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    private static func notLoopback(_ text: String, _ object: String) -> Refusal {
        Refusal(
            .notLoopback,
            object,
            "\"\(text)\" is not a loopback address, and connections between hosts have no TLS yet",
            hint: "use an address in 127.0.0.0/8, [::1] or localhost"
        )
    }

    /// By the numeric form, which is normalized.
    private static func isLoopback(_ address: SocketAddress) -> Bool {
        guard let text = address.ipAddress else { return false }
        return text == "::1" || (text.hasPrefix("127.") && !text.contains(":"))
    }
}
