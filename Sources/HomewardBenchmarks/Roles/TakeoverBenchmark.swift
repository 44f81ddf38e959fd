extension Benchmark {
    /// How long a Secondary takes to become Primary, with much and with little on its volumes.
    static let takeover = Benchmark(
        name: "takeover",
        summary: "vradmin -N takeover of a dead Primary that refuses connections, with volumes of 10 GiB and of 64 MiB"
    ) { run in
        let small: UInt64 = 64 << 20
        let large = run.scaled(UInt64(10) << 30, tiny: 128 << 20)
        let rounds = try Rounds.measure(
            run.rounds ?? run.scaled(5, tiny: 1),
            [
                .init(name: "large") { round in try takeOver(run.inside("l\(round)"), volume: large) },
                .init(name: "small") { round in try takeOver(run.inside("s\(round)"), volume: small) },
            ]
        )
        let (large10, small64) = (rounds.median("large") * 1_000, rounds.median("small") * 1_000)
        return [
            Line(
                "2 volumes of 10 GiB, 1 GiB of it written",
                large10,
                "ms",
                .atMost(100),
                detail: "the command as it is typed, from its start to its end"
            ),
            Line("2 volumes of 64 MiB", small64, "ms", .atMost(100)),
        ]
    }

    /// Seconds of one takeover in a lab of its own.
    private static func takeOver(_ run: Run, volume: UInt64) throws -> Double {
        try BenchmarkLab.use(run, volume: volume) { lab in
            // Behind the daemons: what a volume holds is nothing that a takeover may look at.
            for path in lab.volumes(of: "london") {
                let file = try VolumeFile(path)
                try file.fill(volume / 20, seed: 1)
                try file.synchronize()
            }
            try lab.succeed("homeward lab load --seconds 1")
            try lab.succeed("homeward lab wait london tokyo")
            try lab.succeed("homeward lab crash seattle")
            return try lab.succeed("vradmin -g hrdg -N takeover hr_rvg", on: "london").seconds
        }
    }
}
