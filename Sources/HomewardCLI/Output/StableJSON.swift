import HomewardAdministration
import HomewardCore

/// JSON with sorted keys and with `null` for what is nil, so that a script finds every field of a kind of answer.
///
/// Foundation's encoder leaves nil fields out.
enum StableJSON {
    static func text(_ value: some Encodable) throws -> String {
        let node = Node()
        try node.write(value)
        return node.text
    }

    /// A value being built; a reference because containers fill it in after it was handed out.
    fileprivate final class Node {
        enum Content {
            case literal(String)
            case array([Node])
            case object([String: Node])
        }

        var content = Content.literal("null")

        func write(_ value: some Encodable) throws {
            switch value {
            case let value as String: content = .literal(StableJSON.quoted(value))
            case let value as Bool: content = .literal(value ? "true" : "false")
            case let value as Double: content = .literal(value.isFinite ? StableJSON.number(value) : "null")
            case let value as Float: try write(Double(value))
            case let value as any BinaryInteger & Encodable: content = .literal("\(value)")
            default: try value.encode(to: NodeEncoder(node: self, codingPath: []))
            }
        }

        func child(_ key: String) -> Node {
            let node = Node()
            var fields: [String: Node] = [:]
            if case .object(let old) = content { fields = old }
            fields[key] = node
            content = .object(fields)
            return node
        }

        func appended() -> Node {
            let node = Node()
            var items: [Node] = []
            if case .array(let old) = content { items = old }
            items.append(node)
            content = .array(items)
            return node
        }

        var text: String {
            switch content {
            case .literal(let text): text
            case .array(let items): "[\(items.map(\.text).joined(separator: ","))]"
            case .object(let fields):
                "{"
                    + fields.sorted { $0.key < $1.key }
                    .map { "\(StableJSON.quoted($0)):\($1.text)" }.joined(separator: ",") + "}"
            }
        }
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private struct NodeEncoder: Encoder {
        let node: Node
        let codingPath: [any CodingKey]
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
            if case .object = node.content {} else { node.content = .object([:]) }
            return KeyedEncodingContainer(Keyed<Key>(node: node, codingPath: codingPath))
        }

        func unkeyedContainer() -> any UnkeyedEncodingContainer {
            if case .array = node.content {} else { node.content = .array([]) }
            return Unkeyed(node: node, codingPath: codingPath)
        }

        func singleValueContainer() -> any SingleValueEncodingContainer { Single(node: node, codingPath: codingPath) }
    }

    private struct Single: SingleValueEncodingContainer {
        let node: Node
        let codingPath: [any CodingKey]

        func encodeNil() { node.content = .literal("null") }
        func encode(_ value: some Encodable) throws { try node.write(value) }
    }

    private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let node: Node
        let codingPath: [any CodingKey]

        func encodeNil(forKey key: Key) { _ = node.child(key.stringValue) }
        func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try node.child(key.stringValue).write(value) }

        // The synthesized code calls these for optional fields; the defaults would leave the field out.
        func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: String?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try optional(value, key) }
        func encodeIfPresent<T: Encodable>(_ value: T?, forKey key: Key) throws { try optional(value, key) }

        private func optional(_ value: (some Encodable)?, _ key: Key) throws {
            if let value { try encode(value, forKey: key) } else { encodeNil(forKey: key) }
        }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type,
            forKey key: Key
        ) -> KeyedEncodingContainer<Nested> {
            NodeEncoder(node: node.child(key.stringValue), codingPath: codingPath).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            NodeEncoder(node: node.child(key.stringValue), codingPath: codingPath).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { NodeEncoder(node: node.child("super"), codingPath: codingPath) }
        func superEncoder(forKey key: Key) -> any Encoder {
            NodeEncoder(node: node.child(key.stringValue), codingPath: codingPath)
        }
    }

    private struct Unkeyed: UnkeyedEncodingContainer {
        let node: Node
        let codingPath: [any CodingKey]

        var count: Int {
            if case .array(let items) = node.content { return items.count }
            return 0
        }

        func encodeNil() { _ = node.appended() }
        func encode(_ value: some Encodable) throws { try node.appended().write(value) }

        func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            NodeEncoder(node: node.appended(), codingPath: codingPath).container(keyedBy: type)
        }

        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
            NodeEncoder(node: node.appended(), codingPath: codingPath).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { NodeEncoder(node: node.appended(), codingPath: codingPath) }
    }
}

extension StableJSON {
    /// `{"error": {…}}`, the same fields as everywhere.
    static func text(_ refusal: Refusal) -> String {
        struct Wrapped: Encodable {
            var error: Refusal
        }
        return (try? text(Wrapped(error: refusal))) ?? "{}"
    }

    /// The value of an answer, without the name of its case.
    static func text(_ answer: Answer) throws -> String {
        switch answer {
        case .done(let value): try text(value)
        case .volumes(let value): try text(value)
        case .sum(let value): try text(value)
        case .rds(let value): try text(value)
        case .checkpoints(let value): try text(value)
        case .synchronized(let value): try text(value)
        case .link(let value): try text(value)
        case .updates(let value): try text(value)
        case .host(let value): try text(value)
        }
    }
}
