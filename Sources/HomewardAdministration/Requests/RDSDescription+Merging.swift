import HomewardCore

/// An RDS put together from what each of its hosts told.
extension RDSDescription {
    /// - Parameters:
    ///   - id: of the RVG.
    ///   - own: of the host that answers.
    ///   - others: of the other members, in any order; those that do not answer as
    ///     ``MemberDescription/silent(_:last:)`` has them.
    ///   - errors: what the answering host itself sees wrong.
    public init(
        id: RVGID,
        own: MemberDescription,
        others: [MemberDescription],
        errors: [ConfigError]
    ) {
        let members = ([own] + others).sorted { left, right in
            (left.role == "primary" ? 0 : 1, left.host) < (right.role == "primary" ? 0 : 1, right.host)
        }
        let primaries = members.filter { $0.role == "primary" && $0.reachable }
        let open = primaries.filter { $0.state != "fenced" }
        let primary = open.count == 1 ? open.first : primaries.count == 1 ? primaries.first : nil
        var all = errors
        // Seen from a Secondary too, when it can ask both.
        if primaries.count > 1 {
            for member in primaries where !all.contains(where: { $0.host == member.host }) && !member.isLocal {
                all.append(ConfigError(host: member.host, error: "Primary-Primary configuration"))
            }
        }
        self.init(
            rvg: own.rvg,
            id: id,
            primary: primaries.count > 1 ? nil : primary?.host,
            members: members,
            links: (primaries.count == 1 ? primary : own.role == "primary" ? own : nil)?.links ?? [],
            configErrors: all.sorted { $0.host < $1.host }
        )
    }
}

extension MemberDescription {
    /// A member that does not answer, as it was last heard.
    public static func silent(_ link: LinkRecord, last: LastContact?) -> MemberDescription {
        MemberDescription(
            host: link.peerName,
            isLocal: false,
            reachable: false,
            age: last?.age,
            diskGroup: link.peerDiskGroup,
            rvg: link.peerRVG,
            role: last.map { $0.contact.isPrimary ? "primary" : "secondary" } ?? "none",
            state: "unknown",
            reason: "does not answer",
            volumes: [],
            log: "",
            logSize: 0,
            logUsed: 0,
            endID: .zero,
            consistent: last?.contact.consistent ?? false,
            follows: nil,
            links: [],
            activity: []
        )
    }
}
