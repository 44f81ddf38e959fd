import CLuaShim

extension LuaRun {
    /// What the word at the end of `line` may become: whole words, sorted.
    ///
    /// The word is the longest end of the line that is a name; after `.` or `:` it is empty. Globals, fields of tables and
    /// of objects, methods after `:`, option names of the call that is being typed, names of modules in `require("`. Nothing
    /// of the script runs for it. Names that begin with `__` are shown only to whoever typed that.
    public func completions(of line: String) -> [String] {
        engine.withRoom {
            let stack = engine.stack
            let top = stack.top
            defer { stack.setTop(top) }
            return LuaCompleter(engine, stack).completions(of: line)
        }
    }
}

/// Finds out what a line is about, by raw tables and declarations alone.
struct LuaCompleter {
    /// What an expression comes to.
    private enum Found {
        /// A value, pushed on the stack.
        case value
        /// What a declared function returns, or a field is.
        case type(LuaType)
        case string
    }

    private let engine: LuaEngine
    private let stack: LuaStack

    init(_ engine: LuaEngine, _ stack: LuaStack) {
        self.engine = engine
        self.stack = stack
    }

    func completions(of line: String) -> [String] {
        let (tokens, partial, openString) = LuaToken.read(line)
        if let openString { return modules(tokens, openString) }
        let names: [String]
        switch tokens.last {
        case .symbol("."), .symbol(":"):
            // Two dots join strings.
            guard tokens.dropLast().last != .symbol("."), let found = find(tokens.dropLast()) else { return [] }
            names = members(of: found, callable: tokens.last == .symbol(":"))
        case .symbol("{"), .symbol(","), .symbol(";"):
            if let options = options(tokens) {
                names = options
            } else {
                names = globals
            }
        case .number where partial.isEmpty: return []
        default: names = globals
        }
        let isHidden = !partial.hasPrefix("__")
        return Set(names).filter { $0.hasPrefix(partial) && !(isHidden && $0.hasPrefix("__")) }.sorted()
    }

    private var globals: [String] {
        stack.pushGlobals()
        defer { stack.pop() }
        return engine.names(inTable: -1, stack).filter { LuaDisplay.isName(Array($0.utf8)) }
    }

    private func modules(_ tokens: [LuaToken], _ text: String) -> [String] {
        let words = tokens.last == .symbol("(") ? tokens.dropLast() : tokens[...]
        guard words.last == .name("require") else { return [] }
        return engine.registry.modules.map(\.declaration.name).filter { $0.hasPrefix(text) && !text.contains(".") }
            .sorted()
    }

    // MARK: What an expression is

    /// What the expression at the end of `tokens` is, if that can be known without running anything.
    private func find(_ tokens: ArraySlice<LuaToken>) -> Found? {
        guard stack.reserve(16), let last = tokens.last else { return nil }
        let before = tokens.dropLast()
        switch last {
        case .name(let name):
            guard before.last == .symbol(".") || before.last == .symbol(":"), let owner = find(before.dropLast()) else {
                return global(name)
            }
            return member(name, of: owner)
        case .string:
            return isCall(before) ? called(before) : .string
        case .symbol(")"), .symbol("}"):
            guard let open = opening(tokens) else { return nil }
            let callee = tokens[..<open]
            if isCall(callee) { return called(callee) }
            return last == .symbol(")") ? find(tokens[(open + 1)..<(tokens.endIndex - 1)]) : nil
        case .number, .symbol: return nil
        }
    }

    private func isCall(_ callee: ArraySlice<LuaToken>) -> Bool {
        switch callee.last {
        case .name(let name):
            !["return", "and", "or", "not", "in", "if", "while", "until", "then", "do"].contains(name)
        case .symbol(")"), .symbol("]"): true
        default: false
        }
    }

    private func called(_ callee: ArraySlice<LuaToken>) -> Found? {
        guard let function = function(callee), let type = function.returns else { return nil }
        return .type(type)
    }

    /// The declared function that an expression is.
    private func function(_ tokens: ArraySlice<LuaToken>) -> LuaFunction<LuaPending>? {
        let top = stack.top
        defer { stack.setTop(top) }
        if case .name(let name)? = tokens.last, tokens.dropLast().last == .symbol(":"),
            let owner = find(tokens.dropLast(2)), let declared = declaredClass(owner)
        {
            return declared.methods.first { $0.name == name }
        }
        guard case .value? = find(tokens) else { return nil }
        return engine.registry.function(stack.function(-1))?.declaration
    }

