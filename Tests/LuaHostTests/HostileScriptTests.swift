import LuaHost
import Testing

/// Goal: no trick leaves the sandbox, holds a neighbour up, or ends as a success.
///
/// Method: each runs in a driver beside an innocent script of the same process, which has to come to its own result.
@Suite("Hostile scripts", .timeLimit(.minutes(10)))
struct HostileScriptTests {
    @Test("beside each, an innocent script comes to its result", arguments: Tricks.gone + Tricks.doors + Tricks.bombs)
    func beside(trick: Trick) async throws {
        let limits = LuaLimits(memory: 16 << 20, cpuSeconds: 0.25 * slowness, output: 64 << 10, grace: 0.2)
        let printed = Printed()
        // A C function that takes long is told by the watchdog; the process of a command would end.
        let hostile = try testDriver(printed, limits: limits, sources: Tricks.modules, onStuck: { _ in })
        let innocent = try testDriver(limits: limits)
        async let failure = hostile.failure(trick.text)
        let sum = try await innocent.run(
            "local n = 0 for i = 1, 20 do n = n + t.after(0.001, i) end return n, ('a'):upper()"
        )
        #expect(sum == [.integer(210), .text("A")])
        let error = await failure
        #expect(error.map { trick.codes.contains($0.code) } == true, "\(String(describing: error).prefix(500))")
        #expect("\(String(describing: error))".utf8.count < 100_000)
        #expect(printed.text.utf8.count <= 64 << 10)
        // What it did to its own state holds nobody up either.
        await hostile.close()
        await innocent.close()
    }

    @Test("a cancelled script ends as interrupted, however it catches that", arguments: Tricks.swallowing)
    func cancelled(name: String, text: String) async throws {
        let printed = Printed()
        let driver = try testDriver(printed, limits: LuaLimits(cpuSeconds: 600, grace: 0.2))
        let innocent = try testDriver()
        async let result = driver.failure("print('on') \(text)")
        try await printed.wait(for: "on")
        async let other = innocent.run("return t.after(0.02, 'whole')")
        driver.cancel()
        #expect(await result?.code == .interrupted)
        #expect(try await other == [.text("whole")])
        #expect(try await driver.run("return 1") == [.integer(1)])
        await driver.close()
        await innocent.close()
    }
}
