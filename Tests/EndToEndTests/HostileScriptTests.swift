import Foundation
import Testing

extension EndToEnd {
    /// Goal: whatever a script does, `homeward exec` ends, not as a success, and leaves no file, no process and no harm.
    ///
    /// Method: each trick as a file of its own, run as an operator would; around it a folder whose content is compared.
    @Suite("Hostile scripts in the program", .serialized)
    struct HostileScripts {
        struct Trick: Sendable, CustomTestStringConvertible {
            var name: String
            var text: String
            var code: String
            var options = "--cpu 0.4 --memory 32M --output 64K"
            var testDescription: String { name }
        }

        private static let roomy = "--memory 128M"
        private static let never = "function() while true do end end"

        static let tricks: [Trick] = [
            Trick(name: "io", text: "io.open('stolen', 'w')", code: "undeclared-global"),
            Trick(name: "os.execute", text: "os.execute('touch stolen')", code: "lua-runtime"),
            Trick(name: "os.exit", text: "os.exit(0)", code: "lua-runtime"),
            Trick(name: "package", text: "package.loadlib('./so.lua', 'f')", code: "undeclared-global"),
            Trick(name: "bytecode in load", text: "assert(load('\\27Lua'))", code: "lua-runtime"),
            Trick(name: "bytecode in a module", text: "require('bytecode')", code: "lua-syntax"),
            Trick(name: "require ..", text: "require('../outside')", code: "bad-argument"),
            Trick(name: "require absolute", text: "require('/etc/passwd')", code: "bad-argument"),
            Trick(name: "require through a symbolic link", text: "require('linked')", code: "unknown-module"),
            Trick(name: "require in a linked folder", text: "require('folder.outside')", code: "unknown-module"),
            Trick(name: "require of a library of C", text: "require('so')", code: "unknown-module"),
            Trick(name: "require of a pipe", text: "require('pipe')", code: "io-error"),
            Trick(name: "require of a folder", text: "require('sub')", code: "io-error"),
            Trick(name: "require of a huge file", text: "require('huge')", code: "io-error"),
            Trick(name: "require of a cycle", text: "require('cycle')", code: "bad-argument"),
            Trick(
                name: "require with a string library of its own",
                text:
                    "string.match = function() return 1 end string.find = print string.sub = print require('../outside')",
                code: "bad-argument"
            ),
            Trick(
                name: "memory",
                text: "local x = {} while true do x[#x + 1] = ('x'):rep(9999) end",
                code: "memory-limit"
            ),
            Trick(name: "processor", text: "while true do pcall(\(never)) end", code: "cpu-limit"),
            Trick(
                name: "a C function that nothing interrupts",
                text: "return ('a'):rep(3000):find(('.-'):rep(20) .. 'b')",
                code: "cpu-limit"
            ),
            Trick(name: "a C loop", text: "table.move({}, 1, 1 << 60, 2)", code: "cpu-limit"),
            Trick(
                name: "recursion",
                text: "local function f() return 1 + f() end f()",
                code: "lua-runtime",
                options: roomy
            ),
            Trick(
                name: "a chain of coroutines that close each other",
                text: """
                    local chain = {}
                    for i = 1, 30000 do
                      chain[i] = coroutine.create(function()
                        local x <close> = setmetatable({}, { __close = function() assert(coroutine.close(chain[i + 1])) end })
                        coroutine.yield()
                      end)
                      coroutine.resume(chain[i])
                    end
                    assert(coroutine.close(chain[1]))
                    """,
                code: "lua-runtime",
                options: roomy
            ),
            Trick(
                name: "an error that cannot be shown",
                text: "error(setmetatable({}, { __tostring = \(never) }))",
                code: "lua-runtime"
            ),
            Trick(name: "a huge error", text: "error(('x'):rep(9 << 20))", code: "lua-runtime"),
            Trick(name: "a flood", text: "while true do print(('x'):rep(99)) end", code: "output-limit"),
            Trick(name: "a flood of warnings", text: "while true do warn(('x'):rep(99)) end", code: "output-limit"),
            Trick(
                name: "a flood of words to people",
                text: "while true do require('homeward.engine').say(('x'):rep(99)) end",
                code: "output-limit"
            ),
            Trick(name: "a shell without leave", text: "require('homeward').sh('touch stolen')", code: "bad-argument"),
        ]

