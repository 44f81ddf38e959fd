import CLuaShim

/// A piece of Lua that is run once, in a world of its own without any library, for the value that it returns.
///
/// It can reach nothing: no file, no clock, no other chunk. For configuration such as `host.lua`.
public enum LuaChunk {
    /// Runs `source` on the calling thread and copies its first result out.
    ///
    /// - Parameters:
    ///   - source: text; bytecode is refused.
    ///   - name: of the file, for messages.
    ///   - limits: beyond which it is stopped.
    /// - Returns: the value; ``LuaValue/none`` when the chunk returns nothing.
    /// - Throws: ``LuaError``: `lua-syntax`, `lua-runtime`, `cpu-limit`, `memory-limit`, `lua-type`.
    public static func evaluate(
        source: [UInt8],
        name: String,
        limits: LuaLimits = LuaLimits()
    ) throws(LuaError) -> LuaValue {
        let outOfMemory = LuaError(
            .memoryLimit,
            "\(name): more than \(limits.memory) bytes of memory are needed",
            hint: "look for a table or a string that grows without end, or raise the limit"
        )
        guard let core = LuaCore(memory: limits.memory) else { throw outOfMemory }
        let status = core.evaluate(withoutMark(source), chunkName: "@\(name)", limits: limits)
        switch status {
        case HOMEWARD_LUA_OK:
            var reader = LuaReader(core.stack, subject: name, limits: limits)
            return try reader.read()
        case HOMEWARD_LUA_SYNTAX:
            guard source.first != 0x1B else {
                throw LuaError(
                    .syntax,
                    "\(name): it is compiled Lua, and only text is accepted",
                    hint: "give the source"
                )
            }
            throw LuaError(.syntax, core.message ?? "\(name): it is no Lua", hint: "correct the line")
        case HOMEWARD_LUA_MEMORY:
            throw outOfMemory
        case HOMEWARD_LUA_CPU:
            let budget = limits.cpuSeconds.map { "\($0) s of processor time" }
            let count = limits.instructions.map { "\($0) instructions" }
            let limit = [budget, count].compactMap { $0 }.joined(separator: " or ")
            throw LuaError(
                .cpuLimit,
                "\(core.message ?? "\(name): ")still running after \(limit)",
                hint: "look for a loop without an end at that line",
                traceback: core.traceback
            )
        default:
            throw LuaError(
                .runtime,
                core.message ?? "\(name): an error without a message",
                hint: "correct the line; only what Lua has without any library can be used here",
                traceback: core.traceback
            )
        }
    }

    /// Runs a text.
    ///
    /// - Throws: as the form that takes bytes.
    public static func evaluate(
        source: String,
        name: String,
        limits: LuaLimits = LuaLimits()
    ) throws(LuaError) -> LuaValue {
        try evaluate(source: Array(source.utf8), name: name, limits: limits)
    }

    /// Editors put a byte order mark in front of UTF-8 that Lua would take for a wrong symbol.
    private static func withoutMark(_ source: [UInt8]) -> [UInt8] {
        source.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(source.dropFirst(3)) : source
    }
}
