import Foundation
import Testing

extension EndToEnd {
    /// The runner of each bundled runbook dies by SIGKILL at random moments, some times in a row.
    ///
    /// The runbook is started again until it is done. Then the roles are right, the application runs exactly on the Primary,
    /// and nothing that it flushed is lost. `HOMEWARD_RUNNER_SEEDS=3-40` looks further than the one that every run takes.
    @Suite("Runners that die in the middle", .serialized)
    struct KilledRunners {
        static let seeds: [UInt64] = {
            let named = ProcessInfo.processInfo.environment["HOMEWARD_RUNNER_SEEDS"] ?? "1-1"
            let bounds = named.split(separator: "-").compactMap { UInt64($0) }
            guard let first = bounds.first, let last = bounds.last, first <= last else { return [] }
            return Array(first...last)
        }()

        @Test(
            "a runbook whose runner was killed is started again, and ends as if nothing had happened",
            .timeLimit(.minutes(3)),
            arguments: seeds
        )
        func killed(seed: UInt64) throws {
            try TestLab.run(bare: true) { lab in
                var random = Seeded(state: seed)
                let application = try Application(lab)
                defer { try? application.stop() }
                var struck = 0
                func complete(_ runbook: String, within: UInt32) throws {
                    struck += try self.complete(
                        "homeward run \(runbook) --site \(application.site) --yes",
                        lab,
                        (0..<2).map { _ in UInt32.random(in: 0..<within, using: &random) }
                    )
                }
                try complete("setup-replication primary=seattle rvg=hr_rvg", within: 300_000)
                try application.start()
                try lab.succeed("homeward lab wait london tokyo")
                try application.lose("seattle")
                try complete("takeover to=london", within: 300_000)
                try application.proveRuns(on: "london")
                try lab.succeed("homeward lab restart seattle")

                // Both failbacks, by turns of the seed; then the role away from home once more.
                if seed.isMultiple(of: 2) {
                    try complete("failback-difference discard_unsent=yes", within: 700_000)
                    try application.proveRuns(on: "seattle")
                    try lab.repeating("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                    try lab.repeating("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                } else {
                    try complete("failback-difference-multi discard_unsent=yes", within: 700_000)
                    try application.proveRuns(on: "seattle")
                }
                try complete("migrate to=london", within: 700_000)
                try application.proveRuns(on: "london")
                try application.stop()
                try lab.proveWhole()
                #expect(try lab.rds("tokyo")["primary"].string == "london")

                #expect(struck >= 1, "none of 8 blows fell: they come too late")
                let runs = try lab.succeed("homeward runs list --json").json.items
                #expect(
                    runs.allSatisfy { ["done", "died", "failed"].contains($0["state"].string ?? "") },
                    "\(runs.count)"
                )
            }
        }

        @Test(
            "a hook's command that outlives its killed runner is over before the next run begins",
            .timeLimit(.minutes(2))
        )
        func outlived() throws {
            try TestLab.run(bare: true) { lab in
                let application = try Application(lab)
                defer { try? application.stop() }
                try lab.succeed("homeward run setup-replication primary=seattle rvg=hr_rvg --yes")
                try application.start()
                // A run that does not wait for it would have started the application again before this stops it.
                _ = try lab.write(
                    "slow",
                    """
                    #!/bin/sh
                    folder=$(dirname "$0")
                    sleep 1
                    touch "$folder/slow.began"
                    sleep 5
                    "$folder/application" stop
                    touch "$folder/slow.ended"

                    """,
                    mode: 0o700
                )
                let hooks = try String(contentsOfFile: application.site, encoding: .utf8)
                let site = try lab.write(
                    "slow-site.lua",
                    hooks.replacingOccurrences(of: #"/application", "stop""#, with: #"/slow""#)
                )
                let runner = try lab.start("homeward run migrate to=london --site \(site) --yes")
                try lab.wait(for: "the stop hook", seconds: 20) {
                    FileManager.default.fileExists(atPath: "\(lab.folder)/slow.began")
                }
                runner.signal(SIGKILL)
                #expect(runner.wait().status == 9)
                let again = try lab.succeed("homeward run migrate to=london --site \(application.site) --yes")
                #expect(again.out.contains("waits for"), "\(again)")
                #expect(FileManager.default.fileExists(atPath: "\(lab.folder)/slow.ended"))
                try application.proveRuns(on: "london")
            }
        }

        @Test(
            "a run that is interrupted starts the application again, however long that takes, and tells how to go on",
            .timeLimit(.minutes(2))
        )
        func interrupted() throws {
            try TestLab.run { lab in
                let site = try lab.write(
                    "late-site.lua",
                    """
                    local hw = require("homeward")
                    return {
                      stop_application = function() end,
                      start_application = function() hw.sh{ "sh", "-c", "sleep 12; touch \(lab.folder)/started" } end,
                      before = { migrate = function()
                        print("it would move now")
                        hw.sleep(60)
                      end },
                    }
                    """
                )
                let runner = try lab.start("homeward run migrate to=london --site \(site) --yes", seconds: 100)
                try lab.wait(for: "the step migrate", seconds: 30) { runner.printed.contains("it would move now") }
                runner.signal(SIGINT)
                let ended = runner.wait()
                #expect(ended.status == 130, "\(ended)")
                #expect(FileManager.default.fileExists(atPath: "\(lab.folder)/started"), "\(ended)")
                #expect(ended.out.contains("the application was started again on seattle"), "\(ended)")
                #expect(ended.err.contains("start the runbook again: homeward run migrate"), "\(ended)")
                let run = try #require(try lab.succeed("homeward runs list --json").json.items.first)
                #expect(run["state"].string == "interrupted", "\(run["state"].string ?? "")")
            }
        }

        /// Kills the runner after so many microseconds each time, then lets it come to its end.
        ///
        /// - Returns: how many times it had not ended by itself before.
        private func complete(_ line: String, _ lab: TestLab, _ moments: [UInt32]) throws -> Int {
            var struck = 0
            for moment in moments {
                let runner = try lab.start(line)
                usleep(moment)
                runner.signal(SIGKILL)
                let ended = runner.wait()
                #expect([0, 9].contains(ended.status), "\(ended)")
                if ended.status == 9 { struck += 1 }
            }
            // What the killed one had asked for may still be under way in the daemons.
            try lab.repeating(line, seconds: 40)
            return struck
        }
    }
}
