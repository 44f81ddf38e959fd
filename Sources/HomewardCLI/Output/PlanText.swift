import HomewardRunbooks
import LuaHost

/// A plan as the engine returns it, for people and for programs.
package enum PlanText {
    package static func lines(_ plan: LuaTable) -> [String] {
        var lines = ["\(plan.text("runbook")): a plan, nothing is changed"]
        lines += section("parameters", parameters(plan.tables("parameters")))
        lines += section("preflight", preflight(plan))
        lines += section("would ask", plan.texts("questions").map { "  \($0)" })
        lines += section("steps", steps(plan.tables("steps")))
        return lines
    }

    /// The same with lists that stay lists when they are empty, and fields that are always there.
    package static func json(_ plan: LuaTable) -> String {
        let fields: [(String, String)] = [
            ("ok", LuaJSON.text(plan["ok"])),
            ("parameters", LuaJSON.text(list(plan["parameters"]))),
            ("preflight", LuaJSON.text(list(plan["preflight"]))),
            ("questions", LuaJSON.text(list(plan["questions"]))),
            ("runbook", LuaJSON.text(plan["runbook"])),
            ("steps", "[\(plan.tables("steps").map(step).joined(separator: ","))]"),
        ]
        return "{\(fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ","))}"
    }

    private static func list(_ value: LuaValue) -> LuaValue { value == .none ? .list([]) : value }

    private static func step(_ step: LuaTable) -> String {
        let fields = ["commands", "id", "state", "title"].map { name in
            "\"\(name)\":\(LuaJSON.text(name == "commands" ? list(step[name]) : step[name]))"
        }
        return "{\(fields.joined(separator: ","))}"
    }

    private static func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", title] + lines
    }

    private static func parameters(_ parameters: [LuaTable]) -> [String] {
        table(parameters.map { [$0.text("name"), $0.text("value"), $0.text("from")] }, indent: 2)
    }

    private static func preflight(_ plan: LuaTable) -> [String] {
        let refusals = plan.tables("preflight")
        guard !refusals.isEmpty else { return ["  passed"] }
        return refusals.flatMap { refusal in
            let place = [refusal.text("host"), refusal.text("object")].filter { !$0.isEmpty }.map { "\($0): " }.joined()
            let line = "  \(place)\(refusal.text("message")) [\(refusal.text("code"))]"
            return refusal.text("hint").isEmpty ? [line] : [line, "    hint: \(refusal.text("hint"))"]
        }
    }

    private static func steps(_ steps: [LuaTable]) -> [String] {
        let titles = table(
            steps.enumerated().map { index, step in
                ["\(index + 1)", step.text("id"), step.text("state") == "already" ? "already" : "", step.text("title")]
            },
            indent: 2
        )
        return zip(titles, steps).flatMap { title, step in [title] + step.texts("commands").map { "       \($0)" } }
    }
}
