import HomewardAdministration
import HomewardCore

/// `printrvg`, `printvol` and the names that `vxrvg` prints, laid out as VVR's.
enum RDSText {
    static func printrvg(_ all: [RDSDescription], long: Bool) -> [String] {
        all.flatMap { rds -> [String] in
            var lines = ["Replicated Data Set: \(rds.rvg)"]
            for member in rds.members {
                lines.append("\(heading(member)):")
                lines.append("        HostName: \(member.host)\(mark(member))")
                lines.append("        RvgName: \(member.rvg)")
                lines.append("        DgName: \(member.diskGroup)")
                if long { lines += details(member) }
            }
            if long, !rds.configErrors.isEmpty {
                lines.append("Config Errors:")
                for error in rds.configErrors { lines.append("        \(error.host): \(error.error)") }
            }
            return lines
        }
    }

    private static func mark(_ member: MemberDescription) -> String {
        if member.isLocal { return "  <localhost>" }
        return member.reachable ? "" : "  <unreachable>"
    }

    private static func details(_ member: MemberDescription) -> [String] {
        // A host that does not answer and never told is not one without volumes.
        guard member.reachable || !member.volumes.isEmpty else {
            return ["        datavol_cnt: N/A", "        vset_cnt: N/A", "        srl: N/A", "        RLinks: N/A"]
        }
        var lines = [
            "        datavol_cnt: \(member.volumes.count { !$0.isLog })", "        vset_cnt: 0",
            "        srl: \(member.log)", "        RLinks:",
        ]
        for link in member.links {
            let detached = link.kstate == "DETACHED" ? "on" : "off"
            lines.append(
                "            name=\(link.name), detached=\(detached), synchronous=\(link.settings.synchronous.rawValue)"
            )
        }
        return lines
    }

    /// Hosts of neither role have a heading of their own: they are no Secondaries.
    static func heading(_ member: MemberDescription) -> String {
        switch member.role {
        case "primary": "Primary"
        case "secondary": "Secondary"
        default: "Host"
        }
    }

    static func printvol(_ all: [RDSDescription]) -> [String] {
        all.flatMap { rds -> [String] in
            var rows = [["HOST", "VOLUME", "SIZE", "PATH"]]
            for member in rds.members {
                for volume in member.volumes where !volume.isLog {
                    rows.append([
                        member.host, "\(volume.diskGroup)/\(volume.name)", Units.bytes(volume.size), volume.path,
                    ])
                }
            }
            return ["Replicated Data Set: \(rds.rvg)"] + table(rows, indent: 2)
        }
    }

    static func dataVolumes(_ all: [RDSDescription], oneColumn: Bool) -> [String] {
        names(locals(all).flatMap(\.volumes).filter { !$0.isLog }.map(\.name), oneColumn: oneColumn)
    }

    static func links(_ all: [RDSDescription], oneColumn: Bool) -> [String] {
        names(locals(all).flatMap(\.links).map(\.name), oneColumn: oneColumn)
    }

    private static func locals(_ all: [RDSDescription]) -> [MemberDescription] {
        all.flatMap(\.members).filter(\.isLocal)
    }

    private static func names(_ names: [String], oneColumn: Bool) -> [String] {
        oneColumn || names.isEmpty ? names : [names.joined(separator: " ")]
    }
}
