import CLuaShim

/// What other threads may know of a state, and ask of it, also while C code of Lua runs that nothing can interrupt.
///
/// `@unchecked Sendable`: the C side guards it by a mutex and an atomic, and it lives as long as this.
final class LuaPulse: @unchecked Sendable {
    let pointer: OpaquePointer

    init() {
        // The C side aborts when there is no memory, so there always is one.
        guard let pointer = homeward_lua_pulse_create() else { preconditionFailure("no memory for a pulse") }
        self.pointer = pointer
    }

    deinit { homeward_lua_pulse_destroy(pointer) }

    /// The wish that the run ends; the hook of the state sees it within 1,000 instructions.
    var isAsked: Bool {
        get { homeward_lua_pulse_asked(pointer) }
        set { homeward_lua_pulse_ask(pointer, newValue) }
    }

    func beat() { homeward_lua_pulse_beat(pointer) }

    /// The state runs on the calling thread from now on.
    func runsHere() { homeward_lua_pulse_here(pointer) }

    func read() -> LuaSight {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            buffer.initialize(repeating: 0)
            var spent: UInt64 = 0
            let beats = homeward_lua_pulse_read(pointer, buffer.baseAddress, buffer.count, &spent)
            return LuaSight(beats: beats, place: buffer.baseAddress.map { String(cString: $0) } ?? "", spent: spent)
        }
    }
}

/// What was seen of a state at one moment.
package struct LuaSight: Sendable {
    /// Signs of life so far.
    package var beats: UInt64
    /// `FILE:LINE` of the last sign that had one; empty when none had.
    package var place: String
    /// Nanoseconds of processor time that the thread of the state has used.
    package var spent: UInt64

    package init(beats: UInt64, place: String, spent: UInt64) {
        self.beats = beats
        self.place = place
        self.spent = spent
    }
}
