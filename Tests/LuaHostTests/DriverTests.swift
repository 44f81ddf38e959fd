import LuaHost
import Synchronization
import Testing

/// The driver of a real process: threads, tasks and time as they are.
///
/// Nothing here depends on how fast they are.
@Suite("The driver", .timeLimit(.minutes(10)))
struct DriverTests {
    @Test("a script runs with its waits, and another one after it in the same state")
    func runs() async throws {
        let printed = Printed()
        let driver = try testDriver(printed, globals: .prompt)
        let values = try await driver.run(
            LuaSource.file(
                "print(t.after(0.01, 'x')) shared = t.parallel{ function() return t.after(0.02, 1) end } return shared, ..."
            ),
            arguments: [.text("argument")]
        )
        #expect(values == [.integer(1), .text("argument")])
        #expect(try await driver.run("return shared") == [.integer(1)])
        #expect(await driver.failure("t.fail(0.01, 'c')")?.code.rawValue == "c")
        #expect(try await driver.run(LuaSource(name: "stdin", text: Array("shared".utf8)), isPrompt: true) == [])
        #expect(printed.text == "x\n1\n")
        await driver.close()
        #expect(await driver.failure("return 1")?.code == .interrupted)
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
        // What is asked is whether the handlers run, not how long a loaded machine takes for that.
        let driver = try testDriver(printed, limits: LuaLimits(grace: 60))
        async let result = driver.failure(
            "local c <close> = setmetatable({}, { __close = function() print('closed', t.after(0.01, 'w')) end }) print('on') \(text)"
        )
        try await printed.wait(for: "on")
        driver.cancel()
        #expect(await result?.code == .interrupted)
        #expect(printed.text == "on\nclosed\tw\n")
        driver.cancel()
        #expect(try await driver.run("return 1") == [.integer(1)])
        await driver.close()
    }

    @Test("cancel ends a script as deep as Lua lets one go, without a look through its whole stack for each call")
    func cancelsDeep() async throws {
        let printed = Printed()
        let driver = try testDriver(printed, limits: LuaLimits(memory: 256 << 20, cpuSeconds: 1_000))
        async let result = driver.failure(
            """
            local function dive(n)
              if n == 0 then print('deep') while true do end end
              return 1 + dive(n - 1)
            end
            dive(180000)
            """
        )
        try await printed.wait(for: "deep")
        // Time of the script's own thread, which other tests do not lengthen; with such looks it took 18 s.
        let before = driver.processorTime
        driver.cancel()
        #expect(await result?.code == .interrupted)
        #expect(Double(driver.processorTime - before) / 1e9 < 6 * slowness)
        await driver.close()
    }

    @Test("cancel before anything runs, and as it begins, is harmless")
    func cancelsEarly() async throws {
        let driver = try testDriver()
        driver.cancel()
        #expect(try await driver.run("return 1") == [.integer(1)])
        for _ in 0..<50 {
            async let result = driver.failure("t.hang()")
            while await !Self.hasRun(driver) { await Task.yield() }
            driver.cancel()
            #expect(await result?.code == .interrupted)
        }
        await driver.close()
    }

    @Test("cancelling the task that awaits a run cancels the run, which ends before the task goes on")
    func cancelledTask() async throws {
        for text in ["t.hang()", "while true do pcall(t.sleep, 60) end", "while true do end"] {
            let printed = Printed()
            let driver = try testDriver(printed, limits: LuaLimits(grace: 60))
            let task = Task {
                await driver.failure(
                    "local c <close> = setmetatable({}, { __close = function() t.after(0.05) print('closed') end }) print('on') \(text)"
                )
            }
            try await printed.wait(for: "on")
            task.cancel()
            #expect(await task.value?.code == .interrupted)
            #expect(printed.text == "on\nclosed\n", "\(text)")
            #expect(try await driver.run("return 1") == [.integer(1)])
            await driver.close()
        }
    }

