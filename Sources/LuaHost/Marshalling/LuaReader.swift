import CLuaShim

/// Copies the value on top of a stack out of its state, within limits.
struct LuaReader {
    private let stack: LuaStack
    /// What messages begin with: the file, or the function that was called.
    private let subject: String
    /// What the value is there: `the result`, `dg`.
    private let whole: String
    private let limits: LuaLimits
    private let classes: [String]
    /// Functions are told as such; otherwise they are an error.
    private let allowsFunctions: Bool
    private var values = 0
    private var bytes = 0
    /// Where the value stands, as one would write it in Lua: `peers.london`, `hosts[2].name`.
    private var path: [String] = []

    init(
        _ stack: LuaStack,
        subject: String,
        whole: String = "the result",
        limits: LuaLimits,
        classes: [String] = [],
        allowsFunctions: Bool = false
    ) {
        self.stack = stack
        self.subject = subject
        self.whole = whole
        self.limits = limits
        self.classes = classes
        self.allowsFunctions = allowsFunctions
    }

    /// The value on top, which stays there.
    mutating func read() throws(LuaError) -> LuaValue {
        values += 1
        guard values <= limits.values else {
            throw tooLarge("has more than \(limits.values) values")
        }
        switch stack.type(-1) {
        case HOMEWARD_LUA_NIL: return .none
        case HOMEWARD_LUA_BOOLEAN: return .boolean(stack.boolean(-1))
        case HOMEWARD_LUA_INTEGER: return .integer(stack.integer(-1))
        case HOMEWARD_LUA_NUMBER: return .number(stack.number(-1))
        case HOMEWARD_LUA_STRING:
            try count(stack.stringLength(-1))
            return .string(stack.bytes(-1) ?? [])
        case HOMEWARD_LUA_TABLE: return .table(try readTable())
        case HOMEWARD_LUA_OBJECT: return .object(try readObject())
        case HOMEWARD_LUA_FUNCTION where allowsFunctions: return .function
        default:
            throw LuaError(
                .type,
                "\(subject): \(place) is a \(stack.typeName(-1)), which cannot be handed out",
                hint: "return tables, strings, numbers and booleans only"
            )
        }
    }

    private mutating func readObject() throws(LuaError) -> LuaObject {
        let number = stack.classNumber(-1)
        guard stack.reserve(8) else { throw tooLarge("leaves no room on the stack of Lua") }
        homeward_lua_push_fields(stack.state, -1)
        defer { stack.pop() }
        let fields = try readTable()
        return LuaObject(classes.indices.contains(number - 1) ? classes[number - 1] : "", fields)
    }

    private mutating func readTable() throws(LuaError) -> LuaTable {
        guard path.count < limits.depth else {
            throw LuaError(
                .type,
                "\(subject): \(place) is nested deeper than \(limits.depth) tables",
                hint: "flatten it; a table that contains itself has no end"
            )
        }
        guard stack.reserve(8) else { throw tooLarge("leaves no room on the stack of Lua") }
        stack.pushNil()
        var fields: [LuaTable.Field] = []
        var numbered: [(index: Int64, value: LuaValue)] = []
        while stack.next(-2) {
            switch stack.type(-2) {
            case HOMEWARD_LUA_STRING:
                try count(stack.stringLength(-2))
                guard let name = String(validating: stack.bytes(-2) ?? [], as: UTF8.self) else {
                    throw LuaError(.type, "\(subject): a key of \(place) is not UTF-8", hint: "use plain names as keys")
                }
                path.append(path.isEmpty ? name : ".\(name)")
                fields.append(LuaTable.Field(name: name, value: try read()))
            case HOMEWARD_LUA_INTEGER:
                let index = stack.integer(-2)
                path.append("[\(index)]")
                numbered.append((index, try read()))
            default:
                throw LuaError(
                    .type,
                    "\(subject): a key of \(place) is neither a string nor a whole number",
                    hint: "use names, or the positions 1, 2, 3, …, as keys"
                )
            }
            path.removeLast()
            stack.pop()
        }
        // The walk's order is that of Lua's memory: never let it be seen.
        numbered.sort { $0.index < $1.index }
        for (position, entry) in numbered.enumerated() where entry.index != Int64(position + 1) {
            throw LuaError(
                .type,
                "\(subject): \(place) has position \(entry.index), but no position \(position + 1)",
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
        LuaError(.memoryLimit, "\(subject): \(whole) \(why)", hint: "return less, or raise the limit")
    }

    private var place: String { path.isEmpty ? whole : path.joined() }
}
