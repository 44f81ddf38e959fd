import Foundation
import Testing

extension EndToEnd {
    @Suite("Primaries that come back", .enabled(if: installed("qemu-io"), "qemu-io is not installed"))
    struct Fences {
        private func isPrimaryPrimary(_ lab: TestLab, asSeenOn host: String) throws -> Bool {
            try lab.run("vradmin -g hrdg -l printrvg hr_rvg", on: host).out.contains("Primary-Primary")
        }

        /// Gives the role up on seattle, and with it what never left.
        private func makesec(_ lab: TestLab) throws {
            try lab.repeating("vradmin -g hrdg -f makesec hr_rvg london", on: "seattle")
            try lab.wait(for: "end of Primary-Primary") { try !isPrimaryPrimary(lab, asSeenOn: "london") }
            #expect(try lab.member("seattle")["role"].string == "secondary")
            #expect(try lab.write("london"))
        }

        @Test("a halted Primary that was taken over fences itself when it goes on", .timeLimit(.minutes(2)))
        func halted() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.3")
                let seattle = try #require(lab.process("seattle"))
                #expect(kill(seattle, SIGSTOP) == 0)
                defer { kill(seattle, SIGCONT) }
                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                #expect(try lab.write("london"))
                #expect(kill(seattle, SIGCONT) == 0)
                try lab.wait(for: "Primary-Primary on london") { try isPrimaryPrimary(lab, asSeenOn: "london") }
                try lab.wait(for: "Primary-Primary on seattle") { try isPrimaryPrimary(lab, asSeenOn: "seattle") }
                #expect(try !lab.write("seattle"))
                try makesec(lab)
                try lab.proveWhole()
            }
        }

        @Test("a Primary cut off and taken over fails writes from the first contact on", .timeLimit(.minutes(2)))
        func partitioned() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.succeed("homeward lab wait london tokyo")
                let early = try lab.run("vradmin -g hrdg -N --json takeover hr_rvg", on: "london")
                #expect(early.status == 1 && early.code == "primary-reachable", "\(early)")
                try lab.succeed("homeward lab partition seattle london")
                try lab.succeed("homeward lab partition seattle tokyo")
                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                #expect(try lab.write("seattle", pattern: 3), "it cannot know yet")
                #expect(try lab.write("london", pattern: 4))
                try lab.succeed("homeward lab heal")
                try lab.wait(for: "Primary-Primary") { try isPrimaryPrimary(lab, asSeenOn: "seattle") }
                #expect(try !lab.write("seattle", pattern: 5))
                #expect(try lab.write("london", pattern: 6))
                let refused = try lab.run("vradmin -g hrdg --json makesec hr_rvg london", on: "seattle")
                #expect(refused.code == "unsent-updates", "\(refused)")
                try makesec(lab)
                try lab.proveWhole()
            }
        }

        @Test(
            "a returned Primary opens by itself unless a Secondary that could have taken over is away",
            .timeLimit(.minutes(2))
        )
        func returned() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("homeward lab restart seattle")
                try lab.wait(for: "write on seattle") { try lab.write("seattle") }

                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("homeward lab crash london")
                try lab.succeed("homeward lab restart seattle")
                #expect(try !lab.write("seattle"))
                let refused = try lab.run("vxrvg -g hrdg --json start hr_rvg", on: "seattle")
                #expect(refused.code == "fenced", "\(refused)")
                #expect(refused.json["error"]["message"].string?.contains("london") == true, "\(refused)")
                try lab.succeed("vxrvg -g hrdg -f start hr_rvg", on: "seattle")
                try lab.wait(for: "write on seattle") { try lab.write("seattle") }
                try lab.succeed("homeward lab restart london")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test("updates that never left are told, refused, and with -f kept in a file", .timeLimit(.minutes(2)))
        func unsent() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.succeed("homeward lab wait london tokyo")
                try lab.succeed("homeward lab partition seattle london")
                try lab.succeed("homeward lab partition seattle tokyo")
                try lab.succeed("homeward lab load --seconds 2")
                try lab.succeed("homeward lab crash seattle")
                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab heal")
                try lab.succeed("homeward lab restart seattle")

                let refused = try lab.run("vradmin -g hrdg --json makesec hr_rvg london", on: "seattle")
                #expect(refused.status == 1)
                let error = refused.json["error"]
                #expect(error["code"].string == "unsent-updates", "\(refused)")
                #expect(error["host"].string == "seattle")
                #expect(error["object"].string?.contains("hr_rvg") == true)
                #expect(error["message"].string?.contains { $0.isNumber } == true)
                #expect(error["hint"].string?.contains("-f makesec") == true)
                #expect(try lab.member("seattle")["role"].string == "primary", "a refusal changes nothing")

                let made = try lab.succeed("vradmin -g hrdg -f makesec hr_rvg london", on: "seattle")
                let words = (made.out + made.err).split { " \n\t,;()".contains($0) }.map(String.init)
                let path = words.first { $0.hasPrefix("/") && $0.contains("salvage") }
                let kept = try #require(path.flatMap { FileManager.default.contents(atPath: $0) }, "\(made)")
                #expect(kept.count > 4096)
                try lab.succeed("vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle", on: "london")
                try lab.succeed("vradmin -g hrdg -c checkpt_presync startrep hr_rvg seattle", on: "london")
                try lab.repeating("vradmin -g hrdg migrate hr_rvg seattle", on: "london")
                try lab.succeed("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                try lab.succeed("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                try lab.proveEqual(primary: "seattle")
            }
        }
    }
}
