import CPlatform

/// State behind a lock that threads can also wait on until it changes.
///
/// `Synchronization.Mutex` has no condition; this is the lock and the condition in one, as CPlatform has them.
/// Nothing is called out to while the lock is held.
final class Gate<State: Sendable>: @unchecked Sendable {
    // Unchecked: `state` is reached only between lock and unlock.
    private let monitor: OpaquePointer
    private var state: State

    init(_ state: State) {
        guard let monitor = homeward_monitor_create() else { fatalError("no memory for a lock") }
        self.monitor = monitor
        self.state = state
    }

    deinit { homeward_monitor_destroy(monitor) }

    /// Reads or changes the state, without waking anybody.
    func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        return body(&state)
    }

    /// Changes the state and wakes all who wait for that.
    func change<Result>(_ body: (inout State) -> Result) -> Result {
        homeward_monitor_lock(monitor)
        defer {
            homeward_monitor_wake_all(monitor)
            homeward_monitor_unlock(monitor)
        }
        return body(&state)
    }

    /// Blocks the calling thread until `body`, tried now and after each change, has an answer.
    func wait<Result>(_ body: (inout State) -> Result?) -> Result {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        while true {
            if let result = body(&state) { return result }
            _ = homeward_monitor_wait(monitor, .max)
        }
    }
}

/// Runs `body` on a thread of its own that ends with it.
///
/// False when the system gives no thread.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let work = Unmanaged.passRetained(Work(body))
    let result = homeward_thread_start(
        name,
        4 << 20,
        { context in
            guard let context else { return }
            Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
        },
        work.toOpaque()
    )
    if result != 0 { work.release() }
    return result == 0
}
