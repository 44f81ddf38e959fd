import LuaHost
import Synchronization
import Testing

/// The driver of a real process: threads, tasks and time as they are.
///
/// Nothing here depends on how fast they are.
@Suite("The driver", .timeLimit(.minutes(10)))
struct DriverTests {
    /// A driver whose verbs take the time they name.
    private func driver(
        _ printed: Printed = Printed(),
        limits: LuaLimits = LuaLimits(),
        globals: LuaWorld<TestVerb>.Globals = .strict,
        onStuck: @escaping @Sendable (String) -> Void = { Issue.record("stuck: \($0)") }
    ) throws -> LuaDriver<TestVerb> {
        let world = LuaWorld.test(printed, limits: limits, globals: globals, preloaded: true)
        return try LuaDriver(world, onStuck: onStuck) { verb, progress throws(LuaError) in
            try await Self.perform(verb, progress)
        }
    }

    private static func perform(
        _ verb: TestVerb,
        _ progress: @Sendable (LuaValue) -> Void
    ) async throws(LuaError) -> LuaValue {
        func sleep(_ seconds: Double) async throws(LuaError) {
            do { try await Task.sleep(for: .seconds(seconds)) } catch {
                throw LuaError(.interrupted, "cancelled", hint: "")
            }
        }
        switch verb {
        case .after(let seconds, let value):
            try await sleep(seconds)
            return value
        case .fail(let seconds, let error):
            try await sleep(seconds)
            throw error
        case .hang(let seconds):
            do throws(LuaError) { try await sleep(3600) } catch {
                // Its end takes time, and a cancelled task cannot sleep.
                await Task { try? await Task.sleep(for: .seconds(seconds)) }.value
                throw error
            }
            return .none
        case .report(let every, let values, let answer):
            for value in values {
                try await sleep(every)
                progress(value)
            }
            try await sleep(every)
            return answer
        }
    }

    private func source(_ text: String) -> LuaSource { LuaSource(name: "a.lua", text: Array(text.utf8)) }

    private func error(_ driver: LuaDriver<TestVerb>, _ text: String) async -> LuaError? {
        do throws(LuaError) {
            _ = try await driver.run(source(text))
            return nil
        } catch {
            return error
        }
    }

    @Test("a script runs with its waits, and another one after it in the same state")
    func runs() async throws {
        let printed = Printed()
        let driver = try driver(printed, globals: .prompt)
        let values = try await driver.run(
            source(
                "print(t.after(0.01, 'x')) shared = t.parallel{ function() return t.after(0.02, 1) end } return shared, ..."
            ),
            arguments: [.text("argument")]
        )
        #expect(values == [.integer(1), .text("argument")])
        #expect(try await driver.run(source("return shared")) == [.integer(1)])
        #expect(await error(driver, "t.fail(0.01, 'c')")?.code.rawValue == "c")
        #expect(try await driver.run(source("shared"), isPrompt: true) == [])
        #expect(printed.text == "x\n1\n")
        await driver.close()
        #expect(await error(driver, "return 1")?.code == .interrupted)
        await driver.close()
    }

    @Test(
        "cancel ends what runs, whatever it does",
        arguments: [
            "while true do end", "t.hang()", "while true do pcall(t.hang) end", "while true do pcall(t.sleep, 60) end",
            "table.sort({ 1, 2, 3 }, function() while true do end end)",
            "while true do pcall(string.gsub, 'x', 'x', function() while true do end end) end",
            "t.parallel{ t.hang, function() while true do end end }",
            "t.work({ 1 }, { every = 0.001, on_progress = t.hang })",
        ]
    )
    func cancels(text: String) async throws {
        let printed = Printed()
        let driver = try driver(printed)
        async let result = error(
            driver,
            "local c <close> = setmetatable({}, { __close = function() print('closed', t.after(0.01, 'w')) end }) print('on') \(text)"
        )
        while !printed.text.contains("on") { try await Task.sleep(for: .milliseconds(2)) }
        driver.cancel()
        #expect(await result?.code == .interrupted)
        #expect(printed.text == "on\nclosed\tw\n")
        driver.cancel()
        #expect(try await driver.run(source("return 1")) == [.integer(1)])
        await driver.close()
    }

    @Test("cancel before anything runs, and as it begins, is harmless")
    func cancelsEarly() async throws {
        let driver = try driver()
        driver.cancel()
        #expect(try await driver.run(source("return 1")) == [.integer(1)])
        for _ in 0..<50 {
            async let result = error(driver, "t.hang()")
            while await !Self.hasRun(driver) { await Task.yield() }
            driver.cancel()
            #expect(await result?.code == .interrupted)
        }
        await driver.close()
    }

