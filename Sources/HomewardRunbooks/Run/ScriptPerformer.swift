import HomewardAdministration
import HomewardCore
import LuaHost
import Synchronization

/// Carries out what scripts wait for, and turns the answers into their values.
///
/// Cancelling the task of a call cancels what can be cancelled. Safe to use from any thread.
public struct ScriptPerformer: Sendable {
    var hosts: any ScriptHosts
    var volumes: any ScriptVolumes
    var asker: any ScriptAsker
    var journal: any RunJournal
    var shell: ShellRunner

    public init(
        hosts: any ScriptHosts,
        volumes: any ScriptVolumes,
        asker: any ScriptAsker,
        journal: any RunJournal,
        shell: ShellRunner = ShellRunner()
    ) {
        self.hosts = hosts
        self.volumes = volumes
        self.asker = asker
        self.journal = journal
        self.shell = shell
    }

    /// The form that ``LuaDriver`` wants.
    /// - Throws: What is raised in the script.
    public func perform(
        _ verb: ScriptVerb,
        progress: @escaping @Sendable (LuaValue) -> Void
    ) async throws(LuaError) -> LuaValue {
        do {
            switch verb {
            case .request(let request, let target):
                let answer = try await hosts.perform(request, to: target) { progress(AnswerTables.value($0)) }
                return try AnswerTables.value(answer, to: request)
            case .volume(let call): return ScriptResults.value(try await volumes.perform(call), to: call)
            case .shell(let command): return try await run(command)
            case .elsewhere(let commands): return await elsewhere(commands)
            case .finish(let command): return try await finish(command)
            case .question(let question): return await asker.ask(question).map { .text($0) } ?? .none
            case .journal(let call): return ScriptResults.value(try journal.perform(call))
            }
        } catch {
            throw ScriptResults.error(error, of: verb)
        }
    }

    private func run(_ command: ShellCommand) async throws -> LuaValue {
        if let host = command.host, await !hosts.isHere(host) { throw ScriptResults.notHere(host, command) }
        let text = CommandLine.text(of: command)
        let entry = Mutex<Int64?>(nil)
        // A journal that cannot be written now ends the run at the end of its step.
        let result = try await shell.run(command) { process in
            let call = JournalCall.beginCommand(process: process, text: text, seconds: command.timeout + shell.grace)
            guard case .command(let begun) = try? journal.perform(call) else { return }
            entry.withLock { $0 = begun }
        }
        if let entry = entry.withLock({ $0 }) { _ = try? journal.perform(.endCommand(entry)) }
        return try ScriptResults.value(result, of: command)
    }

    private func elsewhere(_ commands: [ShellCommand]) async -> LuaValue {
        var asked: Set<String> = []
        var errors: [LuaValue] = []
        for command in commands {
            guard let host = command.host, asked.insert(host).inserted, await !hosts.isHere(host) else { continue }
            errors.append(ScriptResults.record(ScriptResults.notHere(host, command)))
        }
        return .list(errors)
    }

    private func finish(_ command: LeftCommand) async throws -> LuaValue {
        try await shell.finish(command.process, within: max(0, command.deadline - ScriptState.wallClock()))
        return ScriptResults.value(try journal.perform(.endCommand(command.entry)))
    }
}

/// What verbs come to in a script, whoever carried them out.
///
/// Pure: the simulator uses it too.
public enum ScriptResults {
    public static func value(_ answer: VolumeAnswer, to call: VolumeCall) -> LuaValue {
        switch answer {
        case .bytes(let bytes): return .string(bytes)
        case .done: return .none
        case .opened(let session, let size):
            guard case .open(let host, let export, let readOnly) = call else { return .none }
            return .object(
                LuaObject(
                    "Session",
                    [
                        "host": .text(host), "volume": .text(export), "size": AnswerTables.count(size),
                        "readonly": .boolean(readOnly), "session": .integer(Int64(bitPattern: session)),
                    ]
                )
            )
        }
    }

    public static func value(_ answer: JournalAnswer) -> LuaValue {
        switch answer {
        case .begun(let id): .text(id)
        case .own(let id): id.map { .text($0) } ?? .none
        case .done: .none
        case .run(let run): run.map { AnswerTables.value($0) } ?? .none
        case .runs(let runs): .list(runs.map { .object(RunClass.object($0)) })
        case .command(let entry): entry.map { .integer($0) } ?? .none
        case .commands(let commands): .list(commands.map { LeftCommands.value($0) })
        }
    }

    /// - Throws: `command-failed` or `timed-out` for a command that is checked.
    public static func value(_ result: ShellResult, of command: ShellCommand) throws(LuaError) -> LuaValue {
        guard command.check, result.timedOut || result.code != 0 else { return AnswerTables.value(result) }
        // The host stands in front of it as that of the error.
        let line = CommandLine.text(of: ShellCommand(command.words))
        guard !result.timedOut else {
            throw LuaError(
                .timedOut,
                "\(line) did not end within \(seconds(command.timeout)) s\(tail(result.errors))",
                hint: "give it more with timeout = SECONDS, or check = false if that is no failure",
                host: command.host
            )
        }
        throw LuaError(
            LuaError.Code(.commandFailed),
            "\(line) ended with code \(result.code)\(tail(result.errors))",
            hint: "run it by hand to see why; check = false if that is no failure",
            host: command.host
        )
    }

    /// A command for a host that is another machine.
    public static func notHere(_ host: String, _ command: ShellCommand) -> LuaError {
        LuaError(
            LuaError.Code(.notBuiltYet),
            "commands cannot be run on \(host) from here: hosts do not trust each other with TLS yet",
            hint: "run the script on \(host), or call ssh: hw.sh{ \"ssh\", \"\(host)\", … }",
            object: CommandLine.text(of: ShellCommand(command.words)),
            host: host
        )
    }

    /// An error as a script has it that does not raise it.
    static func record(_ error: LuaError) -> LuaValue {
        .record([
            "code": .text(error.code.rawValue), "message": .text(error.message), "hint": .text(error.hint),
            "object": .text(error.object), "host": .text(error.host ?? ""),
        ])
    }

    /// What is raised in a script; of `needs-consent` the hint names the option that gives it.
    public static func error(_ error: any Error, of verb: ScriptVerb) -> LuaError {
        var error = LuaError(other: error)
        guard error.code == LuaError.Code(.needsConsent), case .request(let request, _) = verb else { return error }
        switch request {
        case .startReplication: error.hint = "if so, rds:startrep(…, { consent = true, … })"
        case .synchronize: error.hint = "if so, rds:syncrvg(…, { consent = true, … })"
        case .attachLink: error.hint = "if so, rlink:att{ consent = true, … }"
        default: break
        }
        return error
    }

    /// The last lines of what a command printed as errors.
    private static func tail(_ errors: [UInt8]) -> String {
        let text = String(decoding: errors.suffix(2000), as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).suffix(5)
        return lines.isEmpty ? "" : ": " + lines.joined(separator: "; ")
    }

    private static func seconds(_ seconds: Double) -> String {
        seconds == seconds.rounded() && seconds < 1e15 ? "\(Int64(seconds))" : "\(seconds)"
    }
}
