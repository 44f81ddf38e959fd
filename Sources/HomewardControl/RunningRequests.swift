import Synchronization

/// The requests being carried out, so that a server that ends can cancel them and still pass on what they say.
final class RunningRequests: Sendable {
    private struct State {
        var next: UInt64 = 0
        var cancellations: [UInt64: @Sendable () -> Void] = [:]
        var closed = false
    }

    private let state = Mutex(State())

    /// Notes a request; one that comes after ``cancelAll()`` is cancelled at once.
    func add(_ cancel: @escaping @Sendable () -> Void) -> UInt64 {
        let (number, closed) = state.withLock { state in
            state.next += 1
            state.cancellations[state.next] = cancel
            return (state.next, state.closed)
        }
        if closed { cancel() }
        return number
    }

    func remove(_ number: UInt64) {
        _ = state.withLock { $0.cancellations.removeValue(forKey: number) }
    }

    func cancelAll() {
        let cancellations = state.withLock { state in
            state.closed = true
            return Array(state.cancellations.values)
        }
        for cancel in cancellations { cancel() }
    }
}
