/// What the declarations say, for people.
public enum LuaReference {
    /// The text for a name: a module, a class, `RDS.syncrvg`, `hw.rds`, or the bare name of functions; nil for others.
    public static func help<Verb: Sendable>(_ name: String, modules: [LuaModule<Verb>]) -> String? {
        let parts = name.split(whereSeparator: { $0 == "." || $0 == ":" }).map(String.init)
        guard let last = parts.last else { return nil }
        for module in modules where module.name == name || shortName(module) == name { return text(module) }
        for module in modules {
            if let found = module.classes.first(where: { $0.name == last }), parts.count <= 2 { return text(found) }
        }
        let owner = parts.count > 1 ? parts[parts.count - 2] : nil
        let texts = modules.flatMap { module -> [String] in
            let prefix = shortName(module)
            let isModule =
                owner == nil || owner == prefix || owner == module.name.split(separator: ".").last.map(String.init)
            let functions = isModule ? module.functions.map { ("\(prefix).", $0) } : []
            let methods = module.classes.filter { owner == nil || owner == $0.name }
                .flatMap { found in found.methods.map { ("\(found.name):", $0) } }
            return (functions + methods).filter { $0.1.name == last }.map { text($0.1, prefix: $0.0) }
        }
        guard !texts.isEmpty else { return nil }
        return texts.joined(separator: "\n")
    }

    /// What messages and help call a module.
    static func shortName<Verb>(_ module: LuaModule<Verb>) -> String {
        module.name == "homeward" ? "hw" : module.name.split(separator: ".").last.map(String.init) ?? module.name
    }

    static func text<Verb>(_ module: LuaModule<Verb>) -> String {
        var lines = ["\(module.name): \(module.summary)", ""]
        let prefix = shortName(module)
        lines += columns(module.functions.map { ("\(prefix).\(signature($0))", $0.summary) })
        for declared in module.classes {
            lines += ["", "\(declared.name): \(declared.summary)"]
            lines += columns(declared.methods.map { ("\(declared.name):\(signature($0))", $0.summary) })
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func text<Verb>(_ declared: LuaClass<Verb>) -> String {
        var lines = ["\(declared.name): \(declared.summary)"]
        if !declared.fields.isEmpty {
            lines += ["", "Fields:"]
            lines += table(declared.fields.map { ($0.name, typeName($0.type), $0.help) }, indent: 2)
        }
        if !declared.methods.isEmpty {
            lines += ["", "Methods:"]
            lines += columns(declared.methods.map { ("\(declared.name):\(signature($0))", $0.summary) })
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `prefix` stands in front of the name: `hw.`, `RDS:`.
    static func text<Verb>(_ function: LuaFunction<Verb>, prefix: String) -> String {
        var lines = ["\(prefix)\(signature(function))", "  \(function.summary)"]
        if !function.details.isEmpty { lines += ["", "  \(function.details)"] }
        if !function.parameters.isEmpty { lines.append("") }
        for parameter in function.parameters {
            let name = parameter.name + (parameter.isOptional ? " (optional)" : "")
            guard case .options(let keys) = parameter.type else {
                lines += table([(name, typeName(parameter.type), parameter.help)], indent: 2)
                continue
            }
            lines.append("  \(name): \(parameter.help)")
            lines += table(
                keys.map { ($0.name + ($0.isOptional ? "" : " (needed)"), typeName($0.type), $0.help) },
                indent: 4
            )
        }
        if let returns = function.returns {
            let help = function.returnsHelp.isEmpty ? "" : ": \(function.returnsHelp)"
            lines += ["", "  Returns \(typeName(returns))\(help)"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `syncrvg(secondary, {options})`, with `[…]` around what may be left out.
    static func signature<Verb>(_ function: LuaFunction<Verb>) -> String {
        let parameters = function.parameters.map { parameter in
            let name = if case .options = parameter.type { "{\(parameter.name)}" } else { parameter.name }
            return parameter.isOptional ? "[\(name)]" : name
        }
        return "\(function.name)(\(parameters.joined(separator: ", ")))"
    }

    /// A type as people and LuaLS write it.
    static func typeName(_ type: LuaType, classPrefix: String = "") -> String {
        switch type {
        case .any: return "any"
        case .boolean: return "boolean"
        case .integer: return "integer"
        case .number: return "number"
        case .string, .bytes: return "string"
        case .function: return "function"
        case .table, .options: return "table"
        case .object(let name): return classPrefix + name
        case .array(let element):
            let name = typeName(element, classPrefix: classPrefix)
            return name.contains("|") ? "(\(name))[]" : "\(name)[]"
        case .oneOf(let words): return words.map { "\"\($0)\"" }.joined(separator: "|")
        case .either(let types): return types.map { typeName($0, classPrefix: classPrefix) }.joined(separator: "|")
        }
    }

    private static func columns(_ rows: [(String, String)]) -> [String] {
        let width = min(44, rows.map(\.0.count).max() ?? 0)
        return rows.map { row in
            let pad = String(repeating: " ", count: max(0, width - row.0.count))
            return "  \(row.0)\(pad)  \(row.1)"
        }
    }

    private static func table(_ rows: [(String, String, String)], indent: Int) -> [String] {
        let first = min(24, rows.map(\.0.count).max() ?? 0)
        let second = min(24, rows.map(\.1.count).max() ?? 0)
        return rows.map { row in
            let names = row.0 + String(repeating: " ", count: max(0, first - row.0.count))
            let types = row.1 + String(repeating: " ", count: max(0, second - row.1.count))
            return String(repeating: " ", count: indent) + "\(names)  \(types)  \(row.2)"
        }
    }
}
