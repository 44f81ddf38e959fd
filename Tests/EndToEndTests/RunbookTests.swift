import Foundation
import Testing

extension EndToEnd {
    /// The bundled runbooks over real daemons, with a real process for the site's application.
    @Suite("Runbooks", .serialized)
    struct Runbooks {
        /// Every byte that the hosts of the lab keep.
        private func digest(_ lab: TestLab) throws -> String {
            // What ends with -shm is SQLite's table of those who read now: to read leaves its mark there, and no data.
            let others = ["daemon.log", "*-shm"].flatMap { ["!", "-name", $0] }
            let listing = try tool(
                "find",
                TestLab.hosts.map { "\(lab.folder)/lab/\($0)" } + ["-type", "f"] + others
                    + ["-exec", "sha1sum", "{}", "+"]
            )
            let lines = (listing?.out ?? "").split(separator: "\n").sorted()
            guard lines.count > 9 else { throw Unmet(description: "nothing to compare: \(lines)") }
            return lines.joined(separator: "\n")
        }

        @Test(
            "the failback brings the role and the application home; its plan changes nothing",
            .timeLimit(.minutes(2))
        )
        func failback() throws {
            try TestLab.run { lab in
                let application = try Application(lab)
                defer { try? application.stop() }
                try application.start()
                try application.lose("seattle")
                try lab.succeed("homeward run takeover to=london --site \(application.site) --yes")
                try application.proveRuns(on: "london")
                try lab.succeed("homeward lab restart seattle")
                let failback = "homeward run failback-difference discard_unsent=yes --site \(application.site)"

                try application.stop()
                var before = try digest(lab)
                try lab.wait(for: "quiet lab", seconds: 30) {
                    sleep(2)
                    let now = try digest(lab)
                    defer { before = now }
                    return now == before
                }
                let journal = try lab.succeed("homeward runs list --json").out
                let plan = try lab.succeed("\(failback) --plan --json")
                #expect(try lab.succeed("homeward runs list --json").out == journal, "a plan is no run")
                let changes = Set(try digest(lab).split(separator: "\n")).subtracting(before.split(separator: "\n"))
                #expect(changes.isEmpty, "a plan changed something")
                #expect(plan.json["ok"].isTrue, "\(plan)")
                let steps = [
                    "makesec", "synchronize", "stop-application", "start-replication", "await-up-to-date", "migrate",
                    "start-application",
                ]
                #expect(plan.json["steps"].items.compactMap { $0["id"].string } == steps, "\(plan)")
                let commands = plan.json["steps"].items.first?["commands"].items.compactMap(\.string) ?? []
                #expect(commands.contains { $0.contains("vradmin -g hrdg") && $0.contains("makesec hr_rvg london") })
                let shown = try lab.succeed("\(failback) --plan")
                #expect(shown.out.contains("home") && shown.out.contains("inferred"), "\(shown)")
                try application.start()

                let run = try lab.succeed("\(failback) --json")
                #expect(run.json["state"].string == "done", "\(run)")
                #expect(try lab.rds("tokyo")["primary"].string == "seattle")
                try application.proveRuns(on: "seattle")

                let runs = try lab.succeed("homeward runs list --json").json.items
                #expect(runs.compactMap { $0["runbook"].string } == ["failback-difference", "takeover"])
                #expect(runs.allSatisfy { $0["state"].string == "done" && $0["ended"].string != nil })
                let one = try lab.succeed("homeward runs show \(runs.first?["id"].string ?? "") --json").json
                #expect(one["steps"].items.compactMap { $0["id"].string } == steps)
                #expect(try lab.run("homeward runs show 2020").code == "unknown-run")

                try lab.repeating("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                try lab.succeed("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                try application.stop()
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "runbooks are listed, shown, checked, copied; what is wrong is named by its line",
            .timeLimit(.minutes(1))
        )
        func looking() throws {
            try TestLab.run(volume: "16M") { lab in
                let bundled = [
                    "failback-difference", "failback-difference-multi", "migrate", "setup-replication", "takeover",
                ]
                let listed = try lab.succeed("homeward runbooks list --json").json.items
                #expect(Set(listed.compactMap { $0["name"].string }).isSuperset(of: bundled))
                #expect(listed.allSatisfy { $0["summary"].string?.isEmpty == false }, "\(listed)")
                for name in bundled {
                    let shown = try lab.succeed("homeward runbooks show \(name) --json").json
                    #expect(shown["steps"].items.count >= 2, "\(name)")
                    let checked = try lab.run("homeward runbooks check \(name)")
                    #expect(checked.status == 0, "\(checked)")
                }
                let copied = try lab.succeed("homeward runbooks new our-failback --from failback-difference --json")
                let copy = try #require(copied.json["file"].string)
                #expect(try lab.succeed("homeward runbooks show our-failback").out.contains("makesec"))
                #expect(try lab.succeed("homeward runbooks check \(copy)").status == 0)
                #expect(try lab.run("homeward runbooks new our-failback --from migrate").code == "name-in-use")
                #expect(try lab.run("homeward run nothing-such").code == "unknown-runbook")
                #expect(try lab.run("homeward run migrate to").status == 2)
                #expect(try lab.run("homeward run migrate nonsense=1").code == "unknown-parameter")

                let text = String(decoding: FileManager.default.contents(atPath: copy) ?? Data(), as: UTF8.self)
                let wrong = try lab.write("wrong.lua", "undeclared_thing()\n" + text)
                let found = try lab.run("homeward runbooks check \(wrong)")
                #expect(found.status == 1 && found.out.contains("wrong.lua:1: undeclared_thing"), "\(found)")
                let broken = try lab.write("broken.lua", "local x =\n")
                let syntax = try lab.run("homeward runbooks check \(broken) --json")
                #expect(syntax.status == 1 && syntax.json["problems"].items.first?["line"].number != nil, "\(syntax)")
                let site = try lab.write(
                    "wrong-site.lua",
                    "return { start_application = print, stop_aplication = print }\n"
                )
                let key = try lab.run("homeward runbooks check \(site)")
                #expect(key.status == 1 && key.out.contains("stop_application"), "\(key)")
                let option = try lab.write(
                    "wrong-option.lua",
                    """
                    return {
                      before = { migrate = function(ctx) hw.sh{ "true", timout = 7 } end },
                      after = { migrate = function(ctx) hw.sh{ "true", on = ctx.hots } end },
                    }

                    """
                )
                let slip = try lab.run("homeward runbooks check \(option)")
                #expect(slip.status == 1 && slip.out.contains("wrong-option.lua:2: "), "\(slip)")
                #expect(slip.out.contains("timeout"), "\(slip)")
                #expect(slip.out.contains("wrong-option.lua:3: there is no hots: did you mean host?"), "\(slip)")
            }
        }
    }
}
