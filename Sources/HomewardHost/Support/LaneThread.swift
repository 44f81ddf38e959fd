import Glibc
import HomewardCore
import HomewardThreads

/// A thread that does a lane's work whenever it is told to, or when the time it asked for has passed.
final class LaneThread: Sendable {
    private struct State {
        var begun = false
        var signalled = false
        var stopping = false
        var stopped = false
    }

    private let state = Monitor(State())
    private let work: @Sendable () -> UInt64

    /// Starts the thread, which does nothing before ``begin()``.
    ///
    /// - Parameters:
    ///   - name: At most 15 bytes, for tools that list threads.
    ///   - threads: Where it is from.
    ///   - work: Does everything that can be done now and returns the milliseconds after which to look again.
    /// - Throws: `limit-reached`.
    init(name: String, from threads: ThreadSource, _ work: @escaping @Sendable () -> UInt64) throws(Refusal) {
        self.work = work
        try threads.start(name) { [self] in run() }
    }

    /// Has it work, for the first time now.
    func begin() { state.change { $0.begun = true } }

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
        state.wait { $0.begun || $0.stopping ? () : nil }
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

/// Where a host has its threads from: the system, but in tests.
package struct ThreadSource: Sendable {
    /// Starts a thread of that name, at most 15 bytes, that runs the body; 0, or -errno.
    package let attempt: @Sendable (String, @escaping @Sendable () -> Void) -> Int32

    package static let system = ThreadSource { name, body in startThread(name, body) }

    package init(_ attempt: @escaping @Sendable (String, @escaping @Sendable () -> Void) -> Int32) {
        self.attempt = attempt
    }

    /// - Throws: `limit-reached` when there is no thread to be had; `body` is not run then.
    func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Refusal) {
        let code = attempt(name, body)
        guard code == 0 else {
            throw Refusal(
                .limitReached,
                "threads",
                "the system gives the daemon no thread (\(name)): \(String(cString: strerror(-code)))",
                hint: "allow it more tasks (ulimit -u; of a unit of systemd: TasksMax), then repeat the command"
            )
        }
    }
}
