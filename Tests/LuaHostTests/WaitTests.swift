import LuaHost
import Testing

@Suite("Waits of scripts", .timeLimit(.minutes(10)))
struct WaitTests {
    @Test("a wait gives its value, at once or later, and values go through unchanged")
    func values() throws {
        let text = try output(
            #"""
            local t = require("t")
            print(t.after(1, "x"), t.now(2), t.same(3.5), t.after(0))
            local r = t.after(1, { 1, { a = "b" }, n = math.mininteger, f = 0.1, s = "a\0\xFF" })
            print(r[1], r[2].a, r.n == math.mininteger, r.f, #r.s, r.s:byte(3))
            """#
        )
        #expect(text == "x\t2\t3.5\tnil\n1\tb\ttrue\t0.1\t3\t255\n")
    }

    @Test("pcall goes on across waits, with values and with errors")
    func protectedCalls() throws {
        let text = try output(
            """
            local t = require("t")
            print(pcall(function() t.after(1) return t.after(1, "v") end))
            local ok, e = pcall(t.fail, 1, "volume-busy")
            print(ok, e.code, e.message, e.hint, e.object, e.host, e.where)
            print(e)
            print(xpcall(function() t.fail(1, "x") end, function(e) return "handled " .. e.code end))
            print(pcall(pcall, t.after, 1, 7))
            """
        )
        #expect(
            text == """
                true\tv
                false\tvolume-busy\tit failed\ttry later\thrdg\tlondon\ta.lua:3
                a.lua:3: london: hrdg: it failed [volume-busy]
                  hint: try later
                false\thandled x
                true\ttrue\t7

                """
        )
    }

    @Test("waits pass through metamethods, iterators, <close> variables and coroutines")
    func everywhere() throws {
        let text = try output(
            """
            local t = require("t")
            local lazy = setmetatable({}, { __index = function(_, key) return t.after(1, key .. "!") end })
            print(lazy.x)
            for i in function(_, last) local n = t.after(1, (last or 0) + 1) if n < 3 then return n end end do print(i) end
            do local c <close> = setmetatable({}, { __close = function() print("closed", t.after(1, 1)) end }) end
            local gen = coroutine.wrap(function() for i = 1, 2 do coroutine.yield(t.after(1, i)) end return "end" end)
            print(gen(), gen(), gen())
            local outer = coroutine.wrap(function()
              local inner = coroutine.wrap(function() coroutine.yield(t.after(1, "a")) t.after(1) return "b" end)
              coroutine.yield(inner())
              coroutine.yield(inner())
            end)
            print(outer(), outer())
            print(pcall(function()
              local c <close> = setmetatable({}, { __close = function(_, e) print("unwinds", t.after(1, e.code)) end })
              error{ code = "mine" }
            end))
            """.replacing("print(pcall(function()\n  local c", with: "print((pcall(function()\n  local c")
                .replacing("error{ code = \"mine\" }\nend))", with: "error{ code = \"mine\" }\nend)))")
        )
        #expect(text == "x!\n1\n2\nclosed\t1\n1\t2\tend\na\tb\nunwinds\tmine\nfalse\n")
    }

    @Test("an error in a coroutine that waits in its handlers reaches whoever resumed it")
    func coroutineErrors() throws {
        let text = try output(
            """
            local t = require("t")
            local co = coroutine.create(function()
              local c <close> = setmetatable({}, { __close = function() print("handler", t.after(1, 1)) end })
              t.after(1)
              error("broken", 0)
            end)
            print(coroutine.resume(co))
            print(coroutine.status(co), coroutine.resume(co))
            print(pcall(coroutine.wrap(function() t.fail(1, "late") end)))
            """
        )
        let lines = text.split(separator: "\n")
        #expect(lines.prefix(3) == ["handler\t1", "false\tbroken", "dead\tfalse\tcannot resume dead coroutine"])
        #expect(text.contains("[late]"))
    }

    @Test(
        "where Lua cannot wait there is a clear error, and nothing is left pending",
        arguments: [
            "table.sort({ 2, 1 }, function(a, b) t.after(1) return a < b end)",
            "(('x'):gsub('x', function() return t.after(1, 'y') end))",
            "tostring(setmetatable({}, { __tostring = function() return t.after(1, 's') end }))",
            "table.sort({ 2, 1 }, function() return coroutine.wrap(function() return t.after(1, true) end)() end)",
            "coroutine.close((function() local co = coroutine.create(function() "
                + "local c <close> = setmetatable({}, { __close = function() t.after(1) end }) coroutine.yield() end) "
                + "coroutine.resume(co) return co end)())",
        ]
    )
    func cannotWait(call: String) throws {
        let stepper = try Stepper(.test())
        let text = "local t = require('t')\nlocal x = \(call) if x == false then error('no') end"
        let result = stepper.result(text)
        if call.hasPrefix("coroutine.close") {
            // It answers with what the handler raised.
            #expect(stepper.begun.isEmpty)
        } else {
            guard case .failure(let error) = result else {
                Issue.record("\(call) waited")
                return
            }
            #expect(error.code == .cannotWait, "\(error)")
            #expect(error.place == "a.lua:2")
        }
        #expect(stepper.begun.isEmpty)
    }

    @Test("a coroutine that waits for the host belongs to who resumed it")
    func foreignResume() throws {
        let text = try output(
            """
            local t = require("t")
            local co = coroutine.create(function() t.after(2) return "done" end)
            print(t.parallel{
              function() return select(2, coroutine.resume(co)) end,
              function()
                t.sleep(1)
                local ok, e = coroutine.resume(co)
                local closed, why = pcall(coroutine.close, co)
                return tostring(ok) .. e .. coroutine.status(co) .. tostring(closed) .. why
              end,
            })
            """
        )
        #expect(text == "done\tfalsecannot resume non-suspended coroutinenormalfalsecannot close a normal coroutine\n")
    }

    @Test("yield at the top of a script is an error, and fibers cannot be resumed or closed")
    func topLevel() throws {
        let text = try output(
            """
            print(pcall(coroutine.yield, 1))
            local me, main = coroutine.running()
            print(main, coroutine.isyieldable(), coroutine.status(me))
            print(coroutine.resume(me))
            print(select(2, pcall(coroutine.close, me)))
            print(coroutine.wrap(function() local _, main = coroutine.running() return main, coroutine.isyieldable() end)())
            """
        )
        #expect(
            text == """
                false\tattempt to yield from outside a coroutine
                true\tfalse\trunning
                false\tcannot resume non-suspended coroutine
                cannot close a running coroutine
                false\ttrue

                """
        )
    }

    @Test("tracebacks show the lines of the script, also right after a wait")
    func tracebacks() throws {
        let text =
            "local t = require('t')\nlocal function step()\n  t.after(1)\n  local x = nil\n  return x.y\nend\nt.now(1)\nstep()"
        let error = try #require(try failure(text))
        #expect(error.code == .runtime)
        #expect(error.place == "a.lua:5")
        #expect(error.message.hasPrefix("attempt to index a nil value"))
        #expect(error.traceback?.contains("a.lua:8: in main chunk") == true)
        #expect(error.traceback?.contains("a.lua:5: in local 'step'") == true)
        let inner = try failure(
            "local t = require('t')\nlocal f = coroutine.wrap(function()\n  t.fail(1, 'c') end)\nf()"
        )
        #expect(inner?.place == "a.lua:3")
        #expect(inner?.traceback?.contains("a.lua:4: in main chunk") == true, "\(inner?.traceback ?? "")")
    }

    @Test("results go to the calls that asked for them, in whatever order they end")
    func shuffled() throws {
        let text = try output(
            """
            local t = require("t")
            local calls = {}
            for i = 1, 50 do calls[i] = function() return t.after((i * 37) % 50 + 1, i) end end
            local sum = 0
            for i, v in ipairs({ t.parallel(calls) }) do if v == i then sum = sum + 1 end end
            print(sum)
            """
        )
        #expect(text == "50\n")
    }
}