    @Test("in a task that is cancelled already nothing begins, and what another task runs goes on")
    func cancelledBefore() async throws {
        let printed = Printed()
        let driver = try testDriver(printed)
        func cancelled() async -> LuaError? {
            await withTaskGroup(of: LuaError?.self) { group in
                group.cancelAll()
                group.addTask { await driver.failure("print('begun')") }
                return await group.next() ?? nil
            }
        }
        #expect(await cancelled()?.code == .interrupted)
        async let other = driver.run("print('on') return t.after(0.2, 'whole')")
        try await printed.wait(for: "on")
        // It is refused, and its cancelling is no wish of the chunk that runs.
        let refused = Task { await driver.failure("return 1") }
        refused.cancel()
        #expect(await refused.value != nil)
        #expect(try await other == [.text("whole")])
        #expect(printed.text == "on\n")
        await driver.close()
    }

    private static func hasRun(_ driver: LuaDriver<TestVerb>) async -> Bool { driver.isRunning }

    @Test("a handler that loops for ever is ended when the grace is over")
    func grace() async throws {
        var limits = LuaLimits()
        limits.grace = 0.1
        let printed = Printed()
        let driver = try testDriver(printed, limits: limits)
        async let result = driver.failure(
            "local c <close> = setmetatable({}, { __close = function() while true do pcall(function() while true do end end) end end }) print('on') t.hang()"
        )
        try await printed.wait(for: "on")
        driver.cancel()
        #expect(await result?.code == .interrupted)
        await driver.close()
    }

    @Test("close cancels what runs, and awaits it")
    func closes() async throws {
        let printed = Printed()
        let driver = try testDriver(printed, limits: LuaLimits(grace: 60))
        async let result = driver.failure(
            "local c <close> = setmetatable({}, { __close = function() t.after(0.05) print('closed') end }) print('on') t.hang(0.02)"
        )
        try await printed.wait(for: "on")
        await driver.close()
        #expect(printed.text == "on\nclosed\n")
        #expect(await result?.code == .interrupted)
    }

    @Test("only one chunk runs at a time")
    func oneAtATime() async throws {
        let driver = try testDriver()
        async let first = driver.failure("t.hang()")
        while await !Self.hasRun(driver) { await Task.yield() }
        let second = await driver.failure("return 1")
        #expect(second?.message == "another chunk is running")
        driver.cancel()
        _ = await first
        await driver.close()
    }

    @Test("processor time ends a loop, with its line")
    func processorTime() async throws {
        let driver = try testDriver(limits: LuaLimits(cpuSeconds: 0.1))
        let found = await driver.failure("\nwhile true do pcall(function() while true do end end) end")
        #expect(found?.code == .cpuLimit)
        #expect(found?.place == "a.lua:2")
        await driver.close()
    }

    @Test("a C function that nothing can interrupt is named with its line")
    func watchdog() async throws {
        let told = Mutex<String?>(nil)
        let printed = Printed()
        let driver = try testDriver(
            printed,
            limits: LuaLimits(cpuSeconds: 0.4),
            onStuck: { line in told.withLock { $0 = line } }
        )
        async let result = driver.failure("print('on')\nlocal x = ('a'):rep(300):find(('.-'):rep(3) .. 'b')")
        while told.withLock({ $0 }) == nil {
            try await Task.sleep(for: .milliseconds(20))
            if await Self.hasEnded(driver, printed) { break }
        }
        let line = told.withLock { $0 }
        #expect(
            line == "a.lua:2: nothing has come back from this call for 0.4 s of processor time, "
                + "and nothing can interrupt it [cpu-limit]"
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
        let driver = try testDriver(printed)
        #expect(await driver.completions(of: "t.bo") == ["box"])
        async let waiting = driver.failure("print('on') t.hang()")
        try await printed.wait(for: "on")
        #expect(await driver.completions(of: "t.bo") == ["box"])
        driver.cancel()
        _ = await waiting
        async let computing = driver.failure("print('two') table.sort({ 1, 2, 3 }, function() while true do end end)")
        try await printed.wait(for: "two")
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
                    let driver = try testDriver()
                    let text =
                        "local n = 0 for i = 1, 10 do n = n + t.after(0.001, i) end t.sleep(0.05) return n + \(number)"
                    let values = try await driver.run(text)
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
        let error = #expect(throws: LuaError.self) { try testDriver(limits: LuaLimits(memory: 10_000)) }
        #expect(error?.code == .memoryLimit)
    }
}
