import LuaHost
import Testing

@Suite("Seeded worlds", .timeLimit(.minutes(10)))
struct SeedTests {
    private let text = """
        local t = require("t")
        local words = {}
        for i = 1, 200 do words["key" .. i * 7919 % 1000] = i end
        words[1], words[2.5], words[true], words[-3] = "a", "b", "c", "d"
        for key, value in pairs(words) do print(key, value) end
        for key in next, { zeta = 1, alpha = 2, beta = 3 } do print(key) end
        print(next({ b = 1, a = 2 }), next({ b = 1, a = 2 }, "a"), next({}))
        print({}, {}, print, coroutine.create(print), tostring(words), string.format("%s %5.1f %s", {}, 1.25, nil))
        print(math.random(1000), math.random(1000), math.random())
        math.randomseed()
        print(math.random(1000), os.time(), os.clock(), os.date(), os.date("%Y", 0))
        print(t.parallel{
          function() for i = 1, 300000 do end t.sleep(1) return os.time() end,
          function() for i = 1, 500000 do end return "computed" end,
        })
        """

    @Test("the same seed gives the same output, another seed another one")
    func determinism() throws {
        let one = try output(text, seed: 7)
        #expect(!one.contains("! "), "\(one.suffix(300))")
        for _ in 1...5 { #expect(try output(text, seed: 7) == one) }
        #expect(try output(text, seed: 8) != one)
        #expect(one.contains("table: 0x00000003\ttable: 0x00000004\tfunction: 0x00000005"))
        #expect(one.contains("alpha\nbeta\nzeta\na\tb\tnil\n"))
    }

    @Test("pairs goes through numbers, strings and booleans in order, allows removal, and refuses what has no order")
    func order() throws {
        let text = try output(
            """
            local x = { 10, 20, b = 1, a = 2, [true] = 3, [0.5] = 4 }
            for k, v in pairs(x) do io = nil or k x[k] = nil print(k, v) end
            """.replacing("io = nil or k ", with: ""),
            seed: 1
        )
        #expect(text == "0.5\t4\n1\t10\n2\t20\na\t2\nb\t1\ntrue\t3\n")
        #expect(try output("for k in pairs({ [print] = 1 }) do print(type(k)) end", seed: 1) == "function\n")
        let refused = try failure("for k in pairs({ [{}] = 1, [{}] = 2 }) do end", seed: 1)
        #expect(refused?.message == "tables and functions as keys have no order that is the same each time")
        #expect(refused?.place == "a.lua:1")
        let custom = try output(
            "for k in pairs(setmetatable({}, { __pairs = function() return next, { z = 1 } end })) do print(k) end",
            seed: 1
        )
        #expect(custom == "z\n")
        #expect(
            try output("print(string.format('%s up %d%% p', 'x', 3), ('%5.1fp'):format(1))", seed: 1)
                == "x up 3% p\t  1.0p\n"
        )
        #expect(try failure("string.format('%p', {})", seed: 1)?.message == "%p has no meaning here")
        #expect(try failure("string.format('%-8p', {})", seed: 1)?.message == "%p has no meaning here")
    }

    @Test("processor time bounds nothing in a seeded world, instructions do")
    func limits() throws {
        let limits = LuaLimits(cpuSeconds: 0, instructions: 1_000_000)
        #expect(try output("for i = 1, 300000 do end print('done')", limits: limits, seed: 1) == "done\n")
        #expect(try failure("while true do end", limits: limits, seed: 1)?.code == .cpuLimit)
    }

    @Test("the sequence of requests is the same for the same seed")
    func requests() throws {
        let script = """
            local t = require("t")
            local calls = {}
            for i = 1, 20 do calls[i] = function() for _ = 1, math.random(3) do t.sleep(math.random()) end return i end end
            print(t.parallel(calls))
            """
        let first = try Stepper(.test(seed: 3))
        _ = first.result(script)
        let second = try Stepper(.test(seed: 3))
        _ = second.result(script)
        #expect(first.begun == second.begun && first.seconds == second.seconds && first.seconds > 0)
    }
}
