import CLuaShim

/// One Lua state and its life.
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

    /// The result of the chunk is on its top.
    var stack: LuaStack { LuaStack(state: state) }

    private typealias Getter = (OpaquePointer?, UnsafeMutablePointer<Int>?) -> UnsafePointer<CChar>?

    private func bytes(_ getter: Getter) -> [UInt8]? {
        var length = 0
        guard let start = getter(state, &length) else { return nil }
        return Array(UnsafeRawBufferPointer(start: start, count: length))
    }

    private func text(_ getter: Getter) -> String? {
        bytes(getter).map { String(decoding: $0, as: UTF8.self).abridged }
    }
}
