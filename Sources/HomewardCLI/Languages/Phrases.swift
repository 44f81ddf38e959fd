import HomewardAdministration
import HomewardCore

/// What the verbs have in common.
extension Words {
    /// The RVG named by the first operand.
    func rvg() -> RVGReference { RVGReference(diskGroup: diskGroup, rvg: operands.first ?? "") }

    func rlink(_ index: Int = 0) -> RLinkReference { RLinkReference(diskGroup: diskGroup, rlink: operand(index) ?? "") }

    /// The object in the operator's words.
    var objectName: String { object(operands.first ?? verb) }

    /// The language puts the verb's synopsis in place of the hint.
    func usage(_ message: String) -> Refusal {
        Refusal(.usage, "\(language) \(verb)", message, hint: "\(language) help \(verb)")
    }

    func notBuilt(_ what: String, hint: String) -> Refusal {
        Refusal(.notBuiltYet, objectName, "\(what) is not built in this release", hint: hint)
    }

    /// `name=value` words from a place on.
    func attributes(from index: Int) throws(Refusal) -> [Attribute] {
        var attributes: [Attribute] = []
        for word in operands.dropFirst(index) {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                throw usage("\(word) is no attribute=value")
            }
            attributes.append(
                Attribute(name: String(word[..<equals]), value: String(word[word.index(after: equals)...]))
            )
        }
        return attributes
    }

    /// How a copy is known to fit: exactly one of `-c NAME` and `-f`; `-a` and `-b` are not built.
    func attachMode(_ example: (String) -> String) throws(Refusal) -> AttachMode {
        let given = ["-a", "-b", "-f"].filter(has) + (values["-c"] == nil ? [] : ["-c"])
        guard given.count == 1 else {
            throw usage(
                given.isEmpty
                    ? "-c CHECKPOINT or -f has to say how the Secondary's data are known to fit"
                    : "\(given.joined(separator: " and ")) exclude each other"
            )
        }
        if has("-a") {
            throw notBuilt(
                "autosync (-a)",
                hint: "\(command) -c CHECKPOINT syncrvg RVG SECONDARY, then \(example("-c CHECKPOINT"))"
            )
        }
        if has("-b") {
            throw notBuilt("replication from a bunker (-b)", hint: example("-c CHECKPOINT"))
        }
        return values["-c"].map { .checkpoint($0) } ?? .identical
    }
}

func ask(_ words: Words, _ request: Request, view: View = .plain, reach: Reach, question: Question? = nil) -> Plan {
    .ask(
        Inquiry(
            [request],
            view: view,
            reach: reach,
            question: question,
            silent: words.isSilent,
            object: words.objectName
        )
    )
}
