import Foundation
import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost
import Synchronization
import Testing

@Suite("The module homeward", .timeLimit(.minutes(2)))
struct ModuleTests {
    private let rds = #"hw.rds("hrdg", "hr_rvg")"#

    @Test("answers are tables of plain values")
    func answers() async throws {
        let bench = Bench()
        #expect(try await bench.hw("return \(rds):status().links[1].behind.bytes") == .integer(20480))
        #expect(try await bench.hw("return \(rds):repstatus().secondaries[1].host") == .text("seattle"))
        #expect(try await bench.hw("return \(rds):syncrvg('seattle', { checkpoint = 'c' }).bytes_sent") == .integer(4))
        #expect(try await bench.hw("return \(rds):verify('seattle').identical") == .boolean(false))
        #expect(try await bench.hw("return hw.host('london'):volume('hrdg', 'a'):sha256()") == .text("abcd"))
        #expect(try await bench.hw("return \(rds):checkpoint('c1'):info().state") == .text("completed"))
        #expect(try await bench.hw("return \(rds):checkpoint('c2'):info()") == .none)
        #expect(try await bench.hw("return hw.version()") == .text(Release.version))
        #expect(try await bench.hw("return tostring(hw.host('london')), hw.host('x').name") == .text("london"))
        #expect(try await bench.hw("return tostring(\(rds))") == .text("hr_rvg"))
    }

