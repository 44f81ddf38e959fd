import LuaHost
import Testing

@Suite("Chunks of Lua", .timeLimit(.minutes(2)))
struct LuaChunkTests {
    private func evaluate(_ source: String, _ limits: LuaLimits = LuaLimits()) throws(LuaError) -> LuaValue {
        try LuaChunk.evaluate(source: source, name: "host.lua", limits: limits)
    }

    private func failure(_ source: String, _ limits: LuaLimits = LuaLimits()) -> LuaError? {
        #expect(throws: LuaError.self) { try evaluate(source, limits) }
    }

    @Test("a table comes out with its sequence, its names sorted, and its types kept")
    func values() throws {
        let value = try evaluate(
            #"return { 1, "two", 3.5, zeta = true, alpha = { -9223372036854775807 - 1, "a\0\xFF" }, beta = { { } } }"#
        )
        let inner = LuaTable(array: [.integer(.min), .string([0x61, 0, 0xFF])])
        let expected = LuaTable(
            array: [.integer(1), .string(Array("two".utf8)), .number(3.5)],
            fields: [
                .init(name: "alpha", value: .table(inner)),
                .init(name: "beta", value: .table(LuaTable(array: [.table(LuaTable())]))),
                .init(name: "zeta", value: .boolean(true)),
            ]
        )
        #expect(value == .table(expected))
        guard case .table(let table) = value else { return }
        #expect(table.fields.map(\.name) == ["alpha", "beta", "zeta"])
        #expect(table["zeta"] == .boolean(true) && table["eta"] == .none)
    }

    @Test("plain values and nothing at all come out too")
    func plain() throws {
        #expect(try evaluate("") == .none)
        #expect(try evaluate("return nil") == .none)
        #expect(try evaluate("\u{FEFF}return 1, 2") == .integer(1))
        #expect(try evaluate("local n = 0 for i = 1, 10 do n = n + i end return n").found == "the number 55")
        #expect(try evaluate(#"return "é""#).text == "é")
        #expect(try evaluate(#"return "\xFF""#).text == nil)
    }

    @Test(
        "no name of any library can be reached, read or assigned",
        arguments: [
            "print", "string", "table", "math", "os", "io", "debug", "package", "require", "load", "dofile", "loadfile",
            "pcall", "error", "setmetatable", "getmetatable", "rawset", "rawget", "collectgarbage", "coroutine", "utf8",
            "next", "pairs", "_G", "arg", "tostring", "select", "assert", "warn", "xpcall", "_VERSION",
        ]
    )
    func emptyWorld(name: String) {
        let read = failure("local a\nreturn \(name)")
        #expect(read?.code == .runtime)
        #expect(read?.message == "host.lua:2: nothing is named '\(name)' here")
        #expect(failure("\(name) = 1")?.message.hasPrefix("host.lua:1: '\(name)' is assigned") == true)
    }

    @Test("strings have no methods, and the environment can be used but not left")
    func noMethods() throws {
        #expect(failure(#"return ("x"):rep(10)"#)?.code == .runtime)
        #expect(failure("return string.rep('x', 10)")?.code == .runtime)
        #expect(failure("return _ENV.print")?.code == .runtime)
        #expect(try evaluate("local _ENV = { x = 7 } return x") == .integer(7))
    }

    @Test(
        "a loop without an end is stopped by processor time and by instructions, at its line",
        arguments: [
            LuaLimits(cpuSeconds: 0.05), LuaLimits(cpuSeconds: nil, instructions: 1_000_000), LuaLimits(cpuSeconds: 0),
            LuaLimits(cpuSeconds: nil, instructions: 0),
        ]
    )
    func endless(limits: LuaLimits) {
        for source in [
            "\nwhile true do end", "local a\nlocal function f() return f() end\nreturn f()", "\n::x:: goto x",
            "\nrepeat local t = {} until false",
        ] {
            let error = failure(source, limits)
            #expect(error?.code == .cpuLimit)
            #expect(error?.message.hasPrefix("host.lua:2: still running after") == true, "\(error?.message ?? "")")
            #expect(error?.traceback?.contains("host.lua:2") == true)
        }
    }

    @Test("syntax errors and run time errors have file and line")
    func lines() {
        let syntax = failure("return {\n  name = \"a\"\n  listen = 3\n}")
        #expect(syntax?.code == .syntax)
        #expect(syntax?.message.hasPrefix("host.lua:3: ") == true)
        let runtime = failure("local a = {}\n\nreturn a.b.c")
        #expect(runtime?.code == .runtime)
        #expect(runtime?.message.hasPrefix("host.lua:3: ") == true)
        #expect(runtime?.traceback?.contains("host.lua:3: in main chunk") == true)
    }

