import Foundation
import Testing

extension EndToEnd {
    @Suite("The lab's application")
    struct BackgroundApplication {
        @Test(
            "in the background it is started and stopped once, ends with its Primary and with the lab",
            .timeLimit(.minutes(2))
        )
        func background() throws {
            try TestLab.run { lab in
                #expect(try lab.succeed("homeward lab load --stop --json").json["already"].isTrue)
                let started = try lab.succeed("homeward lab load --detach --seconds 600 --rate 500 --json")
                #expect(!started.json["already"].isTrue)
                #expect(started.json["summary"].string?.contains("seattle") == true, "\(started)")
                #expect(try lab.succeed("homeward lab load --detach --json").json["already"].isTrue)
                let open = try lab.run("homeward lab load --seconds 1")
                #expect(open.status == 1, "one application at a time: \(open)")
                #expect(try !lab.succeed("homeward lab load --stop --json").json["already"].isTrue)
                #expect(try openSessions(lab, "seattle") == 0)

                try lab.succeed("homeward lab load --detach --seconds 600 --rate 500")
                let process = try #require(application(lab))
                try lab.succeed("homeward lab crash seattle")
                try lab.wait(for: "end of the application") { kill(process, 0) != 0 }
                let refused = try lab.run("homeward lab load --detach --json")
                #expect(refused.status == 1 && refused.out.contains("lab-host-state"), "\(refused)")
                #expect(refused.out.contains("not-primary"), "its own words are told: \(refused)")

                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab load --detach --seconds 600 --rate 500")
                let other = try #require(application(lab))
                try lab.succeed("homeward lab down")
                try lab.wait(for: "end of the application with its lab") { kill(other, 0) != 0 }
            }
        }

        private func application(_ lab: TestLab) -> Int32? {
            let text = FileManager.default.contents(atPath: "\(lab.folder)/lab/load.pid") ?? Data()
            return String(decoding: text, as: UTF8.self).split(separator: " ").first.flatMap { Int32($0) }
        }

        private func openSessions(_ lab: TestLab, _ host: String) throws -> Int {
            try lab.member(host)["volumes"].items.map { $0["openBy"].items.count }.reduce(0, +)
        }
    }
}
