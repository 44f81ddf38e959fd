import Foundation
import Testing

extension EndToEnd {
    /// Goal: whatever scripts ask of living daemons, these go on, and nothing of a script is left with them when it has ended.
    ///
    /// Method: one lab. After each trick the daemons are the processes that they were and hold no session, an ordinary
    /// client opens and writes; after all of them the three copies are equal.
    @Suite("Hostile scripts against daemons", .serialized)
    struct HostileScriptsOnHosts {
        struct Trick: Sendable {
            var name: String
            var text: String
            /// Nil: it ends as a success.
            var code: String?
            var out = ""
            var options = ""
        }

        private static let opening = """
            local hw = require("homeward")
            local volume = hw.host("seattle"):volume("hrdg", "hr_dv01")
            local session = volume:open()
            session:write(0, ("x"):rep(4096))

            """

        static let tricks: [Trick] = [
            Trick(
                name: "sessions without end",
                text: """
                    local hw = require("homeward")
                    local volume = hw.host("seattle"):volume("hrdg", "hr_dv01")
                    local held = {}
                    local ok, refused
                    repeat
                      ok, refused = pcall(volume.open, volume)
                      if ok then held[#held + 1] = refused end
                    until not ok
                    -- It has taken all that there are, and the other door answers; so do the sessions that it has.
                    print(#held > 200 and #held <= 256, hw.host("seattle"):status() ~= nil, #held[1]:read(0, 512))
                    error(refused)
                    """,
                code: "io-error",
                out: "true\ttrue\t512\n"
            ),
            Trick(
                name: "sessions at once",
                text: """
                    local hw = require("homeward")
                    local volume = hw.host("seattle"):volume("hrdg", "hr_dv01")
                    local calls = {}
                    for i = 1, 600 do calls[i] = function() return volume:open() end end
                    hw.parallel(calls)
                    """,
                code: "io-error"
            ),
            Trick(
                name: "thousands of requests at once",
                text: """
                    local hw = require("homeward")
                    local names = { "seattle", "london", "tokyo" }
                    local calls = {}
                    -- Each is answered, or told that its time is over where the machine is too slow for so many.
                    for i = 1, 3000 do
                      calls[i] = function()
                        local ok, answer = pcall(hw.host(names[i % 3 + 1]).status, hw.host(names[i % 3 + 1]))
                        if not ok and answer.code ~= "timed-out" then error(answer) end
                        return answer
                      end
                    end
                    print(select("#", hw.parallel(calls)))
                    """,
                out: "3000\n"
            ),
            Trick(
                name: "verbs against each other at once",
                text: """
                    local hw = require("homeward")
                    local rds = hw.rds("hrdg", "hr_rvg")
                    local calls = {}
                    for i = 1, 300 do
                      local verb = i % 2 == 0 and rds.pauserep or rds.resumerep
                      calls[i] = function() return (pcall(verb, rds, "london")) end
                    end
                    print(select("#", hw.parallel(calls)))
                    rds:resumerep("london")
                    """,
                out: "300\n"
            ),
            Trick(name: "a session left open", text: opening),
            Trick(
                name: "a session left open by an error",
                text: opening + "error(\"no\")",
                code: "lua-runtime"
            ),
            Trick(
                name: "a session left open at the limit of the processor",
                text: opening + "while true do pcall(function() while true do end end) end",
                code: "cpu-limit",
                options: "--cpu 0.4"
            ),
            Trick(
                name: "a session left open in a C function that nothing interrupts",
                text: opening + "return (\"a\"):rep(3000):find((\".-\"):rep(20) .. \"b\")",
                code: "cpu-limit",
                options: "--cpu 0.4"
            ),
        ]

        /// The daemons live and have let go of what was theirs, and who means well is served.
        private func proveUnharmed(_ lab: TestLab, _ daemons: [Int32?], after trick: String) throws {
            #expect(TestLab.hosts.map { lab.process($0) } == daemons, "\(trick)")
            try lab.wait(for: "end of all sessions after \(trick)") {
                try lab.member("seattle")["volumes"].items.allSatisfy { $0["openBy"].items.isEmpty }
            }
            let load = try lab.run("homeward lab load --seconds 0.2")
            #expect(load.status == 0, "\(trick): \(load)")
        }

        @Test("each ends as it should, the daemons go on, and their copies stay equal", .timeLimit(.minutes(4)))
        func tricks() throws {
            try TestLab.run { lab in
                let daemons = TestLab.hosts.map { lab.process($0) }
                #expect(!daemons.contains(nil))
                for trick in Self.tricks {
                    let script = try lab.write("trick.lua", trick.text)
                    let output = try lab.run("homeward exec \(trick.options) \(script)", seconds: 60)
                    #expect(output.status == (trick.code == nil ? 0 : 1), "\(trick.name): \(output)")
                    if let code = trick.code { #expect(output.err.contains("[\(code)]"), "\(trick.name): \(output)") }
                    #expect(output.out == trick.out, "\(trick.name): \(output)")
                    try proveUnharmed(lab, daemons, after: trick.name)
                }
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "a script that is killed in the middle of its writes leaves no session and no difference",
            .timeLimit(.minutes(2))
        )
        func killed() throws {
            try TestLab.run { lab in
                let daemons = TestLab.hosts.map { lab.process($0) }
                let script = try lab.write(
                    "writes.lua",
                    Self.opening + "print(\"open\") while true do session:write(0, (\"k\"):rep(65536)) end"
                )
                for signal in [SIGKILL, SIGTERM] {
                    let writer = try lab.start("homeward exec \(script)", seconds: 60)
                    try lab.wait(for: "script that writes") { writer.printed.contains("open") }
                    // What is open stands in the way of a change of roles, and says so.
                    let refused = try lab.run("vradmin -g hrdg --json migrate hr_rvg london")
                    #expect(refused.code == "volume-open", "\(refused)")
                    writer.signal(signal)
                    #expect(writer.wait().status != 0)
                    try proveUnharmed(lab, daemons, after: "signal \(signal)")
                }
                try lab.proveEqual(primary: "seattle")
            }
        }
    }
}
