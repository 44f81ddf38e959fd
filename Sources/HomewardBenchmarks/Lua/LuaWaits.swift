import LuaHost

/// Waits of one script, one after the other: its thread, a task of Swift, and back.
enum LuaWaits {
    static func line(_ run: Run, _ rounds: Int) async throws -> Line {
        let count = run.scaled(20_000, tiny: 100)
        let driver = try LuaDriver(LuaBench.world) { verb, _ throws(LuaError) in .integer(verb) }
        let text = "local wait = require('bench').wait for i = 1, \(count) do wait(i) end"
        let source = LuaSource(name: "wait.lua", text: Array(text.utf8))
        let yields = """
            local f = coroutine.wrap(function() while true do coroutine.yield() end end)
            local began = os.clock()
            for i = 1, \(count) do f(i) end
            print(os.clock() - began)
            """
        var ours: [Double] = []
        var stock: [Double] = []
        for _ in 0..<rounds {
            let began = Stopwatch.now
            _ = try await driver.run(source)
            ours.append(Stopwatch.seconds(since: began))
            stock.append(try LuaBench.stock(yields, run))
        }
        await driver.close()
        func each(_ seconds: [Double]) -> Double { Median.of(seconds) / Double(count) * 1e6 }
        return Line(
            "a wait: for a task of Swift on another thread",
            each(ours),
            "µs",
            .atMost(100),
            detail: "a yield and a resume in stock Lua, which ask nobody: \(Figure.text(each(stock))) µs"
        )
    }
}