        /// Runs a trick among files that it would like to read.
        private func exec(_ trick: Trick, in lab: TestLab) throws -> (output: Output, written: [String]) {
            let files = FileManager.default
            let folder = "\(lab.folder)/scripts"
            try files.createDirectory(atPath: "\(folder)/sub.lua", withIntermediateDirectories: true)
            _ = try lab.write("outside.lua", "return 'outside'")
            _ = try lab.write("scripts/bytecode.lua", "\u{1B}Lua\u{54}\u{0}")
            _ = try lab.write("scripts/cycle.lua", "return require('cycle')")
            _ = try lab.write("scripts/so.so", "\u{7F}ELF")
            try files.createSymbolicLink(
                atPath: "\(folder)/linked.lua",
                withDestinationPath: "\(lab.folder)/outside.lua"
            )
            try files.createSymbolicLink(atPath: "\(folder)/folder", withDestinationPath: lab.folder)
            #expect(mkfifo("\(folder)/pipe.lua", 0o600) == 0)
            let huge = try lab.write("scripts/huge.lua", "")
            #expect(truncate(huge, 8 << 30) == 0)
            let script = try lab.write("scripts/script.lua", trick.text)
            let before = try content(folder)
            let output = try lab.run("homeward exec \(trick.options) \(script)", seconds: 60)
            let after = try content(folder)
            try files.removeItem(atPath: folder)
            return (output, after.filter { !before.contains($0) })
        }

        private func content(_ folder: String) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        }

        @Test("each ends with its code, and nothing is left", .timeLimit(.minutes(3)))
        func tricks() throws {
            try TestLab.alone { lab in
                for trick in Self.tricks {
                    let (output, written) = try exec(trick, in: lab)
                    #expect(output.status == 1, "\(trick.name): \(output.description.prefix(2000))")
                    #expect(output.err.contains("[\(trick.code)]"), "\(trick.name): \(output.description.prefix(2000))")
                    #expect(output.out.utf8.count + output.err.utf8.count < 200_000, "\(trick.name)")
                    #expect(written.isEmpty, "\(trick.name) left \(written)")
                }
                #expect(try lab.processes().isEmpty)
            }
        }

        @Test("what it began ends with it: Ctrl-C, the limit of the processor, the watchdog", .timeLimit(.minutes(2)))
        func children() throws {
            try TestLab.alone { lab in
                let shell = "require('homeward').sh({ 'sleep', '\(4321)' })"
                let script = try lab.write("script.lua", "print('on') while true do pcall(function() \(shell) end) end")
                let run = try lab.start("homeward exec \(script)", seconds: 60)
                try lab.wait(for: "the command") { try !lab.processes("sleep").isEmpty }
                run.signal(SIGINT)
                #expect(run.wait().status == 130)
                #expect(try lab.processes("sleep").isEmpty)
                let both = try lab.write(
                    "both.lua",
                    """
                    local hw = require("homeward")
                    hw.parallel{ function() hw.sh({ "sleep", "4321" }) end, function() while true do end end }
                    """
                )
                #expect(try lab.run("homeward exec --cpu 0.4 \(both)").code == "cpu-limit")
                #expect(try lab.processes("sleep").isEmpty)
            }
        }

        @Test("a flood into a pipe that nobody reads is no success, and ends", .timeLimit(.minutes(1)))
        func closedPipe() throws {
            try TestLab.alone { lab in
                let script = try lab.write("flood.lua", "while true do pcall(print, ('x'):rep(999)) end")
                // As a shell starts it, and as a program that ignores SIGPIPE does.
                for trap in ["", "trap '' PIPE; "] {
                    let line = "\(trap){ \(lab.folder)/homeward exec \(script); echo $? >&2; } | head -c 10"
                    let output = try lab.shell(line)
                    #expect(output.out.hasPrefix("xxxxxxxxxx"), "\(output)")
                    let status = output.err.split(separator: "\n").last.flatMap { Int($0) } ?? 0
                    #expect(status != 0, "\(output)")
                }
            }
        }
    }
}
