/// A bandwidth limit: bytes may go as long as no debt is left from those before.
///
/// Pure; the time is given.
public struct TokenBucket: Sendable {
    public var bytesPerSecond: UInt64
    /// Nanoseconds until which the link is taken.
    private var busyUntil: UInt64

    public init(bytesPerSecond: UInt64, now: Instant) {
        self.bytesPerSecond = bytesPerSecond
        busyUntil = now.nanoseconds
    }

    /// Whether bytes may go now.
    public func isReady(now: Instant) -> Bool { busyUntil <= now.nanoseconds }

    /// Milliseconds until bytes may go, rounded up.
    public func millisecondsUntilReady(now: Instant) -> UInt64 {
        busyUntil <= now.nanoseconds ? 0 : (busyUntil - now.nanoseconds + 999_999) / 1_000_000
    }

    /// Bytes went: the link is taken for as long as they need.
    public mutating func spend(_ bytes: UInt64, now: Instant) {
        let duration = Double(bytes) * 1e9 / Double(max(bytesPerSecond, 1))
        busyUntil = max(busyUntil, now.nanoseconds) + UInt64(duration)
    }
}
