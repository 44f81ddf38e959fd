import CPlatform
import HomewardCore

/// The two clocks of the machine: the only place that reads them.
enum HostClock {
    static var now: Instant { Instant(nanoseconds: homeward_monotonic_nanoseconds()) }
    static var wall: UInt64 { homeward_wall_nanoseconds() }

    static func sleep(milliseconds: UInt64) async throws {
        try await Task.sleep(nanoseconds: milliseconds * 1_000_000)
    }

    /// Sleeps that long also in a task that was cancelled: for what must still be waited for there, and looked at now and
    /// then.
    static func pause(milliseconds: UInt64) async {
        // Its own task, which is not cancelled with this one.
        await Task { try? await sleep(milliseconds: milliseconds) }.value
    }
}
