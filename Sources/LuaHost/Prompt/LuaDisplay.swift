import CLuaShim

/// How a prompt shows values: strings quoted, keys sorted, depth and width bounded.
struct LuaDisplay {
    private let engine: LuaEngine
    private let stack: LuaStack
    private static let width = 100
    private static let depth = 6
    private static let entries = 200
    private static let stringLength = 4096
    /// Values that may still be shown, of all that an input comes to: a table stands in others as often as they name it.
    private var left = 5000
    /// The tables that surround the one being shown.
    private var open: [UnsafeRawPointer] = []

    init(_ engine: LuaEngine, _ stack: LuaStack) {
        self.engine = engine
        self.stack = stack
    }

    /// The value on top, which stays there; nil when enough has been shown.
    mutating func next() -> String? {
        guard left > 0 else { return nil }
        left -= 1
        return text(indent: 0)
    }

    private mutating func text(indent: Int) -> String {
        switch stack.type(-1) {
        case HOMEWARD_LUA_NIL: return "nil"
        case HOMEWARD_LUA_BOOLEAN: return "\(stack.boolean(-1))"
        case HOMEWARD_LUA_STRING: return Self.quoted(stack.bytes(-1) ?? [])
        case HOMEWARD_LUA_TABLE: return stack.isError(-1) ? shown() : table(name: nil, indent: indent)
        case HOMEWARD_LUA_OBJECT:
            let name = engine.registry.classNames[stack.classNumber(-1) - 1]
            homeward_lua_push_fields(stack.state, -1)
            defer { stack.pop() }
            return table(name: name, indent: indent)
        default: return shown()
        }
    }

    private func shown() -> String {
        let number = stack.function(-1)
        if number >= LuaRegistry.firstFunction, let function = engine.registry.function(number) {
            return "function \(function.name)"
        }
        homeward_lua_text(stack.state, -1)
        defer { stack.pop() }
        return stack.text(-1) ?? ""
    }

    /// A key that is no string: nothing of the script may run while its table is walked, as it could change that table.
    private func keyShown() -> String {
        guard stack.type(-1) == HOMEWARD_LUA_TABLE, !stack.isError(-1), let identity = stack.identity(-1) else {
            return shown()
        }
        return "table: 0x" + String(UInt(bitPattern: identity), radix: 16)
    }

    private mutating func table(name: String?, indent: Int) -> String {
        let prefix = name.map { "\($0) " } ?? ""
        guard let identity = stack.identity(-1), stack.reserve(8) else { return prefix + "{…}" }
        guard !open.contains(identity) else { return prefix + "{ … itself … }" }
        guard open.count < Self.depth else { return prefix + "{…}" }
        open.append(identity)
        defer { open.removeLast() }
        let entries = sortedEntries(indent: indent + 1)
        guard !entries.isEmpty else { return prefix + "{}" }
        let line = prefix + "{ " + entries.joined(separator: ", ") + " }"
        if line.utf8.count + 2 * indent <= Self.width, !line.contains("\n") { return line }
        let pad = String(repeating: "  ", count: indent + 1)
        return prefix + "{\n" + entries.map { "\(pad)\($0),\n" }.joined() + pad.dropLast(2) + "}"
    }

    private mutating func sortedEntries(indent: Int) -> [String] {
        var numbered: [(Int64, String)] = []
        /// By the key as it is, then as it is written.
        var named: [(order: String, key: String, value: String)] = []
        var count = 0
        var isCut = false
        let table = stack.absolute(-1)
        stack.pushNil()
        while stack.next(table) {
            guard left > 0 else {
                isCut = true
                stack.pop(2)
                break
            }
            count += 1
            guard count <= Self.entries else {
                stack.pop()
                continue
            }
            left -= 1
            let value = text(indent: indent)
            stack.pop()
            switch stack.type(-1) {
            case HOMEWARD_LUA_INTEGER: numbered.append((stack.integer(-1), value))
            case HOMEWARD_LUA_STRING: named.append((stack.text(-1) ?? "", key(stack.bytes(-1) ?? []), value))
            default:
                // `text` would change what the walk needs on top.
                stack.pushCopy(-1)
                let key = "[\(keyShown())]"
                named.append((key, key, value))
                stack.pop()
            }
        }
        numbered.sort { $0.0 < $1.0 }
        named.sort { $0.order < $1.order }
        var lines: [String] = []
        for (position, entry) in numbered.enumerated() {
            lines.append(entry.0 == Int64(position + 1) ? entry.1 : "[\(entry.0)] = \(entry.1)")
        }
        lines += named.map { "\($0.key) = \($0.value)" }
        if isCut {
            lines.append("…")
        } else if count > Self.entries {
            lines.append("… \(count - Self.entries) more")
        }
        return lines
    }

    private static let keywords: Set<String> = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]

    private func key(_ bytes: [UInt8]) -> String {
        guard Self.isName(bytes), let name = String(validating: bytes, as: UTF8.self), !Self.keywords.contains(name)
        else { return "[\(Self.quoted(bytes))]" }
        return name
    }

    static func isName(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, !(48...57).contains(first) else { return false }
        return bytes.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
        }
    }

    /// As one would write it in Lua.
    static func quoted(_ bytes: [UInt8]) -> String {
        let isText = String(validating: bytes, as: UTF8.self) != nil
        var result = "\""
        var scalars: [UInt8] = []
        for byte in bytes.prefix(stringLength) {
            switch byte {
            case 0x22: scalars += Array("\\\"".utf8)
            case 0x5C: scalars += Array("\\\\".utf8)
            case 0x0A: scalars += Array("\\n".utf8)
            case 0x0D: scalars += Array("\\r".utf8)
            case 0x09: scalars += Array("\\t".utf8)
            case 0..<0x20, 0x7F: scalars += Array("\\x".utf8) + hex(byte)
            case 0x80... where !isText: scalars += Array("\\x".utf8) + hex(byte)
            default: scalars.append(byte)
            }
        }
        result += String(decoding: scalars, as: UTF8.self) + "\""
        return bytes.count > stringLength ? result + "… (\(bytes.count) bytes)" : result
    }

    private static func hex(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
}

extension LuaEngine {
    /// Prints what a prompt's input came to: all values on the stack.
    func show(_ stack: LuaStack) throws(LuaError) {
        let count = stack.top
        var lines: [String] = []
        var index: Int32 = 1
        var display = LuaDisplay(self, stack)
        while index <= count, stack.reserve(8) {
            stack.pushCopy(index)
            defer { stack.setTop(count) }
            index += 1
            if count == 1, isHelp(stack) { return try write(Array(overview.utf8)) }
            let isOnlyNil = count == 1 && stack.isNil(-1) && !promptShowsNil
            guard !isOnlyNil else { continue }
            guard let shown = display.next() else {
                lines.append("…")
                break
            }
            lines.append(shown)
        }
        guard !lines.isEmpty else { return }
        try write(Array((lines.joined(separator: "\t") + "\n").utf8))
    }

    private func write(_ text: [UInt8]) throws(LuaError) {
        printed += text.count
        guard printed <= world.limits.output else {
            throw LuaError(.outputLimit, "more than \(world.limits.output) bytes were printed", hint: "print less")
        }
        world.output(text)
    }

    /// Whether the value on top is the function `help`: typed alone, it is what a person asks for.
    private func isHelp(_ stack: LuaStack) -> Bool {
        stack.pushKept(registry.preludeReference)
        stack.pushField(-1, "help")
        defer { stack.pop(2) }
        return homeward_lua_raw_equal(stack.state, -1, -3)
    }
}
