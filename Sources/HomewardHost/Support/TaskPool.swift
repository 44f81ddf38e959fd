import CPlatform
import Glibc
import HomewardCore
import HomewardThreads
import Synchronization

/// A few threads for work that takes long and holds no lock: hashing, comparing, copying.
///
/// Hashing makes way for applications that write, as ``TaskQueue`` and ``HashingPace`` say.
final class TaskPool: Sendable {
    private struct State {
        var queue: TaskQueue<@Sendable (HashingTurn) -> Void>
        var stopping = false
    }

    private let state: Monitor<State>
    /// When the last write came, in nanoseconds; 0 before the first.
    ///
    /// Apart from the lock: every write notes it.
    private let lastWrite = Atomic<UInt64>(0)

    /// - Throws: `limit-reached`.
    init(processors: Int, threads source: ThreadSource) throws(Refusal) {
        state = Monitor(State(queue: TaskQueue(processors: processors)))
        let threads = max(2, processors) + 1
        do throws(Refusal) {
            for number in 0..<threads { try source.start("work-\(number)") { [self] in work() } }
        } catch {
            stop()
            throw error
        }
    }

    private func work() {
        while let task = next() {
            task.work(HashingTurn(in: self))
            state.change { $0.queue.ended(task) }
        }
    }

    /// An application wrote.
    func writeCame() {
        lastWrite.store(HostClock.now.nanoseconds, ordering: .relaxed)
    }

    /// Has a thread do it: what hashes only when it is its turn.
    func add(hashes: Bool, _ work: @escaping @Sendable (HashingTurn) -> Void) {
        state.change { $0.queue.add(work, hashes: hashes) }
    }

    /// Ends the threads after what is queued.
    func stop() {
        state.change { $0.stopping = true }
    }

    /// Waits for the next task; nil when there are no more.
    private func next() -> TaskQueue<@Sendable (HashingTurn) -> Void>.Taken? {
        // Nobody tells when writes have ended: who has something to do then looks for himself.
        state.wait(
            every: { $0.queue.isEmpty ? nil : 50 },
            until: { state in
                if let task = state.queue.take(besideWrites: writesFlow && !state.stopping) { return .some(task) }
                return state.stopping && state.queue.isEmpty ? .some(nil) : nil
            }
        )
    }

    fileprivate var writesFlow: Bool {
        let last = lastWrite.load(ordering: .relaxed)
        guard last > 0 else { return false }
        return HashingPace.writesFlow(last: Instant(nanoseconds: last), now: HostClock.now)
    }

    fileprivate func rest(after nanoseconds: UInt64) {
        guard let rest = state.withLock({ $0.queue.took(nanoseconds) }) else { return }
        usleep(UInt32(clamping: rest / 1_000))
    }
}

/// One task's turn to hash, on its thread.
final class HashingTurn {
    private let pool: TaskPool
    /// Processor time of the thread up to which rests are taken; nil while no writes flow: that work owes none.
    private var accounted: UInt64?

    fileprivate init(in pool: TaskPool) {
        self.pool = pool
        if pool.writesFlow { accounted = homeward_thread_nanoseconds() }
    }

    /// A block is done: rests if writes flow and it is time to.
    func pause() {
        guard pool.writesFlow else {
            accounted = nil
            return
        }
        if let accounted { pool.rest(after: homeward_thread_nanoseconds() - accounted) }
        accounted = homeward_thread_nanoseconds()
    }
}
