/// Whether one of many functions that run at once costs as much as one of few.
enum LuaParallel {
    static func line(_ run: Run, _ rounds: Int) throws -> Line {
        let few = run.scaled(1_000, tiny: 10)
        func text(_ count: Int, times: Int) -> String {
            """
            local parallel, all = require('bench').parallel, {}
            for i = 1, \(count) do all[i] = function() return i end end
            for i = 1, \(times) do parallel(all) end
            """
        }
        let result = try Rounds.measure(
            rounds,
            [
                Rounds.Side(name: "few") { _ in try LuaBench.seconds(text(few, times: 10)) },
                Rounds.Side(name: "many") { _ in try LuaBench.seconds(text(few * 10, times: 1)) },
            ]
        )
        func each(_ side: String) -> Double { result.median(side) / Double(few * 10) * 1e6 }
        return Line(
            "a function of \(few * 10) in parallel / of \(few)",
            each("many") / each("few"),
            "x",
            .atMost(3),
            detail: "\(Figure.text(each("many"))) µs / \(Figure.text(each("few"))) µs"
        )
    }
}
