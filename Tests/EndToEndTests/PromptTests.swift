import Foundation
import Testing

extension EndToEnd {
    /// A person at the prompt: a pseudo-terminal stands between, and each wait has its limit.
    @Suite(
        "The prompt",
        .serialized,
        .enabled(if: installed("setsid"), "setsid is needed to give a controlling terminal")
    )
    struct PromptSessions {
        @Test("Example 3, line by line", .timeLimit(.minutes(2)))
        func example3() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab load --seconds 0.5")
                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab load --seconds 0.5")
                try lab.succeed("homeward lab restart seattle")

                let terminal = try Terminal(lab, ["homeward", "repl"], seconds: 90)
                try terminal.expect("hw> ")
                try terminal.answer(to: #"rds = hw.rds("hrdg", "hr_rvg")"#)
                let both = try terminal.answer(to: "rds:status().config_errors")
                #expect(both.contains("Primary-Primary configuration"), "\(both)")
                try terminal.answer(
                    to: #"hw.host("seattle"):rvg("hrdg", "hr_rvg"):makesec("london", { force = true })"#
                )
                let made = try terminal.answer(
                    to: #"rds:syncrvg("seattle", { checkpoint = "checkpt_presync" })"#,
                    seconds: 60
                )
                #expect(made.contains("checkpt_presync"), "\(made)")
                try terminal.answer(to: #"rds:startrep("seattle", { checkpoint = "checkpt_presync" })"#)
                try terminal.answer(to: #"rds:await("seattle", { state = "up-to-date", timeout = 60 })"#, seconds: 60)
                try terminal.answer(to: #"rds:migrate("seattle")"#)
                #expect(try terminal.answer(to: "rds:status().primary") == "\"seattle\"\r\n")
                try terminal.type("\u{04}")
                #expect(try terminal.end() == 0)
                #expect(try lab.rds("london")["primary"].string == "seattle")
            }
        }

        @Test(
            "statements of several lines, Tab, history, help, errors, Ctrl-C at every moment",
            .timeLimit(.minutes(2))
        )
        func manners() throws {
            try TestLab.run(volume: "16M") { lab in
                let terminal = try Terminal(lab, ["homeward", "repl"], seconds: 90)
                try terminal.expect("hw> ")
                #expect(try terminal.answer(to: "1 + 1") == "2\r\n")
                try terminal.enter("for i = 1, 2 do")
                try terminal.expect("hw>> ")
                try terminal.enter("print(i * 10)")
                try terminal.expect("hw>> ")
                try terminal.enter("end")
                try terminal.expect("10\r\n20\r\nhw> ")
                #expect(try terminal.answer(to: "x = { b = 1, a = \"é\" }").isEmpty)
                let shown = try terminal.answer(to: "x")
                #expect(shown.contains("a = \"é\"") && shown.contains("b = 1"), "\(shown)")

                // Tab finishes a name that is one, and shows those that are several.
                try terminal.type("hw.paral\t")
                // A cursor movement stands between what was typed and what Tab put in.
                try terminal.expect("lel")
                try terminal.type("\u{03}")
                try terminal.expect("hw> ")
                try terminal.type("hw.\t")
                try terminal.expect("rds ")
                // The line is shown once more below the list.
                try terminal.expect("hw> hw.")
                try terminal.type("\u{03}")
                try terminal.expect("hw> ")

                let help = try terminal.answer(to: "help(hw.rds)")
                #expect(help.contains("rds("), "\(help)")
                let wrong = try terminal.answer(to: "hw.hosst(\"seattle\")")
                #expect(wrong.contains("host") && wrong.contains("["), "\(wrong)")
                let refused = try terminal.answer(to: #"hw.rds("hrdg", "hr_rvg"):migrate("oslo")"#)
                #expect(refused.contains("\r\n  hint: "), "\(refused)")

                // Ctrl-C: a line that is being typed, one of several, a loop, a wait, a wait that a pcall surrounds.
                try terminal.type("half a li\u{03}")
                try terminal.expect("hw> ")
                try terminal.enter("do")
                try terminal.expect("hw>> ")
                try terminal.type("\u{03}")
                try terminal.expect("hw> ")
                for line in ["while true do end", "hw.sleep(600)", "while true do pcall(hw.sleep, 600) end"] {
                    try terminal.enter(line)
                    try terminal.expect("\r\n")
                    usleep(300_000)
                    try terminal.type("\u{03}")
                    try terminal.expect("[interrupted]", seconds: 5)
                    try terminal.expect("hw> ")
                }
                #expect(try terminal.answer(to: "x.b") == "1\r\n", "the state lives on")

                // A dead host is told, and the others answer.
                try lab.succeed("homeward lab crash tokyo")
                #expect(try terminal.answer(to: #"hw.host("tokyo"):status()"#).contains("[daemon-unreachable]"))
                #expect(try terminal.answer(to: #"hw.rds("hrdg", "hr_rvg"):status().primary"#) == "\"seattle\"\r\n")

                // The statement before the last two, a whole one, comes back.
                try terminal.answer(to: "7 * 6")
                try terminal.type("\u{1B}[A")
                try terminal.expect("7 * 6")
                #expect(try terminal.answer(to: "") == "42\r\n")
                try terminal.type("\u{04}")
                #expect(try terminal.end() == 0, "errors of a person are not the session's")

                let history = "\(lab.folder)/config/history"
                let mode = try FileManager.default.attributesOfItem(atPath: history)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                let text = String(decoding: FileManager.default.contents(atPath: history) ?? Data(), as: UTF8.self)
                #expect(text.contains("for\\040i") && text.contains("\\012"), "\(text)")
                #expect(text.split(separator: "\n").filter { $0.contains("7\\040*\\0406") }.count == 1, "\(text)")

                // The next session has them.
                let next = try Terminal(lab, ["homeward", "repl"], seconds: 30)
                try next.expect("hw> ")
                try next.type("\u{1B}[A")
                try next.expect("7 * 6")
                try next.type("\u{03}")
                try next.expect("hw> ")
                try next.type("\u{04}")
                #expect(try next.end() == 0)
            }
        }

        @Test(
            "fed from a pipe: no prompt, results on stdout, errors on stderr, exit 1 if there was one",
            .timeLimit(.minutes(1))
        )
        func pipe() throws {
            try TestLab.run(volume: "16M") { lab in
                func feed(_ text: String) throws -> Output {
                    try lab.start(["homeward", "repl"], input: text, seconds: 30).wait()
                }
                let good = try feed(
                    "x = 20\nfor i = 1, 2 do\n  print(i)\nend\nx + 1\nhw.rds('hrdg', 'hr_rvg'):status().primary"
                )
                #expect(good.status == 0 && good.out == "1\n2\n21\n\"seattle\"\n" && good.err.isEmpty, "\(good)")
                let bad = try feed("1\nnothing.here\nif\n\n2\n")
                #expect(bad.status == 1 && bad.out.hasPrefix("1\n"), "\(bad)")
                #expect(bad.err.contains("[undeclared-global]") && bad.err.contains("hint: "), "\(bad)")
                let open = try feed("for i = 1, 2 do")
                #expect(open.status == 1 && open.code == "lua-syntax", "\(open)")
                let many = try feed(String(repeating: "y = 1\n", count: 10_000) + "y\n")
                #expect(many.out == "1\n", "\(many.out.prefix(200))")
            }
        }
    }
}
