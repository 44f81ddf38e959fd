import HomewardThreads

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

/// Starts a thread that the process cannot go on without.
func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    let code = startThread(name, body)
    precondition(code == 0, "a thread could not be started: errno \(-code)")
}
