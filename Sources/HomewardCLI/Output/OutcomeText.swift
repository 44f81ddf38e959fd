import HomewardAdministration
import HomewardCore

/// The end of a request that changed something, and what it cost.
enum OutcomeText {
    static func lines(_ outcome: Outcome) -> [String] {
        var lines = [outcome.summary]
        if let takeover = outcome.takeover { lines += self.takeover(takeover) }
        if let discarded = outcome.discarded { lines += self.discarded(discarded) }
        return lines + outcome.notes.map { "note: \($0)" }
    }

    private static func takeover(_ report: TakeoverReport) -> [String] {
        let time = report.forkTime.map { " of \(Units.time($0)) UTC" } ?? ""
        var lines = ["epoch \(report.epoch); last update kept: \(report.forkID)\(time)"]
        let whose = report.oldPrimary.map { " of \($0)" } ?? ""
        lines.append("last update known\(whose): \(report.lastHeardID?.description ?? "unknown")")
        let lost = report.lostAtLeast.map {
            $0 == 0 ? "unknown; nothing after \(report.forkID) is known of" : "at least \(counted($0, "update"))"
        }
        lines.append("lost: \(lost ?? "unknown")")
        return lines
    }

    private static func place(_ discarded: DiscardedUpdates) -> String {
        guard discarded.firstID != discarded.lastID else {
            return "\(discarded.firstID), \(Units.time(discarded.firstTime))"
        }
        return "\(discarded.firstID) to \(discarded.lastID), "
            + "\(Units.time(discarded.firstTime)) to \(Units.time(discarded.lastTime))"
    }

    static func discarded(_ discarded: DiscardedUpdates) -> [String] {
        guard discarded.kept > 0 else {
            return [
                "\(counted(discarded.updates, "update")) of \(discarded.host) given up;"
                    + " its log no longer had them, so no file keeps them"
            ]
        }
        let gone = discarded.updates - discarded.kept
        let part = gone > 0 ? "; \(gone) of them were in no log any more and are in no file; the others" : ""
        var lines = [
            "\(counted(discarded.updates, "update")) of \(discarded.host) given up\(part)"
                + " (\(Units.bytes(discarded.bytes)), \(place(discarded)) UTC)"
        ]
        for range in discarded.ranges {
            lines.append("  \(range.volume): \(Units.bytes(range.length)) at \(range.offset)")
        }
        if discarded.rangesLeftOff > 0 { lines.append("  and \(discarded.rangesLeftOff) more ranges") }
        if let file = discarded.salvageFile { lines.append("kept in \(file)") }
        return lines
    }
}
