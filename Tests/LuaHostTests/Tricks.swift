import CLuaShim
import LuaHost
import Testing

/// One trick of a script that wants out, wants more than its share, or wants never to end.
struct Trick: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    /// How it has to fail; any of these.
    var codes: [LuaError.Code]
    var testDescription: String { name }

    init(_ name: String, _ text: String, _ codes: LuaError.Code...) {
        self.name = name
        self.text = text
        self.codes = codes
    }
}

/// What is tried.
enum Tricks {
    /// Modules that `require` finds.
    static let modules = [
        "bin": "\u{1B}Lua\u{54}\u{0}", "cyc": "return require('cyc2')", "cyc2": "return require('cyc')",
        "endless": "while true do pcall(function() end) end",
        "raising": "error(setmetatable({}, { __tostring = error }))",
        "deep": "return " + String(repeating: "(", count: 100_000),
        "wide": "return { " + String(repeating: "{1},", count: 400_000) + "}",
    ]

    static let gone: [Trick] =
        [
            "debug.getregistry()", "io.open('/etc/passwd')", "os.execute('id')", "os.getenv('HOME')", "os.exit(0)",
            "os.remove('x')", "package.loadlib('x', '*')", "string.dump(print)", "dofile('x')", "loadfile('x')",
            "collectgarbage('stop')", "require('debug').sethook()", "require('io')", "require('os')",
            "require('string')",
            "coroutine.running():close()", "(function() return _G['de' .. 'bug'].sethook end)()",
        ].map { Trick("gone: \($0)", $0, .runtime, .undeclared, .unknownModule) }

