import FoundationEssentials
import LuaHost

/// Values of scripts as JSON: what the journal keeps, and what `--json` prints.
public enum LuaJSON {
    /// One line; fields in the order of their names.
    ///
    /// An empty table is `[]`, as a list is what is empty most often; see ``object(_:)``. A table with both a sequence
    /// and fields is an object, with the places of the sequence as names. Strings that are no UTF-8 have their wrong
    /// bytes replaced; functions and numbers that JSON does not have are `null`; an object is the table of its fields.
    public static func text(_ value: LuaValue) -> String {
        var out = ""
        write(value, into: &out)
        return out
    }

    /// The same of a value that is known to be an object, also when it is empty or nothing.
    public static func object(_ value: LuaValue) -> String {
        let text = text(value)
        return text == "[]" || text == "null" ? "{}" : text
    }

    /// Reads a text; nil when it is no JSON.
    ///
    /// `null` in an object is a field that is not there.
    public static func value(_ text: String) -> LuaValue? {
        (try? JSONDecoder().decode(Node.self, from: Data(text.utf8)))?.value
    }

    // MARK: Writing

    private static func write(_ value: LuaValue, into out: inout String) {
        switch value {
        case .none, .function: out += "null"
        case .boolean(let flag): out += flag ? "true" : "false"
        case .integer(let number): out += String(number)
        case .number(let number): out += number.isFinite ? plain(number) : "null"
        case .string(let bytes): write(String(decoding: bytes, as: UTF8.self), into: &out)
        case .object(let object): write(.table(object.fields), into: &out)
        case .table(let table): write(table, into: &out)
        }
    }

    /// Whole numbers without an exponent, as people and most readers expect them.
    private static func plain(_ number: Double) -> String {
        guard let whole = Int64(exactly: number), whole.magnitude < 1 << 53 else { return "\(number)" }
        return "\(whole).0"
    }

    private static func write(_ table: LuaTable, into out: inout String) {
        if table.fields.isEmpty {
            out += "["
            for (index, element) in table.array.enumerated() {
                if index > 0 { out += "," }
                write(element, into: &out)
            }
            out += "]"
            return
        }
        let places = table.array.enumerated().map { LuaTable.Field(name: "\($0.offset + 1)", value: $0.element) }
        out += "{"
        for (index, field) in (places + table.fields).enumerated() {
            if index > 0 { out += "," }
            write(field.name, into: &out)
            out += ":"
            write(field.value, into: &out)
        }
        out += "}"
    }

    private static func write(_ text: String, into out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\0"..<" ", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }

    // MARK: Reading

    /// Whatever JSON holds.
    private struct Node: Decodable {
        let value: LuaValue

        init(from decoder: any Decoder) throws {
            if let container = try? decoder.container(keyedBy: Name.self) {
                value = .table(
                    LuaTable(
                        fields: try container.allKeys.map {
                            LuaTable.Field(
                                name: $0.stringValue,
                                value: try container.decode(Node.self, forKey: $0).value
                            )
                        }.filter { $0.value != .none }
                    )
                )
                return
            }
            if var container = try? decoder.unkeyedContainer() {
                var array: [LuaValue] = []
                while !container.isAtEnd { array.append(try container.decode(Node.self).value) }
                value = .table(LuaTable(array: array))
                return
            }
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                value = .none
            } else if let flag = try? container.decode(Bool.self) {
                value = .boolean(flag)
            } else if let number = try? container.decode(Int64.self) {
                value = .integer(number)
            } else if let number = try? container.decode(Double.self) {
                value = .number(number)
            } else {
                value = .text(try container.decode(String.self))
            }
        }
    }

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
