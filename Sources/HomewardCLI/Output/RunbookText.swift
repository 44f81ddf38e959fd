import HomewardRunbooks
import LuaHost

/// What a runbook says of itself, for people.
enum RunbookText {
    static func lines(_ shown: LuaTable, _ file: RunbookFiles.Text) -> [String] {
        var lines = ["\(file.name) (\(file.origin))"]
        if !shown.text("summary").isEmpty { lines.append("  \(shown.text("summary"))") }
        let parameters = shown.tables("parameters")
        if !parameters.isEmpty {
            lines += ["", "parameters"]
            lines += table(
                parameters.map { parameter in
                    let text = parameter.text("default")
                    let value = text.hasPrefix("(") ? String(text.dropFirst().dropLast()) : "default \(text)"
                    return [parameter.text("name"), parameter.text("type"), value, parameter.text("help")]
                },
                indent: 2
            )
        }
        let steps = shown.tables("steps")
        if !steps.isEmpty {
            lines += ["", "steps"]
            lines += table(
                steps.enumerated().map { ["\($0.offset + 1)", $0.element.text("id"), $0.element.text("title")] },
                indent: 2
            )
        }
        return lines
    }
}
