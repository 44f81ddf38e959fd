extension Benchmark {
    /// Two volumes of random data, some of it differing, and nothing differing.
    static let synchronization = Benchmark(
        name: "sync",
        summary: "syncrvg of 2 volumes of 2 GiB between two daemons, against XXH3 of both copies and rsync"
    ) { run in
        let size = run.scaled(UInt64(2) << 30, tiny: 16 << 20)
        return try BenchmarkLab.use(run, volume: size, bare: true) { lab in
            let pair = try SyncPair(lab, bytes: size)
            let daemons = try [lab.process("seattle"), lab.process("london")]
            // The first one fills pools and finds the link.
            try pair.part(round: 0)
            _ = try pair.synchronize()
            for daemon in daemons { try Processes.forgetPeak(daemon) }
            let rounds = try Rounds.measure(
                run.rounds ?? run.scaled(5, tiny: 1),
                [
                    .init(name: "limit") { _ in try pair.hashBoth() },
                    .init(name: "equal") { _ in try pair.synchronize() },
                    .init(name: "differing") { round in
                        try pair.part(round: 2 * round + 1)
                        return try pair.synchronize()
                    },
                    .init(name: "rsync") { round in
                        try pair.part(round: 2 * round + 2)
                        return try pair.rsync()
                    },
                ]
            )
            let peak = try daemons.map { try Processes.mebibytes("VmHWM", of: $0) }.max() ?? .nan
            try pair.proveEqual()
            return lines(rounds, peak: peak)
        }
    }

    private static func lines(_ rounds: Rounds, peak: Double) -> [Line] {
        let limit = rounds.median("limit")
        let equal = rounds.median("equal")
        let differing = rounds.median("differing")
        let rsync = rounds.median("rsync")
        return [
            Line(
                "1 % of the blocks differing / XXH3 of both copies",
                differing / limit,
                "x",
                .atMost(1.5),
                detail: "\(Figure.seconds(differing)) / \(Figure.seconds(limit))"
            ),
            Line(
                "rsync --inplace --no-whole-file / the same",
                rsync / differing,
                "x",
                .atLeast(6),
                detail: "\(Figure.seconds(rsync)) / \(Figure.seconds(differing))"
            ),
            Line(
                "equal volumes / XXH3 of both copies",
                equal / limit,
                "x",
                .atMost(1.3),
                detail: "\(Figure.seconds(equal)) / \(Figure.seconds(limit))"
            ),
            Line("most memory of a daemon meanwhile", peak, "MiB", .atMost(128), detail: "VmHWM"),
        ]
    }
}
