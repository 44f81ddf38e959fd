/// A value that may leave its Lua state: a copy, that nothing in the state can change any more.
public enum LuaValue: Sendable, Equatable {
    case none
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    /// Lua's strings are bytes; see ``text`` for those that are UTF-8.
    case string([UInt8])
    case table(LuaTable)
    /// An object of a declared class.
    case object(LuaObject)
    /// A function that was given as an argument; it cannot leave its state, so only that it is one is told.
    case function

    /// The string, if it is one and is UTF-8.
    public var text: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The number, whole or not, if it is one.
    public var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
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
        case .object(let object): "a \(object.className)"
        case .function: "a function"
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

/// An object as it crosses the boundary: its class and its fields.
public struct LuaObject: Sendable, Equatable {
    public var className: String
    public var fields: LuaTable

    public init(_ className: String, _ fields: [String: LuaValue]) {
        self.className = className
        self.fields = LuaTable(fields: fields.map { LuaTable.Field(name: $0.key, value: $0.value) })
    }

    init(_ className: String, _ fields: LuaTable) {
        self.className = className
        self.fields = fields
    }

    public subscript(name: String) -> LuaValue { fields[name] }
}

extension LuaValue {
    public static func text(_ text: String) -> LuaValue { .string(Array(text.utf8)) }
    /// A table of names; fields whose value is ``none`` are left out.
    public static func record(_ fields: KeyValuePairs<String, LuaValue>) -> LuaValue {
        .table(
            LuaTable(fields: fields.filter { $0.value != .none }.map { LuaTable.Field(name: $0.key, value: $0.value) })
        )
    }
    public static func list(_ values: [LuaValue]) -> LuaValue { .table(LuaTable(array: values)) }
}
