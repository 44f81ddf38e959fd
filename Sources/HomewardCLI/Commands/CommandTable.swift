import ArgumentParser
import HomewardCore

/// The first words of a line: which are commands, and which are not built yet.
enum CommandTable {
    /// Commands of the product that this release refuses, with what does the job today.
    static let notBuilt: [(words: [String], hint: String)] = [
        (["host"], "this host: homeward status; its peers are named in host.lua"),
        (["test"], "a shell script against a lab: homeward lab up"),
        (["runbooks", "diff"], "diff FILE <(homeward runbooks show NAME --source)"),
        (["runbooks", "rehearse"], "homeward lab up; then homeward run FILE --plan; then homeward run FILE"),
        (["vol", "import"], "for an existing file: homeward vol create DG/VOL --file PATH"),
        (["vol", "export"], "the data door: the NBD export DG/VOL on the host's socket"),
        (["vol", "snapshot"], "vradmin -g DG pauserep RVG SECONDARY; then copy the volumes of the Secondary"),
        (["vol", "attach"], "nbd-client -unix SOCKET -N DG/VOL /dev/nbdN"),
        (["vol", "detach"], "nbd-client -d /dev/nbdN"),
    ]

    /// The words of every command that has help of its own, parents before their children.
    static func names(
        under command: any ParsableCommand.Type = Homeward.self,
        _ before: [String] = []
    ) -> [[String]] {
        command.configuration.subcommands.flatMap { child -> [[String]] in
            guard child.configuration.shouldDisplay else { return [] }
            let words = before + [child._commandName]
            return [words] + names(under: child, words)
        }
    }

    /// Why a line cannot be carried out, as far as its first words tell.
    static func refusal(for words: [String]) -> Refusal? {
        if let entry = notBuilt.first(where: { words.starts(with: $0.words) }) {
            let name = "homeward \(entry.words.joined(separator: " "))"
            return Refusal(.notBuiltYet, name, "is not built in this release", hint: entry.hint)
        }
        guard let first = words.first, !first.hasPrefix("-"), first != "help" else { return nil }
        let names = Homeward.configuration.subcommands.compactMap { $0.configuration.commandName }
        guard !names.contains(first) else { return nil }
        let known = names + notBuilt.map { $0.words[0] }
        return Refusal(
            .usage,
            "homeward",
            "unknown command \(first)\(suggestion(for: first, among: known))",
            hint: "the commands: homeward --help"
        )
    }

    /// The command of the line when it is one that parses and runs by itself.
    static func foreign(_ words: [String]) -> (any ParsableCommand.Type)? {
        guard let first = words.first else { return nil }
        let command = Homeward.configuration.subcommands.first { $0.configuration.commandName == first }
        guard let command, !isOurs(command), !command.configuration.subcommands.contains(where: isOurs) else {
            return nil
        }
        return command
    }

    private static func isOurs(_ command: any ParsableCommand.Type) -> Bool {
        command is any InquiringCommand.Type || command is any ScriptingCommand.Type
    }
}
