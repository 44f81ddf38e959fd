import Foundation
import Testing

extension EndToEnd {
    @Suite("Daemons that die in the middle", .serialized)
    struct Kills {
        /// Who is killed while each verb runs.
        struct Moment {
            var victim: String
            var microseconds: UInt32
        }

        @Test(
            "kill -9 during load, makesec, syncrvg, startrep, migrate loses nothing flushed, and repeating completes them",
            .timeLimit(.minutes(3)),
            arguments: [1, 2, 3, 4] as [UInt64]
        )
        func kills(seed: UInt64) throws {
            var random = Seeded(state: seed)
            // The Primary and the target take turns, so that over all seeds each dies in each verb at several moments.
            var turn = seed
            func moment(_ primary: String, _ target: String, within: UInt32) -> Moment {
                turn += 1
                return Moment(
                    victim: turn.isMultiple(of: 2) ? primary : target,
                    microseconds: UInt32.random(in: 0..<within, using: &random)
                )
            }
            try TestLab.run { lab in
                try load(lab, moment("seattle", "london", within: 300_000))
                try lab.succeed("homeward lab crash seattle")
                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.succeed("homeward lab restart seattle")
                try finish(
                    "vradmin -g hrdg -f makesec hr_rvg london",
                    on: "seattle",
                    lab,
                    moment("london", "seattle", within: 120_000)
                )
                let synchronize = "vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle"
                let start = "vradmin -g hrdg -c checkpt_presync startrep hr_rvg seattle"
                try underLoad(lab) {
                    try finish(synchronize, on: "tokyo", lab, moment("london", "seattle", within: 300_000))
                }
                try underLoad(lab) { try finish(start, on: "tokyo", lab, moment("london", "seattle", within: 120_000)) }
                try lab.succeed("homeward lab wait seattle")
                try finish(
                    "vradmin -g hrdg migrate hr_rvg seattle",
                    on: "tokyo",
                    lab,
                    moment("london", "seattle", within: 150_000)
                )
                try lab.repeating("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                try lab.repeating("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }

        private func strike(_ lab: TestLab, _ moment: Moment) throws {
            usleep(moment.microseconds)
            try lab.succeed("homeward lab crash \(moment.victim)")
        }

        private func load(_ lab: TestLab, _ moment: Moment) throws {
            let application = try lab.start("homeward lab load --seconds 1")
            try strike(lab, moment)
            // Ends with 1 when its Primary dies, with 0 otherwise; `lab check` judges what it had flushed.
            _ = application.wait()
            try lab.succeed("homeward lab restart \(moment.victim)")
            try lab.repeating("homeward lab load --seconds 0.3")
            try lab.succeed("homeward lab wait london tokyo")
            try lab.proveWhole()
        }

        private func underLoad(_ lab: TestLab, _ body: () throws -> Void) throws {
            let application = try lab.start("homeward lab load --seconds 1")
            usleep(50_000)
            try body()
            _ = application.wait()
            try lab.proveWhole()
        }

        /// Kills a daemon while a command runs, starts it again, and repeats the command until it is done.
        private func finish(_ line: String, on host: String, _ lab: TestLab, _ moment: Moment) throws {
            let command = try lab.start(line, on: host)
            try strike(lab, moment)
            try lab.succeed("homeward lab restart \(moment.victim)")
            let first = command.wait()
            #expect([0, 1].contains(first.status), "\(first)")
            try lab.repeating(line, on: host)
        }
    }
}
