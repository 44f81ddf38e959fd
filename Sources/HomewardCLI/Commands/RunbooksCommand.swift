import ArgumentParser
import HomewardCore
import HomewardRunbooks
import LuaHost

/// `homeward runbooks`: the procedures that `run` knows.
struct RunbooksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runbooks",
        abstract: "The runbooks: bundled ones and the site's own.",
        subcommands: [List.self, Show.self, Check.self, New.self]
    )

    struct List: ScriptingCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the runbooks.")

        func carryOut(_ context: ScriptContext) async -> Int32 {
            struct Entry: Encodable {
                var name: String
                var source: String
                var summary: String
            }
            let site = context.site
            do {
                let session = try ScriptSession(context)
                var entries: [Entry] = []
                for name in try site.files.list().map(\.name) {
                    let file = try site.files.load(name)
                    let shown = await session.run(Engine.call, arguments: [Engine.options("show", file)])
                    let summary =
                        switch shown {
                        case .success: try shown.table().text("summary")
                        case .failure(let error): "is wrong: \(error.message)"
                        }
                    entries.append(Entry(name: name, source: file.origin, summary: summary))
                }
                await session.close()
                if context.options.json {
                    context.console.out(try StableJSON.text(entries))
                } else {
                    let rows = [["NAME", "SOURCE", "SUMMARY"]] + entries.map { [$0.name, $0.source, $0.summary] }
                    for line in table(rows) { context.console.out(line) }
                }
                return 0
            } catch {
                return context.fail(error)
            }
        }
    }

    struct Show: ScriptingCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a runbook's parameters and steps.")
        @Argument(help: "Its name, or the path of a .lua file.") var name: String
        @Flag(help: "Print its text instead.") var source = false

        func carryOut(_ context: ScriptContext) async -> Int32 {
            do {
                let (file, note) = try context.site.load(name)
                if let note { context.console.note("note: \(note)") }
                if source {
                    if context.options.json {
                        context.console.out(try StableJSON.text(["source": file.source]))
                    } else {
                        context.console.bytes(Array(file.source.utf8))
                    }
                    return 0
                }
                let session = try ScriptSession(context, folder: file.folder)
                let result = await session.runInterruptibly(Engine.call, arguments: [Engine.options("show", file)])
                await session.close()
                let shown = try result.table()
                if context.options.json {
                    context.console.out(LuaJSON.object(.table(shown)))
                } else {
                    for line in RunbookText.lines(shown, file) { context.console.out(line) }
                }
                return 0
            } catch {
                return context.fail(error)
            }
        }
    }

    struct New: ScriptingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies a runbook into the configuration folder, to be edited.",
            discussion: "The folder is $HOMEWARD_CONFIG, else homeward of $XDG_CONFIG_HOME, else ~/.config/homeward."
        )
        @Argument(help: "The copy's name.") var name: String
        @Option(help: ArgumentHelp("What is copied.", valueName: "runbook")) var from: String

        func carryOut(_ context: ScriptContext) async -> Int32 {
            struct Copy: Encodable {
                var name: String
                var file: String
                var from: String
            }
            do {
                let path = try context.site.files.copy(from, as: name)
                if context.options.json {
                    context.console.out(try StableJSON.text(Copy(name: name, file: path, from: from)))
                } else {
                    context.console.out("\(path): a copy of \(from), to be edited; homeward run \(name) runs it")
                }
                return 0
            } catch {
                return context.fail(error)
            }
        }
    }
}
