import CPlatform

/// A value behind a mutex with a condition: what Swift's `Mutex` lacks for drainers that must wait.
///
/// `@unchecked Sendable`: every access to the value goes through the mutex.
final class Monitor<Value>: @unchecked Sendable {
    private var value: Value
    private let monitor = Pointer()

    private final class Pointer {
        let raw = homeward_monitor_create()
        deinit { homeward_monitor_destroy(raw) }
    }

    init(_ value: Value) { self.value = value }

    /// Runs `body` alone.
    ///
    /// Calls out of it must not come back here.
    func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        homeward_monitor_lock(monitor.raw)
        defer { homeward_monitor_unlock(monitor.raw) }
        return try body(&value)
    }

    /// Runs `body` until it gives a value; in between waits for ``wakeAll()``, at most `milliseconds` at a time.
    func wait<Result>(everyMilliseconds milliseconds: UInt64, until body: (inout Value) -> Result?) -> Result {
        homeward_monitor_lock(monitor.raw)
        defer { homeward_monitor_unlock(monitor.raw) }
        while true {
            if let result = body(&value) { return result }
            _ = homeward_monitor_wait(monitor.raw, milliseconds * 1_000_000)
        }
    }

    func wakeAll() { homeward_monitor_wake_all(monitor.raw) }
}

/// A thread that does a lane's work whenever it is told to, or when the time it asked for has passed.
final class LaneThread: Sendable {
    private struct State {
        var signalled = false
        var stopping = false
        var stopped = false
    }

    private let state = Monitor(State())
    private let work: @Sendable () -> UInt64

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - name: At most 15 bytes, for tools that list threads.
    ///   - work: Does everything that can be done now and returns the milliseconds after which to look again.
    init(name: String, _ work: @escaping @Sendable () -> UInt64) {
        self.work = work
        startThread(name: name) { [self] in run() }
    }

    /// There may be work.
    func wake() {
        let idle = state.withLock { state in
            defer { state.signalled = true }
            return !state.signalled
        }
        if idle { state.wakeAll() }
    }

    /// Ends the thread and waits until it has left.
    func stop() {
        state.withLock { $0.stopping = true }
        state.wakeAll()
        state.wait(everyMilliseconds: 1_000) { $0.stopped ? () : nil }
    }

    private func run() {
        var pause: UInt64 = 0
        while true {
            var rested = false
            let go = state.wait(everyMilliseconds: max(pause, 1)) { state -> Bool? in
                if state.stopping { return false }
                if state.signalled || rested || pause == 0 {
                    state.signalled = false
                    return true
                }
                rested = true
                return nil
            }
            guard go else { break }
            pause = work()
        }
        state.withLock { $0.stopped = true }
        state.wakeAll()
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a detached thread; the process cannot go on without it.
func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let code = homeward_thread_start(
        name,
        512 << 10,
        { raw in
            guard let raw else { return }
            Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run()
        },
        context
    )
    precondition(code == 0, "a thread could not be started: errno \(-code)")
}
