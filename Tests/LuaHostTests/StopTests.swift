import LuaHost
import Testing

@Suite("Stopping scripts", .timeLimit(.minutes(10)))
struct StopTests {
    /// Runs, cancels after so many seconds, and returns what was printed, the error and the seconds it took.
    private func stopped(
        _ text: String,
        after seconds: Double = 1,
        grace: Double = 10,
        limits: LuaLimits = LuaLimits()
    ) throws -> (printed: String, error: LuaError?, seconds: Double, stepper: Stepper) {
        let printed = Printed()
        var limits = limits
        limits.grace = grace
        let stepper = try Stepper(.test(printed, limits: limits))
        stepper.cancel(after: seconds)
        let result = stepper.result("local t = require('t')\n" + text)
        guard case .failure(let error) = result else { return (printed.text, nil, stepper.seconds, stepper) }
        return (printed.text, error, stepper.seconds, stepper)
    }

    @Test(
        "nothing that catches errors catches a stop",
        arguments: [
            "while true do end", "while true do pcall(function() while true do end end) end",
            "while true do xpcall(function() while true do end end, function() return 1 end) end",
            "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
            "while true do pcall(coroutine.wrap(function() while true do end end)) end",
            "while true do pcall(load, function() while true do end end) end",
            "while true do pcall(t.hang) end", "while true do pcall(t.sleep, 100) end",
            "while true do coroutine.resume(coroutine.create(t.hang)) end",
            "while true do pcall(t.parallel, { t.hang, t.hang }) end",
            "while true do pcall(t.timeout, 100, t.hang) end",
            "local function deep(n) if n > 0 then return pcall(deep, n - 1) end while true do end end while true do deep(150) end",
            "while true do pcall(function() local c <close> = setmetatable({}, { __close = function() error('x') end }) t.hang() end) end",
            "while true do pcall(function() local c <close> = setmetatable({}, { __close = function() error('x') end }) while true do end end) end",
        ]
    )
    func nothingCatches(text: String) throws {
        let (_, error, seconds, _) = try stopped(text, after: 1)
        #expect(error?.code == .interrupted)
        #expect(seconds < 2)
    }

    @Test("handlers run, in order, may wait and make new requests, and the run fails all the same")
    func handlers() throws {
        let (printed, error, seconds, _) = try stopped(
            """
            local function guard(name)
              return setmetatable({}, { __close = function(_, e) print(name, type(e), t.after(2, "cleaned")) end })
            end
            local a <close> = guard("a")
            local b <close> = guard("b")
            t.hang()
            print("never")
            """
        )
        #expect(printed == "b\tuserdata\tcleaned\na\tuserdata\tcleaned\n")
        #expect(error?.code == .interrupted)
        #expect(seconds == 5)
    }

    @Test("the end of a cancelled request is awaited before handlers run")
    func awaitsEnd() throws {
        let (printed, _, seconds, stepper) = try stopped(
            "local a <close> = setmetatable({}, { __close = function() print('closed') end })\nt.hang(3)"
        )
        #expect(printed == "closed\n")
        #expect(seconds == 4)
        #expect(stepper.cancelled.first == stepper.begun.first)
    }

    @Test("a handler that loops or waits for ever is forced when the grace is over")
    func grace() throws {
        let waits =
            "local a <close> = setmetatable({}, { __close = function() while true do pcall(t.sleep, 1) end end })\nt.hang()"
        let (_, error, seconds, _) = try stopped(waits, grace: 5)
        #expect(error?.code == .interrupted)
        #expect(abs(seconds - 6) < 0.1)
        let hangs = "local a <close> = setmetatable({}, { __close = function() t.hang(1000) end })\nt.hang()"
        #expect(abs(try stopped(hangs, grace: 5).seconds - 6) < 0.1)
        // A request that does not end when it is cancelled holds the run no longer than the grace.
        #expect(abs(try stopped("t.hang(1000)", grace: 5).seconds - 6) < 0.1)
        let limits = LuaLimits(cpuSeconds: nil, instructions: 2_000_000)
        let loops = "local a <close> = setmetatable({}, { __close = function() while true do end end })\nt.hang()"
        #expect(try stopped(loops, grace: 0.05, limits: limits).error?.code == .interrupted)
    }

    @Test(
        "errors of handlers do not change why it ended, and are told",
        arguments: ["t.hang()", "pcall(t.hang)", "X()"]
    )
    func handlerErrors(call: String) throws {
        let (_, error, _, _) = try stopped(
            """
            local function X() return coroutine.wrap(t.hang)() end
            pcall(function()
              local a <close> = setmetatable({}, { __close = function() error{ code = "no-start", message = "m" } end })
              \(call)
            end)
            """
        )
        #expect(error?.code == .interrupted)
        #expect(error?.hint == "cleaning up failed: m [no-start]")
        let (_, plain, _, _) = try stopped(
            "local a <close> = setmetatable({}, { __close = function() error('x') end })\nt.hang()"
        )
        #expect(plain?.hint == "cleaning up failed: a.lua:2: x [lua-runtime]")
    }

