import LuaHost

/// `Run`: one run of a runbook, as the journal has it.
enum RunClass {
    static func make() -> LuaClass<ScriptVerb> {
        LuaClass(
            "Run",
            "One run of a runbook, as the journal had it when it was listed.",
            fields: [
                LuaParameter("id", .string, "as `homeward runs list` prints it"),
                LuaParameter("runbook", .string, "the name of the runbook"),
                LuaParameter("state", .oneOf(["running", "done", "failed", "interrupted", "died"]), "how far it came"),
                LuaParameter("started", .number, "seconds since 1970"),
                LuaParameter("ended", .number, "seconds since 1970", optional: true),
                LuaParameter("site", .string, "the site file", optional: true),
            ],
            text: "id",
            methods: [
                ScriptFunction(
                    "info",
                    "All that the journal has of it now, with its steps.",
                    returns: .table,
                    returned,
                    body: .verb { .wait(.journal(.run($0.field("id")))) }
                )
            ]
        )
    }

    /// `hw.runs`.
    static var list: ScriptFunction {
        ScriptFunction(
            "runs",
            "The runs of runbooks in the journal of this machine.",
            returns: .array(.object("Run")),
            "newest first; for the newest of one runbook look at run.runbook",
            body: .verb { _ in .wait(.journal(.runs)) }
        )
    }

    static func object(_ run: RunRecord) -> LuaObject {
        var fields: [String: LuaValue] = [
            "id": .text(run.id), "runbook": .text(run.runbook), "state": .text(run.state),
            "started": .number(run.started),
        ]
        if let ended = run.ended { fields["ended"] = .number(ended) }
        if let site = run.site { fields["site"] = .text(site) }
        return LuaObject("Run", fields)
    }

    /// What is told of one run.
    static let returned =
        "{ id, runbook, source, revision, site?, parameters, state, started, ended?, detail, "
        + "steps = { { id, title, state, started, ended?, detail } } }"
}
