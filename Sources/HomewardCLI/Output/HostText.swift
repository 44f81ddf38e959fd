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
                member.reachable ? member.state : "unreachable (as of \(member.age.map(Units.span) ?? "never"))",
                member.role == "primary"
                    ? "-" : link.map(RepstatusText.dataStatus) ?? (member.consistent ? "consistent" : "inconsistent"),
                member.role == "primary"
                    ? "-"
                    : link.map { "\(Units.count($0.behindUpdates, "update")), \(Units.bytes($0.behindBytes))" } ?? "-",
                member.role == "primary" ? "-" : link.map { "\($0.kstate)/\($0.state)" } ?? "-",
            ])
        }
        var lines = ["RVG \(rds.rvg)  primary \(rds.primary ?? "none")"] + table(rows, indent: 2)
        for member in rds.members {
            if let reason = member.reason { lines.append("  \(member.host): \(reason)") }
            for activity in member.activity { lines.append("  \(member.host): \(activity)") }
        }
        return lines + rds.configErrors.map { "  config error: \($0.host): \($0.error)" }
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
}
