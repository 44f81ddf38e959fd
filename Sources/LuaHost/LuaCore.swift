import CLuaShim

/// One Lua state and its life.
///
/// Everything that touches `lua_State` from Swift goes through here.
///
/// Not Sendable: of one thread at a time.
final class LuaCore {
    private let state: OpaquePointer

    /// Nil when the cap is too small for an empty state.
    init?(memory: Int) {
        guard let state = homeward_lua_create(max(0, memory)) else { return nil }
        self.state = state
    }

    deinit { homeward_lua_destroy(state) }

    /// Runs a chunk; on success its result is the value that ``LuaReader`` reads next.
    func evaluate(_ source: [UInt8], chunkName: String, limits: LuaLimits) -> homeward_lua_status {
        let seconds = min(max(limits.cpuSeconds ?? 0, 0), 1e9)
        // No bound is 0 there, so a bound of nothing becomes the smallest.
        let nanoseconds = limits.cpuSeconds == nil ? 0 : max(1, UInt64(seconds * 1e9))
        let instructions = limits.instructions.map { max(1, $0) } ?? 0
        return source.withUnsafeBytes { raw in
            homeward_lua_evaluate(
                state,
                raw.bindMemory(to: CChar.self).baseAddress,
                raw.count,
                chunkName,
                instructions,
                nanoseconds
            )
        }
    }

    var memory: Int { homeward_lua_memory(state) }

    var message: String? { text(homeward_lua_message) }
    var traceback: String? { text(homeward_lua_traceback) }

    // MARK: The value on top

    var topType: homeward_lua_type { homeward_lua_top_type(state) }
    var topBoolean: Bool { homeward_lua_top_boolean(state) }
    var topInteger: Int64 { homeward_lua_top_integer(state) }
    var topNumber: Double { homeward_lua_top_number(state) }
    var topTypeName: String { String(cString: homeward_lua_top_type_name(state)) }
    /// Bytes of the string on top, without copying them.
    var topStringLength: Int { length(homeward_lua_top_string) }
    var topString: [UInt8] { bytes(homeward_lua_top_string) ?? [] }
    func pop() { homeward_lua_pop(state) }

    // MARK: The table on top

    func walkBegin() -> Bool { homeward_lua_walk_begin(state) }
    func walkNext() -> Bool { homeward_lua_walk_next(state) }
    var keyType: homeward_lua_type { homeward_lua_key_type(state) }
    var keyInteger: Int64 { homeward_lua_key_integer(state) }
    var keyStringLength: Int { length(homeward_lua_key_string) }
    var keyString: [UInt8] { bytes(homeward_lua_key_string) ?? [] }

    private typealias Getter = (OpaquePointer?, UnsafeMutablePointer<Int>?) -> UnsafePointer<CChar>?

    private func length(_ getter: Getter) -> Int {
        var length = 0
        return getter(state, &length) == nil ? 0 : length
    }

    private func bytes(_ getter: Getter) -> [UInt8]? {
        var length = 0
        guard let start = getter(state, &length) else { return nil }
        return Array(UnsafeRawBufferPointer(start: start, count: length))
    }

    private func text(_ getter: Getter) -> String? {
        bytes(getter).map { String(decoding: $0, as: UTF8.self) }
    }
}
