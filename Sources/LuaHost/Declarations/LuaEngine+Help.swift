import CLuaShim

extension LuaEngine {
    /// What `help(x)` prints.
    func help(_ stack: LuaStack) -> String {
        let number = stack.function(1)
        if number >= LuaRegistry.firstFunction, let function = registry.function(number) {
            let prefix = String(function.name.dropLast(function.declaration.name.count))
            return LuaReference.text(function.declaration, prefix: prefix)
        }
        switch stack.type(1) {
        case HOMEWARD_LUA_OBJECT: return LuaReference.text(registry.classes[stack.classNumber(1) - 1].declaration)
        case HOMEWARD_LUA_TABLE:
            if let module = moduleTable(stack) { return LuaReference.text(module) }
            if let error = tableError(1, on: stack) { return "\(error)\n" }
            return "a table; help of a function, an object, a module, or a name such as \"RDS.status\" says more\n"
        case HOMEWARD_LUA_STRING:
            let name = stack.text(1) ?? ""
            let modules = registry.modules.map(\.declaration)
            if let text = LuaReference.help(name, modules: modules) { return text }
            let names = helpNames + helpNames.compactMap { $0.split(separator: ".").last.map(String.init) }
            let near = LuaNames.nearest(to: name, in: names)
            return "nothing is known under the name '\(name)'" + (near.map { "; did you mean '\($0)'?\n" } ?? "\n")
        case HOMEWARD_LUA_NIL: return overview
        default:
            return "\(describe(1, stack)): a part of Lua 5.4, or of this script; see https://www.lua.org/manual/5.4/\n"
        }
    }

    private func moduleTable(_ stack: LuaStack) -> LuaModule<LuaPending>? {
        for module in registry.modules {
            guard let reference = module.reference else { continue }
            stack.pushKept(reference)
            defer { stack.pop() }
            if stack.identity(-1) == stack.identity(1) { return module.declaration }
        }
        return nil
    }

    private var helpNames: [String] {
        registry.modules.flatMap { module in
            [module.declaration.name] + module.declaration.functions.map { "\(module.shortName).\($0.name)" }
                + module.declaration.classes.flatMap { found in
                    [found.name] + found.methods.map { "\(found.name).\($0.name)" }
                }
        }
    }

    var overview: String {
        var lines = ["help(x) explains a function, an object, a module, or a name such as \"RDS.status\".", ""]
        for module in registry.modules.map(\.declaration) {
            lines.append("  \(module.name): \(module.summary)")
            lines += module.classes.map { "    \($0.name): \($0.summary)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
