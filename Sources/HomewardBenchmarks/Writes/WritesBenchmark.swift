import Foundation
import HomewardCore

extension Benchmark {
    /// Writes through the engine, without the data door.
    static let writes = Benchmark(
        name: "writes",
        summary: "4 KiB writes through the engine, logged, against one thread that writes log and volume itself"
    ) { run in
        var lines: [Line] = []
        for set in WriteSet.all {
            let hosts = try await EngineHosts(
                folder: run.inside(set.label).folder,
                secondaries: set.secondaries,
                synchronous: set.synchronous,
                volume: 64 << 20,
                log: 256 << 20
            )
            do {
                lines += try await measure(run, hosts, set)
            } catch {
                await hosts.stop()
                throw error
            }
            await hosts.stop()
        }
        return lines
    }

    private static func measure(_ run: Run, _ hosts: EngineHosts, _ set: WriteSet) async throws -> [Line] {
        let session = try hosts.open()
        defer { session.close() }
        let seconds = run.scaled(0.7, tiny: 0.02)
        let count = run.rounds ?? run.scaled(3, tiny: 1)
        let bare = try BareWriter(folder: run.folder)
        var lines: [Line] = []
        for inFlight in [1, 16, 64] {
            let writer = Writer(session, inFlight: inFlight)
            var processor: [Double] = []
            let rounds = try Rounds.measure(
                count,
                [
                    .init(name: "bare") { _ in try bare.perSecond(seconds) },
                    .init(name: "engine") { _ in
                        let before = Processes.ownProcessorSeconds
                        let began = Stopwatch.now
                        let done = Double(try writer.write(seconds: seconds))
                        let rate = done / Stopwatch.seconds(since: began)
                        processor.append((Processes.ownProcessorSeconds - before) / done * 1e6)
                        return rate
                    },
                ]
            )
            let (bare, engine) = (rounds.median("bare"), rounds.median("engine"))
            lines.append(
                Line(
                    "\(set.label), \(inFlight) in flight",
                    engine / 1_000,
                    "k/s",
                    detail:
                        "\(Figure.text(engine / bare)) of bare; \(Figure.text(Median.of(processor))) µs CPU a write, all hosts"
                )
            )
        }
        try await hosts.settle()
        lines.append(try flushes(run, hosts, set, seconds: seconds, rounds: count))
        return lines
    }

    /// One writer and eight, each of which flushes after every write.
    private static func flushes(
        _ run: Run,
        _ hosts: EngineHosts,
        _ set: WriteSet,
        seconds: Double,
        rounds: Int
    ) throws -> Line {
        let sessions = try (0..<8).map { _ in try hosts.open() }
        defer { for session in sessions { session.close() } }
        let writers = sessions.enumerated().map {
            Writer($0.element, inFlight: 1, flushes: true, seed: UInt64($0.offset))
        }
        func perSecond(_ writers: ArraySlice<Writer>) throws -> Double {
            let done = Total()
            let began = Stopwatch.now
            try inParallel(writers.map { writer in { @Sendable in try done.add(writer.write(seconds: seconds)) } })
            return Double(done.value) / Stopwatch.seconds(since: began)
        }
        let found = try Rounds.measure(
            rounds,
            [
                .init(name: "one") { _ in try perSecond(writers.prefix(1)) },
                .init(name: "eight") { _ in try perSecond(writers[...]) },
            ]
        )
        let (one, eight) = (found.median("one"), found.median("eight"))
        return Line(
            "\(set.label), a flush after each: 8 writers / 1",
            eight / one,
            "x",
            .atLeast(3),
            detail: "\(Figure.text(eight)) / \(Figure.text(one)) a second"
        )
    }
}

/// Where writes go.
private struct WriteSet {
    var secondaries: Int
    var synchronous: Bool

    static let all = [
        WriteSet(secondaries: 0, synchronous: false), WriteSet(secondaries: 1, synchronous: false),
        WriteSet(secondaries: 1, synchronous: true), WriteSet(secondaries: 2, synchronous: false),
        WriteSet(secondaries: 2, synchronous: true),
    ]

    var label: String {
        guard secondaries > 0 else { return "alone" }
        return "\(secondaries) \(synchronous ? "sync" : "async")"
    }
}