    private static func hasRun(_ driver: LuaDriver<TestVerb>) async -> Bool { driver.isRunning }

    @Test("a handler that loops for ever is ended when the grace is over")
    func grace() async throws {
        var limits = LuaLimits()
        limits.grace = 0.1
        let printed = Printed()
        let driver = try driver(printed, limits: limits)
        async let result = error(
            driver,
            "local c <close> = setmetatable({}, { __close = function() while true do pcall(function() while true do end end) end end }) print('on') t.hang()"
        )
        while !printed.text.contains("on") { try await Task.sleep(for: .milliseconds(2)) }
        driver.cancel()
        #expect(await result?.code == .interrupted)
        await driver.close()
    }

    @Test("close cancels what runs, and awaits it")
    func closes() async throws {
        let printed = Printed()
        let driver = try driver(printed)
        async let result = error(
            driver,
            "local c <close> = setmetatable({}, { __close = function() t.after(0.05) print('closed') end }) print('on') t.hang(0.02)"
        )
        while !printed.text.contains("on") { try await Task.sleep(for: .milliseconds(2)) }
        await driver.close()
        #expect(printed.text == "on\nclosed\n")
        #expect(await result?.code == .interrupted)
    }

    @Test("only one chunk runs at a time")
    func oneAtATime() async throws {
        let driver = try driver()
        async let first = error(driver, "t.hang()")
        while await !Self.hasRun(driver) { await Task.yield() }
        let second = await error(driver, "return 1")
        #expect(second?.message == "another chunk is running")
        driver.cancel()
        _ = await first
        await driver.close()
    }

    @Test("processor time ends a loop, with its line")
    func processorTime() async throws {
        let driver = try driver(limits: LuaLimits(cpuSeconds: 0.1))
        let found = await error(driver, "\nwhile true do pcall(function() while true do end end) end")
        #expect(found?.code == .cpuLimit)
        #expect(found?.place == "a.lua:2")
        await driver.close()
    }

    @Test("a C function that nothing can interrupt is named with its line")
    func watchdog() async throws {
        let told = Mutex<String?>(nil)
        let printed = Printed()
        let driver = try driver(
            printed,
            limits: LuaLimits(cpuSeconds: 0.4),
            onStuck: { line in told.withLock { $0 = line } }
        )
        async let result = error(driver, "print('on')\nlocal x = ('a'):rep(300):find(('.-'):rep(3) .. 'b')")
        while told.withLock({ $0 }) == nil {
            try await Task.sleep(for: .milliseconds(20))
            if await Self.hasEnded(driver, printed) { break }
        }
        let line = told.withLock { $0 }
        #expect(
            line == "a.lua:2: nothing has come back from this call for 0.4 s, and nothing can interrupt it [cpu-limit]"
        )
        driver.cancel()
        _ = await result
        await driver.close()
    }

    private static func hasEnded(_ driver: LuaDriver<TestVerb>, _ printed: Printed) async -> Bool {
        !driver.isRunning && printed.text.contains("on")
    }

    @Test("completions are answered while a script waits and while it computes, and never keep the asker waiting")
    func completions() async throws {
        let printed = Printed()
        let driver = try driver(printed)
        #expect(await driver.completions(of: "t.bo") == ["box"])
        async let waiting = error(driver, "print('on') t.hang()")
        while !printed.text.contains("on") { try await Task.sleep(for: .milliseconds(2)) }
        #expect(await driver.completions(of: "t.bo") == ["box"])
        driver.cancel()
        _ = await waiting
        async let computing = error(driver, "print('two') table.sort({ 1, 2, 3 }, function() while true do end end)")
        while !printed.text.contains("two") { try await Task.sleep(for: .milliseconds(2)) }
        #expect(await driver.completions(of: "t.bo") == [])
        driver.cancel()
        _ = await computing
        await driver.close()
        #expect(await driver.completions(of: "t.bo") == [])
    }

    @Test("a thousand runs at once finish, each with its own results")
    func thousand() async throws {
        let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let driver = try self.driver()
                    let text =
                        "local n = 0 for i = 1, 10 do n = n + t.after(0.001, i) end t.sleep(0.05) return n + \(number)"
                    let values = try await driver.run(self.source(text))
                    await driver.close()
                    guard case .integer(let value) = values.first else { return -1 }
                    return value - Int64(number)
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 55_000)
    }

    @Test("a world that does not fit is refused")
    func noMemory() {
        let error = #expect(throws: LuaError.self) { try driver(limits: LuaLimits(memory: 10_000)) }
        #expect(error?.code == .memoryLimit)
    }
}
