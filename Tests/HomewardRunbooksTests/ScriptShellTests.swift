import Foundation
import HomewardCore
import HomewardRunbooks
import LuaHost
import Testing

@Suite("hw.sh", .timeLimit(.minutes(2)))
struct ScriptShellTests {
    @Test("a command's result is a table")
    func result() async throws {
        let value = try await Bench().hw(
            """
            return hw.sh{ "sh", "-c", "cat; echo $WORD >&2; exit 4", input = "in\\0put", env = { WORD = 7 }, check = false }
            """
        )
        #expect(value.at("code") == .integer(4))
        #expect(value.at("out") == .string(Array("in\0put".utf8)))
        #expect(value.at("err") == .text("7\n"))
        #expect(value.at("cut") == .boolean(false))
    }

    @Test("an exit code other than 0 is an error with the words, the code and the last lines")
    func failed() async throws {
        let error = await #expect(throws: LuaError.self) {
            try await Bench().hw(#"hw.sh{ "sh", "-c", "echo first; echo last words >&2; exit 3" }"#)
        }
        #expect(error?.code == LuaError.Code(.commandFailed))
        #expect(error?.message.contains("sh -c 'echo first") == true)
        #expect(error?.message.contains("code 3: last words") == true)
        #expect(error?.place == "test.lua:2")
    }

    @Test("time that is over is an error, unless the script looks at it itself")
    func timeout() async throws {
        let error = await #expect(throws: LuaError.self) {
            try await Bench().hw(#"hw.sh{ "sleep", "300", timeout = 0.2 }"#)
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("sleep 300 did not end within 0.2 s") == true)
        #expect(
            try await Bench().hw(#"return hw.sh{ "sleep", "300", timeout = 0.2, check = false }.timed_out"#)
                == .boolean(true)
        )
    }

    @Test("what is given up is ended before the script goes on")
    func givenUp() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("pid-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let value = try await Bench().hw(
            """
            local ok, e = pcall(hw.parallel, {
              function() hw.sh{ "sh", "-c", "echo $$ > \(file); exec sleep 300" } end,
              function()
                while hw.sh{ "test", "-s", "\(file)", check = false }.code ~= 0 do hw.sleep(0.02) end
                hw.fail{ code = "enough", message = "it runs" }
              end,
            })
            return e.code
            """
        )
        #expect(value == .text("enough"))
        let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)
        #expect(ProcessMark.of(try #require(Int32(text))) == nil)
    }

    @Test("it runs for a host that is here, and for no other")
    func hosts() async throws {
        var bench = Bench()
        bench.hosts = FakeHosts(here: ["seattle"])
        #expect(try await bench.hw(#"return hw.sh{ "true", on = hw.host("seattle") }.code"#) == .integer(0))
        #expect(try await bench.hw(#"return hw.sh{ "true", on = "seattle" }.code"#) == .integer(0))
        let failed = await #expect(throws: LuaError.self) { try await bench.hw(#"hw.sh{ "false", on = "seattle" }"#) }
        #expect(failed?.message == "false ended with code 1")
        #expect(failed?.host == "seattle")
        let error = await #expect(throws: LuaError.self) { try await bench.hw(#"hw.sh{ "true", on = "london" }"#) }
        #expect(error?.code == LuaError.Code(.notBuiltYet))
        #expect(error?.host == "london")
        #expect(error?.hint.contains("ssh") == true)
    }
}

@Suite("The module homeward.engine", .timeLimit(.minutes(2)))
struct EngineModuleTests {
    @Test("a run is entered step by step and read back")
    func journal() async throws {
        let bench = Bench()
        let last = try await bench.hw(
            """
            local engine = require("homeward.engine")
            local old = engine.begin_run{ runbook = "takeover", source = "bundled", revision = "ab",
              parameters = { home = "seattle", list = { 1, 2 } } }
            engine.begin_step(old, "makesec", "Make it a Secondary")
            engine.end_step(old, "makesec", "done", { already = true })
            engine.begin_step(old, "migrate", "Move")
            engine.end_step(old, "migrate", "failed", { code = "fenced" })
            engine.end_run(old, "failed", { message = "no" })
            local new = engine.begin_run{ runbook = "takeover", parameters = {} }
            local last = engine.last_run("takeover", new)
            return { same = last.id == old, last = last, none = engine.last_run("migrate") == nil,
              newest = engine.last_run("takeover").id == new }
            """
        )
        #expect(last.at("same") == .boolean(true))
        #expect(last.at("none") == .boolean(true))
        #expect(last.at("newest") == .boolean(true))
        #expect(last.at("last.state") == .text("failed"))
        #expect(last.at("last.parameters.home") == .text("seattle"))
        #expect(last.at("last.steps.1.id") == .text("makesec"))
        #expect(last.at("last.steps.1.detail.already") == .boolean(true))
        #expect(last.at("last.steps.2.detail.code") == .text("fenced"))
        #expect(last.at("last.detail.message") == .text("no"))
        #expect(try bench.journal.runs().count == 2)
    }

    @Test("questions go to whoever can be asked, and --yes answers those that it may")
    func questions() async throws {
        func ask(_ bench: Bench, _ options: String) async throws -> LuaValue {
            try await bench.hw("return require('homeward.engine').ask('Go on?', { \(options) })")
        }
        var bench = Bench()
        #expect(try await ask(bench, "") == .none)
        bench.asker = FakeAsker(answer: "no")
        #expect(try await ask(bench, "") == .text("no"))
        bench.settings = ScriptState.Settings(yes: true)
        #expect(try await ask(bench, "choices = { 'yes', 'no' }, assumed = 'yes'") == .text("yes"))
        #expect(bench.lines.all == ["Go on? yes (--yes)"])
        #expect(try await ask(bench, "choices = { 'yes', 'no' }") == .text("no"))
    }

    @Test("settings, words for people and clocks")
    func surroundings() async throws {
        var bench = Bench()
        bench.settings = ScriptState.Settings(terminal: true)
        let value = try await bench.hw(
            """
            local engine = require("homeward.engine")
            engine.say("step 1")
            local before = engine.monotonic()
            hw.sleep(0.01)
            return { settings = engine.settings(), ahead = engine.monotonic() > before, now = engine.now() > 1.7e9 }
            """
        )
        #expect(value.at("settings.terminal") == .boolean(true))
        #expect(value.at("settings.yes") == .boolean(false))
        #expect(value.at("ahead") == .boolean(true))
        #expect(value.at("now") == .boolean(true))
        #expect(bench.lines.all == ["step 1"])
    }
}
