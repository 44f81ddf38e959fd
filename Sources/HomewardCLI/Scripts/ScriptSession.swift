import Dispatch
import Glibc
import HomewardCore
import HomewardRunbooks
import LuaHost
import Synchronization

/// One Lua state of a command, with the module `homeward` in it.
final class ScriptSession: Sendable {
    private let driver: LuaDriver<ScriptVerb>
    private let context: ScriptContext
    private let state: ScriptState

    /// Makes the state, and runs nothing in it.
    ///
    /// - Parameters:
    ///   - context: what is around it.
    ///   - limits: what the script may use.
    ///   - isPrompt: globals may be declared, and the module is there as `hw`.
    ///   - folder: where `require` looks for modules of the script's own; nil: only bundled ones are found.
    /// - Throws: `memory-limit` when not even that fits.
    init(
        _ context: ScriptContext,
        limits: LuaLimits = LuaLimits(),
        isPrompt: Bool = false,
        folder: String? = nil
    ) throws(LuaError) {
        self.context = context
        let state = Self.state(context)
        self.state = state
        let world = ScriptWorld.make(state, folder: folder, isPrompt: isPrompt, limits: limits) { bytes in
            context.progress.apart {
                // With --json stdout has the result and nothing else.
                if context.options.json {
                    context.console.note(Console.lines(bytes))
                } else {
                    context.console.bytes(bytes)
                }
            }
        }
        let performer = ScriptPerformer(
            hosts: context.hosts,
            volumes: context.volumes,
            asker: TerminalAsker(console: context.console, yes: context.options.yes, progress: context.progress),
            journal: context.journal
        )
        driver = try LuaDriver(world) { verb, progress async throws(LuaError) in
            try await performer.perform(verb, progress: progress)
        }
    }

    /// The run of the journal that a runbook has begun here.
    var runID: String? { state.runID }

    private static func state(_ context: ScriptContext) -> ScriptState {
        let (console, options, progress) = (context.console, context.options, context.progress)
        return ScriptState(
            settings: .init(yes: options.yes, terminal: console.canAsk, json: options.json),
            say: { line in progress.apart { options.json ? console.note(line) : console.out(line) } }
        )
    }

    /// Runs a chunk to its end.
    func run(
        _ source: LuaSource,
        arguments: [LuaValue] = [],
        isPrompt: Bool = false
    ) async -> Result<[LuaValue], LuaError> {
        do {
            return .success(try await driver.run(source, arguments: arguments, isPrompt: isPrompt))
        } catch {
            return .failure(error)
        }
    }

    /// The same, where the first Ctrl-C cancels the script and the second ends the process.
    func runInterruptibly(_ source: LuaSource, arguments: [LuaValue] = []) async -> Result<[LuaValue], LuaError> {
        let asking = Interruption.Asking()
        return await Interruption.watching { [driver] signal in
            if asking.isRepeated(by: signal) { exit(130) }
            driver.cancel()
        } during: {
            await run(source, arguments: arguments)
        }
    }

    /// Cancels what runs; nothing when nothing does.
    func cancel() { driver.cancel() }

    /// What Tab does with a line up to the cursor.
    ///
    /// For the editor's own thread, which it blocks: never longer than 50 ms, so that a script that runs, or a state that
    /// is busy, does not freeze the line.
    func completion(of line: String, width: Int) -> TabCompletion {
        let found = Mutex<[String]>([])
        let answered = DispatchSemaphore(value: 0)
        Task { [driver] in
            let candidates = await driver.completions(of: line)
            found.withLock { $0 = candidates }
            answered.signal()
        }
        guard answered.wait(timeout: .now() + .milliseconds(50)) == .success else { return TabCompletion() }
        let word = line.reversed().prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        return TabCompletion(String(word.reversed()), found.withLock { $0 }, width: width)
    }

    /// Names of the globals that a script has without declaring them.
    func globals() async -> Set<String> {
        let source = "local names = {} for name in pairs(_G) do names[#names + 1] = name end return names"
        guard case .success(let values) = await run(LuaSource(name: "globals", text: Array(source.utf8))),
            case .table(let names)? = values.first
        else { return [] }
        return Set(names.array.compactMap(\.text))
    }

    /// Ends the state, the volumes that are still open, and the connections.
    func close() async {
        await driver.close()
        await context.volumes.closeAll()
        await context.close()
    }
}
