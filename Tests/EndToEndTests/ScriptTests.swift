import Foundation
import Testing

extension EndToEnd {
    @Suite("Scripts of a site", .serialized)
    struct Scripts {
        /// Example 3 of the chapter in words, as an operator would write it down.
        static let example3 = """
            local hw = require("homeward")
            local home, now = arg[1], arg[2]
            local rds = hw.rds("hrdg", "hr_rvg")
            assert(rds:status().primary == nil, "two hosts are Primary")

            hw.host(home):rvg("hrdg", "hr_rvg"):makesec(now, { force = true })
            rds:syncrvg(home, { checkpoint = "checkpt_presync" })
            rds:startrep(home, { checkpoint = "checkpt_presync" })
            rds:await(home, { state = "up-to-date", timeout = 60 })
            hw.host(now):rvg("hrdg", "hr_rvg"):checkdelete("checkpt_presync")
            rds:migrate(home)

            local status = rds:status()
            print("primary " .. status.primary)
            do
              local volume <close> = hw.host(home):volume("hrdg", "hr_dv01"):open()
              volume:write(4096, "brought home")
              volume:flush()
              print(volume:read(4096, 12))
              local ok, refused = pcall(rds.migrate, rds, now)
              print(ok, refused.code)
            end
            """

        @Test("a script does Example 3 in words, and writes through the data door", .timeLimit(.minutes(2)))
        func example3() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.5")
                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab load --seconds 0.5")
                try lab.succeed("homeward lab restart seattle")
                let file = try lab.write("home.lua", Self.example3)
                let output = try lab.succeed("homeward exec \(file) seattle london")
                #expect(output.out == "primary seattle\nbrought home\nfalse\tvolume-open\n", "\(output)")
                try lab.repeating("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                try lab.succeed("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
                // Again, with nothing left to do: each verb says so, and the script ends as before.
                let again = try lab.run("homeward exec --json \(file) seattle london")
                #expect(again.code == "lua-runtime" && again.status == 1, "\(again)")
                #expect(again.json["error"]["where"].string?.hasSuffix("home.lua:4") == true, "\(again)")
            }
        }

        @Test("the spec of the module holds on a lab", .timeLimit(.minutes(2)))
        func moduleSpec() throws {
            let spec = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("LuaTests/on_hosts.lua").path
            try TestLab.run(volume: "16M") { lab in
                try lab.succeed("homeward lab wait london tokyo")
                let output = try lab.succeed("homeward exec \(spec)")
                #expect(output.out == "14 hold\n", "\(output)")
            }
        }

        @Test(
            "an error shows the script's line, the host's refusal and a hint; limits and Ctrl-C end a script",
            .timeLimit(.minutes(2))
        )
        func errors() throws {
            try TestLab.run(volume: "16M") { lab in
                func exec(_ text: String, _ options: String = "") throws -> Output {
                    let file = try lab.write("script.lua", "local hw = require(\"homeward\")\n" + text)
                    return try lab.run("homeward exec \(options) \(file)")
                }
                let refused = try exec("hw.rds(\"hrdg\", \"hr_rvg\"):migrate(\"oslo\")")
                #expect(refused.status == 1 && refused.out.isEmpty, "\(refused)")
                #expect(refused.err.contains("script.lua:2: ") && refused.err.contains("\n  hint: "), "\(refused)")
                let json = try exec("hw.rds(\"hrdg\", \"no_rvg\"):status()", "--json")
                #expect(json.code == "unknown-rvg" && json.status == 1, "\(json)")
                #expect(json.json["error"]["where"].string?.hasSuffix("script.lua:2") == true, "\(json)")
                let returned = try exec("print(\"said\") return { 1, 2 }, { name = \"x\" }", "--json")
                #expect(
                    returned.out == "{\"returned\":[[1,2],{\"name\":\"x\"}]}\n" && returned.err == "said\n",
                    "\(returned)"
                )
                #expect(try exec("print(undeclared)").code == "undeclared-global")
                #expect(try exec("if").code == "lua-syntax")
                #expect(try exec("while true do pcall(function() end) end", "--cpu 0.3").code == "cpu-limit")
                #expect(try exec("local t = {} for i = 1, 1e9 do t[i] = i end", "--memory 16M").code == "memory-limit")
                #expect(try lab.run("homeward exec \(lab.folder)/none.lua").status == 1)

                let waits = try lab.write(
                    "waits.lua",
                    """
                    local hw = require("homeward")
                    local cleaner <close> = setmetatable({}, { __close = function() print("cleaned up") end })
                    print("waiting")
                    while true do pcall(hw.sleep, 60) end
                    """
                )
                for signal in [SIGINT, SIGTERM] {
                    let waiting = try lab.start("homeward exec \(waits)", seconds: 30)
                    try lab.wait(for: "script that waits") { waiting.printed.contains("waiting") }
                    waiting.signal(signal)
                    let ended = waiting.wait()
                    #expect(ended.status == 130 && ended.out == "waiting\ncleaned up\n", "\(ended)")
                }
                // A terminal that goes away says so more than once; to clean up takes its time all the same.
                let slow = try lab.write(
                    "slow.lua",
                    """
                    local hw = require("homeward")
                    local cleaner <close> = setmetatable({}, { __close = function()
                      print("cleaning up")
                      hw.sleep(1)
                      print("cleaned up")
                    end })
                    print("waiting")
                    hw.sleep(60)
                    """
                )
                let left = try lab.start("homeward exec \(slow)", seconds: 30)
                try lab.wait(for: "script that waits") { left.printed.contains("waiting") }
                left.signal(SIGHUP)
                try lab.wait(for: "script that cleans up") { left.printed.contains("cleaning up") }
                left.signal(SIGHUP)
                let ended = left.wait()
                #expect(ended.status == 130 && ended.out.contains("cleaned up"), "\(ended)")

                // A dead host is told, and holds no other up.
                try lab.succeed("homeward lab crash tokyo")
                let dead = try exec(
                    """
                    local ok, e = pcall(function() return hw.host("tokyo"):status() end)
                    print(ok, e.code, hw.rds("hrdg", "hr_rvg"):status().primary)
                    """
                )
                #expect(dead.out == "false\tdaemon-unreachable\tseattle\n", "\(dead)")
                // Through one daemon the data of another host are out of reach.
                let far = try lab.write(
                    "far.lua",
                    "require(\"homeward\").host(\"london\"):volume(\"hrdg\", \"hr_dv01\"):open{ readonly = true }"
                )
                #expect(try lab.run("homeward exec \(far)", on: "seattle").code == "not-local")
                #expect(try lab.run("homeward exec \(far)").status == 0)
            }
        }
    }
}
