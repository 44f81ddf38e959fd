import LuaHost
import Testing

@Suite("What scripts can reach", .timeLimit(.minutes(10)))
struct SandboxTests {
    @Test("the globals and the libraries are these and no others")
    func globals() throws {
        let text = try output(
            """
            local names = {}
            for name, value in next, _G do
              if type(value) == "table" and name ~= "_G" and name ~= "arg" then
                for inner in next, value do names[#names + 1] = name .. "." .. inner end
              else names[#names + 1] = name end
            end
            table.sort(names)
            print(table.concat(names, " "))
            """
        )
        let expected = """
            _G _VERSION arg assert coroutine.close coroutine.create coroutine.isyieldable coroutine.resume coroutine.running \
            coroutine.status coroutine.wrap coroutine.yield error getmetatable help ipairs load math.abs math.acos math.asin \
            math.atan math.atan2 math.ceil math.cos math.cosh math.deg math.exp math.floor math.fmod math.frexp math.huge \
            math.ldexp math.log math.log10 math.max math.maxinteger math.min math.mininteger math.modf math.pi math.pow \
            math.rad math.random math.randomseed math.sin math.sinh math.sqrt math.tan math.tanh math.tointeger math.type \
            math.ult next os.clock os.date os.time pairs pcall print rawequal rawget rawlen rawset \
            require select setmetatable string.byte string.char string.find string.format string.gmatch string.gsub \
            string.len string.lower string.match string.pack string.packsize string.rep string.reverse string.sub \
            string.unpack string.upper table.concat table.insert table.move table.pack table.remove table.sort table.unpack \
            tonumber tostring type utf8.char utf8.charpattern utf8.codepoint utf8.codes utf8.len utf8.offset warn xpcall
            """
        #expect(text == expected + "\n")
    }

    @Test(
        "undeclared names are errors with the nearest name, read or assigned",
        arguments: [
            ("prnt('x')", "nothing is named 'prnt' here", "did you mean 'print'?"),
            (
                "local x = undeclared", "nothing is named 'undeclared' here",
                "declare it with local, or look at the spelling"
            ),
            ("count = 1", "'count' is assigned, but was not declared", "write local count"),
            (
                "function helper() end", "'helper' is assigned, but was not declared",
                "write local helper, or did you mean 'help'?"
            ),
        ]
    )
    func undeclared(text: String, message: String, hint: String) throws {
        let error = try failure("\n" + text)
        #expect(error?.code == .undeclared)
        #expect(error?.message == message)
        #expect(error?.hint == hint)
        #expect(error?.place == "a.lua:2")
    }

