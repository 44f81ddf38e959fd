import LuaHost
import Testing

@Suite("parallel, timeout, sleep and progress", .timeLimit(.minutes(10)))
struct ConcurrencyTests {
    private func timed(_ text: String) throws -> (printed: String, error: LuaError?, seconds: Double, stepper: Stepper)
    {
        let printed = Printed()
        let stepper = try Stepper(.test(printed))
        let result = stepper.result("local t = require('t')\n" + text)
        guard case .failure(let error) = result else { return (printed.text, nil, stepper.seconds, stepper) }
        return (printed.text, error, stepper.seconds, stepper)
    }

    @Test("parallel takes as long as the longest, and returns the first results in order")
    func parallel() throws {
        let (printed, _, seconds, _) = try timed(
            """
            print(t.parallel{
              function() return t.after(3, "a"), "second" end, function() return t.after(1, "b") end, function() end,
            })
            print(select("#", t.parallel{}))
            """
        )
        #expect(printed == "a\tb\tnil\n0\n")
        #expect(seconds == 3)
    }

    @Test("the first error of parallel cancels the others, waits for their handlers, and is raised with its traceback")
    func parallelError() throws {
        let (printed, error, seconds, stepper) = try timed(
            """
            t.parallel{
              function()
                local c <close> = setmetatable({}, { __close = function() t.after(2) print("cleaned") end })
                t.hang()
              end,
              function()
                t.fail(1, "first") end,
              function() t.after(50) print("never") end,
            }
            """
        )
        #expect(printed == "cleaned\n")
        #expect(error?.code.rawValue == "first")
        #expect(error?.place == "a.lua:8")
        #expect(error?.traceback?.contains("a.lua:8:") == true)
        #expect(error?.traceback?.contains("a.lua:2: in main chunk") == true, "\(error?.traceback ?? "")")
        #expect(seconds == 3)
        #expect(stepper.cancelled.contains(stepper.begun[0]) && stepper.cancelled.contains(stepper.begun[2]))
    }

    @Test("nil that is raised in parallel cancels the others as any error does")
    func parallelNil() throws {
        let (_, error, seconds, stepper) = try timed("t.parallel{ function() t.after(50) end, function() error() end }")
        #expect(error?.message == "nil was raised as an error")
        #expect(seconds == 0)
        #expect(stepper.cancelled == stepper.begun)
    }

    @Test("of two thousand functions each result is at its place, and the error of the last one ends all others")
    func many() throws {
        let (printed, error, seconds, stepper) = try timed(
            """
            local all = {}
            for i = 1, 2000 do all[i] = function() return t.after(2000 - i, i) end end
            local results, isInOrder = table.pack(t.parallel(all)), true
            for i = 1, 2000 do isInOrder = isInOrder and results[i] == i end
            print(results.n, isInOrder)
            for i = 1, 2000 do all[i] = t.hang end
            all[2000] = function() t.fail(1, "last") end
            t.parallel(all)
            """
        )
        #expect(printed == "2000\ttrue\n")
        #expect(error?.code.rawValue == "last")
        #expect(Int(seconds) == 2_000)
        // What each waits for, and the timer of its grace.
        #expect(stepper.cancelled.count == 2 * 1_999)
    }

    @Test("of two errors the first one counts, also when a handler of the other one fails")
    func firstError() throws {
        let (_, error, _, _) = try timed(
            """
            t.parallel{
              function() t.fail(1, "first") end,
              function()
                local c <close> = setmetatable({}, { __close = function() error{ code = "handler" } end })
                t.hang()
              end,
              function() t.fail(1, "second") end,
            }
            """
        )
        #expect(error?.code.rawValue == "first")
    }

    @Test(
        "an error of any type goes through parallel and timeout unchanged",
        arguments: ["nil", "7", "'text'", "{}", "true"]
    )
    func errorValues(value: String) throws {
        let (printed, _, _, _) = try timed(
            """
            local value = \(value)
            print(select(2, pcall(t.parallel, { function() error(value, 0) end })) == value)
            print(select(2, pcall(t.timeout, 1, function() error(value, 0) end)) == value)
            """
        )
        #expect(printed == "true\ntrue\n")
    }

