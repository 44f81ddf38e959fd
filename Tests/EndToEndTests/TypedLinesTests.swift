import Foundation
import Testing

extension EndToEnd {
    /// What a person types at the prompt, key by key; no host is asked.
    @Suite(
        "Lines that are typed",
        .serialized,
        .enabled(if: installed("setsid"), "setsid is needed to give a controlling terminal")
    )
    struct TypedLines {
        private func prompt(_ lab: TestLab, seconds: Double = 60) throws -> Terminal {
            let terminal = try Terminal(lab, ["homeward", "repl"], seconds: seconds)
            try terminal.expect("hw> ")
            return terminal
        }

        private func leave(_ terminal: Terminal) throws {
            try terminal.type("\u{04}")
            #expect(try terminal.end() == 0)
        }

        private func history(_ lab: TestLab) -> String {
            let data = FileManager.default.contents(atPath: "\(lab.folder)/config/history") ?? Data()
            return String(decoding: data, as: UTF8.self).replacing("\\040", with: " ")
        }

        @Test("a person is told what there is, and how to leave", .timeLimit(.minutes(1)))
        func first() throws {
            try TestLab.alone { lab in
                let terminal = try Terminal(lab, ["homeward", "repl"], seconds: 60)
                let banner = try terminal.expect("hw> ")
                #expect(banner.split(separator: "\r\n").count == 1, "\(banner)")
                #expect(banner.contains("help()") && banner.contains("Ctrl-D"), "\(banner)")
                let help = try terminal.answer(to: "help()")
                #expect(help.contains("help(x) explains"), "\(help)")
                #expect(try terminal.answer(to: "help") == help, "typed without parentheses it helps too")
                for word in ["exit", "quit", "exit()", "quit()"] {
                    let shown = try terminal.answer(to: word)
                    #expect(shown.contains("[undeclared-global]") && shown.contains("Ctrl-D"), "\(shown)")
                }
                #expect(try terminal.answer(to: "exit = 3").isEmpty)
                #expect(try terminal.answer(to: "exit") == "3\r\n", "the names are a person's own")
                try leave(terminal)
                // A pipe gets results alone.
                let piped = try lab.start(["homeward", "repl"], input: "1\n", seconds: 30).wait()
                #expect(piped.out == "1\n" && piped.err.isEmpty, "\(piped)")
            }
        }

        @Test("strings without an end, Tab on a string, Ctrl-R, letters of several bytes", .timeLimit(.minutes(1)))
        func editing() throws {
            try TestLab.alone { lab in
                let terminal = try prompt(lab)
                // No further line can mend it.
                #expect(try terminal.answer(to: "x = 'open").contains("[lua-syntax]"))
                try terminal.enter("x = [[one")
                try terminal.expect("hw>> ")
                #expect(try terminal.answer(to: "two]]").isEmpty)
                #expect(try terminal.answer(to: "x") == "\"one\\ntwo\"\r\n")
                try terminal.type("('abc'):uppe\t")
                try terminal.expect("r")
                #expect(try terminal.answer(to: "()") == "\"ABC\"\r\n")
                // The last letter is gone as one, not as a byte.
                #expect(try terminal.answer(to: "'naïvé\u{7F}e'") == "\"naïve\"\r\n")
                #expect(try terminal.answer(to: "40 + 2") == "42\r\n")
                #expect(try terminal.answer(to: "x = 1").isEmpty)
                try terminal.type("\u{12}40 +")
                try terminal.expect("40 + 2")
                // What follows the line on the screen is cleared first.
                try terminal.type("\r")
                try terminal.expect("\r\n42\r\nhw> ")
                try leave(terminal)
            }
        }

