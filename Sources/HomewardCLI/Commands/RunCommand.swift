import ArgumentParser
import HomewardCore
import HomewardRunbooks
import LuaHost

/// `homeward run`: a runbook.
struct RunCommand: ScriptingCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a runbook.",
        discussion: """
            RUNBOOK is a name (homeward runbooks list) or the path of a .lua file; homeward runbooks show RUNBOOK lists \
            its parameters and steps. A parameter that has one possible value need not be given.
            """
    )

    @Argument(help: "Its name, or the path of a .lua file.") var runbook: String
    @Argument(help: ArgumentHelp("Parameters.", valueName: "name=value")) var parameters: [String] = []
    @Flag(help: "Show the steps and the commands they amount to, and change nothing.") var plan = false
    @Option(
        help: ArgumentHelp(
            "The site's hooks ($HOMEWARD_SITE, site.lua of the configuration folder).",
            valueName: "file"
        )
    )
    var site: String?
    @Option(help: ArgumentHelp("Go on with a run (not built yet).", valueName: "id")) var resume: String?
    @Option(help: ArgumentHelp("Write a report (not built yet).", valueName: "file")) var report: String?
    @OptionGroup var limits: ScriptLimits

    /// Seconds that an interrupted run gets to start the application again: hooks of a site have limits of their own, and
    /// whoever cannot wait interrupts a second time.
    private static let cleanUp = 3600.0

    func carryOut(_ context: ScriptContext) async -> Int32 {
        do {
            try refuseNotBuilt()
            let (file, note) = try context.site.load(runbook)
            if let note { context.console.note("note: \(note)") }
            let options = Engine.options(
                plan ? "plan" : "run",
                file,
                site: try context.site.site(site),
                arguments: try Self.arguments(parameters, of: runbook)
            )
            var bounds = limits.limits
            bounds.grace = Self.cleanUp
            let session = try ScriptSession(context, limits: bounds, folder: file.folder)
            let result = await session.runInterruptibly(Engine.call, arguments: [options])
            await session.close()
            if case .failure(let error) = result { return end(error, session.runID, context) }
            return try show(result.table(), context)
        } catch {
            return context.fail(error)
        }
    }

    /// Shows the error of a run.
    ///
    /// One that a limit stopped could not say so itself: its script was over. The journal gets the true end. One that was
    /// interrupted is told as the journal has it, which knows how to go on.
    private func end(_ error: LuaError, _ run: String?, _ context: ScriptContext) -> Int32 {
        var failure = ScriptFailure(error)
        if let run, let record = try? context.journal.run(run), record.state == "interrupted" {
            guard error.code != .interrupted else {
                failure.takeHint(ofDetail: record.detail)
                return context.fail(failure, run: run)
            }
            if let step = record.steps.last, step.state == "failed" {
                _ = try? context.journal.perform(
                    .endStep(run: run, id: step.id, state: "failed", detail: failure.detail)
                )
            }
            _ = try? context.journal.perform(.endRun(run: run, state: "failed", detail: failure.detail))
        }
        return context.fail(error, run: run)
    }

    private func refuseNotBuilt() throws(Refusal) {
        if resume != nil {
            throw Refusal(
                .notBuiltYet,
                "homeward run",
                "--resume is not built in this release",
                hint: "start the runbook again: steps that are done are not done twice"
            )
        }
        if report != nil {
            throw Refusal(
                .notBuiltYet,
                "homeward run",
                "--report is not built in this release",
                hint: "homeward runs show ID; or homeward runs show ID --json"
            )
        }
    }

    private func show(_ table: LuaTable, _ context: ScriptContext) throws -> Int32 {
        // What people read of a run the engine has said while it ran.
        if context.options.json {
            context.console.out(plan ? PlanText.json(table) : LuaJSON.object(.table(table)))
        } else if plan {
            for line in PlanText.lines(table) { context.console.out(line) }
        }
        return !plan || table["ok"] == .boolean(true) ? 0 : 1
    }

    /// `name=value` words.
    /// - Throws: `usage` for a word without `=` and for a name given twice.
    static func arguments(_ words: [String], of runbook: String) throws(Refusal) -> [(name: String, value: String)] {
        var arguments: [(name: String, value: String)] = []
        for word in words {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                throw Refusal(
                    .usage,
                    runbook,
                    "\(word) is no name=value",
                    hint: "its parameters: homeward runbooks show \(runbook)"
                )
            }
            let name = String(word[..<equals])
            guard !arguments.contains(where: { $0.name == name }) else {
                throw Refusal(.usage, runbook, "\(name) is given twice", hint: "give each parameter once")
            }
            arguments.append((name, String(word[word.index(after: equals)...])))
        }
        return arguments
    }
}