    private func opening(_ tokens: ArraySlice<LuaToken>) -> Int? {
        var depth = 0
        for index in tokens.indices.reversed() {
            switch tokens[index] {
            case .symbol(")"), .symbol("}"), .symbol("]"): depth += 1
            case .symbol("("), .symbol("{"), .symbol("["):
                depth -= 1
                if depth == 0 { return index }
            default: break
            }
        }
        return nil
    }

    private func global(_ name: String) -> Found? {
        stack.pushGlobals()
        stack.pushField(-1, name)
        stack.remove(-2)
        return stack.isNil(-1) ? nil : .value
    }

    private func member(_ name: String, of owner: Found) -> Found? {
        if let declared = declaredClass(owner) {
            if case .value = owner, stack.type(-1) == HOMEWARD_LUA_OBJECT {
                homeward_lua_push_fields(stack.state, -1)
                if stack.pushField(-1, name) != HOMEWARD_LUA_NIL { return .value }
            }
            return declared.fields.first { $0.name == name }.map { .type($0.type) }
        }
        guard case .value = owner, stack.type(-1) == HOMEWARD_LUA_TABLE else { return nil }
        stack.pushField(-1, name)
        return stack.isNil(-1) ? nil : .value
    }

    private func declaredClass(_ found: Found) -> LuaClass<LuaPending>? {
        switch found {
        case .value:
            let number = stack.classNumber(-1)
            return number > 0 ? engine.registry.classes[number - 1].declaration : nil
        case .type(.object(let name)):
            return engine.registry.classNumbers[name].map { engine.registry.classes[$0 - 1].declaration }
        case .type(.either(let types)):
            // `RDS or nil`: of what may be nothing, what it is otherwise.
            return types.lazy.compactMap { declaredClass(.type($0)) }.first
        case .type, .string: return nil
        }
    }

    // MARK: Members

    private func members(of found: Found, callable: Bool) -> [String] {
        if let declared = declaredClass(found) {
            return declared.methods.map(\.name) + (callable ? [] : declared.fields.map(\.name))
        }
        switch found {
        case .string, .type(.string), .type(.bytes): return library("string")
        case .type: return []
        case .value:
            switch stack.type(-1) {
            case HOMEWARD_LUA_STRING: return library("string")
            case HOMEWARD_LUA_TABLE: return tableMembers(callable: callable)
            default: return []
            }
        }
    }

    private func library(_ name: String) -> [String] {
        guard case .value? = global(name) else { return [] }
        return tableMembers(callable: true)
    }

    /// Of the table on top, and of the tables that its metatable sends an unknown key to.
    private func tableMembers(callable: Bool) -> [String] {
        var names: [String] = []
        for _ in 0..<8 {
            guard stack.type(-1) == HOMEWARD_LUA_TABLE, stack.reserve(8) else { break }
            names += engine.names(inTable: -1, stack).filter { name in
                guard LuaDisplay.isName(Array(name.utf8)) else { return false }
                guard callable else { return true }
                defer { stack.pop() }
                return stack.pushField(-1, name) == HOMEWARD_LUA_FUNCTION
            }
            homeward_lua_push_metatable(stack.state, -1)
            guard stack.type(-1) == HOMEWARD_LUA_TABLE else { break }
            stack.pushField(-1, "__index")
        }
        return names
    }

    // MARK: Options

    /// The option names of the table that is being typed, if it is an argument of a declared function.
    private func options(_ tokens: [LuaToken]) -> [String]? {
        var depth = 0
        var position = 0
        var braces: Int?
        for index in tokens.indices.reversed() {
            switch tokens[index] {
            case .symbol(")"), .symbol("}"), .symbol("]"): depth += 1
            case .symbol("{"):
                if depth > 0 {
                    depth -= 1
                } else if braces == nil {
                    braces = index
                    let callee = tokens[..<index]
                    if isCall(callee) { return keys(callee, 0) }
                } else {
                    return nil
                }
            case .symbol("("):
                guard depth == 0 else {
                    depth -= 1
                    continue
                }
                return braces == nil ? nil : keys(tokens[..<index], position)
            case .symbol("["):
                guard depth > 0 else { return nil }
                depth -= 1
            case .symbol(",") where depth == 0 && braces != nil: position += 1
            default: break
            }
        }
        return nil
    }

    private func keys(_ callee: ArraySlice<LuaToken>, _ position: Int) -> [String]? {
        guard let function = function(callee), function.parameters.indices.contains(position) else { return nil }
        return optionKeys(function.parameters[position].type)
    }

    private func optionKeys(_ type: LuaType) -> [String]? {
        switch type {
        case .options(let keys): keys.map(\.name)
        case .either(let types): types.lazy.compactMap { optionKeys($0) }.first
        default: nil
        }
    }
}
