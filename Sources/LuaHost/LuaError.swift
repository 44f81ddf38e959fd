/// Why a chunk gave no value.
///
/// An expected answer: the state is gone, the host is as it was.
public struct LuaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Stable; scripts and tests match on it.
    public enum Code: String, Sendable, CaseIterable {
        /// The text is no Lua, or is not text.
        case syntax = "lua-syntax"
        /// The chunk raised an error.
        case runtime = "lua-runtime"
        /// The budget of processor time or of instructions was spent.
        case cpuLimit = "cpu-limit"
        /// The cap on memory was reached, or the result is too large to be handed out.
        case memoryLimit = "memory-limit"
        /// A value is not of the type that is needed.
        case type = "lua-type"
    }

    public let code: Code
    /// What is wrong, beginning with `FILE:LINE:` where a line is to blame, else with the file.
    public let message: String
    /// What to do about it.
    public let hint: String
    /// The calls that led there, as Lua prints them.
    public let traceback: String?

    public init(_ code: Code, _ message: String, hint: String, traceback: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.traceback = traceback
    }

    public var description: String { "\(message) [\(code.rawValue)]\n  hint: \(hint)" }
}

/// What a run may use.
///
/// The defaults are those of the commands.
public struct LuaLimits: Sendable, Equatable {
    /// Bytes that Lua itself may hold.
    public var memory: Int
    /// Seconds of processor time; nil is no bound.
    public var cpuSeconds: Double?
    /// Lua instructions, counted in thousands; nil is no bound.
    ///
    /// The same on every machine, which seconds are not.
    public var instructions: UInt64?
    /// How deep tables of a result may be nested.
    public var depth: Int
    /// How many values a result may have, all tables together.
    public var values: Int
    /// Bytes that the strings of a result may have together.
    ///
    /// One string can stand in a table many times, so that a result can be larger than the memory that Lua used for
    /// it.
    public var resultBytes: Int

    public init(
        memory: Int = 256 << 20,
        cpuSeconds: Double? = 10,
        instructions: UInt64? = nil,
        depth: Int = 64,
        values: Int = 1_000_000,
        resultBytes: Int = 64 << 20
    ) {
        self.memory = memory
        self.cpuSeconds = cpuSeconds
        self.instructions = instructions
        self.depth = depth
        self.values = values
        self.resultBytes = resultBytes
    }
}
