import CPlatform

/// State behind a mutex with a condition: what `Synchronization.Mutex` lacks for threads that must wait for a change.
///
/// Nothing may be called out to while the lock is held that comes back here. `@unchecked Sendable`: the state is reached
/// only between lock and unlock.
package final class Monitor<State>: @unchecked Sendable {
    private let monitor: OpaquePointer
    private var state: State

    package init(_ state: State) {
        // The C side aborts when there is no memory, so there always is one.
        guard let monitor = homeward_monitor_create() else { preconditionFailure("no memory for a lock") }
        self.monitor = monitor
        self.state = state
    }

    deinit { homeward_monitor_destroy(monitor) }

    /// Reads or changes the state, without waking anybody.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        return try body(&state)
    }

    /// Changes the state and wakes all who wait for that.
    package func change<Result>(_ body: (inout State) -> Result) -> Result {
        homeward_monitor_lock(monitor)
        defer {
            homeward_monitor_wake_all(monitor)
            homeward_monitor_unlock(monitor)
        }
        return body(&state)
    }

    /// Blocks the calling thread until `body` has an answer.
    ///
    /// It is tried now, whenever somebody wakes, and every `milliseconds` if given.
    package func wait<Result>(
        everyMilliseconds milliseconds: UInt64? = nil,
        until body: (inout State) -> Result?
    ) -> Result {
        wait(every: { _ in milliseconds }, until: body)
    }

    /// The same; after how many milliseconds it is tried again goes by the state, nil: only when somebody wakes.
    package func wait<Result>(every milliseconds: (State) -> UInt64?, until body: (inout State) -> Result?) -> Result {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        while true {
            if let result = body(&state) { return result }
            _ = homeward_monitor_wait(monitor, milliseconds(state).map { $0 * 1_000_000 } ?? .max)
        }
    }

    /// Has all who wait try again.
    package func wakeAll() { homeward_monitor_wake_all(monitor) }
}