        @Test("the window gets narrow, and what is shown and edited fits it", .timeLimit(.minutes(1)))
        func resized() throws {
            try TestLab.alone { lab in
                let terminal = try prompt(lab)
                func candidates() throws -> [Substring] {
                    try terminal.type("string.\t")
                    try terminal.expect("\r\n")
                    let shown = try terminal.expect("hw> string.").split(separator: "\r\n")
                    try terminal.type("\u{03}")
                    try terminal.expect("hw> ")
                    return shown
                }
                let wide = try candidates()
                terminal.resize(columns: 30)
                let narrow = try candidates()
                #expect(narrow.count > wide.count && narrow.allSatisfy { $0.count <= 30 }, "\(narrow)")
                // A line that takes several of the screen, changed at its beginning.
                let sum = Array(repeating: "1", count: 40).joined(separator: " + ")
                try terminal.type(sum)
                try terminal.type("\u{01}100 + \u{05}")
                #expect(try terminal.answer(to: " + 1").hasSuffix("141\r\n"))
                terminal.resize(columns: 120)
                #expect(try terminal.answer(to: "1 + 1") == "2\r\n")
                try leave(terminal)
            }
        }

        @Test("ten thousand lines that are pasted are all carried out, in order", .timeLimit(.minutes(3)))
        func paste() throws {
            try TestLab.alone { lab in
                let terminal = try prompt(lab, seconds: 150)
                try terminal.answer(to: "n, last = 0, 0")
                let lines = (1...5000).map { "n = n +\n1; assert(last == \($0 - 1)) last = \($0)\n" }
                try terminal.paste(lines.joined().replacing("\n", with: "\r"), seconds: 120)
                try terminal.paste("n, 'all'\r")
                let shown = try terminal.expect("\t\"all\"\r\n", seconds: 60)
                #expect(shown.hasSuffix("5000"), "\(shown.suffix(200))")
                try terminal.expect("hw> ")
                try leave(terminal)
                // Of a history as much is kept as a start can read quickly.
                let count = history(lab).split(separator: "\n").count
                try leave(prompt(lab))
                #expect(count > 4000 && history(lab).split(separator: "\n").count <= 2001, "\(count)")
                #expect(history(lab).contains("last = 5000"))
            }
        }

        @Test("two prompts at once keep each other's history", .timeLimit(.minutes(1)))
        func twoPrompts() throws {
            try TestLab.alone { lab in
                let one = try prompt(lab)
                let two = try prompt(lab)
                try one.answer(to: "11 * 3")
                try two.answer(to: "22 * 3")
                try one.answer(to: "33 * 3")
                try leave(one)
                try two.answer(to: "44 * 3")
                try leave(two)
                let lines = history(lab).split(separator: "\n").map(String.init)
                #expect(lines.dropFirst() == ["11 * 3", "22 * 3", "33 * 3", "44 * 3"], "\(lines)")
                let next = try prompt(lab)
                for expected in ["44 * 3", "33 * 3", "22 * 3", "11 * 3"] {
                    try next.type("\u{1B}[A")
                    try next.expect(String(expected.first ?? "?"))
                }
                #expect(try next.answer(to: "").hasSuffix("33\r\n"))
                try leave(next)
            }
        }

        @Test("a history that is none, or cannot be kept, is no reason not to work", .timeLimit(.minutes(1)))
        func strangeHistory() throws {
            try TestLab.alone { lab in
                let folder = "\(lab.folder)/config"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                _ = try lab.write("config/history", "no history\n", mode: 0o644)
                let terminal = try prompt(lab)
                #expect(try terminal.answer(to: "1 + 1") == "2\r\n")
                try leave(terminal)
                #expect(history(lab).split(separator: "\n").dropFirst() == ["1 + 1"])
                let mode =
                    try FileManager.default.attributesOfItem(atPath: "\(folder)/history")[.posixPermissions] as? Int
                #expect(mode == 0o600)
                try FileManager.default.removeItem(atPath: "\(folder)/history")
                try FileManager.default.createDirectory(atPath: "\(folder)/history", withIntermediateDirectories: false)
                let other = try prompt(lab)
                let shown = try other.answer(to: "2 + 2")
                #expect(shown.contains("4\r\n") && shown.contains("the history cannot be kept"), "\(shown)")
                #expect(try other.answer(to: "3 + 3") == "6\r\n", "it is told once")
                try leave(other)
            }
        }
    }
}
