import Foundation
import HomewardCore
import HomewardRunbooks
import HomewardWire
import LuaHost

/// What `host.lua` says of a host.
public struct HostConfiguration: Hashable, Sendable {
    public var name: String
    /// Absolute; catalog, sockets and journal lie in it.
    public var directory: String
    /// `ADDRESS:PORT`, loopback.
    public var listen: String
    /// Addresses by name; never this host itself.
    public var peers: [String: String]

    public init(name: String, directory: String, listen: String, peers: [String: String]) {
        self.name = name
        self.directory = directory
        self.listen = listen
        self.peers = peers
    }

    /// The keys of the file, in the order of the documentation.
    private static let keys = ["name", "directory", "listen", "peers"]
    private static let example =
        #"return { name = "seattle", directory = "/var/lib/homeward", listen = "127.0.0.1:7110", peers = { london = "127.0.0.1:7111" } }"#

    /// Reads a file.
    ///
    /// A relative `directory` is meant relative to the file's folder.
    ///
    /// - Throws: `bad-configuration` naming file, key, what was found and what is expected; `not-loopback` for addresses
    ///   that need TLS; `io-error` when the file cannot be read.
    public init(path: String, limits: LuaLimits = LuaLimits()) throws(Refusal) {
        let file = URL(fileURLWithPath: path).standardizedFileURL
        let source: [UInt8]
        do throws(ScriptFile.Failure) {
            source = try ScriptFile.bytes(file.path)
        } catch {
            let (message, hint) = error.told(of: file.path)
            let naming = "name the file with --config; it contains: \(Self.example)"
            throw Refusal(.ioError, file.path, message, hint: error == .missing ? naming : hint)
        }
        self = try Self.parse(source: source, path: file.path, limits: limits)
    }

    /// The same from text that is already in memory; `path` is absolute.
    package static func parse(
        source: [UInt8],
        path: String,
        limits: LuaLimits = LuaLimits()
    ) throws(Refusal) -> HostConfiguration {
        let value: LuaValue
        do throws(LuaError) {
            value = try LuaChunk.evaluate(source: source, name: path, limits: limits)
        } catch {
            throw Refusal(.badConfiguration, path, "\(error.message) [\(error.code.rawValue)]", hint: error.hint)
        }
        guard case .table(let table) = value else {
            throw Refusal(
                .badConfiguration,
                path,
                "the file returns \(value.found), expected is a table",
                hint: "end it with: \(example)"
            )
        }
        return try HostConfiguration(table, path: path)
    }

    private init(_ table: LuaTable, path: String) throws(Refusal) {
        func wrong(_ key: String, _ value: LuaValue, expected: String, hint: String) -> Refusal {
            Refusal(.badConfiguration, path, "\(key) is \(value.found), expected is \(expected)", hint: hint)
        }
        func text(_ key: String, expected: String) throws(Refusal) -> String {
            guard let text = table[key].text, !text.isEmpty else {
                throw wrong(key, table[key], expected: expected, hint: "for example: \(Self.example)")
            }
            return text
        }
        try Self.refuseUnknownKeys(table, path: path)

        let name = try text("name", expected: "a name")
        try Self.check(name: name, key: "name", path: path)
        let directory = try text("directory", expected: "the path of a folder")
        guard !directory.utf8.contains(0) else {
            throw wrong(
                "directory",
                table["directory"],
                expected: "a path without a zero byte",
                hint: "correct the path"
            )
        }
        let listen = try text("listen", expected: "an address such as \"127.0.0.1:7110\"")
        try Self.check(address: listen, key: "listen", path: path)

        var peers: [String: String] = [:]
        switch table["peers"] {
        case .none: break
        case .table(let entries) where entries.array.isEmpty:
            for entry in entries.fields {
                let key = "peers.\(entry.name)"
                try Self.check(name: entry.name, key: key, path: path)
                guard entry.name != name else {
                    throw Refusal(
                        .badConfiguration,
                        path,
                        "\(key) names this host itself",
                        hint: "list only the other hosts in peers"
                    )
                }
                guard let address = entry.value.text else {
                    throw wrong(
                        key,
                        entry.value,
                        expected: "an address such as \"127.0.0.1:7111\"",
                        hint: "write \(entry.name) = \"ADDRESS:PORT\""
                    )
                }
                let parsed = try Self.check(address: address, key: key, path: path)
                guard parsed.port != 0 else {
                    throw wrong(
                        key,
                        entry.value,
                        expected: "an address with a port other than 0",
                        hint: "write the port on which \(entry.name) listens"
                    )
                }
                peers[entry.name] = address
            }
        case let other:
            throw wrong(
                "peers",
                other,
                expected: "a table of addresses by name",
                hint: "write peers = { london = \"127.0.0.1:7111\" }"
            )
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        self.init(
            name: name,
            directory: URL(fileURLWithPath: directory, relativeTo: folder).standardizedFileURL.path,
            listen: listen,
            peers: peers
        )
    }

    private static func refuseUnknownKeys(_ table: LuaTable, path: String) throws(Refusal) {
        if let first = table.array.first {
            throw Refusal(
                .badConfiguration,
                path,
                "\(first.found) stands in the table without a key",
                hint: "the keys are \(keys.joined(separator: ", "))"
            )
        }
        for field in table.fields where !keys.contains(field.name) {
            let nearest = Spelling.nearest(to: field.name, among: keys)
            throw Refusal(
                .badConfiguration,
                path,
                "the key \(field.name) is unknown",
                hint: nearest.map { "did you mean \($0)?" } ?? "the keys are \(keys.joined(separator: ", "))"
            )
        }
    }

    /// Names of hosts: 1 to 63 characters of `[A-Za-z0-9._-]`, not beginning with `-`.
    private static func check(name: String, key: String, path: String) throws(Refusal) {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard allowed, (1...63).contains(name.utf8.count), !name.hasPrefix("-") else {
            throw Refusal(
                .badConfiguration,
                path,
                "\(key): the name \"\(name.prefix(80))\" has \(name.utf8.count) bytes, expected are 1 to 63 of A-Z a-z 0-9 . _ -, not beginning with -",
                hint: "choose another name"
            )
        }
    }

    @discardableResult
    private static func check(address: String, key: String, path: String) throws(Refusal) -> PeerAddress {
        do throws(Refusal) {
            return try PeerAddress(address, of: path)
        } catch {
            throw Refusal(error.code, path, "\(key): \(error.message)", hint: error.hint)
        }
    }
}
