import CPlatform
import Glibc
import HomewardCore
import HomewardThreads
import Synchronization

/// The daemon's tasks that hash, beside its applications' writes: carries out what ``HashingPace`` says.
final class HashingTurns: Sendable {
    private let pace: Monitor<HashingPace>
    /// When the last write came, in nanoseconds; 0 before the first.
    ///
    /// Apart from the lock: every write notes it.
    private let lastWrite = Atomic<UInt64>(0)

    init(processors: Int) {
        pace = Monitor(HashingPace(processors: processors))
    }

    /// An application wrote.
    func writeCame() {
        lastWrite.store(HostClock.now.nanoseconds, ordering: .relaxed)
    }

    fileprivate var writesFlow: Bool {
        let last = lastWrite.load(ordering: .relaxed)
        guard last > 0 else { return false }
        return HashingPace.writesFlow(last: Instant(nanoseconds: last), now: HostClock.now)
    }

    /// Runs a task that hashes, when it is its turn.
    func take<Value>(_ body: (HashingTurn) throws(Refusal) -> Value) throws(Refusal) -> Value {
        // Nobody tells when writes have ended: who waits looks for himself.
        pace.wait(everyMilliseconds: 50) { pace in pace.begin(besideWrites: writesFlow) ? () : nil }
        defer { pace.change { $0.end() } }
        return try body(HashingTurn(of: self))
    }

    fileprivate func rest(after nanoseconds: UInt64) {
        guard let rest = pace.withLock({ $0.took(nanoseconds) }) else { return }
        usleep(UInt32(clamping: rest / 1_000))
    }
}

/// One task's turn, on its thread.
final class HashingTurn {
    private let turns: HashingTurns
    /// Processor time of the thread up to which rests are taken; nil while no writes flow: that work owes none.
    private var accounted: UInt64?

    fileprivate init(of turns: HashingTurns) {
        self.turns = turns
        if turns.writesFlow { accounted = homeward_thread_nanoseconds() }
    }

    /// A block is done: rests if writes flow and it is time to.
    func pause() {
        guard turns.writesFlow else {
            accounted = nil
            return
        }
        if let accounted { turns.rest(after: homeward_thread_nanoseconds() - accounted) }
        accounted = homeward_thread_nanoseconds()
    }
}
