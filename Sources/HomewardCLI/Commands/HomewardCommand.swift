import ArgumentParser
import Foundation
import HomewardAdministration
import HomewardCore

/// The program `homeward`.
public enum HomewardCommand {
    /// Carries out a command line, the name of the program first.
    ///
    /// Called by the name of a VVR language (a symlink), the program speaks that language.
    /// - Returns: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    public static func main(_ arguments: [String]) async -> Int32 {
        var words = Array(arguments.dropFirst())
        let program = arguments.first?.split(separator: "/").last.map(String.init) ?? "homeward"
        if VVRLanguage.named(program) != nil { words.insert(program, at: 0) }
        let environment = ProcessInfo.processInfo.environment
        let place: @Sendable (GlobalOptions) -> ClientPlace = { options in
            ClientPlace.decide(options, environment: environment) { path in
                var isFolder: ObjCBool = false
                return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
            }
        }
        let code = await run(words, console: .standard) { options in
            let place = place(options)
            return { reach, object in try await Connector().connect(place, reach: reach, object: object) }
        } scripting: { options in
            ScriptContext(place(options), console: .standard, options: options, environment: environment)
        }
        guard let loss = Console.loss else { return code }
        Console.standard.note(loss.description)
        return code == 0 ? 1 : code
    }

    /// The same with everything around it given, for tests.
    package static func run(
        _ words: [String],
        console: Console,
        connecting: (GlobalOptions) -> @Sendable (Reach, String) async throws -> Connection,
        scripting: (GlobalOptions) -> ScriptContext
    ) async -> Int32 {
        var options = GlobalOptions()
        var rest: [String]
        switch GlobalOptions.extract(from: words) {
        case .success(let (extracted, left)): (options, rest) = (extracted, left)
        case .failure(let refusal):
            options.json = words.contains("--json")
            return runner(console, options, connecting).fail(refusal)
        }
        // The languages explain their verbs themselves.
        if rest.first == "help", rest.count > 1, VVRLanguage.named(rest[1]) != nil {
            rest = [rest[1], "help"] + rest.dropFirst(2)
        }
        let runner = runner(console, options, connecting)
        if let refusal = CommandTable.refusal(for: rest) { return runner.fail(refusal) }
        if let command = CommandTable.foreign(rest) {
            return await runForeign(command, rest + options.words, runner)
        }
        do {
            var parsed = try parse(rest)
            if let command = parsed as? any ScriptingCommand { return await command.carryOut(scripting(options)) }
            guard let command = parsed as? any InquiringCommand else {
                // Either help was asked for, or a word is missing; the default `run` of both throws the help text.
                if rest.contains("help") || rest.contains("--help") || rest.contains("-h") { try parsed.run() }
                throw Refusal(
                    .usage,
                    (["homeward"] + rest).joined(separator: " "),
                    "a command is missing",
                    hint: (["homeward"] + rest + ["--help"]).joined(separator: " ")
                )
            }
            let plan = command.plan()
            return await Interruption.cancelling { await runner.run(plan) }
        } catch {
            return end(error, runner)
        }
    }

    /// The command of a line; what follows the file of a script is not looked at.
    private static func parse(_ words: [String]) throws -> any ParsableCommand {
        if words.first == ExecCommand.name, ExecCommand.place(ofFileIn: Array(words.dropFirst())) != nil {
            return try ExecCommand.parsed(Array(words.dropFirst()))
        }
        return try Homeward.parseAsRoot(words)
    }

    /// The words of every command, for tests of what help says.
    package static var commandNames: [[String]] { CommandTable.names() }

    /// Why a command line cannot be carried out, as far as its words tell; nil when they are understood.
    ///
    /// Reads only, and asks nobody: for tests of what documentation shows.
    package static func misunderstanding(of words: [String]) -> Refusal? {
        do {
            let (options, rest) = try GlobalOptions.extract(from: words).get()
            if let refusal = CommandTable.refusal(for: rest) { return refusal }
            let foreign = CommandTable.foreign(rest) != nil
            let parsed = try parse(foreign ? rest + options.words : rest)
            if let command = parsed as? any InquiringCommand { _ = try command.plan().get() }
            return nil
        } catch {
            guard !Homeward.exitCode(for: error).isSuccess else { return nil }
            return error as? Refusal
                ?? Refusal(.usage, "homeward", Homeward.message(for: error), hint: "homeward --help")
        }
    }

    /// Commands that are more than one inquiry parse and run by themselves, global options included.
    private static func runForeign(
        _ type: any ParsableCommand.Type,
        _ words: [String],
        _ runner: CommandRunner
    ) async -> Int32 {
        do {
            var command = try Homeward.parseAsRoot(words)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            return end(error, runner)
        }
    }

    private static func end(_ error: any Error, _ runner: CommandRunner) -> Int32 {
        if error is Refusal || error is CancellationError { return runner.fail(error) }
        if let code = error as? ExitCode { return code.rawValue }
        let message = Homeward.fullMessage(for: error)
        guard Homeward.exitCode(for: error).isSuccess else {
            return runner.fail(
                Refusal(
                    .usage,
                    "homeward",
                    Homeward.message(for: error),
                    hint: message.split(separator: "\n").first { $0.hasPrefix("Usage:") }.map(String.init)
                        ?? "homeward --help"
                )
            )
        }
        runner.console.out(message)
        return 0
    }

    private static func runner(
        _ console: Console,
        _ options: GlobalOptions,
        _ connecting: (GlobalOptions) -> @Sendable (Reach, String) async throws -> Connection
    ) -> CommandRunner {
        CommandRunner(console: console, options: options, connect: connecting(options))
    }
}

extension GlobalOptions {
    /// The options for a command that parses by itself.
    ///
    /// Without `--yes`: none of those asks.
    var words: [String] {
        var words: [String] = []
        if let host { words += ["--host", host] }
        switch lab {
        case .here?: words.append("--lab=.lab")
        case .folder(let folder)?: words.append("--lab=\(folder)")
        case nil: break
        }
        if json { words.append("--json") }
        return words
    }
}
