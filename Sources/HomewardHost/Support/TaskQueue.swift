import DequeModule
import HomewardCore

/// Tasks of a daemon that wait for a thread: those that hash pass when ``HashingPace`` lets them, all others at once.
///
/// So no thread waits for a turn to hash: what hashes stays in its queue and holds nobody up. Each kind goes in the order
/// in which it came. Pure: whether an application writes is given.
package struct TaskQueue<Work> {
    /// A task that was taken.
    package struct Taken {
        package let work: Work
        let hashes: Bool
    }

    private var others: Deque<Work> = []
    private var hashing: Deque<Work> = []
    private var pace: HashingPace

    package init(processors: Int) { pace = HashingPace(processors: processors) }

    package var isEmpty: Bool { others.isEmpty && hashing.isEmpty }

    package mutating func add(_ work: Work, hashes: Bool) {
        if hashes { hashing.append(work) } else { others.append(work) }
    }

    /// The next task for a thread that is free; nil when there is none, or it is not its turn.
    package mutating func take(besideWrites: Bool) -> Taken? {
        if let work = others.popFirst() { return Taken(work: work, hashes: false) }
        guard !hashing.isEmpty, pace.begin(besideWrites: besideWrites) else { return nil }
        return hashing.popFirst().map { Taken(work: $0, hashes: true) }
    }

    /// A task that was taken has ended.
    package mutating func ended(_ taken: Taken) {
        if taken.hashes { pace.end() }
    }

    /// A hashing task took processor time while writes flow.
    /// - Returns: nanoseconds that it is to rest; nil when it may go on.
    package mutating func took(_ nanoseconds: UInt64) -> UInt64? { pace.took(nanoseconds) }
}
