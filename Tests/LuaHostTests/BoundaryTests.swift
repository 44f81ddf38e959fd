import LuaHost
import Testing

@Suite("The boundary of Lua and Swift", .timeLimit(.minutes(10)))
struct BoundaryTests {
    @Test("with every cap a run finishes or fails for want of memory, and never crashes")
    func allocationSweep() throws {
        let text = """
            local t = require("t")
            local ok, e = pcall(function()
              local parts = {}
              for i = 1, 40 do parts[i] = { name = "n" .. i, box = t.box("b" .. i), list = t.same({ i, i, i }) } end
              t.after(1, parts[3].list)
              local co = coroutine.wrap(function() coroutine.yield(t.after(1, string.rep("x", 2000))) end)
              co()
              t.work({ 1, 2 }, { on_progress = function(v) parts[#parts + 1] = { v } end })
              t.parallel{ function() return ("y"):rep(3000) end, function() return t.after(1, "z") end }
              error(setmetatable({}, { __tostring = function() return ("e"):rep(1000) end }))
            end)
            local list = t.after(1, t.same({ ("z"):rep(5000), ("y"):rep(5000) }))
            return type(ok), #list - 1
            """
        var outcomes: Set<String> = []
        var firstThatRuns = 0
        for memory in stride(from: 0, through: 1 << 20, by: 4096) {
            guard (try? Stepper(.test(limits: LuaLimits(memory: memory)))) != nil else { continue }
            firstThatRuns = memory
            break
        }
        #expect(firstThatRuns > 0)
        for memory in stride(from: firstThatRuns - 4096, through: firstThatRuns + 60_000, by: 64) {
            do throws(LuaError) {
                let world = LuaWorld.test(limits: LuaLimits(memory: memory))
                let stepper: Stepper
                do { stepper = try Stepper(world) } catch let error as LuaError { throw error } catch {
                    fatalError("\(error)")
                }
                switch stepper.result(text) {
                case .success(let values):
                    #expect(values == [.text("boolean"), .integer(1)])
                    outcomes.insert("finished")
                case .failure(let error):
                    #expect(error.code == .memoryLimit, "\(memory): \(error)")
                    outcomes.insert("failed")
                }
            } catch {
                #expect(error.code == .memoryLimit)
                outcomes.insert("not begun")
            }
        }
        #expect(outcomes == ["finished", "failed", "not begun"])
    }

    @Test(
        "a state that met its cap can be used again",
        arguments: [
            "local t = {} for i = 1, 1 << 40 do t[i] = i end", "local s = 'x' while true do s = s .. s end",
            "return ('x'):rep(1 << 30)", "return table.concat({ ('x'):rep(1 << 23), ('x'):rep(1 << 23) })",
            "local t = require('t') local x = {} for i = 1, 1e9 do x[i] = t.same('abcdefghijklmnopqrstuvwxyz') x[i] = { x[i] } end",
            "return load('return {' .. ('1,'):rep(4000000) .. '}')",
        ]
    )
    func usableAfterwards(text: String) throws {
        let stepper = try Stepper(.test(limits: LuaLimits(memory: 8 << 20, cpuSeconds: 10 * slowness)))
        guard case .failure(let error) = stepper.result(text) else {
            Issue.record("it has enough memory")
            return
        }
        #expect(error.code == .memoryLimit)
        #expect(try stepper.result("return #('x'):rep(1000)").get() == [.integer(1000)])
        let caught = stepper.result("return (pcall(function() \(text) end))")
        #expect(try caught.get() == [.boolean(false)])
    }

    @Test("what Swift hands in counts against the cap like what Lua makes")
    func handedIn() throws {
        let text = """
            local t = require("t")
            local big = ("x"):rep(1200000)
            big = { big, big } -- one string in Lua, two when copied
            local one, two = pcall(t.same, big), pcall(t.after, 1, big)
            return one, two, #t.same("small")
            """
        let stepper = try Stepper(.test(limits: LuaLimits(memory: 3 << 20)))
        #expect(try stepper.result(text).get() == [.boolean(false), .boolean(false), .integer(5)])
    }

