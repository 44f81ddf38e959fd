import LuaHost
import Testing

@Suite("Limits of a run", .timeLimit(.minutes(10)))
struct LimitTests {
    @Test(
        "a computing script is ended at its line, whatever it catches",
        arguments: [LuaLimits(cpuSeconds: 0.05), LuaLimits(cpuSeconds: nil, instructions: 300_000)]
    )
    func computing(limits: LuaLimits) throws {
        let text = "\nwhile true do pcall(function()\nwhile true do end end) end"
        let error = try failure(text, limits: limits)
        #expect(error?.code == .cpuLimit)
        #expect(error?.place == "a.lua:3")
        #expect(error?.message.hasPrefix("still running after") == true)
    }

    @Test("each wait begins the count anew, and handlers have a count of their own")
    func counts() throws {
        let limits = LuaLimits(cpuSeconds: nil, instructions: 500_000)
        let text = """
            local t = require("t")
            for i = 1, 10 do for j = 1, 100000 do end t.sleep(0) end
            print("waits reset it")
            local c <close> = setmetatable({}, { __close = function() for j = 1, 100000 do end print("handler") end })
            while true do end
            """
        let printed = try output(text, limits: limits)
        #expect(printed.hasPrefix("waits reset it\nhandler\n! a.lua:5: still running"))
    }

    @Test("handlers that compute for ever are ended too")
    func computingHandlers() throws {
        let limits = LuaLimits(cpuSeconds: nil, instructions: 300_000)
        let text = """
            local a <close> = setmetatable({}, { __close = function() while true do pcall(function() while true do end end) end end })
            while true do end
            """
        #expect(try failure(text, limits: limits)?.code == .cpuLimit)
    }

    @Test("one fiber that computes ends the run, the others unwind")
    func fibers() throws {
        let text = """
            local t = require("t")
            t.parallel{
              function() while true do end end,
              function()
                local c <close> = setmetatable({}, { __close = function() t.after(1) print("unwound") end })
                t.hang()
              end,
            }
            """
        let printed = try output(text, limits: LuaLimits(cpuSeconds: nil, instructions: 1_000_000))
        #expect(printed.hasPrefix("unwound\n! a.lua:3: still running"), "\(printed)")
    }

    @Test("what is printed is bounded, and no pcall catches that")
    func printing() throws {
        let printed = try output(
            "while true do pcall(print, ('x'):rep(99)) end",
            limits: LuaLimits(output: 1000)
        )
        #expect(printed.hasPrefix(String(repeating: String(repeating: "x", count: 99) + "\n", count: 10) + "! "))
        #expect(printed.contains("more than 1000 bytes were printed [output-limit]"))
    }

    @Test("the prompt's results are bounded like what is printed")
    func prompt() throws {
        let stepper = try Stepper(.test(limits: LuaLimits(output: 10)))
        guard case .failure(let error) = stepper.result("('x'):rep(100)", isPrompt: true) else {
            Issue.record("all of it was printed")
            return
        }
        #expect(error.code == .outputLimit)
    }

    @Test("endless recursion is an error that can be caught")
    func recursion() throws {
        let text = try output(
            """
            local function f() return 1 + f() end
            local ok, e = pcall(f)
            print(ok, (e:gsub("^a.lua:1: (stack overflow).*", "%1")))
            """
        )
        #expect(text == "false\tstack overflow\n")
        let uncaught = try failure("local function f() return 1 + f() end\nf()")
        #expect(uncaught?.message.hasPrefix("stack overflow") == true)
        #expect(uncaught?.traceback?.contains("a.lua:2: in main chunk") == true)
    }

    @Test("of chunks that a script loads, the names that are remembered are bounded, and long ones take no room")
    func chunkNames() throws {
        let stepper = try Stepper(.test())
        func raised(_ text: String) throws -> LuaError {
            guard case .failure(let error) = stepper.result(text) else { throw LuaError(.runtime, "none", hint: "") }
            return error
        }
        #expect(try stepper.result("for i = 1, 2000 do load('', '=' .. ('x'):rep(60) .. i) end").get() == [])
        let early = try raised("load('error(\"m\")', '=early')()")
        #expect(early.message == "m" && early.place == "early:1")
        let longest = String(repeating: "y", count: 59)
        #expect(try raised("load('error(\"m\")', '=\(longest)')()").message == "m")
        #expect(try stepper.result("for i = 1, 1000 do load('', '=n' .. i) end").get() == [])
        let late = try raised("load('error(\"m\")', '=late')()")
        #expect(late.message == "late:1: m" && late.place == "late:1")
        #expect(try raised("load('error(\"m\")', '=early')()").message == "m")
    }
}