    @Test("compiled Lua is refused, whole or hostile, and random text never gets further than an error")
    func bytecode() {
        let compiled: [UInt8] = [0x1B, 0x4C, 0x75, 0x61, 0x54, 0x00, 0x19, 0x93, 0x0D, 0x0A, 0x1A, 0x0A, 4, 8, 8]
        let error = #expect(throws: LuaError.self) { try LuaChunk.evaluate(source: compiled, name: "host.lua") }
        #expect(error?.code == .syntax)
        #expect(error?.message.contains("only text") == true)
        var seed: UInt64 = 3
        for length in 0..<300 {
            let bytes = (0..<length).map { _ in
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: seed >> 40)
            }
            _ = try? LuaChunk.evaluate(source: bytes, name: "host.lua", limits: LuaLimits(memory: 1 << 20))
        }
    }

    @Test(
        "memory is capped: strings and tables that grow, and recursion, end with an error and no crash",
        arguments: [
            ("local s = 'x' while true do s = s .. s end", LuaError.Code.memoryLimit),
            ("local t = {} for i = 1, 1 << 40 do t[i] = i end", .memoryLimit),
            ("local t = {} while true do t = { t } end", .memoryLimit),
            ("local function f() return 1 + f() end return f()", .memoryLimit),
        ]
    )
    func memory(source: String, code: LuaError.Code) {
        let error = failure(source, LuaLimits(memory: 32 << 20))
        #expect(error?.code == code, "\(error?.message ?? "")")
    }

    @Test("with memory enough for it, endless recursion is an error of the chunk")
    func recursion() {
        let error = failure("local function f() return 1 + f() end return f()")
        #expect(error?.code == .runtime)
        #expect(error?.message.hasPrefix("host.lua:1: stack overflow") == true, "\(error?.message ?? "")")
    }

    @Test("a thousand nested parentheses are an error and no crash")
    func nesting() {
        let text = String(repeating: "(", count: 1000) + "1" + String(repeating: ")", count: 1000)
        #expect(failure("return " + text)?.code == .syntax)
    }

    @Test("with every cap the outcome is the value or memory-limit, never a crash")
    func allocationSweep() {
        let source = """
            local function f(n) if n == 0 then return {} end return { n, name = "x" .. n, next = f(n - 1) } end
            local t = f(20)
            return undeclared
            """
        var outcomes: Set<LuaError.Code> = []
        for memory in stride(from: 0, through: 48_000, by: 64) {
            guard let error = failure(source, LuaLimits(memory: memory)) else { continue }
            outcomes.insert(error.code)
        }
        #expect(outcomes == [.memoryLimit, .runtime])

        var found = false
        for memory in stride(from: 0, through: 48_000, by: 64) {
            do throws(LuaError) {
                _ = try evaluate(
                    "local t = {} for i = 1, 50 do t[i] = 'n' .. i end return t",
                    LuaLimits(memory: memory)
                )
                found = true
            } catch {
                #expect(error.code == .memoryLimit)
                #expect(!found, "more memory than was enough is not")
            }
        }
        #expect(found)
    }

    @Test("what cannot leave the state is named by its path")
    func paths() {
        let function = failure("return { peers = { london = { 1, function() end } } }")
        #expect(function?.code == .type)
        #expect(function?.message == "host.lua: peers.london[2] is a function, which cannot be handed out")
        #expect(failure("return function() end")?.message.contains("the result is a function") == true)
        #expect(
            failure("return { a = { [1] = 1, [3] = 3 } }")?.message == "host.lua: a has position 3, but no position 2"
        )
        #expect(failure("return { a = { [true] = 1 } }")?.message.contains("a key of a is neither") == true)
        #expect(failure("return { ['\\xFF'] = 1 }")?.code == .type)
    }

    @Test("results that are too deep, too many or too large are refused")
    func size() throws {
        let deep = failure("local t = {} t.t = t return t", LuaLimits(depth: 5))
        #expect(deep?.code == .type)
        #expect(deep?.message.hasPrefix("host.lua: t.t.t.t.t is nested deeper than 5 tables") == true)
        _ = try evaluate("local t = {} for i = 1, 63 do t = { t } end return t")
        #expect(failure("local t = {} for i = 1, 64 do t = { t } end return t")?.code == .type)
        let many = "local t = {} for i = 1, 100 do t[i] = 0 end return t"
        #expect(failure(many, LuaLimits(values: 100))?.code == .memoryLimit)
        _ = try evaluate(many, LuaLimits(values: 101))
        let shared = "local s = 'x' for i = 1, 16 do s = s .. s end local t = {} for i = 1, 20 do t[i] = s end return t"
        #expect(failure(shared, LuaLimits(resultBytes: 1 << 20))?.code == .memoryLimit)
        _ = try evaluate(shared)
    }
}