    @Test("metatables that others rely on are sealed, and __gc is refused")
    func sealed() throws {
        let text = try output(
            """
            local t = require("t")
            print(getmetatable(""), getmetatable(_G), getmetatable(t.box("b")))
            print(pcall(setmetatable, _G, {}))
            print(pcall(setmetatable, {}, { __gc = print }))
            print(pcall(setmetatable, {}, { __gc = false }))
            print(select("#", pcall(setmetatable, {}, nil)), pcall(setmetatable, 1, {}))
            """
        )
        #expect(
            text == """
                false\tfalse\tfalse
                false\tcannot change a protected metatable
                false\t__gc is not allowed: use a <close> variable and __close
                false\t__gc is not allowed: use a <close> variable and __close
                2\tfalse\tbad argument #1 to 'setmetatable' (table expected, got number)

                """
        )
    }

    @Test("load takes text only, in an environment that is given or the globals")
    func loading() throws {
        let text = try output(
            #"""
            print(load("return 1 + 1")())
            print(load("return x", "=name", "t", { x = 5 })())
            print(pcall(load("return x", "=name", "bt", nil)))
            print(load("x ="))
            print(load("\27Lua\84\0"))
            print(load("return 1", "=n", "b"))
            local pieces = { "return ", "4", "2" }
            print(load(function() return table.remove(pieces, 1) end)())
            print(pcall(load, function() error("broken", 0) end))
            print(pcall(load("error('in loaded')", "=[homeward]")))
            print(pcall(load, 1))
            """#
        )
        #expect(
            text == """
                2
                5
                false\tname:1: attempt to index a nil value (upvalue '_ENV')
                nil\t[string "x ="]:1: unexpected symbol near <eof>
                nil\tattempt to load a binary chunk (mode is 't')
                nil\tattempt to load a text chunk (mode is 'b')
                42
                false\tbroken
                false\t(load):1: in loaded
                false\tbad argument #1 to 'load' (string or function expected)

                """
        )
    }

    @Test("a reader of load may wait")
    func waitingReader() throws {
        let text = try output(
            """
            local t = require("t")
            local pieces = { "return ", "7" }
            print(load(function() t.after(1) return table.remove(pieces, 1) end)())
            """
        )
        #expect(text == "7\n")
    }

    @Test(
        "names of modules cannot leave the folders of scripts",
        arguments: ["../x", "/etc/passwd", "a/b", "a..b", ".a", "a.", "", "a b", "a\\0b", "a-b"]
    )
    func moduleNames(name: String) throws {
        let error = try failure("require(\"\(name)\")")
        #expect(error?.code == .badArgument, "\(String(describing: error))")
        #expect(try failure("require(7)")?.code == .badArgument)
    }

    @Test("modules are loaded once, may wait while they load, and unknown ones are named")
    func modules() throws {
        let sources = [
            "a.b": "local t = require('t') t.after(1) print('loading', ...) return { value = t.now(5) }",
            "none": "print('no value')", "broken": "x = = 1", "failing": "error{ code = 'in-module' }",
            "dirty": "leaked = 1",
        ]
        let text = try output(
            """
            print(require("a.b").value, require("a.b") == require("a.b"))
            print(require("none"), require("none"))
            for _, name in ipairs{ "unknown", "broken", "failing", "failing", "dirty", "tt" } do
              local ok, e = pcall(require, name)
              print(e.code, e.message, e.where)
            end
            """,
            sources: sources
        )
        #expect(
            text == """
                loading\ta.b\ta.b.lua
                5\ttrue
                no value
                true\ttrue
                unknown-module\tno module is named 'unknown'\ta.lua:4
                lua-syntax\tbroken.lua:1: unexpected symbol near '='\ta.lua:4
                in-module\tnil\tnil
                in-module\tnil\tnil
                undeclared-global\t'leaked' is assigned, but was not declared\tdirty.lua:1
                unknown-module\tno module is named 'tt'\ta.lua:4

                """
        )
    }

    @Test("a cycle of modules is an error that names it, and two fibers may load the same one")
    func cycles() throws {
        let sources = [
            "a": "return require('b')", "b": "return require('c')", "c": "return require('a')",
            "self": "require('self')",
            "slow": "require('t').after(1) print('loaded') return 'slow'",
            "nested": "return require('t').timeout(5, function() return require('nested') end)",
        ]
        let text = try output(
            """
            local t = require("t")
            print(select(2, pcall(require, "a")).message)
            print(select(2, pcall(require, "self")).message)
            print(select(2, pcall(require, "nested")).code)
            print(t.parallel{ function() return require("slow") end, function() return require("slow") end })
            """,
            sources: sources
        )
        #expect(
            text == """
                require: 'a' needs itself: a → b → c → a
                require: 'self' needs itself: self → self
                bad-argument
                loaded
                slow\tslow

                """
        )
    }

    @Test("two runs see nothing of each other")
    func apart() throws {
        let one = try Stepper(.test())
        _ = one.result("string.upper = nil rawset(_G, 'mine', 1)")
        let other = try Stepper(.test())
        #expect(try other.result("return ('a'):upper(), rawget(_G, 'mine')").get() == [.text("A"), .none])
    }

    @Test("arg and ... are the arguments of a file")
    func arguments() throws {
        let stepper = try Stepper(.test())
        let result = stepper.result("return arg[0], arg[1], #arg, ...", arguments: [.text("x"), .integer(2)])
        #expect(try result.get() == [.text("a.lua"), .text("x"), .integer(2), .text("x"), .integer(2)])
    }

    @Test("os tells and formats time, and warn goes nowhere near the output")
    func time() throws {
        let text = try output(
            """
            print(os.date("!%Y-%m-%d %H:%M:%S", 86400), os.time{ year = 2020, month = 1, day = 2, hour = 12 } > 0)
            print(os.time() > 1.6e9, math.type(os.time()), type(os.clock()))
            print(pcall(os.date, "%Ez", 0))
            warn("x")
            """
        )
        #expect(
            text == """
                1970-01-02 00:00:00\ttrue
                true\tinteger\tnumber
                false\tbad argument #1 to 'date' (invalid conversion specifier '%Ez')

                """
        )
    }
}
