import Dispatch
import LuaHost
import Testing

/// What the watchdog takes for a script that is stuck, and what not.
@Suite("The watchdog", .timeLimit(.minutes(10)))
struct WatchdogTests {
    private static func sight(_ beats: UInt64, seconds: Double) -> LuaSight {
        LuaSight(beats: beats, place: "a.lua:2", spent: UInt64(seconds * 1e9))
    }

    @Test("however often a state is seen that computes nothing, it is not stuck")
    func waiting() {
        var stillness = LuaStillness(seconds: 0.4)
        let lines = (0..<1000).compactMap { _ in stillness.look(Self.sight(7, seconds: 100)) }
        #expect(lines.isEmpty)
    }

    @Test("one that computes without a sign of life is told when its time is over, with its line")
    func computing() {
        var stillness = LuaStillness(seconds: 0.4)
        #expect(stillness.look(Self.sight(7, seconds: 100)) == nil)
        #expect(stillness.look(Self.sight(7, seconds: 100.39)) == nil)
        let line = "nothing has come back from this call for 0.4 s of processor time, and nothing can interrupt it"
        #expect(stillness.look(Self.sight(7, seconds: 100.41)) == "a.lua:2: \(line) [cpu-limit]")
    }

    @Test("a sign of life begins the count anew")
    func alive() {
        var stillness = LuaStillness(seconds: 0.4)
        let lines = (0..<100).compactMap { stillness.look(Self.sight($0, seconds: Double($0))) }
        #expect(lines.isEmpty)
        #expect(stillness.look(Self.sight(99, seconds: 99.3)) == nil)
        #expect(stillness.look(Self.sight(99, seconds: 99.5)) != nil)
    }

    @Test("a clock that is gone is no time")
    func noClock() {
        var stillness = LuaStillness(seconds: 0.4)
        #expect(stillness.look(Self.sight(7, seconds: 100)) == nil)
        #expect(stillness.look(Self.sight(7, seconds: 0)) == nil)
        #expect(stillness.look(Self.sight(7, seconds: 0.3)) == nil)
    }

    @Test("a script whose output nobody takes is not stuck, and goes on when somebody does")
    func blockedOutput() async throws {
        let (printed, reader) = (Printed(), DispatchGroup())
        reader.enter()
        let world = LuaWorld.test(
            limits: LuaLimits(cpuSeconds: 0.3),
            output: { bytes in
                printed.add(bytes)
                reader.wait()
            }
        )
        let stuck: @Sendable (String) -> Void = { Issue.record("stuck: \($0)") }
        let driver = try LuaDriver(world, onStuck: stuck) { verb, progress throws(LuaError) in
            try await verb.perform(progress)
        }
        async let values = driver.run("print('on') return 1")
        do {
            // Also where the test is given up, which waits for the script.
            defer { reader.leave() }
            try await printed.wait(for: "on")
            // Enough for the watchdog to look several times more than a script that computes would be given.
            try await Task.sleep(for: .seconds(2))
        }
        #expect(try await values == [.integer(1)])
        await driver.close()
    }
}