    @Test("a run that was cancelled never ends as a success")
    func noSuccess() throws {
        // The request ends well, although it was to be cancelled.
        let stepper = try Stepper(.test())
        var step = stepper.run.start(
            LuaSource(name: "a.lua", text: Array("require('t').after(1) return 1".utf8)),
            now: LuaInstant(nanoseconds: 0)
        )
        let id = try #require(step.begin.first?.id)
        step = stepper.run.cancel(now: LuaInstant(nanoseconds: 1))
        #expect(step.cancel == [id])
        step = stepper.run.cancel(now: LuaInstant(nanoseconds: 2))
        step = stepper.run.finish(id, .success(.integer(1)), now: LuaInstant(nanoseconds: 3))
        guard case .failed(let error) = step.state else {
            Issue.record("\(step.state)")
            return
        }
        #expect(error.code == .interrupted)
        // What comes late is ignored, and the state can be used again.
        step = stepper.run.finish(id, .success(.none), now: LuaInstant(nanoseconds: 4))
        step = stepper.run.report(id, .none, now: LuaInstant(nanoseconds: 4))
        guard case .success(let values) = stepper.result("return 7") else {
            Issue.record("the state cannot be used again")
            return
        }
        #expect(values == [.integer(7)])
    }

    @Test("a declared object is closed also when the stop comes while that is going on")
    func closeIsNotDisturbed() throws {
        let (printed, error, _, stepper) = try stopped(
            """
            do
              local s <close> = t.open("v")
              t.sleep(0.98)
            end
            print("never")
            """
        )
        #expect(error?.code == .interrupted)
        #expect(printed == "")
        #expect(stepper.cancelled.filter { $0 == stepper.begun[1] }.isEmpty, "the close was cancelled")
        let (script, _, _, _) = try stopped(
            """
            do
              local s <close> = setmetatable({}, { __close = function() t.after(0.05) print("closed whole") end })
              t.sleep(0.98)
            end
            """
        )
        #expect(script == "closed whole\n")
    }

    @Test("no error that a script raises is a stop, whatever its code")
    func noStop() throws {
        let text = #"local ok, e = pcall(require("t").raise, { code = "\0stop" }) return ok, e.code"#
        #expect(try Stepper(.test()).result(text).get() == [.boolean(false), .text("\u{0}stop")])
    }

    @Test("a script that ends before the stop can reach it was interrupted all the same")
    func endsWell() throws {
        // The stop comes while the session is being closed, which it does not disturb; nothing is called after that.
        let (_, error, seconds, _) = try stopped("do local s <close> = t.open('v') end return 1", after: 0.02)
        #expect(error?.code == .interrupted)
        #expect(seconds == 0.05)
    }

    @Test("cancelling one fiber leaves its neighbours alone")
    func oneFiber() throws {
        let text = try output(
            """
            local t = require("t")
            print(t.parallel{
              function()
                local ok, e = pcall(t.timeout, 1, function()
                  local c <close> = setmetatable({}, { __close = function() t.after(1) print("child closed") end })
                  t.hang()
                end)
                return e.code
              end,
              function() return t.after(5, "whole") end,
            })
            """
        )
        #expect(text == "child closed\ntimed-out\twhole\n")
    }

    @Test("a script at the cap of its memory has room to clean up when it is stopped, and no more")
    func room() throws {
        let text = """
            local function guard(f) return setmetatable({}, { __close = f }) end
            local filled = {}
            local c <close> = guard(function() print(pcall(string.rep, "x", 4 << 20)) end)
            local b <close> = guard(function() print(#("x"):rep(1 << 19)) end)
            pcall(function() while true do filled[#filled + 1] = { #filled } end end)
            t.hang()
            """
        let (printed, error, _, _) = try stopped(text, limits: LuaLimits(memory: 8 << 20))
        #expect(printed == "524288\nfalse\tnot enough memory\n")
        #expect(error?.code == .interrupted)
    }

    @Test("whoever meets the cap on memory again and again is ended, however it catches that")
    func again() throws {
        let text = "local x = {} while true do pcall(function() for i = 1, 1e9 do x[#x + 1] = { i } end end) end"
        let error = try #require(try failure(text, limits: LuaLimits(memory: 4 << 20, cpuSeconds: nil)))
        #expect(error.code == .memoryLimit)
        let few = "for i = 1, 50 do pcall(string.rep, 'x', 1 << 30) end return 'done'"
        #expect(try Stepper(.test(limits: LuaLimits(memory: 4 << 20))).result(few).get() == [.text("done")])
    }
}
