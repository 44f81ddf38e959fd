import Foundation
import HomewardCore
import HomewardRunbooks
import LuaHost
import Testing

@Suite("Commands of a site", .timeLimit(.minutes(2)))
struct ShellRunnerTests {
    private func run(_ command: ShellCommand) async throws -> ShellResult { try await ShellRunner().run(command) }

    private func shell(_ script: String, timeout: Double = 60) -> ShellCommand {
        ShellCommand(["sh", "-c", script], timeout: timeout)
    }

    @Test("output, errors, exit code, environment and arguments as they are")
    func plain() async throws {
        var command = ShellCommand([
            "sh", "-c", #"printf '%s|' "$0" "$1" "$WORD"; echo no >&2; exit 3"#, "a b", "$HOME",
        ])
        command.environment = ["WORD": "it's"]
        let result = try await run(command)
        #expect(result.code == 3)
        #expect(String(decoding: result.output, as: UTF8.self) == "a b|$HOME|it's|")
        #expect(String(decoding: result.errors, as: UTF8.self) == "no\n")
        #expect(!result.wasCut)
        #expect(!result.timedOut)
    }

    @Test("input reaches it, also more than a pipe holds, and none that it does not read is an error")
    func input() async throws {
        var command = ShellCommand(["wc", "-c"])
        command.input = [UInt8](repeating: 65, count: 3_000_000)
        let counted = try await run(command)
        #expect(String(decoding: counted.output, as: UTF8.self).contains("3000000"))
        command.words = ["true"]
        #expect(try await run(command).code == 0)
        #expect(try await run(ShellCommand(["cat"])).output.isEmpty)
    }

    @Test("a command that somebody else left is waited for, and ended with its group when its time is over")
    func left() async throws {
        func start(_ script: String) async throws -> ProcessMark {
            let (marks, sender) = AsyncStream.makeStream(of: ProcessMark.self)
            Task { try await ShellRunner().run(shell(script)) { sender.yield($0) } }
            for await mark in marks { return mark }
            throw CancellationError()
        }
        let short = try await start("sleep 0.3")
        try await ShellRunner().finish(short, within: 60)
        #expect(!short.isAlive)
        var runner = ShellRunner()
        runner.grace = 0.2
        let endless = try await start("trap '' TERM; sleep 600 & sleep 600")
        try await runner.finish(endless, within: 0.1)
        // A signal is not heard before the process gets to run.
        for _ in 0..<1_000 where ProcessGroup.isAlive(endless.pid) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(!ProcessGroup.isAlive(endless.pid))
    }

    @Test("a signal that ended it is 128 and its number")
    func signal() async throws {
        #expect(try await run(shell("kill -9 $$")).code == 137)
    }

    @Test("a flood is read to its end and kept up to 1 MiB")
    func flood() async throws {
        let result = try await run(shell("head -c 20000000 /dev/zero; echo end >&2"))
        #expect(result.output.count == 1 << 20)
        #expect(result.wasCut)
        #expect(result.code == 0)
        #expect(String(decoding: result.errors, as: UTF8.self) == "end\n")
    }

    @Test("what goes on in the background is neither waited for nor ended, and what was printed is kept")
    func background() async throws {
        let result = try await run(shell("sleep 300 & echo $!; head -c 60000 /dev/zero"))
        #expect(result.code == 0)
        #expect(!result.timedOut)
        #expect(result.output.count > 60_000)
        let pid = try #require(Int32(String(decoding: result.output.prefix { $0 != 10 }, as: UTF8.self)))
        #expect(kill(pid, 0) == 0)
        kill(pid, SIGKILL)
    }

    @Test("when the time is over, it is ended with all that it started")
    func timeout() async throws {
        let result = try await run(shell("sleep 300 & echo $!; sleep 300", timeout: 2))
        #expect(result.timedOut)
        #expect(result.code == 128 + 15)
        let pid = try #require(Int32(String(decoding: result.output.prefix { $0 != 10 }, as: UTF8.self)))
        #expect(await isGone(pid))
    }

    @Test("what does not mind TERM gets KILL, also when it is not the command itself")
    func stubborn() async throws {
        var runner = ShellRunner()
        runner.grace = 0.3
        let itself = try await runner.run(shell("trap '' TERM; while :; do sleep 0.05; done", timeout: 2))
        #expect(itself.code == 128 + 9)
        let child = try await runner.run(
            shell("(trap '' TERM; while :; do sleep 0.05; done) & echo $!; trap 'exit 7' TERM; wait", timeout: 2)
        )
        #expect(child.timedOut)
        #expect(child.code == 7)
        let pid = try #require(Int32(String(decoding: child.output.prefix { $0 != 10 }, as: UTF8.self)))
        #expect(await isGone(pid))
    }

    @Test("what it started gets TERM too, and its time to clean up, although the command is gone")
    func cleanup() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("clean-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let child = "(trap 'sleep 0.3; echo clean > \(file); exit' TERM; while :; do sleep 0.05; done) &"
        let result = try await run(shell("\(child) trap 'exit 7' TERM; wait", timeout: 2))
        #expect(result.code == 7)
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test("closing its outputs does not let it run for ever")
    func closed() async throws {
        let result = try await run(shell("exec >&- 2>&- <&-; sleep 300", timeout: 0.3))
        #expect(result.timedOut)
    }

    @Test("cancelling ends it with all that it started, and is told as interrupted")
    func cancelled() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("pid-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let task = Task {
            try await run(shell("sleep 300 & echo $! > \(file.path).part; mv \(file.path).part \(file.path); wait"))
        }
        var pid: Int32?
        while pid == nil {
            try await Task.sleep(for: .milliseconds(10))
            pid = (try? String(contentsOf: file, encoding: .utf8)).flatMap {
                Int32($0.trimmingCharacters(in: .newlines))
            }
        }
        task.cancel()
        let outcome = await task.result
        let error = #expect(throws: LuaError.self) { try outcome.get() }
        #expect(error?.code == .interrupted)
        #expect(await isGone(try #require(pid)))
    }

    @Test("a program that is not there is named, with what to do")
    func missing() async throws {
        for words in [["no-such-program"], ["/no/such/program"], ["/etc/passwd"], ["/tmp"], ["ls -l"]] {
            let error = await #expect(throws: LuaError.self) { try await run(ShellCommand(words)) }
            #expect(error?.code == LuaError.Code(.commandFailed), "\(words)")
            #expect(error?.message.contains(words[0]) == true, "\(error?.message ?? "")")
            #expect(error?.hint.isEmpty == false)
        }
    }

    @Test("no descriptor stays open, whatever becomes of a command")
    func descriptors() async throws {
        func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        func round() async throws {
            for words in [["no-such-program"], ["/tmp"], ["true"], ["sh", "-c", "sleep 1 &"]] {
                var command = ShellCommand(words, timeout: 0.2)
                command.input = [1, 2, 3]
                _ = try? await run(command)
            }
        }
        try await round()
        // Other tests run meanwhile: a leak of one in each round shows all the same.
        let before = try count()
        for _ in 0..<40 { try await round() }
        #expect(try count() < before + 40)
    }

    /// Gone, or only waiting to be collected by whoever inherits orphans here.
    private func isGone(_ pid: Int32) async -> Bool {
        for _ in 0..<500 {
            if ProcessMark.of(pid) == nil { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