    /// What Lua makes of `return 1`, as a literal of Lua.
    private static let compiled: String = {
        let text = "return 1"
        guard let state = homeward_lua_create(1 << 20) else { preconditionFailure("no memory") }
        defer { homeward_lua_destroy(state) }
        precondition(homeward_lua_compile(state, text, text.utf8.count, "=x") == HOMEWARD_LUA_LOADED)
        var length = 0
        guard let start = homeward_lua_string(state, -1, &length) else { preconditionFailure("no bytecode") }
        let bytes = UnsafeRawBufferPointer(start: start, count: length)
        return "'" + bytes.map { "\\x" + String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined() + "'"
    }()

    static let doors: [Trick] = [
        Trick("bytecode in load", "assert(load('\\27Lua\\84\\0\\25\\147\\r\\n\\26\\n\\4\\8\\8'))", .runtime),
        Trick("bytecode that is right", "return assert(load(\(compiled)))()", .runtime),
        Trick("bytecode that is right, with mode b", "return assert(load(\(compiled), 'x', 'b'))()", .runtime),
        Trick(
            "bytecode that is right, byte by byte",
            "local s, n = \(compiled), 0 return assert(load(function() n = n + 1 return s:sub(n, n) end))()",
            .runtime
        ),
        Trick(
            "bytecode by pieces",
            "local n = 0 assert(load(function() n = n + 1 return n == 1 and '\\27' or n == 2 and 'Lua' or nil end))",
            .runtime
        ),
        Trick(
            "bytecode with mode b",
            "string.find = function() return 1 end assert(load('\\27Lua', 'x', 'b'))",
            .runtime
        ),
        Trick("bytecode in a module", "require('bin')", .syntax),
        Trick("a name of a chunk of ours", "load('error(\"x\")', '=[homeward]')()", .runtime),
        Trick("the metatable of strings", "getmetatable('').__index = {}", .runtime),
        Trick("the metatable of strings, set", "setmetatable('', {})", .runtime),
        Trick("the metatable of globals", "setmetatable(_G, nil)", .runtime),
        Trick("the metatable of an object", "getmetatable(t.box('b')).__index = print", .runtime),
        Trick("the metatable of an error", "local _, e = pcall(t.fail, 0, 'x') setmetatable(e, nil)", .runtime),
        Trick("a field of an object", "t.box('b').name = 'c'", .badArgument),
        Trick("__gc", "setmetatable({}, { __gc = function() while true do end end })", .runtime),
        Trick(
            "__gc of a table whose metatable hides it",
            "setmetatable({}, setmetatable({ __gc = 1 }, { __index = error }))",
            .runtime
        ),
        Trick("require: ..", "require('../x')", .badArgument),
        Trick("require: absolute", "require('/etc/passwd')", .badArgument),
        Trick("require: NUL", "require('a\\0b')", .badArgument),
        Trick("require: dots", "require('a...b')", .badArgument),
        Trick(
            "require: with a string library of its own",
            """
            string.match = function() return true end
            string.find, string.sub = function() end, function() return '' end
            require('../../etc/passwd')
            """,
            .badArgument
        ),
        Trick(
            "require: an object that is a name",
            "require(setmetatable({}, { __tostring = function() return 'x' end }))",
            .badArgument
        ),
        Trick("require: a cycle", "require('cyc')", .badArgument),
        Trick("require: one that never ends", "require('endless')", .cpuLimit),
        Trick("require: one whose error cannot be shown", "require('raising')", .runtime),
        Trick("require: one nested too deep", "require('deep')", .syntax),
        Trick("require: one that is too large", "require('wide')", .memoryLimit, .syntax),
        Trick("another fiber's stack", "coroutine.close(coroutine.running())", .runtime),
        Trick("a yield to nobody", "coroutine.yield()", .runtime),
    ]

    private static let forever = "function() while true do end end"
    private static let closing = "setmetatable({}, { __close = \(forever) })"

    static let bombs: [Trick] = [
        Trick("memory: a table", "local x = {} for i = 1, 1 << 40 do x[i] = i end", .memoryLimit),
        Trick("memory: a string", "local s = 'x' while true do s = s .. s end", .memoryLimit),
        Trick("memory: rep", "return (('x'):rep(1 << 62))", .runtime, .memoryLimit),
        Trick("memory: rep with a separator", "return (('x'):rep(1 << 40, 'yy'))", .runtime, .memoryLimit),
        Trick(
            "memory: concat",
            "local x = {} for i = 1, 1000 do x[i] = ('x'):rep(100000) end return table.concat(x)",
            .memoryLimit
        ),
        Trick(
            "memory: format",
            "return (string.format(('%s'):rep(200), table.unpack((function() local x = {} for i = 1, 200 do x[i] = ('x'):rep(200000) end return x end)())))",
            .memoryLimit
        ),
        Trick("memory: gsub", "return (('x'):rep(100000):gsub('x', ('y'):rep(100000)))", .memoryLimit),
        Trick("memory: swallowed", "while true do pcall(string.rep, 'x', 1 << 30) end", .memoryLimit),
        Trick("memory: keys", "local x = {} while true do x[{}] = {} end", .memoryLimit),
        Trick(
            "memory: closures",
            "local f = print while true do local g = f f = function() return g end end",
            .memoryLimit
        ),
        Trick("memory: coroutines", "local x = {} while true do x[#x + 1] = coroutine.create(print) end", .memoryLimit),
        Trick(
            "memory: suspended coroutines",
            "local x = {} while true do local c = coroutine.wrap(function() coroutine.yield() end) c() x[#x + 1] = c end",
            .memoryLimit
        ),
        Trick(
            "memory: results",
            "return (function() local x = {} for i = 1, 30 do x = { x, x } end return x end)()",
            .memoryLimit,
            .type
        ),
        Trick(
            "memory: arguments",
            "t.same((function() local x = {} for i = 1, 30 do x = { x, x } end return x end)())",
            .memoryLimit,
            .badArgument
        ),
        Trick("memory: an error", "error(('x'):rep(9 << 20), 0)", .runtime, .memoryLimit),
        Trick("processor: a loop", "while true do end", .cpuLimit),
        Trick("processor: a loop in pcall", "while true do pcall(\(forever)) end", .cpuLimit),
        Trick("processor: goto", "::a:: goto a", .cpuLimit),
        Trick("processor: tail calls", "local function f() return f() end f()", .cpuLimit),
        Trick(
            "processor: a sort",
            "local x = {} for i = 1, 1000 do x[i] = i end while true do table.sort(x, function(a, b) return (a * 7919) % 1009 < (b * 7919) % 1009 end) end",
            .cpuLimit
        ),
        Trick("processor: metamethods", "local x = setmetatable({}, { __index = \(forever) }) return x.y", .cpuLimit),
        Trick("processor: a <close>", "do local x <close> = \(closing) end", .cpuLimit),
        Trick(
            "processor: a <close> after another",
            "local a <close> = \(closing) local b <close> = \(closing) error('x')",
            .cpuLimit
        ),
        Trick(
            "processor: a coroutine that is closed",
            "local c = coroutine.create(function() local x <close> = \(closing) coroutine.yield() end) coroutine.resume(c) coroutine.close(c)",
            .cpuLimit
        ),
        Trick("processor: a reader of load", "load(\(forever))", .cpuLimit),
        Trick(
            "processor: a hopeless pattern",
            "error(('a'):rep(250):find(('.-'):rep(3) .. 'b'))",
            .cpuLimit,
            .runtime
        ),
        Trick("recursion", "local function f() return 1 + f() end f()", .runtime, .memoryLimit),
        Trick(
            "recursion that is caught",
            "local function f() return pcall(f) and pcall(f) end while true do f() end",
            .cpuLimit,
            .memoryLimit
        ),
        Trick("recursion: coroutines", "local function f() return coroutine.wrap(f)() end f()", .runtime),
        Trick(
            "recursion: tostring",
            "tostring(setmetatable({}, { __tostring = function(x) return tostring(x) end }))",
            .runtime
        ),
        Trick(
            "recursion: __index",
            "local x = {} x = setmetatable(x, { __index = function(_, k) return x[k] end }) return x.y",
            .runtime
        ),
        Trick(
            "recursion: __index tables",
            "local x = {} setmetatable(x, { __index = x }) x.__index = x return x.y",
            .runtime
        ),
        Trick("recursion: gsub", "local function f() return (('x'):gsub('x', f)) end f()", .runtime),
        Trick("recursion: sort", "local function f() table.sort({ 1, 2 }, f) end f()", .runtime),
        Trick(
            "recursion: __close",
            "local function f() local x <close> = setmetatable({}, { __close = f }) end f()",
            .runtime
        ),
        Trick("recursion: require", "package = nil", .undeclared),
        Trick("recursion: parentheses", "assert(load(('('):rep(1e6)))", .runtime),
        Trick("recursion: tables", "assert(load('return ' .. ('{'):rep(1e6)))", .runtime),
        Trick(
            "recursion: closing of coroutines",
            """
            local chain = {}
            for i = 1, 8000 do
              chain[i] = coroutine.create(function()
                local x <close> = setmetatable({}, { __close = function() assert(coroutine.close(chain[i + 1])) end })
                coroutine.yield()
              end)
              coroutine.resume(chain[i])
            end
            assert(coroutine.close(chain[1]))
            """,
            .runtime
        ),
        Trick(
            "fibers: a parallel of parallels",
            "local function f() t.parallel{ f, f } end f()",
            .memoryLimit,
            .runtime,
            .cpuLimit
        ),
        Trick(
            "fibers: very many",
            "local x = {} for i = 1, 1e6 do x[i] = function() t.sleep(60) end end t.parallel(x)",
            .memoryLimit,
            .cpuLimit
        ),
        Trick(
            "fibers: a timeout of timeouts",
            "local function f() t.timeout(60, f) end f()",
            .memoryLimit,
            .runtime,
            .cpuLimit
        ),
        Trick("patterns: captures", "('x'):find(('('):rep(40))", .runtime),
        Trick("patterns: too complex", "return ('a'):rep(300000):find(('a?'):rep(300000) .. 'b')", .runtime, .cpuLimit),
        Trick("patterns: malformed", "('x'):gsub('x', '%9')", .runtime),
        Trick(
            "errors: __tostring that raises",
            "error(setmetatable({}, { __tostring = function() error('x') end }))",
            .runtime
        ),
        Trick("errors: __tostring that never ends", "error(setmetatable({}, { __tostring = \(forever) }))", .runtime),
        Trick(
            "errors: __tostring that catches its end",
            "error(setmetatable({}, { __tostring = function() while true do pcall(\(forever)) end end }))",
            .runtime
        ),
        Trick(
            "errors: __tostring that waits",
            "error(setmetatable({}, { __tostring = function() t.hang() end }))",
            .runtime
        ),
        Trick(
            "errors: __tostring that is huge",
            "error(setmetatable({}, { __tostring = function() return ('x'):rep(8 << 20) end }))",
            .runtime
        ),
        Trick(
            "errors: __tostring that raises itself",
            "local e e = setmetatable({}, { __tostring = function() error(e) end }) error(e)",
            .runtime
        ),
        Trick("errors: __name that is no string", "error(setmetatable({}, { __name = {} }))", .runtime),
        Trick(
            "errors: in a handler",
            "local function f(e) error(e) end xpcall(error, f, 'x') error(xpcall(error, f, 'x') and 'no' or 'yes')",
            .runtime
        ),
        Trick("errors: in a handler, for ever", "while true do xpcall(error, function(e) error(e) end) end", .cpuLimit),
        Trick("errors: that look like places", "error((':1: '):rep(400000), 0)", .runtime),
        Trick(
            "errors: the same a hundred thousand times",
            "for i = 1, 1e5 do coroutine.resume(coroutine.create(error), 'same') end error('same')",
            .runtime,
            .cpuLimit
        ),
        Trick(
            "errors: a code that is a success",
            "error{ code = 'ok', message = 'done' }",
            LuaError.Code(rawValue: "ok")
        ),
        Trick("output: a flood", "while true do print(('x'):rep(99)) end", .outputLimit),
        Trick("output: a flood that is caught", "while true do pcall(print, ('x'):rep(99)) end", .outputLimit),
        Trick("output: warnings", "while true do warn(('x'):rep(99)) end", .outputLimit),
        Trick("output: help", "while true do pcall(help) end", .outputLimit),
        Trick(
            "output: in a handler",
            "local x <close> = setmetatable({}, { __close = function() while true do print('x') end end }) error('x')",
            .outputLimit
        ),
        Trick(
            "output: in a coroutine",
            "coroutine.wrap(function() while true do pcall(print, 'xxxxxxxxx') end end)()",
            .outputLimit
        ),
    ]

    /// What a script does so that a stop does not reach it; `X` never ends.
    static let swallowing: [(String, String)] = {
        let endless = [("computing", "while true do end"), ("waiting", "t.hang()")]
        let ways = [
            ("pcall", "while true do pcall(function() X end) end"),
            ("xpcall", "while true do xpcall(function() X end, function() X end) end"),
            ("a handler that raises", "while true do xpcall(function() X end, function(e) error(e) end) end"),
            (
                "a handler of a handler",
                "while true do xpcall(error, function() pcall(function() X end) error('x') end) end"
            ),
            ("wrap", "while true do pcall(coroutine.wrap(function() X end)) end"),
            ("resume", "while true do coroutine.resume(coroutine.create(function() X end)) end"),
            (
                "nested coroutines",
                "while true do coroutine.wrap(function() while true do pcall(coroutine.wrap(function() X end)) end end)() end"
            ),
            (
                "__close",
                "while true do pcall(function() local c <close> = setmetatable({}, { __close = function() X end }) X end) end"
            ),
            (
                "__close for ever",
                "local function f() local c <close> = setmetatable({}, { __close = f }) X end while true do pcall(f) end"
            ),
            (
                "__index",
                "local o = setmetatable({}, { __index = function() X end }) while true do pcall(function() return o.x end) end"
            ),
            (
                "__eq, __lt, __concat",
                "local o = setmetatable({}, { __eq = function() X end, __lt = function() X end, __concat = function() X end }) while true do pcall(function() return o == {} or o < o or o .. o end) end"
            ),
            ("an iterator", "while true do pcall(function() for _ in function() X end do end end) end"),
            ("a reader of load", "while true do pcall(load, function() X end) end"),
            ("parallel", "while true do pcall(t.parallel, { function() X end, function() X end }) end"),
            ("timeout", "while true do pcall(t.timeout, 600, function() X end) end"),
            (
                "on_progress",
                "while true do pcall(t.work, { 1 }, { every = 0.001, on_progress = function() X end }) end"
            ),
            (
                "a hundred pcalls",
                "local function f(n) if n > 0 then return pcall(f, n - 1) end X end while true do f(150) end"
            ),
            ("the end of the stack", "local function f() pcall(f) X end while true do pcall(f) end"),
        ]
        // Nothing can wait in these.
        let computing = [
            ("sort", "while true do pcall(table.sort, { 1, 2, 3 }, function() while true do end end) end"),
            ("gsub", "while true do pcall(string.gsub, 'x', 'x', function() while true do end end) end"),
            (
                "tostring",
                "while true do pcall(tostring, setmetatable({}, { __tostring = function() while true do end end })) end"
            ),
            (
                "close",
                "while true do local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end) coroutine.resume(c) pcall(coroutine.close, c) end"
            ),
            (
                "errors in the handling of errors",
                "while true do xpcall(error, function() local function f() return 1 + f() end return f() end) end"
            ),
            ("memory", "while true do pcall(string.rep, 'x', 1 << 40) end"),
            (
                "many short fibers",
                "while true do local x = {} for i = 1, 300 do x[i] = function() end end t.parallel(x) end"
            ),
        ]
        return ways.flatMap { name, text in
            endless.map { ("\(name), \($0.0)", text.replacing("X", with: $0.1)) }
        } + computing
    }()
}
