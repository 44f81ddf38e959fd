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
        var stillness: LuaStillness
        var act: @Sendable (String) -> Void
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
    /// `seconds` of processor time may pass without a sign of life. `act` gets `FILE:LINE: … [cpu-limit]`, once.
    func watch(
        _ pulse: LuaPulse,
        seconds: Double,
        isRunning: @escaping @Sendable () -> Bool,
        act: @escaping @Sendable (String) -> Void
    ) -> UInt64 {
        let (id, isFirst) = state.change { state in
            let id = state.next
            state.next += 1
            let stillness = LuaStillness(seconds: seconds)
            state.entries[id] = Entry(pulse: pulse, isRunning: isRunning, stillness: stillness, act: act)
            defer { state.isStarted = true }
            return (id, !state.isStarted)
        }
        if isFirst, startThread("lua-watchdog", { self.look() }) != 0 { state.change { $0.isStarted = false } }
        return id
    }

    func forget(_ id: UInt64) { state.change { $0.entries[id] = nil } }

    private func look() {
        while true {
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
        // The clock of a thread that has ended is none: what runs is asked first.
        guard entry.isRunning() else { return nil }
        let line = stored?.stillness.look(entry.pulse.read())
        if line != nil { stored = nil }
        return line
    }
}

/// How long one state has shown no sign of life.
///
/// Counted is the processor time of its own thread: one that waits for a terminal that takes no output, or for a turn on a
/// loaded machine, goes on by itself and is not stuck.
package struct LuaStillness {
    private let seconds: Double
    private var beats: UInt64 = .max
    /// Processor time when that sign was seen first.
    private var spent: UInt64 = 0

    package init(seconds: Double) { self.seconds = seconds }

    /// Takes what is seen of the state while it runs; the line for people when its time is over.
    package mutating func look(_ sight: LuaSight) -> String? {
        guard sight.beats == beats, sight.spent >= spent else {
            (beats, spent) = (sight.beats, sight.spent)
            return nil
        }
        guard Double(sight.spent - spent) >= seconds * 1e9 else { return nil }
        let prefix = sight.place.isEmpty ? "" : "\(sight.place): "
        return "\(prefix)nothing has come back from this call for \(seconds) s of processor time, "
            + "and nothing can interrupt it [cpu-limit]"
    }
}
