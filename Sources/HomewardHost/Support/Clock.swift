import CPlatform
import HomewardCore

/// The two clocks of the machine: the only place that reads them.
enum HostClock {
    static var now: Instant { Instant(nanoseconds: homeward_monotonic_nanoseconds()) }
    static var wall: UInt64 { homeward_wall_nanoseconds() }

    static func sleep(milliseconds: UInt64) async throws {
        try await Task.sleep(nanoseconds: milliseconds * 1_000_000)
    }
}
