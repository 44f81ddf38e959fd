import LuaHost

/// `hw.sh`: commands of a site.
enum ShellFunction {
    /// Seconds after which a command is ended that says nothing else.
    private static let timeout = 300.0
    /// A year: more is a mistake.
    private static let longest = 31_536_000.0

    static func make(_ state: ScriptState) -> ScriptFunction {
        ScriptFunction(
            "sh",
            "Runs a command: a program and its arguments, never a line for a shell.",
            details: """
                hw.sh{ "systemctl", "stop", "billing", on = ctx.host, timeout = 60 }
                An exit code other than 0 raises command-failed, unless check = false. When the time is over the command and
                all processes that it started get TERM, five seconds later KILL. What it starts in the background goes on
                when it has ended, if its output goes elsewhere. In a plan it is noted and not run.
                """,
            [LuaParameter("command", .table, words)],
            returns: .table,
            "{ code, out, err, cut, timed_out, seconds }; out and err hold at most 1 MiB each, else cut is true",
            body: .verb { arguments in
                guard case .table(let table) = arguments[0] else { throw LuaError.badArgument("a table is needed") }
                let command = try read(table)
                guard state.isPlanning else { return .wait(.shell(command)) }
                state.note(command)
                return .value(Binding.planned)
            }
        )
    }

    private static let words = """
        { "PROGRAM", "ARGUMENT", …, on = host or name, timeout = seconds (300 if left out), env = { NAME = "value" }, \
        input = "…", check = true }
        """

    private static let options = ["on", "timeout", "env", "input", "check"]

    static func read(_ table: LuaTable) throws(LuaError) -> ShellCommand {
        if let stray = table.fields.first(where: { !options.contains($0.name) }) {
            let near = LuaNames.nearest(to: stray.name, in: options)
            throw .badArgument(
                "hw.sh has no option \(stray.name)",
                hint: near.map { "did you mean '\($0)'?" } ?? "the options are: \(options.joined(separator: ", "))"
            )
        }
        var words: [String] = []
        for (index, value) in table.array.enumerated() { words.append(try word(value, "word \(index + 1)")) }
        guard let program = words.first, !program.isEmpty else {
            throw .badArgument("hw.sh needs a program", hint: "hw.sh{ \"systemctl\", \"stop\", \"billing\" }")
        }
        var command = ShellCommand(words, timeout: timeout)
        command.host = try host(table["on"])
        command.timeout = try seconds(table["timeout"])
        command.environment = try environment(table["env"])
        if table["input"] != .none {
            guard case .string(let bytes) = table["input"] else {
                throw .badArgument("input has to be a string; it is \(table["input"].found)")
            }
            command.input = bytes
        }
        switch table["check"] {
        case .none: break
        case .boolean(let check): command.check = check
        default: throw .badArgument("check has to be true or false; it is \(table["check"].found)")
        }
        return command
    }

    /// Numbers are words too; a NUL cannot be handed to a program.
    private static func word(_ value: LuaValue, _ place: String) throws(LuaError) -> String {
        let text: String? =
            switch value {
            case .integer(let number): "\(number)"
            default: value.text
            }
        guard let text else { throw .badArgument("\(place) has to be a string; it is \(value.found)") }
        guard !text.utf8.contains(0) else { throw .badArgument("\(place) holds a NUL byte") }
        return text
    }

    private static func host(_ value: LuaValue) throws(LuaError) -> String? {
        if value == .none { return nil }
        guard let name = LuaArguments.host(value), !name.isEmpty else {
            throw .badArgument("on has to be the name of a host, or a Host; it is \(value.found)")
        }
        return name
    }

    private static func seconds(_ value: LuaValue) throws(LuaError) -> Double {
        guard let seconds = value == .none ? timeout : value.number, seconds > 0, seconds <= longest else {
            throw .badArgument("timeout has to be a number of seconds, above 0; it is \(value.found)")
        }
        return seconds
    }

    private static func environment(_ value: LuaValue) throws(LuaError) -> [String: String] {
        switch value {
        case .none: return [:]
        case .table(let table) where table.array.isEmpty:
            var environment: [String: String] = [:]
            for field in table.fields {
                guard !field.name.isEmpty, !field.name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "=") })
                else { throw .badArgument("env: \(field.name) is no name of a variable") }
                environment[field.name] = try word(field.value, "env.\(field.name)")
            }
            return environment
        default: throw .badArgument("env has to be a table of names and values; it is \(value.found)")
        }
    }
}
