/// A value that may leave its Lua state: a copy, that nothing in the state can change any more.
public enum LuaValue: Sendable, Equatable {
    case none
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    /// Lua's strings are bytes; see ``text`` for those that are UTF-8.
    case string([UInt8])
    case table(LuaTable)

    /// The string, if it is one and is UTF-8.
    public var text: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// What it is, for messages: "the string \"7110\"", "the number 7", "a table", "nothing".
    public var found: String {
        switch self {
        case .none: "nothing"
        case .boolean(let value): "the boolean \(value)"
        case .integer(let value): "the number \(value)"
        case .number(let value): "the number \(value)"
        case .string(let bytes):
            if let text {
                "the string \"\(text.prefix(80))\(text.count > 80 ? "…" : "")\""
            } else {
                "a string of \(bytes.count) bytes that is not UTF-8"
            }
        case .table: "a table"
        }
    }
}

/// A copy of a Lua table: its sequence, and its fields in the order of their names, the same on every run.
public struct LuaTable: Sendable, Equatable {
    /// One entry with a string for a key.
    public struct Field: Sendable, Equatable {
        public var name: String
        public var value: LuaValue

        public init(name: String, value: LuaValue) {
            self.name = name
            self.value = value
        }
    }

    /// The values of the keys 1 to n.
    public var array: [LuaValue]
    /// Sorted by the bytes of their names.
    public private(set) var fields: [Field]

    public init(array: [LuaValue] = [], fields: [Field] = []) {
        self.array = array
        self.fields = fields.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The value of a field; ``LuaValue/none`` when there is none of that name.
    public subscript(name: String) -> LuaValue {
        fields.first { $0.name == name }?.value ?? .none
    }
}
