import Foundation

extension Benchmark {
    /// How long the application stands still while the role goes home.
    static let outage = Benchmark(
        name: "outage",
        summary: "application outage of failback-difference outage=short (Example 3), volumes of 10 GiB"
    ) { run in
        let volume = run.scaled(UInt64(10) << 30, tiny: 64 << 20)
        var outages: [Double] = []
        for round in 0..<(run.rounds ?? run.scaled(3, tiny: 1)) {
            outages.append(try failBack(run.inside("\(round)"), volume: volume))
        }
        return [
            Line(
                "from stop-application to start-application",
                Median.of(outages),
                "s",
                .atMost(1),
                detail:
                    "sparse files; 1,000 records a second until then; \(outages.map(Figure.seconds).joined(separator: ", "))"
            )
        ]
    }

    private static let site = """
        local hw = require("homeward")
        return {
          stop_application = function() hw.sh { "homeward", "lab", "load", "--stop" } end,
          start_application = function()
            hw.sh { "homeward", "lab", "load", "--detach", "--seconds", "600", "--rate", "1000", timeout = 30 }
          end,
        }

        """

    private static func failBack(_ run: Run, volume: UInt64) throws -> Double {
        try BenchmarkLab.use(run, volume: volume) { lab in
            let site = "\(lab.folder)/site.lua"
            try Data(Self.site.utf8).write(to: URL(fileURLWithPath: site))
            try lab.succeed("homeward lab load --detach --seconds 600 --rate 1000")
            sleep(1)
            try lab.succeed("homeward lab crash seattle")
            try lab.repeating("homeward run takeover to=london --site \(site) --yes")
            try lab.succeed("homeward lab restart seattle")
            sleep(1)
            let failback =
                "homeward run failback-difference outage=short discard_unsent=yes sync_speed=2000 --site \(site) --yes --json"
            let report = try lab.succeed(failback).text
            guard let object = try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any],
                let outage = (object["outage"] as? NSNumber)?.doubleValue
            else { throw CannotRun("the report of the run tells no outage: \(report)") }
            return outage
        }
    }
}
