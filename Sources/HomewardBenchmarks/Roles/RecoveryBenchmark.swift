import CPlatform
import Foundation
import Glibc
import HomewardCore
import HomewardNBD

extension Benchmark {
    /// A Primary that was killed with a log full of what it has to read and to carry out again.
    static let recovery = Benchmark(
        name: "recovery",
        summary: "start of a Primary with a full log of 1 GiB, against reading the log once and writing it once"
    ) { run in
        let log = run.scaled(UInt64(1) << 30, tiny: 128 << 20)
        var lines: [Line] = []
        for (name, record) in [("64 KiB", 64 << 10), ("4 KiB", 4 << 10)] {
            let rounds = run.rounds ?? run.scaled(3, tiny: 1)
            let sides = try recover(run.inside("\(record)"), log: log, record: record, rounds: rounds)
            let limit = sides.median("limit")
            for (what, side) in [("opens", "open"), ("has written all to the volumes", "applied")] {
                lines.append(
                    Line(
                        "records of \(name): until it \(what) / read and write",
                        sides.median(side) / limit,
                        "x",
                        .atMost(1.5),
                        detail: "\(Figure.seconds(sides.median(side))) / \(Figure.seconds(limit))"
                    )
                )
            }
        }
        return lines
    }

    /// Of each volume: small, so that asking for the position of one takes no time.
    private static let volumeBytes: UInt64 = 64 << 20

    private static func recover(_ run: Run, log: UInt64, record: Int, rounds: Int) throws -> Rounds {
        try BenchmarkLab.use(run, volume: volumeBytes, log: log, bare: true) { lab in
            // No Secondary: nobody has to be heard before the Primary opens.
            try lab.succeed("vradmin -g hrdg createpri hr_rvg hr_dv01,hr_dv02 hr_srl", on: "seattle")
            // Pins the log: else its tail follows the volumes, and little is left to read.
            try lab.succeed("vxrvg -g hrdg -c pin checkstart hr_rvg", on: "seattle")
            // A little is kept free for marks and role records.
            try fill(lab, bytes: log - (12 << 20), record: record)
            var applied: [Double] = []
            var rounds = try Rounds.measure(
                rounds,
                [
                    .init(name: "limit") { _ in try readAndWrite(lab, log: log) },
                    .init(name: "open") { _ in
                        let (open, all) = try restart(lab)
                        applied.append(all)
                        return open
                    },
                ]
            )
            rounds.add("applied", applied)
            return rounds
        }
    }

    /// Fills the log through the data door with records of one size, over all of the volume.
    private static func fill(_ lab: BenchmarkLab, bytes: UInt64, record: Int) throws {
        let client = try NBDClient.connect(socketPath: lab.dataSocket("seattle"), export: "hrdg/hr_dv01")
        defer { client.close() }
        var random = SeededGenerator(seed: 5)
        let payload = [UInt8](unsafeUninitializedCapacity: record) { buffer, count in
            random.fill(UnsafeMutableRawBufferPointer(buffer))
            count = record
        }
        // Each record takes a header of its own beside its bytes.
        let count = Int(bytes) / (record + 128)
        let places = client.size / UInt64(record)
        for first in stride(from: 0, to: count, by: 32) {
            let writes = (first..<min(first + 32, count)).map { _ in
                ClientWrite(offset: random.next() % places * UInt64(record), bytes: payload)
            }
            try client.submit(writes)
        }
        try client.flush()
    }

    /// Kills the daemon and starts it: seconds until a volume can be opened, and until all is on the volumes.
    private static func restart(_ lab: BenchmarkLab) throws -> (open: Double, applied: Double) {
        let before = try position(lab)
        try lab.succeed("homeward lab crash seattle")
        let began = Stopwatch.now
        let command = try lab.start("homeward lab restart seattle")
        while true {
            if let client = try? NBDClient.connect(socketPath: lab.dataSocket("seattle"), export: "hrdg/hr_dv01") {
                client.close()
                break
            }
            guard Stopwatch.seconds(since: began) < 120 else { throw CannotRun("seattle does not open") }
            usleep(2_000)
        }
        let open = Stopwatch.seconds(since: began)
        // The data door opens before the control door.
        while ((try? position(lab)) ?? 0) < before {
            guard Stopwatch.seconds(since: began) < 120 else { throw CannotRun("seattle tells no position") }
            usleep(2_000)
        }
        let applied = Stopwatch.seconds(since: began)
        try command.succeed()
        return (open, applied)
    }

    /// The last update that is on the volumes; asking waits for it, but not for ever.
    private static func position(_ lab: BenchmarkLab) throws -> UInt64 {
        let text = try lab.succeed("homeward vol sum hrdg/hr_dv02 --json", on: "seattle").text
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        if let number = object?["position"] as? NSNumber { return number.uint64Value }
        throw CannotRun("the sum tells no position: \(text)")
    }

    /// What no recovery can be faster than: the log read once, and its bytes written to a volume once.
    private static func readAndWrite(_ lab: BenchmarkLab, log: UInt64) throws -> Double {
        let log = try VolumeFile(lab.log(of: "seattle"))
        let other = "\(lab.folder)/copy"
        guard FileManager.default.createFile(atPath: other, contents: nil) else { throw CannotRun("no file \(other)") }
        defer { try? FileManager.default.removeItem(atPath: other) }
        let copy = try VolumeFile(other)
        return try Stopwatch.seconds {
            var offset: UInt64 = 0
            try log.read(piece: 1 << 20) { bytes in
                try copy.write(bytes, at: offset % volumeBytes)
                offset += UInt64(bytes.count)
            }
        }
    }
}
