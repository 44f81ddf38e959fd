import LuaHost

/// Commands of a site that outlived their run, as the runbook engine sees them.
enum LeftCommands {
    static func make() -> [ScriptFunction] { [left, finish] }

    private static var left: ScriptFunction {
        ScriptFunction(
            "left_commands",
            "Commands of runs that died, which are still at work.",
            returns: .array(.table),
            "{ entry, run, text, pid, process, deadline }, the oldest first; deadline in seconds since 1970",
            body: .verb { _ in .wait(.journal(.leftCommands)) }
        )
    }

    private static var finish: ScriptFunction {
        ScriptFunction(
            "finish_command",
            "Waits until such a command is over; when its own time is over it gets TERM, and five seconds later KILL.",
            [LuaParameter("command", .table, "one of left_commands")],
            body: .verb { arguments in
                guard let command = command(arguments[0]) else {
                    throw LuaError.badArgument("it is none of left_commands", hint: "engine.left_commands() lists them")
                }
                return .wait(.finish(command))
            }
        )
    }

    static func value(_ command: LeftCommand) -> LuaValue {
        .record([
            "entry": .integer(command.entry),
            "run": .text(command.run),
            "text": .text(command.text),
            "pid": .integer(Int64(command.process.pid)),
            "process": .text(command.process.description),
            "deadline": .number(command.deadline),
        ])
    }

    private static func command(_ value: LuaValue) -> LeftCommand? {
        guard case .table(let table) = value, case .integer(let entry) = table["entry"],
            let process = table["process"].text.flatMap({ ProcessMark($0) }), let run = table["run"].text,
            let text = table["text"].text, let deadline = table["deadline"].number
        else { return nil }
        return LeftCommand(entry: entry, run: run, text: text, process: process, deadline: deadline)
    }
}
