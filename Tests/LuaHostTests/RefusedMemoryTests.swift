import CLuaShim
import LuaHost
import Testing

/// Goal: whichever block of memory Lua does not get, a run ends in order.
///
/// Method: one script that uses each way between Lua and Swift, again and again, each time with another block refused, until
/// there are no more. A call that may raise outside of every protected call would end the process.
@Suite("Blocks that are refused", .timeLimit(.minutes(10)))
struct RefusedMemoryTests {
    private static let text = """
        local t = require("t")
        local m = require("m")
        local ok = pcall(function()
          local parts = {}
          for i = 1, 3 do parts[i] = { name = "n" .. i, box = t.box("b" .. i), list = t.same({ i, i, m.value }) } end
          t.after(1, parts[3].list)
          local co = coroutine.wrap(function() coroutine.yield(t.after(1, ("x"):rep(200))) end)
          co()
          t.work({ 1, 2 }, { on_progress = function(v) parts[#parts + 1] = { v } end })
          t.parallel{ function() return ("y"):rep(300) end, function() return t.after(1, "z") end }
          local s <close> = t.open("s")
          pcall(t.fail, 1, "code")
          pcall(t.same)
          pcall(function() return parts[1].box.colour end)
          load("return 1 + 1", "=loaded")()
          xpcall(error, function(e) return e .. "!" end, "x")
          coroutine.close(coroutine.create(print))
          warn("w")
          help(t.box)
          print(os.date("!%Y", 0), table.concat({ 1, 2 }), ("a"):gsub("a", "b"))
          error(setmetatable({}, { __tostring = function() return ("e"):rep(100) end }))
        end)
        return type(ok), t.same({ ("z"):rep(50), 7 })[2]
        """

    /// One run with a block refused; nil when it ended before that.
    private func run(refusing block: UInt64, count: UInt64) throws -> String? {
        _ = homeward_lua_refuse_blocks(block, count)
        defer { _ = homeward_lua_refuse_blocks(0, 0) }
        let stepper: Stepper
        do {
            stepper = try Stepper(.test(sources: ["m": "return { value = 7 }"]))
        } catch let error as LuaError {
            #expect(error.code == .memoryLimit, "block \(block): \(error)")
            return "not begun"
        }
        let result = stepper.result(Self.text)
        guard homeward_lua_refuse_blocks(0, 0) < count else { return nil }
        #expect(try stepper.result("return 7").get() == [.integer(7)], "block \(block): the state is of no use")
        switch result {
        case .success(let values):
            #expect(values == [.text("boolean"), .integer(7)])
            return "finished"
        case .failure(let error):
            #expect(error.code == .memoryLimit, "block \(block): \(error)")
            return "failed"
        }
    }

    @Test("once or for good, from each block on", arguments: [(2, 1), (UInt64.max, 3)] as [(UInt64, Int)])
    func each(count: UInt64, stride: Int) throws {
        var outcomes: Set<String> = []
        var block: UInt64 = 0
        while let outcome = try run(refusing: block, count: count) {
            outcomes.insert(outcome)
            block += UInt64(stride)
        }
        #expect(outcomes.isSuperset(of: ["not begun", "failed"]) && block > 300, "\(outcomes), \(block) blocks")
    }

    @Test("a chunk in an empty world, too, and its state gives back all it had")
    func chunks() {
        let text = "local t = {} for i = 1, 50 do t[i] = { 'n' .. i } end error({ t })"
        var statuses: Set<UInt32> = []
        for block in 0..<UInt64.max {
            _ = homeward_lua_refuse_blocks(block, 2)
            if let state = homeward_lua_create(1 << 20) {
                statuses.insert(homeward_lua_evaluate(state, text, text.utf8.count, "=c", 0, 0).rawValue)
                let left = homeward_lua_refuse_blocks(0, 0)
                #expect(homeward_lua_evaluate(state, "return 1", 8, "=c", 0, 0) == HOMEWARD_LUA_OK)
                #expect(homeward_lua_destroy(state) == 0)
                if left == 2 { break }
            }
        }
        #expect(statuses == [HOMEWARD_LUA_RUNTIME.rawValue, HOMEWARD_LUA_MEMORY.rawValue])
    }
}
