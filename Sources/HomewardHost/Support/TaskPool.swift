import DequeModule
import HomewardThreads

/// A few threads for work that takes long and holds no lock: hashing, comparing, copying.
final class TaskPool: Sendable {
    private struct State {
        var queue: Deque<@Sendable () -> Void> = []
        var stopping = false
    }

    private let state = Monitor(State())
    /// Whose turn it is to hash.
    let hashing: HashingTurns

    init(processors: Int) {
        hashing = HashingTurns(processors: processors)
        let threads = max(2, processors) + 1
        for number in 0..<threads {
            startThread(name: "work-\(number)") { [state] in
                while true {
                    let work = state.wait(everyMilliseconds: 1_000) { state -> (@Sendable () -> Void)?? in
                        if let next = state.queue.popFirst() { return .some(next) }
                        return state.stopping ? .some(nil) : nil
                    }
                    guard let work else { return }
                    work()
                }
            }
        }
    }

    func add(_ work: @escaping @Sendable () -> Void) {
        state.withLock { $0.queue.append(work) }
        state.wakeAll()
    }

    /// Ends the threads after what is queued.
    func stop() {
        state.withLock { $0.stopping = true }
        state.wakeAll()
    }
}
