/// One thread of a script: the chunk itself, or what `native.spawn` began.
final class LuaFiber {
    /// What it is for.
    enum Kind {
        /// The chunk.
        case main
        case spawned
        /// Calls the `on_progress` of a request of another fiber.
        case progress(of: Int)
    }

    enum Wait {
        case request(UInt64)
        /// Until one of them has ended, or the request of a sleep has.
        case join([Int], timer: UInt64?)
    }

    /// What its wait came to: the continuation pushes it.
    enum Delivery {
        case value(Result<LuaValue, LuaError>)
        /// Of a join: which one has ended; nil: the time ran out.
        case index(Int?)
        /// What another fiber raised is raised here too.
        case failure(of: Int)
    }

    /// How far its stop has come.
    enum Stop {
        case none
        /// It is raised at the next opportunity.
        case asked
        /// It was raised; handlers run and may wait until the deadline.
        case unwinding
        /// The deadline is over: it is raised again and again.
        case forced
    }

    enum Outcome {
        /// Its results are on its stack.
        case done
        /// The error is on its stack.
        case failed(place: String?, traceback: String?)
        case stopped
    }

    /// A request whose progress is told to a function of the script.
    struct Progress {
        /// The function.
        var reference: Int32
        /// The fiber that calls it now.
        var fiber: Int?
        /// What came meanwhile; only the newest is told.
        var next: LuaValue?
        /// The request ended while the function ran.
        var ended: Delivery?
        /// The function raised; its fiber holds the error.
        var failed: Int?
    }

    let id: Int
    let kind: Kind
    /// Who began it; nil of the chunk.
    let parent: Int?
    let stack: LuaStack
    var isStarted = false
    var wait: Wait?
    /// It waits inside of a handler that a stop must not disturb.
    var isShielded = false
    var delivery: Delivery?
    var stop = Stop.none
    /// In nanoseconds of the driver's time.
    var deadline: UInt64 = .max
    /// The request that wakes it at the deadline.
    var graceTimer: UInt64?
    var outcome: Outcome?
    /// Fibers that wait, or have waited, until this one has ended.
    var joiners: [Int] = []
    var progress: Progress?
    /// Of processor time since its last wait.
    var nanoseconds: UInt64 = 0
    /// Since its last wait.
    var instructions: UInt64 = 0
    /// Looks at the limits since it was resumed.
    var slice = 0

    init(id: Int, kind: Kind, parent: Int?, stack: LuaStack) {
        self.id = id
        self.kind = kind
        self.parent = parent
        self.stack = stack
    }

    var hasEnded: Bool { outcome != nil }
}

/// Whose turn it is: first in, first out.
struct LuaTurns {
    private var fibers: [Int] = []
    /// How many of them had their turn.
    private var taken = 0

    var isEmpty: Bool { taken == fibers.count }

    mutating func append(_ fiber: Int) { fibers.append(fiber) }

    mutating func removeFirst() -> Int {
        defer {
            taken += 1
            // Seldom enough that each turn costs the same, however many there are.
            if taken * 2 > fibers.count {
                fibers.removeFirst(taken)
                taken = 0
            }
        }
        return fibers[taken]
    }
}
