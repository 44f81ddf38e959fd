import Synchronization

/// The requests being carried out: so that their clients can take them back, and a server that ends can let them go.
package final class RunningRequests: Sendable {
    private struct Running {
        var id: String?
        var cancel: @Sendable () -> Void
        var abandon: @Sendable () -> Void
    }

    private struct State {
        var next: UInt64 = 0
        var running: [UInt64: Running] = [:]
        /// Ids that were taken back and are not known, the newest last: their requests may still arrive.
        var early: [String] = []
        var closed = false
    }

    /// A request that comes after more cancellations than these is not taken back.
    private static let earlyLimit = 256
    /// Of bytes; ids of our clients are shorter, and what is kept has a bound.
    private static let idLimit = 64

    private let state = Mutex(State())

    package init() {}

    /// Notes a request.
    ///
    /// `cancel` takes it back, and is called at once where its client did that before it arrived. `abandon` answers its
    /// client without waiting for its end, and is called at once when the server has ended.
    package func add(
        _ id: String?,
        cancel: @escaping @Sendable () -> Void,
        abandon: @escaping @Sendable () -> Void
    ) -> UInt64 {
        let (number, cancelled, closed) = state.withLock { state in
            state.next += 1
            state.running[state.next] = Running(id: id, cancel: cancel, abandon: abandon)
            let early = state.early.firstIndex { $0 == id }
            if let early { state.early.remove(at: early) }
            return (state.next, early != nil, state.closed)
        }
        if cancelled { cancel() }
        if closed { abandon() }
        return number
    }

    package func remove(_ number: UInt64) {
        _ = state.withLock { $0.running.removeValue(forKey: number) }
    }

    /// Takes a request back: it comes on another connection than the request, and may be the faster one.
    package func cancel(_ id: String) {
        let wanted = state.withLock { state in
            let wanted = state.running.values.filter { $0.id == id }.map(\.cancel)
            if wanted.isEmpty, id.utf8.count <= Self.idLimit {
                state.early.append(id)
                if state.early.count > Self.earlyLimit { state.early.removeFirst() }
            }
            return wanted
        }
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
