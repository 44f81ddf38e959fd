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

    /// Signs of life so far, and the place of the last that had one.
    func read() -> (beats: UInt64, place: String) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            buffer.initialize(repeating: 0)
            let beats = homeward_lua_pulse_read(pointer, buffer.baseAddress, buffer.count)
            return (beats, buffer.baseAddress.map { String(cString: $0) } ?? "")
        }
    }
}
