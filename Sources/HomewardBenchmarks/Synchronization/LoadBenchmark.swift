import Glibc

extension Benchmark {
    /// What an application notices of a synchronization beside it.
    ///
    /// Hosts do not share processors: each of the two has half of this machine's, the application is on the Primary's. How it
    /// is when they do share them stands beside it without a bound: that says how the kernel divides a processor between
    /// programs that want all of it, more than what Homeward does.
    static let load = Benchmark(
        name: "load",
        summary: "p99 of 1,000 records of 4 KiB a second at depth 1, during a syncrvg of 2 x 2 GiB and without one"
    ) { run in
        let size = run.scaled(UInt64(2) << 30, tiny: 16 << 20)
        return try BenchmarkLab.use(run, volume: size, bare: true) { lab in
            let pair = try SyncPair(lab, bytes: size)
            let writer = try SteadyWriter(lab, host: "seattle", perSecond: 1_000)
            let (seattle, london) = (try lab.process("seattle"), try lab.process("london"))
            func place(_ primary: Processors, _ secondary: Processors) throws {
                for process in [seattle, getpid()] { try primary.take(process, output: "\(lab.folder)/taskset") }
                try secondary.take(london, output: "\(lab.folder)/taskset")
            }
            let all = try Processors.allowed()
            defer { try? place(all, all) }
            var lines: [Line] = []
            if let (own, others) = all.halves {
                try place(own, others)
                lines += try measure(run, pair, writer, "on processors of their own", .atMost(1.5))
            }
            try place(all, all)
            return lines + (try measure(run, pair, writer, "on the same processors", nil))
        }
    }

    private static func measure(
        _ run: Run,
        _ pair: SyncPair,
        _ writer: SteadyWriter,
        _ place: String,
        _ bound: Line.Bound?
    ) throws -> [Line] {
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
        return [
            ratio("p99, hosts \(place): with / without", rounds.median("with"), rounds.median("without"), bound),
            ratio("median, hosts \(place): with / without", Median.of(beside), Median.of(usual), nil),
        ]
    }

    private static func ratio(_ what: String, _ with: Double, _ without: Double, _ bound: Line.Bound?) -> Line {
        Line(what, with / without, "x", bound, detail: "\(Figure.text(with)) µs / \(Figure.text(without)) µs")
    }
}
