import HomewardAdministration
import HomewardCore

/// Which host of a lab a line goes to when it names none: the pure part of the decision.
package enum LabChoice {
    /// A host of the lab; `description` is nil when it did not answer.
    package struct Candidate {
        package var name: String
        package var description: HostDescription?

        package init(name: String, description: HostDescription?) {
            self.name = name
            self.description = description
        }
    }

    /// - Returns: The place of the host among the candidates.
    /// - Throws: ``Refusal`` `ambiguous` when the line has to name a host, or `daemon-unreachable`.
    package static func choose(_ reach: Reach, among candidates: [Candidate], object: String) throws(Refusal) -> Int {
        let answering = candidates.indices.filter { candidates[$0].description != nil }
        if case .local = reach {
            let names = answering.map { candidates[$0].name }
            throw Refusal(
                .ambiguous,
                object,
                "this acts on one host of the lab, and none is named",
                hint: "add --host NAME; hosts that answer: \(names.isEmpty ? "none" : names.joined(separator: ", "))"
            )
        }
        guard let first = answering.first else {
            throw Refusal(
                .daemonUnreachable,
                object,
                "no host of the lab answers",
                hint: "homeward lab status; to start it: homeward lab up"
            )
        }
        let primaries = answering.filter { index in
            locals(candidates[index]).contains { $0.role == "primary" && fits($0, reach) }
        }
        // An open Primary goes before one that is fenced: it is the one that has the role.
        if let open = primaries.first(where: { index in
            locals(candidates[index]).contains { $0.role == "primary" && $0.state == "enabled" && fits($0, reach) }
        }) {
            return open
        }
        if let fenced = primaries.first { return fenced }
        switch reach {
        case .primary, .primaryOfLink:
            let name = named(reach)
            let isKnown = answering.contains { index in locals(candidates[index]).contains { fits($0, reach) } }
            // A host that is down may be the one that has it.
            guard isKnown || answering.count < candidates.count else {
                throw unknown(name, reach, object: object)
            }
            throw Refusal(
                .hostUnreachable,
                object,
                "no Primary of \(name) answers in the lab",
                hint: "homeward lab status; --host NAME asks one host whatever its role"
            )
        case .any, .rds, .local:
            return answering.first { index in locals(candidates[index]).contains { fits($0, reach) } } ?? first
        }
    }

    /// What the line named, with its disk group where it named that too.
    private static func named(_ reach: Reach) -> String {
        switch reach {
        case .rds(let rvg), .primary(let rvg): "\(rvg)"
        case .primaryOfLink(let link): "\(link)"
        case .any, .local: ""
        }
    }

    private static func unknown(_ name: String, _ reach: Reach, object: String) -> Refusal {
        let isLink = if case .primaryOfLink = reach { true } else { false }
        return Refusal(
            isLink ? .unknownRLink : .unknownRVG,
            object,
            "no host of the lab has \(isLink ? "an RLINK" : "an RVG") \(name)",
            hint: "what they have: vradmin -l printrvg"
        )
    }

    /// Whether a host is the open Primary that a request would go to.
    static func isOpenPrimary(_ description: HostDescription, _ reach: Reach) -> Bool {
        locals(Candidate(name: description.name, description: description)).contains {
            $0.role == "primary" && $0.state == "enabled" && fits($0, reach)
        }
    }

    private static func locals(_ candidate: Candidate) -> [MemberDescription] {
        candidate.description?.rvgs.flatMap(\.members).filter(\.isLocal) ?? []
    }

    private static func fits(_ member: MemberDescription, _ reach: Reach) -> Bool {
        switch reach {
        case .any, .local: true
        case .rds(let rvg), .primary(let rvg): member.rvg == rvg.rvg && isIn(rvg.diskGroup, member)
        case .primaryOfLink(let link):
            isIn(link.diskGroup, member) && member.links.contains { $0.name == link.rlink }
        }
    }

    /// Two disk groups can have an RVG of one name each, with Primaries on different hosts.
    private static func isIn(_ diskGroup: String?, _ member: MemberDescription) -> Bool {
        diskGroup.map { $0 == member.diskGroup } ?? true
    }
}
