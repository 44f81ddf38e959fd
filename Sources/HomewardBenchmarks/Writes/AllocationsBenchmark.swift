import HomewardCore

extension Benchmark {
    /// How often the memory allocator is called for a write.
    static let allocations = Benchmark(
        name: "allocations",
        summary: "calls of the allocator for a write of 4 KiB: in the machine's steps, and in the whole engine"
    ) { run in
        try Allocations.proveCounter()
        var lines: [Line] = []
        var steps = try MachineSteps()
        for inFlight in [1, 16] {
            let writes = run.scaled(16_000, tiny: 1_600)
            _ = steps.allocations(writes: writes, inFlight: inFlight)
            let found = steps.allocations(writes: writes, inFlight: inFlight)
            let left = zip(MachineSteps.names, found).filter { $1 > 0.001 }.map { "\($0) \(Figure.text($1))" }
            lines.append(
                Line(
                    "the machine's steps, \(inFlight) in flight",
                    found.reduce(0, +),
                    "a write",
                    .atMost(0),
                    detail: left.joined(separator: ", ")
                )
            )
        }
        let hosts = try await EngineHosts(
            folder: run.inside("hosts").folder,
            secondaries: 0,
            synchronous: false,
            volume: 64 << 20,
            log: 256 << 20
        )
        do {
            lines += try engine(run, hosts)
        } catch {
            await hosts.stop()
            throw error
        }
        await hosts.stop()
        return lines
    }

    private static func engine(_ run: Run, _ hosts: EngineHosts) throws -> [Line] {
        let session = try hosts.open()
        defer { session.close() }
        return try [1, 16].map { inFlight in
            let writer = Writer(session, inFlight: inFlight)
            let writes = run.scaled(20_000, tiny: 1_000)
            _ = try writer.write(count: writes)
            var done = 0
            let count = try Allocations.count { done = try writer.write(count: writes) }
            return Line("the engine, all threads, \(inFlight) in flight", count / Double(done), "a write")
        }
    }
}
