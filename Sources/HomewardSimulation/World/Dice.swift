import HomewardCore

/// Chance from a seed.
struct Dice {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// One of them; nil of none.
    mutating func pick<Choice>(from choices: [Choice]) -> Choice? {
        choices.isEmpty ? nil : choices[pick(0...choices.count - 1)]
    }
    mutating func word() -> UInt64 { random.next() }
    mutating func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + random.next() % (range.upperBound - range.lowerBound + 1)
    }
    mutating func pick(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(random.next() % UInt64(range.count)) }
    mutating func chance(_ percent: Int) -> Bool { random.next() % 100 < UInt64(percent) }
    mutating func milliseconds(_ range: ClosedRange<UInt64>) -> UInt64 {
        pick(range.lowerBound * 1_000_000...range.upperBound * 1_000_000)
    }
}
