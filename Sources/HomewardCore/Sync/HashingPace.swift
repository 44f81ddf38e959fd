/// How hashing makes way for an application that writes: how many tasks hash at once, and when they rest.
///
/// A write at depth 1 passes two threads that wake up, the application's and the data door's, and a kernel lets whoever runs
/// go on for milliseconds before it looks at who woke. What it does not have to take away is there at once: beside writes one
/// task hashes on every second processor, in stretches shorter than a write takes, and rests after each for as long as it
/// worked. So hashing keeps a third of its speed and more. While nothing is written it has all processors.
///
/// Pure; times are given.
public struct HashingPace: Sendable {
    /// Writes flow until none has come for so long.
    public static let nanosecondsOfFlow: UInt64 = 500_000_000
    /// Processor time after which hashing rests.
    public static let stretchNanoseconds: UInt64 = 50_000

    private let tasksBesideWrites: Int
    private var tasks = 0
    private var worked: UInt64 = 0

    public init(processors: Int) {
        tasksBesideWrites = max(1, processors / 2)
    }

    /// Whether an application writes, by when its last write came; nil when none ever did.
    public static func writesFlow(last: Instant?, now: Instant) -> Bool {
        guard let last else { return false }
        return now.nanoseconds < last.nanoseconds + nanosecondsOfFlow
    }

    /// A task wants to hash.
    ///
    /// False: it is to ask again when another has ended, or when writes flow no longer.
    public mutating func begin(besideWrites: Bool) -> Bool {
        guard !besideWrites || tasks < tasksBesideWrites else { return false }
        tasks += 1
        return true
    }

    /// A task has ended, or failed.
    public mutating func end() {
        precondition(tasks > 0, "only what began ends")
        tasks -= 1
    }

    /// A task took processor time while writes flow.
    /// - Returns: nanoseconds that it is to rest; nil when it may go on.
    public mutating func took(_ nanoseconds: UInt64) -> UInt64? {
        worked += nanoseconds
        guard worked >= HashingPace.stretchNanoseconds else { return nil }
        defer { worked = 0 }
        return worked
    }
}
