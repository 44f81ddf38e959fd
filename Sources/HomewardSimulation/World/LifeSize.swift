/// How much happens in a life of what can be left out of it.
public struct LifeSize: Sendable, Equatable {
    /// Faults that were let strike.
    public var faults = 0
    /// Writes that the applications made.
    public var writes = 0
    /// Verbs that were typed although nobody had to.
    public var whims = 0

    public init(faults: Int = 0, writes: Int = 0, whims: Int = 0) {
        self.faults = faults
        self.writes = writes
        self.whims = whims
    }

    /// Nothing of it is more.
    func isWithin(_ other: LifeSize) -> Bool {
        faults <= other.faults && writes <= other.writes && whims <= other.whims
    }

    /// For a protocol of lines.
    var coded: String { "\(faults) \(writes) \(whims)" }

    init?(coded text: Substring) {
        let numbers = text.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 3 else { return nil }
        self.init(faults: numbers[0], writes: numbers[1], whims: numbers[2])
    }
}

/// What may still be done of something that a smaller life does less of.
struct Allowance {
    private var left: Int
    private(set) var spent = 0

    init(_ limit: Int?) { left = limit ?? .max }

    /// Takes one; false: none is left.
    mutating func take() -> Bool {
        guard left > 0 else { return false }
        left -= 1
        spent += 1
        return true
    }
}