    @Test("objects come from what hosts tell")
    func objects() async throws {
        let bench = Bench()
        let names = try await bench.hw(
            "local l = {} for i, h in ipairs(hw.hosts()) do l[i] = h.name end return table.concat(l, ' ')"
        )
        #expect(names == .text("london seattle tokyo"))
        #expect(
            try await bench.hw("local l = \(rds):rlinks() return l[1].host .. ' ' .. l[1].name")
                == .text("london rlk_seattle_hr_rvg")
        )
        #expect(
            try await bench.hw("local v = \(rds):on('london'):volumes() return #v .. v[1].name") == .text("1hr_dv01")
        )
    }

    @Test("the journal's runs are objects that tell what the journal has of them")
    func runs() async throws {
        let bench = Bench()
        #expect(try await bench.hw("return #hw.runs()") == .integer(0))
        let begin = JournalCall.beginRun(
            runbook: "takeover",
            source: "bundled",
            revision: "ab",
            site: "site.lua",
            parameters: #"{"to":"london"}"#
        )
        guard case .begun(let id) = try bench.journal.perform(begin) else { throw CancellationError() }
        _ = try bench.journal.perform(.beginStep(run: id, id: "takeover", title: "Take over"))
        let told = try await bench.hw(
            """
            local run = hw.runs()[1]
            local info = run:info()
            return { text = tostring(run), runbook = run.runbook, state = run.state, site = run.site, ended = run.ended,
              to = info.parameters.to, step = info.steps[1].title }
            """
        )
        #expect(told.at("text") == .text(id))
        #expect(told.at("runbook") == .text("takeover"))
        #expect(told.at("state") == .text("running"))
        #expect(told.at("site") == .text("site.lua"))
        #expect(told.at("ended") == .none)
        #expect(told.at("to") == .text("london"))
        #expect(told.at("step") == .text("Take over"))
    }

    @Test("a refusal reaches pcall with all its fields, and ends the script with place and hint")
    func refusals() async throws {
        var bench = Bench()
        bench.hosts = FakeHosts { _, _, _ in
            throw Refusal(.unsentUpdates, "hrdg/hr_rvg", "7 updates never left", hint: "force", host: "seattle")
        }
        let call = #"hw.host("seattle"):rvg("hrdg", "hr_rvg"):makesec("london")"#
        let fields = try await bench.hw(
            """
            local ok, e = pcall(function() return \(call) end)
            return { ok = ok, code = e.code, message = e.message, hint = e.hint, object = e.object, host = e.host,
              where = e.where, text = tostring(e) }
            """
        )
        #expect(fields.at("ok") == .boolean(false))
        #expect(fields.at("code") == .text("unsent-updates"))
        #expect(fields.at("message") == .text("7 updates never left"))
        #expect(fields.at("hint") == .text("force"))
        #expect(fields.at("object") == .text("hrdg/hr_rvg"))
        #expect(fields.at("host") == .text("seattle"))
        #expect(fields.at("where") == .text("test.lua:2"))
        let error = await #expect(throws: LuaError.self) { try await bench.hw(call) }
        #expect(error?.code == LuaError.Code(.unsentUpdates))
        #expect(error?.place == "test.lua:2")
        #expect(error?.host == "seattle")
    }

    @Test(
        "a consequence that nobody agreed to is an error whose hint names the option",
        arguments: [
            "startrep('seattle', { checkpoint = 'c' })", "syncrvg('seattle', { checkpoint = 'c' })",
        ]
    )
    func consent(call: String) async throws {
        var bench = Bench()
        bench.hosts = FakeHosts { request, _, _ in
            switch request {
            case .startReplication(_, _, _, true), .synchronize(_, _, _, _, _, true): FakeHosts.usual(request)
            default: throw Refusal(.needsConsent, "hrdg/hr_rvg", "Go on?", hint: "answer y", host: "london")
            }
        }
        let error = await #expect(throws: LuaError.self) { try await bench.hw("\(rds):\(call)") }
        #expect(error?.code == LuaError.Code(.needsConsent))
        #expect(error?.hint.contains("consent = true") == true)
        try await bench.hw("\(rds):\(call.replacing("{", with: "{ consent = true,"))")
    }

    @Test("on_progress is called while the verb runs")
    func progress() async throws {
        var bench = Bench()
        bench.hosts = FakeHosts { request, _, progress in
            for compared in [4, 8] as [UInt64] {
                progress(
                    Progress(
                        phase: "compare",
                        host: "seattle",
                        volumes: [.init(volume: "a", size: 8, compared: compared)],
                        secondsLeft: nil
                    )
                )
                try await Task.sleep(for: .milliseconds(50))
            }
            return FakeHosts.usual(request)
        }
        let seen = try await bench.hw(
            """
            local seen = {}
            \(rds):syncrvg("seattle", { checkpoint = "c", on_progress = function(p)
              seen[#seen + 1] = p.phase .. " " .. p.bytes_compared
            end })
            return table.concat(seen, ", ")
            """
        )
        #expect(seen == .text("compare 4, compare 8"))
    }

    @Test("a session reads what it wrote, and is closed at the end of its block, also by an error")
    func sessions() async throws {
        let bench = Bench()
        let read = try await bench.hw(
            """
            local vol <close> = hw.host("london"):volume("hrdg", "hr_dv01"):open()
            vol:write(4096, "abc\\0\\255")
            vol:flush()
            return vol:read(4096, 5)
            """
        )
        #expect(read == .string([97, 98, 99, 0, 255]))
        #expect(bench.volumes.open.isEmpty)
        #expect(bench.volumes.calls.first == .open(host: "london", export: "hrdg/hr_dv01", readOnly: false))
        await #expect(throws: LuaError.self) {
            try await bench.hw(
                "local vol <close> = hw.host('london'):volume('hrdg', 'a'):open{ readonly = true } error('no')"
            )
        }
        #expect(bench.volumes.open.isEmpty)
        #expect(bench.volumes.calls.contains(.open(host: "london", export: "hrdg/a", readOnly: true)))
    }

    @Test("a session that is over says so; closing it again is no error")
    func closed() async throws {
        let bench = Bench()
        let code = try await bench.hw(
            """
            local vol = hw.host("london"):volume("hrdg", "hr_dv01"):open()
            vol:close()
            vol:close()
            local ok, e = pcall(vol.read, vol, 0, 1)
            return e.code
            """
        )
        #expect(code == .text("session-closed"))
    }

    @Test(
        "wrong ranges are refused before the volume is asked",
        arguments: ["read(-1, 4)", "read(0, -4)", "read(0, 1 << 40)", "read(0.5, 1)", "write(-1, 'a')", "write(0)"]
    )
    func ranges(call: String) async throws {
        let bench = Bench()
        let error = await #expect(throws: LuaError.self) {
            try await bench.hw("local v <close> = hw.host('a'):volume('hrdg', 'v'):open() v:\(call)")
        }
        #expect(error?.code == .badArgument, "\(error?.description ?? "")")
        #expect(bench.volumes.calls.count == 2)
    }

    @Test("a host whose data door is elsewhere is refused as not-local")
    func far() async throws {
        let error = await #expect(throws: LuaError.self) {
            try await Bench().hw("hw.host('far'):volume('hrdg', 'v'):open()")
        }
        #expect(error?.code == LuaError.Code(.notLocal))
        #expect(error?.host == "far")
    }

    @Test("in a plan a volume opens for reading, and what would be written is noted")
    func planned() async throws {
        let bench = Bench()
        let result = try await bench.hw(
            """
            local engine = require("homeward.engine")
            engine.planning(true)
            local vol <close> = hw.host("london"):volume("hrdg", "hr_dv01"):open()
            local r = vol:write(512, "abcd")
            vol:flush()
            hw.sh{ "systemctl", "stop", "my app", on = hw.host("seattle") }
            return { commands = engine.planned(), planned = r.planned, bytes = vol:read(512, 4) }
            """
        )
        #expect(result.at("commands.1") == .text("london # write 4 bytes at 512 of hrdg/hr_dv01"))
        #expect(result.at("commands.2") == .text("seattle # systemctl stop 'my app'"))
        #expect(result.at("planned") == .boolean(true))
        #expect(result.at("bytes") == .string([0, 0, 0, 0]))
        #expect(bench.volumes.calls.first == .open(host: "london", export: "hrdg/hr_dv01", readOnly: true))
    }

    @Test("hw.fail raises an error with its fields and the line that called it")
    func fail() async throws {
        let error = await #expect(throws: LuaError.self) {
            try await Bench().hw(
                "hw.fail{ code = 'too-late', message = 'after noon', hint = 'come earlier', object = 'x', host = 'h' }"
            )
        }
        #expect(error?.code.rawValue == "too-late")
        #expect(error?.message == "after noon")
        #expect(error?.hint == "come earlier")
        #expect(error?.object == "x")
        #expect(error?.host == "h")
        #expect(error?.place == "test.lua:2")
    }

    @Test("a runbook's declaration keeps its functions")
    func runbook() async throws {
        #expect(
            try await Bench().hw(
                "local M = hw.runbook{ parameters = {}, preflight = function() return 7 end } return M.preflight()"
            ) == .integer(7)
        )
    }
}
