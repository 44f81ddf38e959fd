extension Benchmark {
    /// What scripts pay for the boundary between Lua and Swift, and for being bounded and interruptible.
    static let lua = Benchmark(
        name: "lua",
        summary: "scripts: calls of Swift, waits, 10,000 scripts at once; against the stock lua5.4"
    ) { run in
        let rounds = run.rounds ?? run.scaled(7, tiny: 1)
        var lines: [Line] = []
        for work in LuaWork.all { lines.append(try work.line(run, rounds)) }
        lines.append(try LuaParallel.line(run, rounds))
        lines.append(try await LuaWaits.line(run, rounds))
        lines += try LuaCrowd.lines(run, run.rounds ?? run.scaled(3, tiny: 1))
        return lines
    }
}
