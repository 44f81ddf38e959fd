/// The same loop in a script of ours and in the stock interpreter, each timed by processor time, without what it takes to begin.
struct LuaWork: Sendable {
    var what: String
    /// How often its body is run in a round.
    var count: Int
    /// The body, with `i` as the number.
    var ours: String
    var stock: String
    /// What stands before the loop; in a script of ours `bench` is the module, else nil.
    var before: String
    /// How many times the stock interpreter's time it may take.
    var limit: Double

    static let all = [
        LuaWork(
            what: "a call of a function: of Swift / of C in stock Lua",
            count: 300_000,
            ours: "same(i)",
            stock: "abs(i)",
            before: "local same, abs = bench and bench.same, math.abs",
            limit: 40
        ),
        LuaWork(
            what: "a call with a string and a table: of Swift / of Lua in stock Lua",
            count: 100_000,
            ours: "take('name', { force = true })",
            stock: "take('name', { force = true })",
            before: "local take = bench and bench.take or function(name, options) return options.force and name end",
            limit: 40
        ),
        LuaWork(
            what: "arithmetic: bounded and interruptible / stock Lua",
            count: 5_000_000,
            ours: "x = x + i % 7",
            stock: "x = x + i % 7",
            before: "local x = 0",
            limit: 2
        ),
        LuaWork(
            what: "tables and strings: bounded and interruptible / stock Lua",
            count: 200_000,
            ours: "x[i % 100] = { name = 'n' .. i }",
            stock: "x[i % 100] = { name = 'n' .. i }",
            before: "local x = {}",
            limit: 2
        ),
    ]

    /// The ratio of the medians.
    func line(_ run: Run, _ rounds: Int) throws -> Line {
        let count = run.scaled(count, tiny: 1000)
        let script = "local bench = require('bench') \(before) \(loop(ours, count))"
        let text = "local bench \(before) local began = os.clock() \(loop(stock, count)) print(os.clock() - began)"
        let result = try Rounds.measure(
            rounds,
            [
                Rounds.Side(name: "ours") { _ in try LuaBench.seconds(script) },
                Rounds.Side(name: "stock") { _ in try LuaBench.stock(text, run) },
            ]
        )
        let (ours, stock) = (result.median("ours"), result.median("stock"))
        func each(_ seconds: Double) -> String { "\(Figure.text(seconds / Double(count) * 1e9)) ns" }
        return Line(what, ours / stock, "x", .atMost(limit), detail: "\(each(ours)) / \(each(stock))")
    }

    private func loop(_ body: String, _ count: Int) -> String { "for i = 1, \(count) do \(body) end" }
}
