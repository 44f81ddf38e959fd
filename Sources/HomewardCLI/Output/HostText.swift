import HomewardAdministration
import HomewardCore

/// `homeward status` and `vol list`.
enum HostText {
    static func status(_ host: HostDescription) -> [String] {
        var lines = [
            "\(host.name)  homeward \(host.version), process \(host.process)\(host.settled ? "" : ", not settled yet")"
        ]
        for peer in host.peers {
            let state = peer.blocked ? "cut off" : peer.connected ? "connected" : "not connected"
            let reason = peer.connected ? "" : peer.reason.map { " (\($0))" } ?? ""
            lines.append("  peer \(peer.name) at \(peer.address): \(state)\(reason)")
        }
        for rds in host.rvgs { lines += [""] + status(rds) }
        return lines
    }

    private static func status(_ rds: RDSDescription) -> [String] {
        var rows = [["HOST", "ROLE", "STATE", "DATA", "BEHIND", "LINK"]]
        for member in rds.members {
            let link = rds.links.first { $0.remoteHost == member.host }
            rows.append([
                member.host, member.role,
                member.reachable
                    ? member.state
                    : "unreachable (\(member.age.map { "as of \(Units.span($0)) ago" } ?? "never heard of"))",
                member.role == "primary"
                    ? "-" : link.map(RepstatusText.dataStatus) ?? (member.consistent ? "consistent" : "inconsistent"),
                member.role == "primary"
                    ? "-"
                    : link.map(behind) ?? "-",
                member.role == "primary" ? "-" : link.map { "\($0.kstate)/\($0.state)" } ?? "-",
            ])
        }
        var lines = ["RVG \(rds.rvg)  \(primary(rds))"] + table(rows, indent: 2)
        for member in rds.members {
            if let reason = member.reason { lines.append("  \(member.host): \(reason)") }
            for activity in member.activity { lines.append("  \(member.host): \(activity)") }
            for volume in member.volumes where !volume.openBy.isEmpty {
                let holders = volume.openBy.map(\.label).joined(separator: "; ")
                lines.append("  \(member.host): \(volume.name) is open by \(holders)")
            }
        }
        return lines + rds.configErrors.map { "  config error: \($0.host): \($0.error)" } + wayOut(rds)
    }

    /// What is not attached is behind by nothing that anybody counts.
    private static func behind(_ link: LinkDescription) -> String {
        guard link.kstate != "DETACHED" else { return "-" }
        return "\(counted(link.behindUpdates, "update")), \(Units.bytes(link.behindBytes))"
    }

    /// The one Primary; else each host that has the role, with its state, for none of them has it alone and open.
    private static func primary(_ rds: RDSDescription) -> String {
        let claiming = rds.members.filter { $0.role == "primary" }
        if let name = rds.primary, claiming.allSatisfy({ $0.host == name && $0.state == "enabled" }) {
            return "primary \(name)"
        }
        guard !claiming.isEmpty else {
            return "primary \(rds.primary.map { "\($0), not seen" } ?? "none that answers")"
        }
        return "primary "
            + claiming.map { "\($0.host) (\($0.reachable ? $0.state : "unreachable"))" }.joined(separator: ", ")
    }

    static func volumes(_ volumes: [VolumeDescription]) -> [String] {
        guard !volumes.isEmpty else { return [] }
        var rows = [["VOLUME", "SIZE", "RVG", "USE", "OPEN BY", "PATH"]]
        for volume in volumes {
            rows.append([
                "\(volume.diskGroup)/\(volume.name)", Units.bytes(volume.size), volume.rvg ?? "-",
                volume.rvg == nil ? "-" : volume.isLog ? "log" : "data",
                volume.openBy.isEmpty ? "-" : volume.openBy.map(\.label).joined(separator: "; "), volume.path,
            ])
        }
        return table(rows)
    }

    /// What to type where two hosts are Primary: one whose reign is over gives way; of two that are open it is to be chosen.
    private static func wayOut(_ rds: RDSDescription) -> [String] {
        let primaries = rds.members.filter { $0.role == "primary" && $0.reachable }
        guard primaries.count > 1, let open = primaries.first(where: { $0.state != "fenced" }),
            let other = primaries.first(where: { $0.host != open.host })
        else { return [] }
        let command = "vradmin -g \(other.diskGroup) makesec \(other.rvg) \(open.host) --host \(other.host)"
        return ["  the way out: \(command)\(other.state == "fenced" ? "" : ", or the reverse")"]
    }
}
