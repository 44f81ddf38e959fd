/// Why a chunk gave no value.
///
/// An expected answer: the state is gone, the host is as it was.
public struct LuaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Stable; scripts and tests match on it.
    ///
    /// Beside those here, every code that a module's functions raise.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The text is no Lua, or is not text.
        public static let syntax = Code(rawValue: "lua-syntax")
        /// The script raised an error that is no table with a code.
        public static let runtime = Code(rawValue: "lua-runtime")
        /// The budget of processor time or of instructions was spent; no `pcall` catches it.
        public static let cpuLimit = Code(rawValue: "cpu-limit")
        /// The cap on memory was reached, or the result is too large to be handed out.
        public static let memoryLimit = Code(rawValue: "memory-limit")
        /// More was printed than is allowed; no `pcall` catches it.
        public static let outputLimit = Code(rawValue: "output-limit")
        /// A value is not of the type that is needed.
        public static let type = Code(rawValue: "lua-type")
        /// A function was called with arguments that it does not take, or an object has no such field.
        public static let badArgument = Code(rawValue: "bad-argument")
        /// A global that nobody declared was read or assigned.
        public static let undeclared = Code(rawValue: "undeclared-global")
        /// Nothing is found under the name that `require` was given.
        public static let unknownModule = Code(rawValue: "unknown-module")
        /// A function that waits was called where Lua cannot wait.
        public static let cannotWait = Code(rawValue: "cannot-wait-here")
        /// What was waited for took longer than `hw.timeout` allowed.
        public static let timedOut = Code(rawValue: "timed-out")
        /// The run, or the request, was cancelled.
        public static let interrupted = Code(rawValue: "interrupted")
    }

    public var code: Code
    /// What is wrong; of ``LuaChunk``, and of syntax errors, it begins with `FILE:LINE:`.
    public var message: String
    /// What to do about it; empty where nobody knows.
    public var hint: String
    /// The object concerned, as the operator would type it; empty where there is none.
    public var object: String
    /// The host that refused; nil where none did.
    public var host: String?
    /// `FILE:LINE` of the script.
    public var place: String?
    /// The calls that led there, as Lua prints them.
    public var traceback: String?

    public init(
        _ code: Code,
        _ message: String,
        hint: String,
        object: String = "",
        host: String? = nil,
        place: String? = nil,
        traceback: String? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.object = object
        self.host = host
        self.place = place
        self.traceback = traceback
    }

    /// Bytes of each of its texts that are worth showing; a script can raise as many as its memory holds.
    static let longest = 16 << 10

    /// The same with texts that a person can still read.
    var abridged: LuaError {
        var error = self
        error.code = Code(rawValue: code.rawValue.abridged)
        error.message = message.abridged
        error.hint = hint.abridged
        error.object = object.abridged
        error.host = host?.abridged
        error.place = place?.abridged
        error.traceback = traceback?.abridged
        return error
    }

    /// One line, and the hint below it.
    public var description: String {
        let line =
            (place.map { "\($0): " } ?? "") + (host.map { "\($0): " } ?? "") + (object.isEmpty ? "" : "\(object): ")
            + "\(message) [\(code.rawValue)]"
        return hint.isEmpty ? line : "\(line)\n  hint: \(hint)"
    }
}

/// What a run may use.
///
/// The defaults are those of the commands.
public struct LuaLimits: Sendable, Equatable {
    /// Bytes that Lua itself may hold.
    public var memory: Int
    /// Seconds of processor time between two waits; nil is no bound.
    public var cpuSeconds: Double?
    /// Lua instructions, counted in thousands; nil is no bound.
    ///
    /// The same on every machine, which seconds are not.
    public var instructions: UInt64?
    /// Bytes that a run may print.
    public var output: Int
    /// Seconds that `<close>` handlers get, to clean up and to wait, once a run is cancelled.
    public var grace: Double
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
        output: Int = 32 << 20,
        grace: Double = 10,
        depth: Int = 64,
        values: Int = 1_000_000,
        resultBytes: Int = 64 << 20
    ) {
        self.memory = memory
        self.cpuSeconds = cpuSeconds
        self.instructions = instructions
        self.output = output
        self.grace = grace
        self.depth = depth
        self.values = values
        self.resultBytes = resultBytes
    }
}

extension String {
    /// Its beginning, and how much more there was.
    var abridged: String {
        let more = utf8.count - LuaError.longest
        // A text that was cut before, with these words at its end, is left as it is.
        guard more > 64 else { return self }
        return String(decoding: utf8.prefix(LuaError.longest), as: UTF8.self) + "… (\(more) more bytes)"
    }
}
