import Testing

extension EndToEnd {
    @Suite("The chapter, as typed")
    struct Chapter {
        @Test("Examples 3 and 4 bring the role home under load, and all hosts end equal", .timeLimit(.minutes(2)))
        func examples() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 1")
                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab load --seconds 0.5")
                try lab.succeed("homeward lab restart seattle")

                let shown = try lab.succeed("vradmin -g hrdg -l printrvg hr_rvg", on: "seattle")
                #expect(shown.out.contains("london: Primary-Primary configuration"), "\(shown)")
                let made = try lab.run("vradmin -g hrdg makesec hr_rvg london", on: "seattle")
                // What had not left seattle when it was killed is refused, and that is right.
                if made.code == "unsent-updates" {
                    try lab.succeed("vradmin -g hrdg -f makesec hr_rvg london", on: "seattle")
                } else {
                    #expect(made.status == 0, "\(made)")
                }

                let application = try lab.start("homeward lab load --seconds 6")
                try lab.wait(for: "load") {
                    try lab.member("london")["volumes"].items.contains { !$0["openBy"].items.isEmpty }
                }
                let synchronized = try lab.succeed(
                    "vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle",
                    on: "tokyo"
                )
                #expect(synchronized.out.contains("SYNC complete"), "\(synchronized)")
                #expect(try lab.checkpoints("london") == ["checkpt_presync"])
                try lab.succeed("vradmin -g hrdg -c checkpt_presync startrep hr_rvg seattle", on: "seattle")
                #expect(application.isRunning, "the load ended before startrep did: it proves nothing")
                let refused = try lab.run("vradmin -g hrdg --json migrate hr_rvg seattle", on: "london")
                #expect(refused.status == 1 && refused.code == "volume-open", "\(refused)")
                let loaded = application.wait()
                #expect(loaded.status == 0, "\(loaded)")

                try lab.repeating("vradmin -g hrdg migrate hr_rvg seattle", on: "london")
                #expect(try lab.rds("tokyo")["primary"].string == "seattle")
                let again = try lab.succeed("vradmin -g hrdg migrate hr_rvg seattle", on: "london")
                #expect(again.out.contains("already"), "\(again)")

                try lab.succeed("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                try lab.succeed("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                try lab.succeed("homeward lab load --seconds 1")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test("an orderly stop opens no new epoch, a kill does", .timeLimit(.minutes(2)))
        func epochs() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.3")
                let before = try lab.epochs("seattle")
                #expect(before >= 1)
                try lab.succeed("homeward lab restart seattle")
                try lab.repeating("homeward lab load --seconds 0.3")
                #expect(try lab.epochs("seattle") == before)
                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("homeward lab restart seattle")
                try lab.repeating("homeward lab load --seconds 0.3")
                #expect(try lab.epochs("seattle") == before + 1)
                try lab.proveEqual(primary: "seattle")
            }
        }
    }
}
