import HomewardCore

/// One verb of a language: its synopsis, what it takes, and what becomes of it.
struct Verb: Sendable {
    /// How many operands a verb takes.
    struct Arity: Sendable {
        var least: Int
        var most: Int

        static func exactly(_ count: Int) -> Arity { Arity(least: count, most: count) }
        static func from(_ least: Int, to most: Int) -> Arity { Arity(least: least, most: most) }
        static func atLeast(_ least: Int) -> Arity { Arity(least: least, most: .max) }
    }

    enum Treatment: Sendable {
        /// Throws nothing but refusals.
        case built(@Sendable (Words) throws -> Plan)
        /// This release does not have it; the hint says what does the job today.
        case notBuilt(hint: String)
    }

    let name: String
    /// Without the name of the language in front.
    let synopsis: String
    /// Options that go with it, without `-g`, which goes with all.
    let options: Set<String>
    let arity: Arity
    /// A few true lines for `help`.
    let help: String
    let treatment: Treatment

    var isBuilt: Bool {
        if case .built = treatment { return true }
        return false
    }

    static func built(
        _ name: String,
        _ synopsis: String,
        options: Set<String> = [],
        _ arity: Arity,
        help: String,
        _ build: @escaping @Sendable (Words) throws -> Plan
    ) -> Verb {
        Verb(name: name, synopsis: synopsis, options: options, arity: arity, help: help, treatment: .built(build))
    }

    static func notBuilt(_ name: String, _ synopsis: String, help: String, hint: String) -> Verb {
        Verb(
            name: name,
            synopsis: synopsis,
            options: [],
            arity: .atLeast(0),
            help: help,
            treatment: .notBuilt(hint: hint)
        )
    }
}

/// The words of a line of a VVR language, sorted out.
struct Words: Sendable {
    let language: String
    let verb: String
    var flags: Set<String> = []
    var values: [String: String] = [:]
    var operands: [String] = []

    var diskGroup: String? { values["-g"] }
    var isSilent: Bool { flags.contains("-s") }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// The operand at a place, nil when the line has fewer.
    func operand(_ index: Int) -> String? { operands.indices.contains(index) ? operands[index] : nil }

    /// `DG/NAME`, or the name alone.
    func object(_ name: String) -> String { diskGroup.map { "\($0)/\(name)" } ?? name }

    /// The start of the line that would work: `vradmin -g hrdg`.
    var command: String { diskGroup.map { "\(language) -g \($0)" } ?? language }
}
