import HomewardAdministration
import HomewardCore

/// `repstatus`, laid out as VVR's.
enum RepstatusText {
    static func lines(_ all: [RDSDescription], long: Bool) -> [String] {
        all.flatMap { rds -> [String] in
            var lines = ["Replicated Data Set: \(rds.rvg)"]
            for member in rds.members where member.role == "primary" { lines += primary(member, in: rds) + [""] }
            for member in rds.members where member.role != "primary" {
                lines += secondary(member, in: rds, long) + [""]
            }
            if !rds.configErrors.isEmpty {
                lines.append("Config Errors:")
                for error in rds.configErrors { lines.append("  \(error.host): \(error.error)") }
                lines.append("")
            }
            return lines.dropLast()
        }
    }

    private static func primary(_ member: MemberDescription, in rds: RDSDescription) -> [String] {
        ["Primary:"]
            + fields([
                ("Host name", name(member)),
                ("RVG name", member.rvg),
                ("DG name", member.diskGroup),
                ("RVG state", state(member)),
                ("Data volumes", member.reachable ? "\(member.volumes.count { !$0.isLog })" : "N/A"),
                ("SRL name", member.log.isEmpty ? "N/A" : member.log),
                ("SRL size", member.logSize == 0 ? "N/A" : Units.size(member.logSize)),
                ("Total secondaries", "\(rds.members.count { $0.role == "secondary" })"),
            ])
    }

    private static func secondary(_ member: MemberDescription, in rds: RDSDescription, _ long: Bool) -> [String] {
        let primary = rds.primary.flatMap { name in rds.members.first { $0.host == name } }
        // What the Primary says of its Secondary; without a Primary what the Secondary last heard.
        let links = primary?.links ?? rds.links
        let link = links.first { $0.remoteHost == member.host } ?? rds.links.first { $0.remoteHost == member.host }
        let back = member.links.first { $0.remoteHost == (rds.primary ?? member.follows ?? "") }
        var values = [("Host name", name(member)), ("RVG name", member.rvg), ("DG name", member.diskGroup)]
        if long, let shown = link ?? back {
            values += [
                ("Rlink from Primary", link?.name ?? "N/A"),
                ("Rlink to Primary", back?.name ?? "N/A"),
                ("Configured mode", configuredMode(shown.settings)),
                ("Latency protection", latency(shown.settings)),
                ("SRL protection", shown.settings.srlprot.rawValue),
            ]
        }
        guard let shown = link ?? back else {
            values += [
                ("Data status", member.consistent ? "consistent" : "inconsistent"), ("Replication status", "N/A"),
            ]
            return ["\(RDSText.heading(member)):"] + fields(values)
        }
        values += [
            ("Data status", dataStatus(shown)),
            ("Replication status", replicationStatus(shown, long)),
            ("Current mode", shown.kstate == "DETACHED" ? "N/A" : shown.currentMode),
            ("Logging to", loggingTo(shown)),
            ("Timestamp Information", timestamp(shown)),
        ]
        if long { values.append(("Bandwidth Limit", bandwidth(shown.settings))) }
        return ["\(RDSText.heading(member)):"] + fields(values)
    }

    private static func fields(_ fields: [(String, String)]) -> [String] {
        fields.map { label, value in
            "  \(label):" + String(repeating: " ", count: max(1, 27 - label.count)) + value
        }
    }

    /// An unreachable host is shown with the age of what is shown.
    private static func name(_ member: MemberDescription) -> String {
        guard !member.reachable else { return member.host }
        return "\(member.host)  (unreachable; \(member.age.map { "as of \(Units.span($0)) ago" } ?? "never heard of"))"
    }

    private static func state(_ member: MemberDescription) -> String {
        let state =
            switch member.state {
            case "enabled": "enabled for I/O"
            case "stopped": "disabled for I/O"
            default: member.state
            }
        return member.reason.map { "\(state) (\($0))" } ?? state
    }

    private static func configuredMode(_ settings: LinkSettings) -> String {
        settings.synchronous == .off ? "asynchronous" : "synchronous-\(settings.synchronous.rawValue)"
    }

    private static func latency(_ settings: LinkSettings) -> String {
        guard settings.latencyprot != .off else { return "off" }
        return "\(settings.latencyprot.rawValue) (high \(settings.latencyHighMark), low \(settings.latencyLowMark))"
    }

    static func dataStatus(_ link: LinkDescription) -> String {
        let status =
            switch link.dataStatus {
            case "up-to-date": "consistent, up-to-date"
            case "behind": "consistent, behind"
            case "inconsistent": "inconsistent"
            default: link.consistent ? "unknown (consistent)" : "inconsistent"
            }
        guard let diverged = link.diverged, diverged > 0 else { return status }
        return "\(status), diverged by \(counted(diverged, "update"))"
    }

    private static func replicationStatus(_ link: LinkDescription, _ long: Bool) -> String {
        guard long, link.kstate != "CONNECT", let reason = link.disconnectReason else { return link.replicationStatus }
        return "\(link.replicationStatus) (\(reason))"
    }

    private static func loggingTo(_ link: LinkDescription) -> String {
        guard link.kstate != "DETACHED" else { return "N/A" }
        guard link.behindUpdates > 0 else { return "SRL" }
        return "SRL (\(Units.kilobytes(link.behindBytes)) Kbytes behind, \(Units.fixed(link.behindPercent, 0))% full)"
    }

    private static func timestamp(_ link: LinkDescription) -> String {
        guard link.kstate != "DETACHED", link.dataStatus == "up-to-date" || link.dataStatus == "behind" else {
            return "N/A"
        }
        return "behind by \(Units.span(link.behindSeconds))"
    }

    private static func bandwidth(_ settings: LinkSettings) -> String {
        settings.bandwidthLimit.map { "\(Units.fixed(Double($0) * 8 / 1_000_000, 2)) Mbps" } ?? "none"
    }
}
