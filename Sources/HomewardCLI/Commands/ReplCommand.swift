import ArgumentParser
import FoundationEssentials
import Glibc
import HomewardCore
import LuaHost

/// `homeward repl`: interactive Lua.
struct ReplCommand: ScriptingCommand {
    static let configuration = CommandConfiguration(
        commandName: "repl",
        abstract: "Interactive Lua; the module is loaded as hw.",
        discussion: """
            An expression shows its value. Tab completes, help(x) explains, Ctrl-C clears the line or ends what runs, \
            Ctrl-D ends. Fed from a pipe: no prompt, results on stdout, errors on stderr, exit 1 at the end if there was one.
            """
    )

    @OptionGroup var limits: ScriptLimits

    func carryOut(_ context: ScriptContext) async -> Int32 {
        do {
            let session = try ScriptSession(
                context,
                limits: limits.limits,
                isPrompt: true,
                folder: "."
            )
            let lines = try lines(context, session)
            if lines.isInteractive { context.console.out(Self.banner) }
            let prompt = Prompt(lines) { source in
                await session.run(source, isPrompt: true)
            } cancel: {
                session.cancel()
            } show: { error in
                context.progress.apart { context.console.note(ScriptFailure(error).text) }
            } isIncomplete: {
                LuaChunk.isIncomplete($0)
            }
            let code = await Interruption.watching { signal in
                if signal == SIGTERM { prompt.terminate() } else { prompt.interrupt() }
            } during: {
                await prompt.run()
            }
            await session.close()
            return code
        } catch {
            return context.fail(error)
        }
    }

    /// What a person sees first.
    static let banner = "homeward \(Release.version), Lua 5.4: help() shows what there is, Tab completes, Ctrl-D ends"

    /// Columns of the terminal.
    private static var width: Int {
        var size = winsize()
        return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// An editor where there is a terminal; else what comes in.
    private func lines(_ context: ScriptContext, _ session: ScriptSession) throws -> any LineSource {
        let site = context.site
        // Not to be kept is no reason not to work: it is told once, when the first statement is entered.
        try? site.make()
        let warned = Latch()
        let edited = EditedLines(history: site.history) { warning in
            if !warned.raiseAgain() { context.console.note("note: \(warning)") }
        } complete: { line in
            session.completion(of: line, width: Self.width)
        }
        return edited ?? PipedLines()
    }
}
