import Foundation
import HomewardAdministration
import HomewardCore
import Testing

/// Plans, runs and journals of the bundled runbooks, over three hosts.
@Suite("Runbooks as they are read", .serialized, .timeLimit(.minutes(3)))
struct RunbookTranscriptTests {
    /// Types lines of a story; the exit code of each is part of it.
    private func tell(_ lines: String..., to transcript: inout Transcript, _ someone: Operator) async {
        for line in lines { transcript.add(await someone.type(line)) }
    }

    @Test("setup, migrate, takeover and both failbacks: plan, run, journal")
    func story() async throws {
        try await Operator.run { someone in
            let trio = someone.trio
            let guide = Guide(someone)
            var text = Transcript("The bundled runbooks, one after the other", Steady(folder: trio.folder))
            await tell("homeward runbooks list", to: &text, someone)
            for name in [
                "setup-replication", "migrate", "takeover", "failback-difference", "failback-difference-multi",
            ] {
                await tell("homeward runbooks show \(name)", to: &text, someone)
            }
            await tell(
                "homeward run setup-replication --plan",
                "homeward run setup-replication primary=london rvg=hr_rvg srl=srl --plan",
                "homeward run setup-replication primary=london rvg=hr_rvg srl=srl",
                "homeward runs show",
                to: &text,
                someone
            )
            try await guide.settle()
            await tell("homeward run migrate --plan", "homeward run migrate to=seattle --plan", to: &text, someone)
            await tell("homeward run migrate to=seattle", "homeward runs show", to: &text, someone)
            try await guide.settle()
            await tell("homeward run migrate to=london", to: &text, someone)
            try await trio.upToDate("london", "seattle")
            try await trio.upToDate("london", "dublin")

            text.say("london is cut off with an update that never left it")
            try await trio.partition("london", "seattle")
            try await trio.partition("london", "dublin")
            try await trio.write("london", at: 4096, 2)
            try await someone.stop("london")
            await tell(
                "homeward run takeover --plan",
                "homeward run takeover to=seattle --plan",
                "homeward run takeover to=seattle",
                "homeward runs show",
                to: &text,
                someone
            )
            try await trio.write("seattle", at: 8192, 3)
            text.say("london is back")
            try await someone.start("london")
            try await trio.partition("london", "seattle", false)
            try await trio.partition("london", "dublin", false)
            try await trio.waitUntil("london is fenced") { try await trio.member("london").state == "fenced" }
            try await guide.settle()
            await tell(
                "homeward run failback-difference --plan",
                "homeward run failback-difference",
                "homeward runs show",
                "homeward run failback-difference discard_unsent=yes --plan",
                "homeward run failback-difference discard_unsent=yes",
                "homeward runs show",
                to: &text,
                someone
            )
            try await guide.settle()
            await tell(
                "homeward status",
                "homeward run failback-difference-multi home=london --plan",
                to: &text,
                someone
            )
            await tell("homeward run failback-difference-multi home=london", to: &text, someone)
            try await trio.upToDate("london", "dublin")
            await tell("homeward status", "homeward runs list", to: &text, someone)
            try text.approve(as: "runbooks")
        }
    }

    @Test("files of a site that are wrong are named with the line and what to do")
    func wrongFiles() async throws {
        try await Operator.run { someone in
            let guide = Guide(someone)
            try await guide.upToDate()
            let folder = someone.trio.folder
            func write(_ name: String, _ content: String) throws {
                try content.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            try write("broken.lua", "local hw = require(\"homeward\")\nreturn hw.runbook{ summary = \"x\"\n")
            try write("empty.lua", "")
            try write("no-runbook.lua", "return 7\n")
            try write("site-typo.lua", "return { stop_aplication = function() end }\n")
            try write("site-step.lua", "return { before = { migrat = function() end } }\n")
            try write(
                "site-fails.lua",
                """
                return {
                  stop_application = function() error("the unit is masked") end,
                  start_application = function() end,
                }

                """
            )
            try write("loop.lua", "while true do end\n")
            try write(
                "loop-book.lua",
                """
                local hw = require("homeward")
                local M = hw.runbook{ summary = "computes for ever", parameters = {} }
                -- Not when it is gone through before the run, where commands have no answers.
                function M.run(ctx)
                  ctx.step("compute", "Compute", function() local code = hw.sh{ "true" }.code while code == 0 do end end)
                end
                return M

                """
            )
            try write("undeclared.lua", "print(hwx)\n")
            var text = Transcript("Files of a site that are wrong", Steady(folder: folder))
            for line in [
                "homeward runbooks check \(folder)/broken.lua", "homeward run \(folder)/broken.lua",
                "homeward run \(folder)/empty.lua", "homeward run \(folder)/no-runbook.lua",
                "homeward run migrate to=seattle --site \(folder)/broken.lua",
                "homeward run migrate to=seattle --site \(folder)/site-typo.lua",
                "homeward run migrate to=seattle --site \(folder)/site-step.lua",
                "homeward runbooks check \(folder)/site-typo.lua",
                "homeward run migrate to=seattle --site \(folder)/site-fails.lua",
                "homeward runs show",
                "homeward exec --cpu 0.2 \(folder)/loop.lua", "homeward exec \(folder)/undeclared.lua",
                "homeward run --cpu 0.2 \(folder)/loop-book.lua", "homeward runs show",
            ] {
                let typed = await someone.type(line)
                text.add(typed)
                #expect((typed.exit == 0) == line.hasSuffix("runs show"), "\(line): \(typed.shown)")
            }
            let json = await someone.type("homeward run --cpu 0.2 \(folder)/loop-book.lua", json: true)
            let shown = await someone.type("homeward runs show", json: true)
            struct Ended: Decodable {
                struct Failure: Decodable { var code: String }
                var error: Failure
                var run: String
            }
            struct Shown: Decodable {
                struct Detail: Decodable { var code: String, hint: String }
                var id: String, state: String, detail: Detail
            }
            let ended = try JSONDecoder().decode(Ended.self, from: Data(json.out.joined().utf8))
            let record = try JSONDecoder().decode(Shown.self, from: Data(shown.out.joined().utf8))
            #expect(ended.error.code == "cpu-limit" && ended.run == record.id, "\(json.out) \(shown.out)")
            #expect(record.state == "failed" && record.detail.code == "cpu-limit" && !record.detail.hint.isEmpty)
            try text.approve(as: "wrong-files")
        }
    }
}
