import HomewardCLI
import HomewardCore
import HomewardRunbooks
import LuaHost
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ScriptTextTests {
    @Test("an error of a script is one line with its place, and the hint below; its code decides the exit code")
    func failures() {
        let error = LuaError(
            LuaError.Code(rawValue: "volume-open"),
            "a session has it open",
            hint: "close it",
            object: "dg/v",
            host: "london",
            place: "a.lua:3"
        )
        let failure = ScriptFailure(error)
        #expect(failure.text == "a.lua:3: london: dg/v: a session has it open [volume-open]\n  hint: close it")
        #expect(
            failure.json == #"{"error":{"code":"volume-open","hint":"close it","host":"london","#
                + #""message":"a session has it open","object":"dg/v","where":"a.lua:3"}}"#
        )
        #expect(failure.exitCode == 1)
        let own = ScriptFailure(LuaError(LuaError.Code(rawValue: "our-own"), "m", hint: ""))
        #expect(own.text == "m [our-own]" && own.exitCode == 1)
        #expect(ScriptFailure(LuaError(.interrupted, "m", hint: "")).exitCode == 130)
        #expect(ScriptFailure(CancellationError()).exitCode == 130)
        let refusal = ScriptFailure(Refusal(.usage, "o", "m", hint: "h"))
        #expect(refusal.text == "o: m [usage]\n  hint: h" && refusal.exitCode == 2)
        #expect(refusal.json.contains(#""host":null"#) && refusal.json.contains(#""where":null"#))
    }

    private var plan: LuaTable {
        let preflight = LuaValue.record([
            "code": .text("not-primary"), "message": .text("is a Secondary"), "hint": .text("homeward status"),
            "object": .text("hrdg/hr_rvg"), "host": .text("tokyo"),
        ])
        let steps: [LuaValue] = [
            .record([
                "id": .text("makesec"), "title": .text("seattle follows london"), "state": .text("planned"),
                "commands": .list([.text("seattle # vradmin -g hrdg makesec hr_rvg london")]),
            ]),
            .record(["id": .text("migrate"), "title": .text("the role goes home"), "state": .text("already")]),
        ]
        let parameter = LuaValue.record(["name": .text("dg"), "value": .text("hrdg"), "from": .text("inferred")])
        return LuaTable(fields: [
            .init(name: "runbook", value: .text("failback-difference")), .init(name: "ok", value: .boolean(false)),
            .init(name: "parameters", value: .list([parameter])), .init(name: "preflight", value: .list([preflight])),
            .init(name: "questions", value: .list([.text("discard 3 updates?")])),
            .init(name: "steps", value: .list(steps)),
        ])
    }

    @Test("a plan tells where each parameter comes from, what forbids it, what it would ask, and the commands")
    func planText() {
        #expect(
            PlanText.lines(plan) == [
                "failback-difference: a plan, nothing is changed", "",
                "parameters", "  dg  hrdg  inferred", "",
                "preflight", "  tokyo: hrdg/hr_rvg: is a Secondary [not-primary]", "    hint: homeward status", "",
                "would ask", "  discard 3 updates?", "",
                "steps", "  1  makesec           seattle follows london",
                "       seattle # vradmin -g hrdg makesec hr_rvg london",
                "  2  migrate  already  the role goes home",
            ]
        )
        let passed = PlanText.lines(LuaTable(fields: [.init(name: "runbook", value: .text("x"))]))
        #expect(passed == ["x: a plan, nothing is changed", "", "preflight", "  passed"])
    }

    @Test("a plan's JSON has every field, and lists are lists when they are empty")
    func planJSON() {
        let json = PlanText.json(plan)
        #expect(json.contains(#"{"commands":[],"id":"migrate","state":"already","title":"the role goes home"}"#))
        #expect(json.contains(#""questions":["discard 3 updates?"]"#))
        let empty = PlanText.json(LuaTable())
        #expect(empty == #"{"ok":null,"parameters":[],"preflight":[],"questions":[],"runbook":null,"steps":[]}"#)
    }

    private var record: RunRecord {
        RunRecord(
            id: "20260301-000000-1f3a",
            runbook: "takeover",
            source: "bundled",
            revision: "ab",
            site: nil,
            parameters: #"{"rvg":"hr_rvg"}"#,
            state: "failed",
            started: 1_772_323_200,
            ended: 1_772_323_201.5,
            detail: #"{"code":"inconsistent","message":"no"}"#,
            steps: [
                RunRecord.Step(
                    id: "take",
                    title: "takes over",
                    state: "failed",
                    started: 1_772_323_200,
                    ended: nil,
                    detail: ""
                )
            ]
        )
    }

    @Test("runs list has five fields, times as ISO 8601 has them, null while there is no end")
    func runsJSON() throws {
        var run = record
        #expect(
            try RunText.json(run) == #"{"ended":"2026-03-01T00:00:01.500Z","id":"20260301-000000-1f3a","#
                + #""runbook":"takeover","started":"2026-03-01T00:00:00.000Z","state":"failed"}"#
        )
        run.ended = nil
        #expect(try RunText.json(run).hasPrefix(#"{"ended":null,"#))
        let whole = try RunText.jsonWithSteps(run)
        #expect(whole.hasPrefix(#"{"detail":{"code":"inconsistent","message":"no"},"parameters":{"rvg":"hr_rvg"},"#))
        #expect(whole.contains(#""steps":[{"detail":{},"ended":null,"id":"take","#) && whole.contains(#""site":null"#))
    }

    @Test("runs show names the steps, what each did, and how it ended")
    func runsText() {
        let text = RunText.lines(record).joined(separator: "\n")
        #expect(text.hasPrefix("takeover 20260301-000000-1f3a: failed\n  started Mar 01 00:00:00 UTC, took 1.5 s"))
        #expect(text.contains("take  failed  Mar 01 00:00:00  -  takes over"))
        #expect(text.contains("outcome\n  code     inconsistent\n  message  no"))
    }

    @Test("words after exec's file belong to the script, those before it to us")
    func scriptWords() throws {
        func extract(_ line: String) throws -> (GlobalOptions, [String]) {
            try GlobalOptions.extract(from: line.split(separator: " ").map(String.init)).get()
        }
        let (options, rest) = try extract("--yes exec --host a --cpu 5 f.lua --host b --json -- --lab")
        #expect(options.yes && options.host == "a" && !options.json && options.lab == nil)
        #expect(rest == ["exec", "--cpu", "5", "f.lua", "--host", "b", "--json", "--", "--lab"])
        #expect(try extract("run takeover --json").0.json)
        #expect(try extract("exec --json f.lua").0.json)
    }

    @Test("--yes answers only what may be answered so; a choice may be shortened; nobody there is nil")
    func asker() async {
        let typed = Mutex(["perhaps", "", "n"])
        let notes = Mutex<[String]>([])
        func asker(canAsk: Bool, yes: Bool) -> TerminalAsker {
            let console = Console(
                out: { _ in },
                note: { line in notes.withLock { $0.append(line) } },
                canAsk: canAsk,
                line: { _, _ in typed.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
            )
            return TerminalAsker(console: console, yes: yes, progress: ScriptProgress(console))
        }
        let question = ScriptQuestion("go on?")
        #expect(await asker(canAsk: false, yes: true).ask(question) == "yes")
        #expect(notes.withLock { $0 } == ["note: go on? yes (--yes)"])
        let never = ScriptQuestion("discard?", assumed: nil)
        #expect(await asker(canAsk: false, yes: true).ask(never) == nil)
        #expect(await asker(canAsk: false, yes: false).ask(question) == nil)
        #expect(await asker(canAsk: true, yes: false).ask(never) == "no")
        #expect(await asker(canAsk: true, yes: false).ask(never) == nil, "the end of input is no answer")
    }
}
