import CLuaShim
import HomewardThreads

/// Looks at the states that run, and tells of one that shows no sign of life.
///
/// A C function of Lua, such as a hopeless pattern of `string.find`, cannot be interrupted: no hook runs in it. All that can
/// be done is to say where it is and to end the process. One thread watches all states.
final class LuaWatchdog: Sendable {
    static let shared = LuaWatchdog()
    private static let intervalMilliseconds: UInt64 = 200

    private struct Entry {
        var pulse: LuaPulse
        var isRunning: @Sendable () -> Bool
        var seconds: Double
        var act: @Sendable (String) -> Void
        var beats: UInt64 = .max
        /// How often in turn it was seen running without a new sign of life.
        var looks: UInt64 = 0
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        var next: UInt64 = 1
        var isStarted = false
    }

    private let state = Monitor(State())

    /// Prints the line and ends the process with exit 1.
    static let endProcess: @Sendable (String) -> Void = { homeward_lua_abandon("\($0)\n") }

    /// Watches a state until ``forget(_:)``.
    ///
    /// `act` gets `FILE:LINE: … [cpu-limit]`, once.
    func watch(
        _ pulse: LuaPulse,
        seconds: Double,
        isRunning: @escaping @Sendable () -> Bool,
        act: @escaping @Sendable (String) -> Void
    ) -> UInt64 {
        let (id, isFirst) = state.change { state in
            let id = state.next
            state.next += 1
            state.entries[id] = Entry(pulse: pulse, isRunning: isRunning, seconds: seconds, act: act)
            defer { state.isStarted = true }
            return (id, !state.isStarted)
        }
        if isFirst, startThread("lua-watchdog", { self.look() }) != 0 { state.change { $0.isStarted = false } }
        return id
    }

    func forget(_ id: UInt64) { state.change { $0.entries[id] = nil } }

    private func look() {
        while true {
            // Turns are counted, not time: a process that was stopped meanwhile is not taken for a state that is stuck.
            _ = state.wait(everyMilliseconds: nil) { $0.entries.isEmpty ? nil : true }
            homeward_lua_pause(Self.intervalMilliseconds)
            let stuck = state.withLock { state in
                var stuck: [(@Sendable (String) -> Void, String)] = []
                for (id, entry) in state.entries {
                    if let line = Self.look(at: entry, into: &state.entries[id]) { stuck.append((entry.act, line)) }
                }
                return stuck
            }
            for (act, line) in stuck { act(line) }
        }
    }

    private static func look(at entry: Entry, into stored: inout Entry?) -> String? {
        let (beats, place) = entry.pulse.read()
        guard entry.isRunning(), beats == entry.beats else {
            stored?.beats = beats
            stored?.looks = 0
            return nil
        }
        let looks = entry.looks + 1
        stored?.looks = looks
        guard Double(looks * intervalMilliseconds) >= entry.seconds * 1000 else { return nil }
        stored = nil
        let prefix = place.isEmpty ? "" : "\(place): "
        return
            "\(prefix)nothing has come back from this call for \(entry.seconds) s, and nothing can interrupt it [cpu-limit]"
    }
}
