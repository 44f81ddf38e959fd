import Glibc

extension Benchmark {
    /// Daemons that replicate, and have nothing to do.
    static let idle = Benchmark(
        name: "idle",
        summary: "memory and processor time of daemons with an attached link and no writes"
    ) { run in
        try BenchmarkLab.use(run, volume: 64 << 20) { lab in
            sleep(run.scaled(3, tiny: 1))
            let seconds = run.scaled(20.0, tiny: 1.0)
            let hosts = ["seattle", "london"]
            let before = try hosts.map { try Processes.processorSeconds(lab.process($0)) }
            usleep(UInt32(seconds * 1e6))
            let after = try hosts.map { try Processes.processorSeconds(lab.process($0)) }
            let memory = try hosts.map { try Processes.mebibytes("VmRSS", of: lab.process($0)) }
            let parts = zip(before, after).map { ($1 - $0) / seconds * 100 }
            return [
                Line(
                    "memory",
                    memory.max() ?? .nan,
                    "MiB",
                    .atMost(60),
                    detail: "VmRSS of the larger one"
                ),
                Line(
                    "processor time",
                    parts.max() ?? .nan,
                    "% of a core",
                    .atMost(0.5),
                    detail:
                        "\(Int(seconds)) s; Primary of two \(Figure.text(parts[0])), Secondary \(Figure.text(parts[1]))"
                ),
            ]
        }
    }
}
