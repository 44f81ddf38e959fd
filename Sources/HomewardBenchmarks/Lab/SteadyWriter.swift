import Glibc
import HomewardCore
import HomewardNBD
import Synchronization

/// An application that writes 4 KiB records at a steady pace through the data door, one at a time.
final class SteadyWriter: Sendable {
    static let recordBytes = 4096
    private let client: NBDClient
    private let perSecond: Double
    private let stopping = Atomic(false)

    init(_ lab: BenchmarkLab, host: String, perSecond: Double) throws {
        client = try NBDClient.connect(socketPath: lab.dataSocket(host), export: "hrdg/hr_dv01")
        self.perSecond = perSecond
    }

    /// Writes until `body` has ended; gives the microseconds that each record took.
    func latencies(while body: () throws -> Void) throws -> [Double] {
        stopping.store(false, ordering: .releasing)
        let found = Mutex<Result<[Double], any Error>>(.success([]))
        let writer = try JoinedThread { [self] in
            let result = Result { try write() }
            found.withLock { $0 = result }
        }
        let outcome = Result { try body() }
        stopping.store(true, ordering: .releasing)
        writer.join()
        try outcome.get()
        return try found.withLock { try $0.get() }
    }

    private func write() throws -> [Double] {
        var latencies: [Double] = []
        var random = SeededGenerator(seed: 7)
        let bytes = [UInt8](repeating: 0xA5, count: Self.recordBytes)
        let places = min(client.size, 256 << 20) / UInt64(Self.recordBytes)
        let began = Stopwatch.now
        while !stopping.load(ordering: .acquiring) {
            let due = began + UInt64(Double(latencies.count) / perSecond * 1e9)
            let now = Stopwatch.now
            if now < due { usleep(UInt32((due - now) / 1_000)) }
            let start = Stopwatch.now
            try client.write(at: random.next() % places * UInt64(Self.recordBytes), bytes)
            latencies.append(Double(Stopwatch.now - start) / 1e3)
        }
        return latencies
    }
}
