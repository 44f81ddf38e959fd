import CPlatform

/// Sides that are measured in turns, so that whatever else the machine does strikes them alike.
struct Rounds {
    /// One of the sides of a comparison.
    struct Side {
        var name: String
        /// Carries one round out and gives its figure, in most cases seconds.
        var measure: (_ round: Int) throws -> Double
    }

    /// The figures of each side, by name, a round each.
    private(set) var figures: [String: [Double]] = [:]

    /// Measures all sides `count` times, forwards and backwards by turns.
    static func measure(_ count: Int, _ sides: [Side]) throws -> Rounds {
        var rounds = Rounds()
        for round in 0..<count {
            for side in round % 2 == 0 ? sides : sides.reversed() {
                rounds.figures[side.name, default: []].append(try side.measure(round))
            }
        }
        return rounds
    }

    /// Figures that were taken along with those of another side.
    mutating func add(_ side: String, _ values: [Double]) { figures[side] = values }

    func median(_ side: String) -> Double { Median.of(figures[side] ?? []) }
}

enum Median {
    static func of(_ values: [Double]) -> Double { quantile(values, 0.5) }

    /// The value below which this part of all values lies; of an even number the median is the mean of the middle two.
    static func quantile(_ values: [Double], _ part: Double) -> Double {
        guard !values.isEmpty else { return .nan }
        let sorted = values.sorted()
        let place = part * Double(sorted.count - 1)
        let lower = Int(place)
        let upper = min(lower + 1, sorted.count - 1)
        return sorted[lower] + (sorted[upper] - sorted[lower]) * (place - Double(lower))
    }
}

enum Stopwatch {
    static var now: UInt64 { homeward_monotonic_nanoseconds() }

    static func seconds(since start: UInt64) -> Double { Double(now - start) / 1e9 }

    /// Seconds that something takes.
    static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = now
        try body()
        return seconds(since: start)
    }
}
