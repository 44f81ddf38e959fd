import HomewardCore

/// A language of VVR: `vradmin`, `vxrvg`, `vxrlink` or `vxibc`.
///
/// Options may stand in any position. Reading a line is a pure function.
public struct VVRLanguage: Sendable {
    public let name: String
    /// Options followed by a value.
    let valued: Set<String>
    let flags: Set<String>
    let verbs: [Verb]

    /// What it knows, `help` included.
    package var verbNames: [String] { verbs.map(\.name) }

    /// All four.
    public static let all = [vradmin, vxrvg, vxrlink, vxibc]

    /// The language that a program of this name speaks.
    public static func named(_ name: String) -> VVRLanguage? { all.first { $0.name == name } }

    /// Reads a line, without the language's name and without global options.
    /// - Returns: The plan; or a refusal `usage` with the synopsis, or `not-built-yet` with what does the job today.
    public func parse(_ words: [String]) -> Result<Plan, Refusal> {
        do {
            return .success(try plan(words))
        } catch let refusal as Refusal {
            return .failure(refusal)
        } catch {
            return .failure(Refusal(.usage, name, "\(error)", hint: "\(name) help"))
        }
    }

    private func plan(_ line: [String]) throws -> Plan {
        if line.contains("--help") || line == ["-h"] { return .text(try help(on: [])) }
        guard let found = verbName(line) else {
            throw Refusal(
                .usage,
                name,
                "a verb is missing",
                hint: "the verbs: \(name) help"
            )
        }
        if found == "help" { return .text(try help(on: line.filter { $0 != "help" && !$0.hasPrefix("-") })) }
        guard let verb = verbs.first(where: { $0.name == found }) else { throw unknown(found) }
        if case .notBuilt(let hint) = verb.treatment {
            throw Refusal(.notBuiltYet, "\(name) \(found)", "is not built in this release", hint: hint)
        }
        let words = try sort(line, for: verb)
        guard case .built(let build) = verb.treatment else { throw unknown(found) }
        do {
            return try build(words)
        } catch let refusal as Refusal where refusal.code == .usage {
            throw Refusal(.usage, refusal.object, refusal.message, hint: "usage: \(name) \(verb.synopsis)")
        }
    }

    /// The first word that is neither an option nor the value of one.
    private func verbName(_ line: [String]) -> String? {
        var index = 0
        while index < line.count {
            let word = line[index]
            if word == "--" { return index + 1 < line.count ? line[index + 1] : nil }
            guard word.hasPrefix("-"), word != "-" else { return word }
            index += valued.contains(word) ? 2 : 1
        }
        return nil
    }

    private func sort(_ line: [String], for verb: Verb) throws(Refusal) -> Words {
        var words = Words(language: name, verb: verb.name)
        func usage(_ message: String) -> Refusal {
            Refusal(.usage, "\(name) \(verb.name)", message, hint: "usage: \(name) \(verb.synopsis)")
        }
        var verbSeen = false
        var optionsEnded = false
        var index = 0
        while index < line.count {
            let word = line[index]
            index += 1
            if optionsEnded || !word.hasPrefix("-") || word == "-" {
                if verbSeen { words.operands.append(word) } else { verbSeen = true }
            } else if word == "--" {
                optionsEnded = true
            } else if valued.contains(word) {
                guard index < line.count, !line[index].isEmpty else { throw usage("the option \(word) needs a value") }
                guard words.values[word] == nil || words.values[word] == line[index] else {
                    throw usage(
                        "the option \(word) is given twice, with \(words.values[word] ?? "") and \(line[index])"
                    )
                }
                words.values[word] = line[index]
                index += 1
            } else if flags.contains(word) {
                words.flags.insert(word)
            } else {
                throw usage("unknown option \(word)\(suggestion(for: word, among: Array(valued.union(flags))))")
            }
        }
        let given = words.flags.union(words.values.keys).subtracting(verb.options).subtracting(["-g"])
        if let stray = given.min() { throw usage("the option \(stray) does not go with \(verb.name)") }
        if words.operands.count < verb.arity.least { throw usage("an argument is missing") }
        if words.operands.count > verb.arity.most {
            throw usage("one argument too many: \(words.operands[verb.arity.most])")
        }
        return words
    }

    private func unknown(_ verb: String) -> Refusal {
        Refusal(
            .usage,
            name,
            "unknown verb \(verb)\(suggestion(for: verb, among: verbs.map(\.name)))",
            hint: "the verbs: \(name) help"
        )
    }

    // MARK: Help

    /// What `help` says of all verbs, or of the one named.
    func help(on keywords: [String]) throws(Refusal) -> String {
        guard let keyword = keywords.first else {
            var lines = ["usage: \(name) [options] verb [arguments]; options may stand anywhere", ""]
            for verb in verbs {
                lines.append("  \(name) \(verb.synopsis)\(verb.isBuilt ? "" : "   (not built yet)")")
            }
            lines += ["", "\(name) help VERB explains one."]
            return lines.joined(separator: "\n")
        }
        guard let verb = verbs.first(where: { $0.name == keyword }) else { throw unknown(keyword) }
        var lines = ["\(name) \(verb.synopsis)", "", verb.help]
        if case .notBuilt(let hint) = verb.treatment {
            lines += ["", "Not built in this release. Today: \(hint)"]
        }
        return lines.joined(separator: "\n")
    }
}
