import Foundation
import HomewardCLI
import HomewardCore

/// The commands that a hint names.
enum HintCommands {
    private static let programs: Set<String> = ["homeward", "vradmin", "vxrvg", "vxrlink", "vxibc"]

    /// Each from the program's name to the end of the clause.
    static func all(in hint: String) -> [[String]] {
        guard !hint.hasPrefix("usage: ") && !hint.hasPrefix("Usage: ") else { return [] }
        // A command ends where a clause does: the prose around it has to say so.
        let clauses = [": ", ", "].reduce(hint.split { ";()\n".contains($0) }.map(String.init)) { clauses, end in
            clauses.flatMap { $0.components(separatedBy: end) }
        }
        var commands: [[String]] = []
        for clause in clauses {
            let words = clause.split(separator: " ").map(String.init)
            guard let start = words.firstIndex(where: programs.contains) else { continue }
            // The name of the program alone is the program, not a command.
            guard start + 1 < words.count else { continue }
            commands.append(Array(words[start...]))
        }
        return commands
    }

    /// Why a command of a hint is none; nil when it can be typed.
    static func misunderstanding(of command: [String]) -> Refusal? {
        HomewardCommand.misunderstanding(of: command.first == "homeward" ? Array(command.dropFirst()) : command)
    }
}
