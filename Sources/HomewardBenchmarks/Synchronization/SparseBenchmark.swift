extension Benchmark {
    /// A volume that is nearly all holes.
    static let sparse = Benchmark(
        name: "sparse",
        summary: "syncrvg of 100 GiB that hold 1 GiB, against a plain volume of 1 GiB"
    ) { run in
        let held = run.scaled(UInt64(1) << 30, tiny: 16 << 20)
        let whole = run.scaled(UInt64(100) << 30, tiny: 1 << 30)
        let rounds = run.rounds ?? run.scaled(3, tiny: 1)
        // Volumes come in pairs: each holds half, so that both together are as large as the line says.
        func measure(_ volume: UInt64, in folder: String) throws -> (seconds: Double, peak: Double) {
            try BenchmarkLab.use(run.inside(folder), volume: volume, bare: true) { lab in
                let pair = try SyncPair(lab, bytes: held / 2)
                _ = try pair.synchronize()
                let daemons = try [lab.process("seattle"), lab.process("london")]
                for daemon in daemons { try Processes.forgetPeak(daemon) }
                let seconds = try (0..<rounds).map { _ in try pair.synchronize() }
                let peak = try daemons.map { try Processes.mebibytes("VmHWM", of: $0) }.max() ?? .nan
                return (Median.of(seconds), peak)
            }
        }
        let plain = try measure(held / 2, in: "plain")
        let sparse = try measure(whole / 2, in: "sparse")
        return [
            Line(
                "mostly holes / a plain volume of what they hold",
                sparse.seconds / plain.seconds,
                "x",
                .atMost(3),
                detail: "\(Figure.seconds(sparse.seconds)) / \(Figure.seconds(plain.seconds))"
            ),
            Line("most memory of a daemon meanwhile", sparse.peak, "MiB", .atMost(128), detail: "VmHWM"),
        ]
    }
}
