import LuaHost

/// Functions of `homeward.engine` that write and read the journal of runs.
enum JournalFunctions {
    static func make() -> [ScriptFunction] { [beginRun, beginStep, endStep, endRun, ownRun, lastRun] }

    private static let run = LuaParameter("run", .string, "the id of the run")
    private static let detail = LuaParameter("detail", .table, "what is kept with it", optional: true)

    private static var beginRun: ScriptFunction {
        ScriptFunction(
            "begin_run",
            "Enters a run; refused while another one is at work on the same dg and rvg.",
            [
                LuaParameter(
                    "run",
                    .options([
                        LuaType.Key("runbook", .string, "its name", optional: false),
                        LuaType.Key("source", .string, "the file, or bundled"),
                        LuaType.Key("revision", .string, "SHA-256 of its text"),
                        LuaType.Key("site", .string, "the site file"),
                        LuaType.Key("parameters", .table, "their values"),
                    ]),
                    "what is run"
                )
            ],
            returns: .string,
            "the id of the run",
            body: .verb { arguments in
                .wait(
                    .journal(
                        .beginRun(
                            runbook: arguments.option(0, "runbook").text ?? "",
                            source: arguments.option(0, "source").text ?? "",
                            revision: arguments.option(0, "revision").text ?? "",
                            site: arguments.option(0, "site").text,
                            parameters: LuaJSON.object(arguments.option(0, "parameters"))
                        )
                    )
                )
            }
        )
    }

    private static var beginStep: ScriptFunction {
        ScriptFunction(
            "begin_step",
            "Enters a step before it is done.",
            [run, LuaParameter("step", .string, "its id"), LuaParameter("title", .string, "its title")],
            body: .verb { .wait(.journal(.beginStep(run: $0.text(0), id: $0.text(1), title: $0.text(2)))) }
        )
    }

    private static var endStep: ScriptFunction {
        ScriptFunction(
            "end_step",
            "Enters how a step ended.",
            [
                run, LuaParameter("step", .string, "its id"),
                LuaParameter("state", .oneOf(["done", "skipped", "failed"]), "how"), detail,
            ],
            body: .verb {
                .wait(
                    .journal(
                        .endStep(run: $0.text(0), id: $0.text(1), state: $0.text(2), detail: LuaJSON.object($0[3]))
                    )
                )
            }
        )
    }

    private static var endRun: ScriptFunction {
        ScriptFunction(
            "end_run",
            "Enters how a run ended.",
            [run, LuaParameter("state", .oneOf(["done", "failed", "interrupted"]), "how"), detail],
            body: .verb {
                .wait(.journal(.endRun(run: $0.text(0), state: $0.text(1), detail: LuaJSON.object($0[2]))))
            }
        )
    }

    private static var ownRun: ScriptFunction {
        ScriptFunction(
            "own_run",
            "The run that this process has entered and not ended.",
            [],
            returns: .string,
            "its id; nil when there is none",
            body: .verb { _ in .wait(.journal(.ownRun)) }
        )
    }

    private static var lastRun: ScriptFunction {
        ScriptFunction(
            "last_run",
            "The newest run of a runbook, or the one before another.",
            [
                LuaParameter("runbook", .string, "its name"),
                LuaParameter("before", .string, "the id of a run: the newest that is older", optional: true),
            ],
            returns: .table,
            RunClass.returned + "; nil when there is none",
            body: .verb { .wait(.journal(.lastRun(runbook: $0.text(0), before: $0[1].text))) }
        )
    }
}
