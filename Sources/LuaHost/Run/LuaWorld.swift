/// A piece of Lua text.
public struct LuaSource: Sendable, Equatable {
    /// For messages: a path as the user would type it, or a name such as `homeward.runbook`.
    public var name: String
    public var text: [UInt8]

    public init(name: String, text: [UInt8]) {
        self.name = name
        self.text = text
    }

    /// What Lua is given: without the byte order mark that editors put in front, and without the line by which a shell
    /// knows its interpreter.
    var chunk: [UInt8] {
        let text = self.text.starts(with: [0xEF, 0xBB, 0xBF]) ? self.text.dropFirst(3) : self.text[...]
        return Array(text.first == UInt8(ascii: "#") ? text.drop { $0 != UInt8(ascii: "\n") } : text)
    }
}

/// What surrounds a run: its modules, its limits, and where what it prints goes.
public struct LuaWorld<Verb: Sendable>: Sendable {
    /// What an undeclared global is.
    public enum Globals: Sendable {
        /// Reading and assigning one are errors, with the nearest name.
        case strict
        /// Assigning declares; reading an undeclared one is an error.
        case prompt
    }

    public var limits: LuaLimits
    public var modules: [LuaModule<Verb>]
    /// Modules that are globals without `require`: the global's name and the module's.
    public var preloaded: [String: String]
    public var globals: Globals
    /// Text of other modules by the name that `require` was given (letters, digits, `_`, `.` only); nil: there is none.
    public var source: @Sendable (String) throws(LuaError) -> LuaSource?
    /// What `print` writes, line end included.
    public var output: @Sendable ([UInt8]) -> Void
    /// Given: the run is the same for the same seed.
    ///
    /// `pairs` goes in sorted order, `math.random` and addresses that are
    /// printed come from the seed, and only counts of instructions bound it.
    public var seed: UInt64?

    public init(
        limits: LuaLimits = LuaLimits(),
        modules: [LuaModule<Verb>] = [],
        preloaded: [String: String] = [:],
        globals: Globals = .strict,
        seed: UInt64? = nil,
        source: @escaping @Sendable (String) throws(LuaError) -> LuaSource? = { _ in nil },
        output: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.limits = limits
        self.modules = modules
        self.preloaded = preloaded
        self.globals = globals
        self.seed = seed
        self.source = source
        self.output = output
    }
}
