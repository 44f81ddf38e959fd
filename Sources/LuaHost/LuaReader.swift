import CLuaShim

/// Copies the value on top of a state's stack out of it, within limits.
struct LuaReader {
    private let core: LuaCore
    private let chunk: String
    private let limits: LuaLimits
    private var values = 0
    private var bytes = 0
    /// Where the value stands, as one would write it in Lua: `peers.london`, `hosts[2].name`.
    private var path: [String] = []

    init(_ core: LuaCore, chunk: String, limits: LuaLimits) {
        self.core = core
        self.chunk = chunk
        self.limits = limits
    }

    /// The value on top, which stays there.
    mutating func read() throws(LuaError) -> LuaValue {
        values += 1
        guard values <= limits.values else {
            throw tooLarge("has more than \(limits.values) values")
        }
        switch core.topType {
        case HOMEWARD_LUA_NIL: return .none
        case HOMEWARD_LUA_BOOLEAN: return .boolean(core.topBoolean)
        case HOMEWARD_LUA_INTEGER: return .integer(core.topInteger)
        case HOMEWARD_LUA_NUMBER: return .number(core.topNumber)
        case HOMEWARD_LUA_STRING:
            try count(core.topStringLength)
            return .string(core.topString)
        case HOMEWARD_LUA_TABLE: return .table(try readTable())
        default:
            throw LuaError(
                .type,
                "\(chunk): \(place) is a \(core.topTypeName), which cannot be handed out",
                hint: "return tables, strings, numbers and booleans only"
            )
        }
    }

    private mutating func readTable() throws(LuaError) -> LuaTable {
        guard path.count < limits.depth else {
            throw LuaError(
                .type,
                "\(chunk): \(place) is nested deeper than \(limits.depth) tables",
                hint: "flatten it; a table that contains itself has no end"
            )
        }
        guard core.walkBegin() else { throw tooLarge("leaves no room on the stack of Lua") }
        var fields: [LuaTable.Field] = []
        var numbered: [(index: Int64, value: LuaValue)] = []
        while core.walkNext() {
            switch core.keyType {
            case HOMEWARD_LUA_STRING:
                try count(core.keyStringLength)
                guard let name = String(validating: core.keyString, as: UTF8.self) else {
                    throw LuaError(.type, "\(chunk): a key of \(place) is not UTF-8", hint: "use plain names as keys")
                }
                path.append(path.isEmpty ? name : ".\(name)")
                fields.append(LuaTable.Field(name: name, value: try read()))
            case HOMEWARD_LUA_INTEGER:
                path.append("[\(core.keyInteger)]")
                numbered.append((core.keyInteger, try read()))
            default:
                throw LuaError(
                    .type,
                    "\(chunk): a key of \(place) is neither a string nor a whole number",
                    hint: "use names, or the positions 1, 2, 3, …, as keys"
                )
            }
            path.removeLast()
            core.pop()
        }
        // The walk's order is that of Lua's memory: never let it be seen.
        numbered.sort { $0.index < $1.index }
        for (position, entry) in numbered.enumerated() where entry.index != Int64(position + 1) {
            throw LuaError(
                .type,
                "\(chunk): \(place) has position \(entry.index), but no position \(position + 1)",
                hint: "number the entries 1, 2, 3, … without gaps"
            )
        }
        return LuaTable(array: numbered.map(\.value), fields: fields)
    }

    private mutating func count(_ more: Int) throws(LuaError) {
        bytes += more
        guard bytes <= limits.resultBytes else {
            throw tooLarge("has more than \(limits.resultBytes) bytes in its strings")
        }
    }

    private func tooLarge(_ why: String) -> LuaError {
        LuaError(.memoryLimit, "\(chunk): the result \(why)", hint: "return less, or raise the limit")
    }

    private var place: String { path.isEmpty ? "the result" : path.joined() }
}
