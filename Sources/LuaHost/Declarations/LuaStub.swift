extension LuaReference {
    /// The declarations as a file for LuaLS (`---@meta`): for editors only, never loaded.
    ///
    /// Classes are named `MODULE.CLASS`, options tables `MODULE.CLASS.METHOD.options`; functions that wait have `@async`.
    public static func stub<Verb: Sendable>(_ modules: [LuaModule<Verb>]) -> String {
        var lines = ["---@meta", ""]
        for module in modules { lines += stub(module) }
        if let first = modules.first { lines.append("return \(shortName(first))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func stub<Verb>(_ module: LuaModule<Verb>) -> [String] {
        let table = shortName(module)
        let names = "\(module.name)."
        var lines = comment(module.summary) + ["---@class \(module.name)", "local \(table) = {}", ""]
        for declared in module.classes {
            lines += comment(declared.summary) + ["---@class \(names)\(declared.name)"]
            for field in declared.fields {
                lines.append(
                    "---@field \(field.name)\(mark(field.isOptional)) \(typeName(field.type, classPrefix: names)) \(oneLine(field.help))"
                )
            }
            lines += ["local \(declared.name) = {}", ""]
            for method in declared.methods {
                lines += stub(method, "\(declared.name):", options: "\(names)\(declared.name).\(method.name)", names)
            }
        }
        for function in module.functions {
            lines += stub(function, "\(table).", options: "\(names)\(function.name)", names)
        }
        return lines
    }

    private static func stub<Verb>(
        _ function: LuaFunction<Verb>,
        _ prefix: String,
        options: String,
        _ names: String
    ) -> [String] {
        var before: [String] = []
        var lines = comment(function.summary)
        if !function.details.isEmpty { lines += ["---"] + comment(function.details) }
        if function.waits { lines.append("---@async") }
        for parameter in function.parameters {
            var type = typeName(parameter.type, classPrefix: names)
            if case .options(let keys) = parameter.type {
                type = "\(options).\(parameter.name)"
                before.append("---@class \(type)")
                for key in keys {
                    before.append(
                        "---@field \(key.name)\(mark(key.isOptional)) \(typeName(key.type, classPrefix: names)) \(oneLine(key.help))"
                    )
                }
                before.append("")
            }
            lines.append("---@param \(parameter.name)\(mark(parameter.isOptional)) \(type) \(oneLine(parameter.help))")
        }
        if let returns = function.returns {
            let help = function.returnsHelp.isEmpty ? "" : " # \(oneLine(function.returnsHelp))"
            lines.append("---@return \(typeName(returns, classPrefix: names))\(help)")
        }
        let parameters = function.parameters.map(\.name).joined(separator: ", ")
        return before + lines + ["function \(prefix)\(function.name)(\(parameters)) end", ""]
    }

    private static func mark(_ isOptional: Bool) -> String { isOptional ? "?" : "" }

    private static func oneLine(_ text: String) -> String {
        text.split(separator: "\n").joined(separator: " ")
    }

    private static func comment(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "---" : "--- \($0)" }
    }
}

extension LuaFunction {
    /// Whether a call of it may suspend the script.
    var waits: Bool {
        switch body {
        case .value: false
        case .verb: true
        case .lua(let text): ["native.sleep", "native.wait", "native.join"].contains { text.contains($0) }
        }
    }
}
