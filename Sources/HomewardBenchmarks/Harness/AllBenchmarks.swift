extension Benchmark {
    /// In the order in which they run.
    static let all: [Benchmark] = [
        synchronization, sparse, load, writes, allocations, recovery, takeover, outage, idle, lua,
    ]
}
