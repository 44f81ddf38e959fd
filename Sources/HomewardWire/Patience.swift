/// How long a dialing side waits before it tries again: 50 ms, doubling to 2 s, with jitter so that hosts that lost each
/// other together do not come back together.
package struct Backoff: Sendable {
    static let first: Duration = .milliseconds(50)
    static let longest: Duration = .seconds(2)
    private var failures = 0

    package init() {}

    /// The next pause.
    ///
    /// `chance` in 0..<1 takes away up to half of it.
    package mutating func next(chance: Double) -> Duration {
        let doublings = min(failures, 6)
        failures += 1
        let full = min(Self.first * (1 << doublings), Self.longest)
        return full - full * (chance / 2)
    }

    package mutating func reset() { failures = 0 }
}

/// Lets a message through when it is new, and when it has been repeated for long enough, with the number of times.
package struct RepeatedMessage: Sendable {
    /// Seconds between two lines of the same text.
    static let pause: Int64 = 30
    private var last: String?
    private var suppressed = 0
    private var silentUntil: Int64 = 0

    package init() {}

    /// What to write into the log now, if anything.
    ///
    /// `now` in seconds of a monotonic clock.
    package mutating func note(_ message: String, now: Int64) -> [String] {
        if message == last {
            guard now >= silentUntil else {
                suppressed += 1
                return []
            }
            let line = "\(message) (repeated \(suppressed + 1) times)"
            suppressed = 0
            silentUntil = now + Self.pause
            return [line]
        }
        var lines: [String] = []
        if let last, suppressed > 0 { lines.append("\(last) (repeated \(suppressed) times)") }
        lines.append(message)
        last = message
        suppressed = 0
        silentUntil = now + Self.pause
        return lines
    }
}
