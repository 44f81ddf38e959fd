import ArgumentParser
import HomewardCore
import HomewardRunbooks

/// `homeward runs`: the journal of what `run` did.
struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "The journal of runs: steps, times, outcome.",
        subcommands: [List.self, Show.self]
    )

    struct List: ScriptingCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the runs, newest first.")

        func carryOut(_ context: ScriptContext) async -> Int32 {
            do {
                let runs = try context.journal.runs()
                if context.options.json {
                    context.console.out("[\(try runs.map(RunText.json).joined(separator: ","))]")
                } else if runs.isEmpty {
                    context.console.note("no runbook was run here yet")
                } else {
                    for line in RunText.list(runs) { context.console.out(line) }
                }
                return 0
            } catch {
                return context.fail(error)
            }
        }
    }

    struct Show: ScriptingCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one run with its steps.")
        @Argument(help: "Its id, as `runs list` prints it, or the beginning of it; the newest if left out.") var id:
            String?

        func carryOut(_ context: ScriptContext) async -> Int32 {
            do {
                let run = try find(context.journal)
                if context.options.json {
                    context.console.out(try RunText.jsonWithSteps(run))
                } else {
                    for line in RunText.lines(run) { context.console.out(line) }
                }
                return 0
            } catch {
                return context.fail(error)
            }
        }

        private func find(_ journal: any RunJournal) throws -> RunRecord {
            let runs = try journal.runs()
            guard let id = id ?? runs.first?.id else {
                throw Refusal(.unknownRun, "runs", "no runbook was run here yet", hint: "homeward runbooks list")
            }
            if let run = try journal.run(id) { return run }
            let fitting = runs.filter { !id.isEmpty && $0.id.hasPrefix(id) }
            if fitting.count == 1, let run = try journal.run(fitting[0].id) { return run }
            throw Refusal(
                fitting.isEmpty ? .unknownRun : .ambiguous,
                id,
                fitting.isEmpty ? "the journal has no run of that id" : "\(fitting.count) runs have ids that begin so",
                hint: "homeward runs list"
            )
        }
    }
}
