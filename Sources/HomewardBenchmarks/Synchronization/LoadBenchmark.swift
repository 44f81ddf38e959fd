import Glibc

extension Benchmark {
    /// What an application notices of a synchronization beside it.
    static let load = Benchmark(
        name: "load",
        summary: "p99 of 1,000 records of 4 KiB a second at depth 1, during a syncrvg of 2 x 2 GiB and without one"
    ) { run in
        let size = run.scaled(UInt64(2) << 30, tiny: 16 << 20)
        return try BenchmarkLab.use(run, volume: size, bare: true) { lab in
            let pair = try SyncPair(lab, bytes: size)
            let writer = try SteadyWriter(lab, host: "seattle", perSecond: 1_000)
            var usual: [Double] = []
            var beside: [Double] = []
            let rounds = try Rounds.measure(
                run.rounds ?? run.scaled(7, tiny: 1),
                [
                    .init(name: "without") { _ in
                        let found = try writer.latencies { usleep(run.scaled(1_500_000, tiny: 100_000)) }
                        usual += found
                        return Median.quantile(found, 0.99)
                    },
                    .init(name: "with") { round in
                        try pair.part(round: round)
                        let found = try writer.latencies { _ = try pair.synchronize() }
                        beside += found
                        return Median.quantile(found, 0.99)
                    },
                ]
            )
            let (with, without) = (rounds.median("with"), rounds.median("without"))
            return [
                Line(
                    "p99 during a synchronization / without",
                    with / without,
                    "x",
                    .atMost(1.5),
                    detail: "\(Figure.text(with)) µs / \(Figure.text(without)) µs"
                ),
                Line(
                    "median during a synchronization / without",
                    Median.of(beside) / Median.of(usual),
                    "x",
                    detail: "\(Figure.text(Median.of(beside))) µs / \(Figure.text(Median.of(usual))) µs"
                ),
            ]
        }
    }
}
