import Synchronization

/// The requests being carried out: so that their clients can take them back, and a server that ends can let them go.
final class RunningRequests: Sendable {
    private struct Running {
        var id: String?
        var cancel: @Sendable () -> Void
        var abandon: @Sendable () -> Void
    }

    private struct State {
        var next: UInt64 = 0
        var running: [UInt64: Running] = [:]
        var closed = false
    }

    private let state = Mutex(State())

    /// Notes a request.
    ///
    /// `cancel` takes it back; `abandon` answers its client without waiting for its end, and is called at once when the
    /// server has ended.
    func add(
        _ id: String?,
        cancel: @escaping @Sendable () -> Void,
        abandon: @escaping @Sendable () -> Void
    ) -> UInt64 {
        let (number, closed) = state.withLock { state in
            state.next += 1
            state.running[state.next] = Running(id: id, cancel: cancel, abandon: abandon)
            return (state.next, state.closed)
        }
        if closed { abandon() }
        return number
    }

    func remove(_ number: UInt64) {
        _ = state.withLock { $0.running.removeValue(forKey: number) }
    }

    func cancel(_ id: String) {
        let wanted = state.withLock { state in state.running.values.filter { $0.id == id }.map(\.cancel) }
        for cancel in wanted { cancel() }
    }

    /// Gives what runs a second to end by itself, then answers for it: it goes on, or is made good, without its client.
    func close() async {
        for _ in 0..<20 where !state.withLock({ $0.running.isEmpty }) {
            try? await Task.sleep(for: .milliseconds(50))
        }
        let abandoned = state.withLock { state in
            state.closed = true
            return state.running.values.map(\.abandon)
        }
        for abandon in abandoned { abandon() }
    }
}
