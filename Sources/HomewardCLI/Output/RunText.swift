import FoundationEssentials
import HomewardRunbooks
import LuaHost

/// Runs of runbooks as the journal has them, for people and for programs.
package enum RunText {
    // MARK: For programs

    /// The fields of `runs list --json`: times in UTC as ISO 8601 has them; `ended` is null while it runs.
    private struct Summary: Encodable {
        var ended: String?
        var id: String
        var runbook: String
        var started: String
        var state: String

        init(_ run: RunRecord) {
            (id, runbook, state) = (run.id, run.runbook, run.state)
            started = RunText.time(run.started)
            ended = run.ended.map(RunText.time)
        }
    }

    private struct Step: Encodable {
        var ended: String?
        var id: String
        var started: String
        var state: String
        var title: String
    }

    private struct Origin: Encodable {
        var revision: String
        var site: String?
        var source: String
    }

    package static func json(_ run: RunRecord) throws -> String { try StableJSON.text(Summary(run)) }

    package static func jsonWithSteps(_ run: RunRecord) throws -> String {
        let steps = try run.steps.map { step in
            let fields = try StableJSON.text(
                Step(
                    ended: step.ended.map(time),
                    id: step.id,
                    started: time(step.started),
                    state: step.state,
                    title: step.title
                )
            )
            return #"{"detail":\#(embedded(step.detail)),"# + fields.dropFirst()
        }
        let named = try StableJSON.text(Origin(revision: run.revision, site: run.site, source: run.source))
        return
            #"{"detail":\#(embedded(run.detail)),"parameters":\#(embedded(run.parameters)),\#(named.dropFirst().dropLast()),"#
            + #""steps":[\#(steps.joined(separator: ","))],"# + (try json(run)).dropFirst()
    }

    /// The journal's own JSON; `{}` where it wrote nothing.
    private static func embedded(_ text: String) -> String {
        LuaJSON.value(text).map { LuaJSON.object($0) } ?? "{}"
    }

    static func time(_ seconds: Double) -> String {
        Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    // MARK: For people

    static func list(_ runs: [RunRecord]) -> [String] {
        table(
            [["ID", "RUNBOOK", "STATE", "STARTED", "TOOK"]]
                + runs.map { [$0.id, $0.runbook, $0.state, Units.time($0.started), took($0.started, $0.ended)] }
        )
    }

    package static func lines(_ run: RunRecord) -> [String] {
        var lines = [
            "\(run.runbook) \(run.id): \(run.state)",
            "  started \(Units.time(run.started)) UTC, took \(took(run.started, run.ended))",
            "  from \(run.source)" + (run.site.map { ", site file \($0)" } ?? ""),
        ]
        lines += details("parameters", run.parameters)
        lines += ["", "steps"]
        lines += table(
            run.steps.map { [$0.id, $0.state, Units.time($0.started), took($0.started, $0.ended), $0.title] },
            indent: 2
        )
        for step in run.steps where step.state == "failed" { lines += details("\(step.id) failed", step.detail) }
        lines += details(run.state == "done" ? "report" : "outcome", run.detail)
        return lines
    }

    private static func took(_ started: Double, _ ended: Double?) -> String {
        guard let ended else { return "-" }
        return seconds(max(0, ended - started))
    }

    private static func seconds(_ count: Double) -> String {
        count < 60 ? "\(Units.fixed(count, 1)) s" : Units.span(count)
    }

    /// What the head of the text has told already.
    private static let told: Set<String> = ["parameters", "run", "runbook", "seconds", "state"]

    private static func details(_ title: String, _ json: String) -> [String] {
        guard case .table(let detail)? = LuaJSON.value(json) else { return [] }
        let shown = detail.fields.filter {
            $0.value != .none && !$0.value.plain.isEmpty && !$0.value.isNested && !told.contains($0.name)
        }
        guard !shown.isEmpty else { return [] }
        return ["", title]
            + table(shown.map { [title == "report" ? label($0.name) : $0.name, short($0.name, $0.value)] }, indent: 2)
    }

    private static func label(_ name: String) -> String {
        switch name {
        case "outage": "outage of the application, from its stop to its start"
        case "bytes_compared": "compared"
        case "bytes_sent": "sent"
        default: name
        }
    }

    private static func short(_ name: String, _ value: LuaValue) -> String {
        switch value {
        case .number(let number) where name == "outage": seconds(number)
        case .number(let number): Units.fixed(number, 1)
        case .integer(let count) where name.hasPrefix("bytes_"): Units.bytes(UInt64(max(0, count)))
        default: value.plain
        }
    }
}

extension LuaValue {
    /// A table of tables: more than one line of a report has room for.
    fileprivate var isNested: Bool {
        guard case .table(let table) = self else { return false }
        return (table.array + table.fields.map(\.value)).contains { if case .table = $0 { true } else { false } }
    }
}
