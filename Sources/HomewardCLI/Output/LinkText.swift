import HomewardAdministration
import HomewardCore

/// What `vxrlink` prints, and checkpoints.
enum LinkText {
    static func status(_ link: LinkDescription, time: Bool) -> [String] {
        var line = "\(link.name): "
        if link.kstate == "DETACHED" {
            line += "detached (\(link.state))"
        } else if link.dataStatus == "unknown" {
            line += "unknown" + (link.lastContactAge.map { ", last heard \(Units.span($0)) ago" } ?? "")
            if link.behindUpdates > 0 { line += ", \(counted(link.behindUpdates, "write")) outstanding then" }
        } else if link.behindUpdates == 0 {
            line += link.dataStatus == "up-to-date" ? "up to date" : "nothing outstanding, \(link.dataStatus)"
        } else {
            line += "\(link.behindUpdates) write\(link.behindUpdates == 1 ? "" : "s") outstanding, "
            line += "\(Units.kilobytes(link.behindBytes)) Kbytes, \(Units.fixed(link.behindPercent, 0))% of SRL"
        }
        if link.kstate != "DETACHED" {
            if let left = link.untilConsistent, left > 0 {
                line += ", inconsistent for \(counted(left, "more update"))"
            }
            if time { line += ", \(Units.span(link.behindSeconds)) behind" }
            if link.state == "PAUSE" {
                line += ", paused"
            } else if link.kstate != "CONNECT" {
                line += ", not connected\(link.disconnectReason.map { ": \($0)" } ?? "")"
            }
        }
        return [line]
    }

    static func updates(_ updates: UpdatesDescription, time: Bool) -> [String] {
        var rows = [
            ["", "Secondary", "Primary", "Behind by"],
            [
                "ID", updates.secondaryID.description, updates.primaryID?.description ?? "unknown",
                updates.primaryID.map { "\($0.value - min($0.value, updates.secondaryID.value))" } ?? "unknown",
            ],
        ]
        if time {
            let behind =
                if let here = updates.secondaryTime, let there = updates.primaryTime {
                    Units.clock(there - here)
                } else {
                    "unknown"
                }
            rows.append([
                "Time", updates.secondaryTime.map(Units.time) ?? "unknown",
                updates.primaryTime.map(Units.time) ?? "unknown", behind,
            ])
        }
        let widths = [8, 17, 17, 0]
        return rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: max(width == 0 ? 0 : 1, width - cell.count))
            }
            return line
        }
    }

    static func checkpoints(_ checkpoints: [CheckpointDescription]) -> [String] {
        guard !checkpoints.isEmpty else { return [] }
        var rows = [
            ["Name", "MBytes", "% Log", "Started/Completed"], ["----", "------", "-----", "-----------------"],
        ]
        for checkpoint in checkpoints {
            rows.append([
                checkpoint.name, Units.fixed(Double(checkpoint.bytes) / 1_048_576, 1),
                Units.fixed(checkpoint.percent, 0),
                checkpoint.state.prefix(1).uppercased() + checkpoint.state.dropFirst(),
            ])
        }
        return table(rows, gap: 4)
    }
}
