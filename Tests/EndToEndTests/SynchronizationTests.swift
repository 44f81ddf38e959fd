import Foundation
import Testing

extension EndToEnd {
    @Suite(
        "Synchronizations that meet trouble",
        .enabled(if: installed("qemu-io", "nbdcopy"), "qemu-io or nbdcopy is not installed")
    )
    struct Synchronizations {
        /// Stops replication to london and makes 12 MiB of hr_dv01 differ.
        private func part(_ lab: TestLab, seed: UInt64) throws {
            try lab.succeed("vradmin -g hrdg -s stoprep hr_rvg london", on: "seattle")
            try fill(lab, mebibytes: 12, seed: seed)
        }

        /// Writes random bytes at the volume's beginning.
        private func fill(_ lab: TestLab, mebibytes: Int, seed: UInt64) throws {
            let file = "\(lab.folder)/random"
            var random = Seeded(state: seed)
            try random.bytes(mebibytes << 20).write(to: URL(fileURLWithPath: file))
            let copied = try #require(try tool("nbdcopy", [file, lab.uri("seattle")]), "nbdcopy is needed")
            #expect(copied.status == 0, "\(copied)")
        }

        private func limit(_ lab: TestLab, _ rate: String) throws {
            try lab.succeed("vradmin -g hrdg set hr_rvg london bandwidth_limit=\(rate)", on: "seattle")
        }

        @Test("a log too small for a synchronization ends it, never the writers", .timeLimit(.minutes(2)))
        func overflow() throws {
            try TestLab.run { lab in
                try part(lab, seed: 1)
                try limit(lab, "1600kbps")
                let slow = try lab.start("vradmin -g hrdg --json -c c1 syncrvg hr_rvg london", on: "seattle")
                try lab.wait(for: "checkpoint c1") { try lab.checkpoints("seattle").contains("c1") }
                for round in 0..<12 where slow.isRunning { try fill(lab, mebibytes: 16, seed: 10 + UInt64(round)) }
                let ended = slow.wait()
                #expect(ended.status == 1, "\(ended)")
                #expect(ended.code == "checkpoint-overflowed", "\(ended)")
                let message = ended.json["error"]["message"].string ?? ""
                #expect(message.contains("bytes") && message.contains { $0.isNumber }, "\(ended)")
                #expect(try lab.checkpoints("seattle", state: "overflowed") == ["c1"])
                #expect(try !lab.member("london")["consistent"].isTrue)
                #expect(try lab.write("seattle"))
                let started = try lab.run("vradmin -g hrdg --json -c c1 startrep hr_rvg london", on: "seattle")
                #expect(started.code == "checkpoint-overflowed", "\(started)")

                try limit(lab, "none")
                try lab.succeed("vradmin -g hrdg -c c2 syncrvg hr_rvg london", on: "seattle")
                try lab.succeed("vradmin -g hrdg -c c2 startrep hr_rvg london", on: "seattle")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test("Ctrl-C ends a synchronization and its checkpoint; a lost link only delays it", .timeLimit(.minutes(2)))
        func interrupted() throws {
            try TestLab.run { lab in
                try part(lab, seed: 2)
                try limit(lab, "24mbps")
                let first = try lab.start("vradmin -g hrdg --json -c c1 syncrvg hr_rvg london", on: "seattle")
                try lab.wait(for: "checkpoint c1") { try lab.checkpoints("seattle").contains("c1") }
                first.signal(SIGINT)
                let ended = first.wait()
                #expect(ended.status == 130, "\(ended)")
                try lab.wait(for: "end of checkpoint c1") { try !lab.checkpoints("seattle").contains("c1") }

                let second = try lab.start("vradmin -g hrdg --json -c c2 syncrvg hr_rvg london", on: "seattle")
                try lab.wait(for: "checkpoint c2") { try lab.checkpoints("seattle").contains("c2") }
                usleep(1_500_000)
                try lab.succeed("homeward lab partition seattle london")
                usleep(500_000)
                #expect(second.isRunning, "it had ended before the link was lost: it proves nothing")
                try lab.succeed("homeward lab heal")
                let resumed = second.wait()
                #expect(resumed.status == 0, "\(resumed)")
                let volumes = resumed.json.items.first?["volumes"].items ?? []
                let sent = volumes.compactMap { $0["sent"].number }.reduce(0, +)
                // Counted from the lost link on: what had arrived is not sent again.
                #expect(sent > 0 && sent < 12 << 20, "\(resumed)")
                try limit(lab, "none")
                try lab.succeed("vradmin -g hrdg -c c2 startrep hr_rvg london", on: "seattle")
                try lab.proveEqual(primary: "seattle")
            }
        }
    }
}
