import CLuaShim

/// What can be said of a text without running it.
extension LuaChunk {
    /// One use of a global name.
    public typealias GlobalUse = (name: String, line: Int, isAssigned: Bool)

    /// Memory for the compiled form of any text that a person wrote.
    private static let memory = 256 << 20

    /// Whether more lines could make Lua of `text`, which is none yet: for a prompt that then asks for the next line.
    ///
    /// An unfinished string is not incomplete, since no further line can mend it; an unfinished long string or comment is.
    public static func isIncomplete(_ text: String) -> Bool {
        // What is typed at a prompt may be an expression.
        let expression = message(Array("return \(text)".utf8), name: "=prompt")
        guard let expression, let statement = message(Array(text.utf8), name: "=prompt") else { return false }
        return endsEarly(expression) || endsEarly(statement)
    }

    private static func endsEarly(_ message: String) -> Bool {
        guard message.hasSuffix("<eof>") || message.hasSuffix("'<eof>'") else { return false }
        return !message.contains("unfinished string")
    }

    /// Why a text is no Lua; nil when it is.
    private static func message(_ text: [UInt8], name: String) -> String? {
        guard let state = homeward_lua_create(memory) else { return nil }
        defer { homeward_lua_destroy(state) }
        let stack = LuaStack(state: state)
        let status = text.withUnsafeBytes { raw in
            homeward_lua_load(state, raw.bindMemory(to: CChar.self).baseAddress, raw.count, name)
        }
        return status == HOMEWARD_LUA_LOADED ? nil : stack.text(-1) ?? ""
    }

    /// Every global name that a text uses, in the order of lines, without running it.
    ///
    /// Names of an `_ENV` that the text declares itself are not globals.
    ///
    /// - Throws: `lua-syntax` when the text is no Lua; its message begins with `FILE:LINE:`.
    public static func globals(of source: LuaSource) throws(LuaError) -> [GlobalUse] {
        guard let state = homeward_lua_create(memory) else {
            throw LuaError(.memoryLimit, "\(source.name): no memory to read it", hint: "")
        }
        defer { homeward_lua_destroy(state) }
        let stack = LuaStack(state: state)
        let text = source.chunk
        let status = text.withUnsafeBytes { raw in
            homeward_lua_compile(state, raw.bindMemory(to: CChar.self).baseAddress, raw.count, "@\(source.name)")
        }
        guard status == HOMEWARD_LUA_LOADED else {
            throw LuaErrors.syntax(stack.text(-1) ?? "", text, source.name)
        }
        var reader = LuaBytecode(stack.bytes(-1) ?? [])
        guard let uses = reader.globals() else {
            throw LuaError(.type, "\(source.name): this Lua compiles in a form that is not known", hint: "")
        }
        return uses
    }
}
