import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost
import Testing

/// The runbook engine in the world of the product: the specs in Lua have fakes that check no argument.
@Suite("A run in the world of the product", .timeLimit(.minutes(1)))
struct RunbookRunTests {
    /// Seattle does not answer.
    private let bench = Bench(
        hosts: FakeHosts(here: ["london"]) { request, target, _ in
            if case .hostStatus = request, target == .host("seattle") || target == .host("tokyo") {
                throw Refusal(.hostUnreachable, "seattle", "no answer", hint: "wait")
            }
            return FakeHosts.usual(request)
        }
    )

    /// Runs a runbook whose `run(ctx)` has the given body.
    private func run(_ body: String, site: String = "{}") async throws -> LuaValue {
        let text = """
            return require("homeward.runbook").main{
              action = "run", name = "ours",
              source = [==[
                local application = require("homeward.application")
                return {
                  parameters = { dg = { default = "hrdg" }, rvg = { default = "hr_rvg" } },
                  run = function(ctx)
                    \(body)
                  end,
                }
              ]==],
              site = { chunk = "site.lua", source = [==[return \(site)]==] },
            }
            """
        return try await bench.run(text).first ?? .none
    }

    /// The states of the run in the journal and of its steps, and what it keeps of the last step.
    private func journal() throws -> (run: String, steps: [String], detail: String) {
        let id = try #require(try bench.journal.runs().first?.id)
        let run = try #require(try bench.journal.run(id))
        return (run.state, run.steps.map { "\($0.id) \($0.state)" }, run.steps.last?.detail ?? "")
    }

    @Test("steps return, note and skip with texts that are no UTF-8, which is mended where it is kept and shown")
    func odd() async throws {
        _ = try await run(
            #"""
            ctx.step("drain", "Drain", function()
              ctx.step.note("caf\xE9")
              return "th\xE9"
            end)
            ctx.step("fill", "Fill", function() return ctx.step.skip("\xFF") end)
            """#
        )
        let kept = try journal()
        #expect(kept.run == "done" && kept.steps == ["drain done", "fill skipped"])
        #expect(kept.detail == "{\"summary\":\"\u{FFFD}\"}")
        #expect(bench.lines.all.contains("  caf\u{FFFD}") && bench.lines.all.contains("  skipped: \u{FFFD}"))
        #expect(bench.lines.all.contains { $0.hasPrefix("  done in ") && $0.hasSuffix(": th\u{FFFD}") })
    }

    @Test("a run that fails ends with its own error, though the hook that is called then raises what is no UTF-8")
    func oddErrors() async throws {
        let error = await #expect(throws: LuaError.self) {
            try await run(
                """
                ctx.step("stop-application", "Stop it", application.stop(ctx, "london", "seattle"))
                ctx.step("move", "Move it", function() error({ code = "no-luck", message = "m" }, 0) end)
                """,
                site: #"{ stop_application = function() end, start_application = function() error("caf\xE9", 0) end }"#
            )
        }
        #expect(error?.code.rawValue == "no-luck")
        let told = "(the application could not be started again on london: caf\u{FFFD} [lua-runtime])"
        #expect(error?.message == "step move: m \(told)")
        let kept = try journal()
        #expect(kept.run == "failed")
        #expect(kept.steps == ["stop-application done", "move failed", "restart-application failed"])
        #expect(kept.detail.contains("\"message\":\"caf\u{FFFD}\""))
        #expect(bench.lines.all.joined(separator: " ").contains("caf\u{FFFD}"))
    }

    @Test("a hook's command for a host that is not here is refused before a step begins, and nothing is printed for it")
    func elsewhere() async throws {
        let site = """
            {
              stop_application = function(ctx) print("stops") hw.sh{ "true", on = ctx.host } end,
              start_application = function(ctx) print("starts") hw.sh{ "true", "again", on = ctx.host } end,
            }
            """
        func move(to host: String) -> String {
            """
            ctx.step("stop-application", "Stop it", application.stop(ctx, "london", "tokyo"))
            ctx.step("start-application", "Start it", application.start(ctx, "\(host)"))
            """
        }
        let error = await #expect(throws: LuaError.self) { try await run(move(to: "seattle"), site: site) }
        #expect(error?.code.rawValue == "preflight-failed")
        #expect(error?.message.contains("[not-built-yet]") == true)
        #expect(error?.message.contains("true again") == true && error?.message.contains("seattle") == true)
        #expect(error?.hint.contains("ssh") == true)
        #expect(try bench.journal.runs().isEmpty)
        #expect(!bench.lines.all.contains { $0 == "stops" || $0 == "starts" })
        _ = try await run(move(to: "london"), site: site)
        #expect(bench.lines.all.filter { $0 == "stops" || $0 == "starts" } == ["stops", "starts"])
    }
}
