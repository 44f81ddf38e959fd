import Dispatch
import HomewardCore
import Synchronization

/// An application in this process that writes 4 KiB at random places through a session.
///
/// Allocates nothing while it runs, so that what is counted is the product's.
final class Writer: @unchecked Sendable {
    // Unchecked: used by one thread; replies touch only the counters and the semaphore.
    static let recordBytes = 4096
    private let session: any VolumeSession
    private let flushes: Bool
    private let payload: UnsafeMutableRawBufferPointer
    private var requests: [VolumeRequest]
    private let flush: [VolumeRequest]
    private let waiting = Atomic(0)
    private let failures = Atomic(0)
    private let replied = DispatchSemaphore(value: 0)
    private var random: SeededGenerator

    /// `inFlight` writes are handed over together, and all replied to before the next; with `flushes` one flush after them.
    init(_ session: any VolumeSession, inFlight: Int, flushes: Bool = false, seed: UInt64 = 1) {
        self.session = session
        self.flushes = flushes
        payload = .allocate(byteCount: Self.recordBytes * inFlight, alignment: 4096)
        random = SeededGenerator(seed: seed)
        random.fill(payload)
        requests = (0..<inFlight).map { VolumeRequest(kind: .write, tag: UInt64($0)) }
        flush = [VolumeRequest(kind: .flush, tag: 0)]
    }

    deinit { payload.deallocate() }

    /// Writes until so many writes are done or the time is over; gives how many there were.
    func write(count: Int = .max, seconds: Double = .infinity) throws -> Int {
        let reply: @Sendable (UInt64, VolumeFailure?) -> Void = { [self] _, failure in
            if failure != nil { failures.add(1, ordering: .relaxed) }
            if waiting.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { replied.signal() }
        }
        let began = Stopwatch.now
        var done = 0
        while done < count, seconds == .infinity || Stopwatch.seconds(since: began) < seconds {
            for index in requests.indices { requests[index] = place(index) }
            carryOut(requests, reply)
            if flushes { carryOut(flush, reply) }
            done += requests.count
        }
        guard failures.load(ordering: .acquiring) == 0 else { throw CannotRun("writes failed") }
        return done
    }

    private func place(_ index: Int) -> VolumeRequest {
        let start = index * Self.recordBytes
        return VolumeRequest(
            kind: .write,
            offset: random.next() % (session.size / UInt64(Self.recordBytes)) * UInt64(Self.recordBytes),
            length: UInt64(Self.recordBytes),
            payload: UnsafeRawBufferPointer(rebasing: payload[start..<start + Self.recordBytes]),
            tag: UInt64(index)
        )
    }

    private func carryOut(_ requests: [VolumeRequest], _ reply: @escaping @Sendable (UInt64, VolumeFailure?) -> Void) {
        waiting.store(requests.count, ordering: .releasing)
        session.submit(requests, reply: reply)
        replied.wait()
    }
}
