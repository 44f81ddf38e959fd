import ArgumentParser
import FoundationEssentials
import HomewardCore
import HomewardRunbooks
import LuaHost

/// `homeward exec`: a plain script.
struct ExecCommand: ScriptingCommand {
    static let name = "exec"
    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Runs a Lua script.",
        discussion: """
            The script gets the words after FILE as `...` and as `arg`; options of every command stand before FILE. \
            The module is local hw = require("homeward"). With --json stdout has what the script returns, \
            {"returned": [...]}, and what it prints goes to stderr.
            """
    )

    @OptionGroup var limits: ScriptLimits
    @Argument(help: ArgumentHelp("The script.", valueName: "file")) var file: String
    @Argument(parsing: .captureForPassthrough, help: "Words for the script.") var words: [String] = []

    /// Splits the words by itself: those after FILE are the script's, whatever they look like.
    static func parsed(_ words: [String]) throws -> ExecCommand {
        guard let place = place(ofFileIn: words) else { return try parse(words) }
        var command = try parse(Array(words[...place]))
        command.words = Array(words[(place + 1)...])
        return command
    }

    /// The place of FILE among the words after `exec`; nil while it is missing.
    static func place(ofFileIn words: [String]) -> Int? {
        var index = 0
        while index < words.count {
            guard words[index].hasPrefix("-"), words[index] != "-" else { return index }
            index += ScriptLimits.names.contains(words[index]) ? 2 : 1
        }
        return nil
    }

    func carryOut(_ context: ScriptContext) async -> Int32 {
        do {
            let script = try RunbookFiles.read(file)
            let session = try ScriptSession(context, limits: limits.limits, folder: script.folder)
            let result = await session.runInterruptibly(
                LuaSource(name: file, text: Array(script.source.utf8)),
                arguments: words.map { .text($0) }
            )
            await session.close()
            let returned = try result.get()
            if context.options.json { context.console.out(#"{"returned":\#(LuaJSON.text(.list(returned)))}"#) }
            return 0
        } catch {
            return context.fail(error)
        }
    }
}
