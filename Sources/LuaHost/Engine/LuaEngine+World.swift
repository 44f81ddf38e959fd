import CLuaShim

/// Making the world: its prelude, its classes, its modules.
extension LuaEngine {
    func openWorld() throws(LuaError) {
        for module in world.modules {
            let global = world.preloaded.first { $0.value == module.name }?.key
            let last = module.name.split(separator: ".").last.map(String.init) ?? module.name
            registry.add(module, shortName: global ?? (module.name == "homeward" ? "hw" : last))
        }
        for number in registry.classes.indices { makeClass(number) }
        try runPrelude()
        for (global, name) in world.preloaded.sorted(by: { $0.key < $1.key }) {
            stack.pushGlobals()
            guard try pushModule(name) else {
                throw LuaError(.unknownModule, "no module is named '\(name)'", hint: "declare what is preloaded")
            }
            stack.setField(-2, global)
            stack.pop()
        }
        try call("seal", arguments: 0)
        stack.setTop(0)
    }

    /// The prelude returns a table of what Swift calls; it gets the natives and what differs between worlds.
    private func runPrelude() throws(LuaError) {
        try load(LuaPrelude.text, "=[homeward]")
        stack.pushTable(fields: 40)
        for native in LuaNative.allCases {
            stack.pushFunction(native.rawValue)
            stack.setField(-2, native.name)
        }
        homeward_lua_push_clock_functions(stack.state)
        stack.setField(-3, "os_time")
        stack.setField(-2, "os_date")
        if let seed = world.seed {
            stack.push(Int64(bitPattern: seed))
            stack.setField(-2, "seed")
        }
        stack.push(world.globals == .strict)
        stack.setField(-2, "strict")
        guard homeward_lua_call(stack.state, 1) else { throw startError() }
        registry.preludeReference = stack.keep()
        stack.pushKept(registry.preludeReference)
        stack.pushField(-1, "error_metatable")
        homeward_lua_error_make(stack.state)
        stack.pop()
    }

    /// Calls a function of the prelude with the values on top; its result is on top then.
    func call(_ name: String, arguments: Int32) throws(LuaError) {
        stack.pushKept(registry.preludeReference)
        stack.pushField(-1, name)
        stack.remove(-2)
        homeward_lua_insert(stack.state, -arguments - 1)
        guard homeward_lua_call(stack.state, arguments) else { throw startError() }
    }

    private func startError() -> LuaError {
        let text = stack.text(-1) ?? "an error without a message"
        return text == "not enough memory" ? Self.outOfMemory(world.limits) : LuaError(.runtime, text, hint: "")
    }

    private func makeClass(_ index: Int) {
        let declared = registry.classes[index]
        let number = Int64(index + 1)
        stack.pushTable(fields: declared.declaration.methods.count)
        for position in declared.declaration.methods.indices {
            stack.pushFunction(LuaRegistry.firstFunction + Int64(declared.firstMethod + position))
            stack.setField(-2, declared.declaration.methods[position].name)
        }
        stack.pushTable(fields: declared.declaration.fields.count)
        for field in declared.declaration.fields {
            stack.push(true)
            stack.setField(-2, field.name)
        }
        stack.pushTable(fields: 8)
        var metamethods: [(String, Int64)] = [
            ("__index", LuaRegistry.unknownField), ("__newindex", LuaRegistry.assignment),
            ("__eq", LuaRegistry.equality), ("__tostring", LuaRegistry.text),
        ]
        if declared.declaration.close != nil { metamethods.append(("__close", LuaRegistry.close)) }
        for (name, kind) in metamethods {
            stack.pushFunction(kind + number)
            stack.setField(-2, name)
        }
        homeward_lua_class_make(stack.state, Int32(number), declared.declaration.name)
    }

    /// Pushes the table of a declared module; false, and nothing, when there is none of that name.
    func pushModule(_ name: String, on target: LuaStack? = nil) throws(LuaError) -> Bool {
        let target = target ?? stack
        guard let index = registry.modules.firstIndex(where: { $0.declaration.name == name }) else { return false }
        if let reference = registry.modules[index].reference {
            target.pushKept(reference)
            return true
        }
        let module = registry.modules[index]
        target.pushTable(fields: module.declaration.functions.count)
        for position in module.declaration.functions.indices {
            target.pushFunction(LuaRegistry.firstFunction + Int64(module.firstFunction + position))
            target.setField(-2, module.declaration.functions[position].name)
        }
        // What is misspelled is told as such, not as a nil that is called. Functions may be replaced, as tests do.
        target.pushTable(fields: 2)
        target.pushFunction(LuaRegistry.unknownFunction + Int64(index))
        target.setField(-2, "__index")
        target.push(false)
        target.setField(-2, "__metatable")
        homeward_lua_set_metatable(target.state, -2)
        target.pushCopy(-1)
        registry.modules[index].reference = target.keep()
        return true
    }

    /// Pushes the function that is the body of a declaration in Lua, on any stack of the world.
    func pushBody(_ index: Int, _ text: String, on target: LuaStack) throws(LuaError) {
        if let reference = registry.functions[index].body {
            target.pushKept(reference)
            return
        }
        let function = registry.functions[index]
        try load("local hw, native = ...\nreturn \(text)", "=[\(function.name)]", on: target)
        _ = try pushModule(registry.modules[function.module].declaration.name, on: target)
        target.pushKept(registry.preludeReference)
        target.pushField(-1, "native")
        target.remove(-2)
        guard homeward_lua_call(target.state, 2), target.type(-1) == HOMEWARD_LUA_FUNCTION else {
            throw LuaError(.runtime, "the body of \(function.name) is no function", hint: "")
        }
        target.pushCopy(-1)
        registry.functions[index].body = target.keep()
    }

    /// Pushes the function of one of our own texts.
    private func load(_ text: String, _ name: String, on target: LuaStack? = nil) throws(LuaError) {
        let target = target ?? stack
        switch load(Array(text.utf8), name, on: target) {
        case HOMEWARD_LUA_LOADED: return
        case HOMEWARD_LUA_NOT_LOADED: throw LuaError(.syntax, target.text(-1) ?? name, hint: "")
        default: throw Self.outOfMemory(world.limits)
        }
    }

    func load(_ text: [UInt8], _ name: String, on target: LuaStack) -> homeward_lua_load_status {
        text.withUnsafeBytes { raw in
            homeward_lua_load(target.state, raw.bindMemory(to: CChar.self).baseAddress, raw.count, name)
        }
    }

    /// Pushes the function of a chunk: at a prompt as an expression, if it is one.
    func pushChunk(_ source: LuaSource) throws(LuaError) {
        let text = isPrompt ? source.text : source.chunk
        let name = "@\(source.name)"
        var isExpression = false
        if isPrompt {
            isExpression = load(Array("return ".utf8) + text, name, on: stack) == HOMEWARD_LUA_LOADED
            if !isExpression { stack.pop() }
        }
        promptShowsNil = isExpression
        guard !isExpression else { return }
        switch load(text, name, on: stack) {
        case HOMEWARD_LUA_LOADED: return
        case HOMEWARD_LUA_LOAD_NO_MEMORY: throw Self.outOfMemory(world.limits)
        default: throw LuaErrors.syntax(stack.text(-1) ?? "", text, source.name)
        }
    }
}