    @Test("errors of any type end a run with something to read")
    func errorValues() throws {
        #expect(try failure("error(nil)")?.message == "nil was raised as an error")
        #expect(try failure("error(42)")?.message == "42")
        #expect(try failure("error({})")?.message.hasPrefix("table: ") == true)
        #expect(try failure("error(print)")?.message.hasPrefix("function: ") == true)
        #expect(
            try failure("error(setmetatable({}, { __tostring = function() return 'shown' end }))")?.message == "shown"
        )
        let raising = try failure("error(setmetatable({}, { __tostring = function() error('x') end }))")
        #expect(raising?.message == "(a table that cannot be shown)")
        let wrong = try failure("error(setmetatable({}, { __tostring = function() return 7 end }))")
        #expect(wrong?.message == "7")
        #expect(try failure("error('plain', 0)")?.message == "plain")
        #expect(try failure("error(require('t').box('b'))")?.message == "b")
    }

    @Test("of what a script raises so much is told as a person can read")
    func longErrors() throws {
        let text = try #require(try failure("error(('x'):rep(1000000), 0)"))
        #expect(text.message.hasSuffix("x… (983616 more bytes)") && text.message.utf8.count < 17_000)
        let table = try #require(
            try failure(
                "local s = ('x'):rep(100000) error{ code = s, message = s, hint = s, object = s, host = s, where = s }"
            )
        )
        #expect(table.description.utf8.count < 110_000)
        let places = try #require(try failure("error((':1: '):rep(400000), 0)"))
        #expect(places.message.utf8.count < 17_000)
        #expect(try failure("error('a.lua:7: ' .. ('é'):rep(1000), 0)")?.message.utf8.count == 2000)
    }

    @Test("one string that is raised again and again has a traceback that ends")
    func sameError() throws {
        let error = try #require(
            try failure(
                """
                local t = require("t")
                for i = 1, 2000 do pcall(t.parallel, { function() coroutine.wrap(error)("again", 0) end }) end
                t.parallel{ function() error("again", 0) end }
                """
            )
        )
        #expect(error.message == "again")
        #expect(error.traceback.map { $0.utf8.count < 20_000 } == true)
    }

    @Test("a string that is raised is split into its place and its text")
    func places() throws {
        let error = try failure("local x\nerror('no: 3: really')")
        #expect(error?.place == "a.lua:2")
        #expect(error?.message == "no: 3: really")
        #expect(error?.code == .runtime)
        #expect(try failure("error('london:7110: refused', 0)")?.message == "london:7110: refused")
        let shown = try failure("\nprint(setmetatable({}, { __tostring = function() return {} end }))")
        #expect(shown?.description == "a.lua:2: '__tostring' must return a string [lua-runtime]")
        let long = String(repeating: "long/", count: 30) + "name.lua"
        let stepper = try Stepper(.test())
        guard case .failure(let found) = stepper.result("\n\nlocal x = nil + 1", name: long) else { return }
        #expect(found.place == "\(long):3")
        guard case .failure(let syntax) = stepper.result("x = = 1", name: long) else { return }
        #expect(syntax.code == .syntax)
        #expect(syntax.message.hasPrefix("\(long):1: unexpected symbol"))
        #expect(syntax.place == nil)
    }

    @Test("a table with a code that a script raises has its fields kept, and a place")
    func tableErrors() throws {
        let error = try failure("\nerror{ code = 'mine', message = 'm', hint = 'h', object = 'o', host = 'x' }")
        let expected = LuaError(
            LuaError.Code(rawValue: "mine"),
            "m",
            hint: "h",
            object: "o",
            host: "x",
            place: "a.lua:2",
            traceback: error?.traceback
        )
        #expect(error == expected)
        let again = try failure("local t = require('t')\nlocal ok, e = pcall(t.fail, 1, 'c')\nt.sleep(1)\nerror(e)")
        #expect(again?.place == "a.lua:2")
        #expect(again?.host == "london")
        let raised = try failure("local t = require('t')\n\nt.raise{ code = 'c', message = 'm' }")
        #expect(raised?.code.rawValue == "c")
        #expect(raised?.place == "a.lua:3")
    }

    @Test("errors of ours print as one line and a hint, join to strings, and are sealed")
    func sealed() throws {
        let text = try output(
            """
            local t = require("t")
            local _, e = pcall(t.fail, 0, "code")
            print("failed: " .. e)
            print(getmetatable(e), pcall(setmetatable, e, {}))
            """
        )
        #expect(
            text == """
                failed: a.lua:2: london: hrdg: it failed [code]
                  hint: try later
                false\tfalse\tcannot change a protected metatable

                """
        )
    }

    @Test("values of a result that cannot be handed out are named by their place")
    func results() throws {
        let stepper = try Stepper(.test())
        #expect(
            try stepper.result("return 1, nil, { f = print }, require('t').box('b')").get() == [
                .integer(1), .none, .record(["f": .function]),
                .object(LuaObject("Box", ["name": .text("b"), "size": .integer(3)])),
            ]
        )
        guard case .failure(let error) = stepper.result("return { a = { coroutine.create(print) } }") else {
            Issue.record("a thread was handed out")
            return
        }
        #expect(error.message == "a.lua: a[1] is a thread, which cannot be handed out")
    }

    @Test("a thousand errors of Swift and as many objects leave nothing behind")
    func repeated() throws {
        let text = """
            local t = require("t")
            for i = 1, 1000 do
              pcall(t.fail, 0, "x")
              pcall(t.same)
              local ok = pcall(function() return t.box("b").colour end)
            end
            """
        #expect(try output(text, limits: LuaLimits(memory: 1 << 20)) == "")
    }

    @Test("coroutines nested two hundred deep end in an error of Lua")
    func depth() throws {
        let error = try failure(
            """
            local function nest(n) return coroutine.wrap(function() return nest(n + 1) end)() end
            nest(1)
            """
        )
        #expect(error?.message.contains("C stack overflow") == true, "\(String(describing: error))")
    }
}
