import ArgumentParser
import HomewardCore
import HomewardRunbooks
import LuaHost

extension RunbooksCommand {
    struct Check: ScriptingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Looks through a runbook or a site file without running it.",
            discussion: """
                Syntax, names that nobody declared, steps and parameters that do not exist; one line for each problem, \
                exit 1 if there is one.
                """
        )
        @Argument(help: "The file, or the name of a runbook.") var file: String

        func carryOut(_ context: ScriptContext) async -> Int32 {
            do {
                let (found, _) = try context.site.load(file)
                let problems = try await Self.problems(found, context)
                if context.options.json {
                    let list = problems.map(\.json).joined(separator: ",")
                    context.console.out(#"{"file":\#(LuaJSON.text(.text(found.chunk))),"problems":[\#(list)]}"#)
                } else {
                    for problem in problems { context.console.out(problem.text(in: found.chunk)) }
                    if problems.isEmpty { context.console.out("\(found.chunk): nothing found") }
                }
                return problems.isEmpty ? 0 : 1
            } catch {
                return context.fail(error)
            }
        }

        /// In the order of their lines.
        static func problems(_ file: RunbookFiles.Text, _ context: ScriptContext) async throws -> [Problem] {
            let source = LuaSource(name: file.chunk, text: Array(file.source.utf8))
            let used: [LuaChunk.GlobalUse]
            do throws(LuaError) {
                used = try LuaChunk.globals(of: source)
            } catch {
                // Nothing else can be said of a text that is no Lua.
                return [Problem(syntax: error, in: file.chunk)]
            }
            let session = try ScriptSession(context, folder: file.folder)
            // Beside what every script has: the engine gives runbooks the function that begins a step.
            let known = await session.globals().union(["step", "hw"])
            let result = await session.runInterruptibly(Engine.call, arguments: [Engine.options("check", file)])
            await session.close()
            let undeclared = used.filter { !known.contains($0.name) }.map { use in
                Problem(
                    line: use.line,
                    message: "\(use.name) is not declared\(suggestion(for: use.name, among: known.sorted()))",
                    hint: "local \(use.name) = …"
                )
            }
            let others = try result.table().tables("problems").map(Problem.init)
            return (undeclared + others).sorted { $0.line < $1.line }
        }
    }

    /// What is wrong with a line; line 0: with the file as a whole.
    struct Problem: Hashable, Sendable {
        var line: Int
        var message: String
        var hint: String

        init(line: Int, message: String, hint: String) {
            (self.line, self.message, self.hint) = (line, message, hint)
        }

        init(_ table: LuaTable) {
            let line = if case .integer(let line) = table["line"] { Int(line) } else { 0 }
            self.init(line: line, message: table.text("message"), hint: table.text("hint"))
        }

        /// The message of a syntax error begins with `FILE:LINE:`.
        init(syntax error: LuaError, in file: String) {
            let rest =
                error.message.hasPrefix("\(file):") ? error.message.dropFirst(file.count + 1) : error.message[...]
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let message = digits.isEmpty ? rest : rest.dropFirst(digits.count + 1)
            self.init(
                line: Int(digits) ?? 0,
                message: String(message.drop { $0 == " " }),
                hint: error.hint
            )
        }

        func text(in file: String) -> String {
            let line = "\(file):\(line > 0 ? "\(line):" : "") \(message)"
            return hint.isEmpty ? line : "\(line)\n  hint: \(hint)"
        }

        var json: String {
            LuaJSON.text(.record(["line": .integer(Int64(line)), "message": .text(message), "hint": .text(hint)]))
        }
    }
}