    @Test("timeout returns all results, raises timed-out, and awaits the handlers of what it cancelled")
    func timeout() throws {
        let (printed, error, seconds, _) = try timed(
            """
            print(t.timeout(5, function() return 1, nil, 3 end))
            print(t.timeout(5, function() return t.after(4, "in time") end))
            local ok, e = pcall(t.timeout, 2, function()
              local c <close> = setmetatable({}, { __close = function() t.after(3) print("handler") end })
              t.hang()
            end)
            print(ok, e.code, e.where, e.message)
            t.timeout(1, t.hang)
            """
        )
        #expect(printed == "1\tnil\t3\nin time\nhandler\nfalse\ttimed-out\ta.lua:4\tnot done after 2 seconds\n")
        #expect(error?.code == .timedOut)
        #expect(seconds == 10)
    }

    @Test("a computing function is stopped by timeout, and does not keep its neighbours waiting")
    func computing() throws {
        let (printed, _, _, stepper) = try timed(
            """
            print(t.parallel{
              function() local ok, e = pcall(t.timeout, 0.5, function() while true do end end) return e.code end,
              function() local n = 0 for i = 1, 10 do t.sleep(0.01) n = n + 1 end return n end,
            })
            """
        )
        #expect(printed == "timed-out\t10\n")
        #expect(stepper.preemptions > 10)
    }

    @Test("timeouts nest, and the outer one ends the inner one")
    func nested() throws {
        let (printed, _, seconds, _) = try timed(
            """
            local ok, e = pcall(t.timeout, 1, function() t.timeout(10, function() t.parallel{ t.hang, t.hang } end) end)
            print(e.message)
            """
        )
        #expect(printed == "not done after 1 seconds\n")
        #expect(seconds == 1)
    }

    @Test("sleeps and timers that are not needed any more are cancelled")
    func timers() throws {
        let (_, _, seconds, stepper) = try timed("t.timeout(100, function() t.sleep(1) end)")
        #expect(seconds == 1)
        #expect(stepper.cancelled == [stepper.begun[0]])
    }

    @Test("on_progress is called with each report, may wait, and is over when the call returns")
    func progress() throws {
        let (printed, _, _, _) = try timed(
            """
            print(t.work({ 1, 2, 3 }, { on_progress = function(v) t.after(0.1) print("at", v) end }))
            """
        )
        #expect(printed == "at\t1\nat\t2\nat\t3\nworked\n")
    }

    @Test("while on_progress runs only the newest report is kept")
    func coalescing() throws {
        let (printed, _, seconds, _) = try timed(
            """
            print(t.work({ 1, 2, 3, 4, 5, 6 }, { every = 1, on_progress = function(v) t.after(2.5) print("at", v) end }))
            """
        )
        #expect(printed == "at\t1\nat\t3\nat\t6\nworked\n")
        #expect(seconds == 8.5)
    }

    @Test("an error of on_progress cancels the request and is raised at the call")
    func progressError() throws {
        let (printed, error, seconds, stepper) = try timed(
            """
            print(pcall(t.work, { 1, 2, 3 }, { on_progress = function(v) error("enough", 0) end }))
            t.work({ 1, 2, 3 }, {
              on_progress = function(v) if v == 2 then error{ code = "mine" } end end })
            """
        )
        #expect(printed == "false\tenough\n")
        #expect(error?.code.rawValue == "mine")
        #expect(error?.place == "a.lua:4")
        #expect(seconds == 3)
        #expect(stepper.cancelled.count == 2)
    }

    @Test("a call that is stopped stops its on_progress too")
    func progressStopped() throws {
        let (printed, _, seconds, _) = try timed(
            """
            print(pcall(t.timeout, 1.5, function()
              t.work({ 1, 2 }, { on_progress = function()
                local c <close> = setmetatable({}, { __close = function() t.after(1) print("helper closed") end })
                t.hang()
              end })
            end))
            """
        )
        #expect(printed.hasPrefix("helper closed\nfalse\t"))
        #expect(seconds == 2.5)
    }

    @Test("fibers that nobody waits for end with the chunk")
    func orphans() throws {
        let body = "function(f) native.spawn(f) end"
        let function = LuaFunction<TestVerb>(
            "spawn",
            "Begins and forgets.",
            [LuaParameter("f", .function, "It.")],
            body: .lua(body)
        )
        let printed = Printed()
        let stepper = try Stepper(.test(printed, more: [LuaModule("x", "More.", functions: [function])]))
        let result = stepper.result(
            """
            local t, x = require("t"), require("x")
            x.spawn(function()
              local c <close> = setmetatable({}, { __close = function() t.after(1) print("orphan closed") end })
              t.hang()
            end)
            t.sleep(1)
            return "done"
            """
        )
        #expect(try result.get() == [.text("done")])
        #expect(printed.text == "orphan closed\n")
        #expect(stepper.seconds == 2)
    }
}
