import HomewardAdministration
import HomewardCore

/// Tables of volumes copied and compared as `vradmin` prints them.
enum SynchronizationText {
    /// The block in which volumes are compared.
    private static let block: UInt64 = 4096
    private static let columns = [11, 11, 10, 11, 12, 0]

    static func copied(_ reports: [SynchronizationReport], rvg: String) -> [String] {
        reports.flatMap { report -> [String] in
            let name = report.checkpoint ?? "-"
            var lines = [
                "SYNC \(rvg) -> \(report.secondary)  checkpoint \(name)"
                    + (report.startID.map { " started at \($0)" } ?? "")
            ]
            if report.already {
                lines.append("SYNC already done under checkpoint \(name): nothing was copied")
            } else {
                lines += rows(report.volumes) { _ in "yes" }
                lines.append(
                    "SYNC complete, checkpoint \(name)" + (report.endID.map { " ended at \($0)" } ?? " has no end yet")
                )
            }
            if let discarded = report.discarded { lines += OutcomeText.discarded(discarded) }
            return lines + report.notes.map { "note: \($0)" }
        }
    }

    /// The same table while it runs.
    static func running(_ progress: HomewardAdministration.Progress) -> [String] {
        rows(progress.volumes) { volume in
            if volume.compared >= volume.size { return "yes" }
            return progress.secondsLeft.map { "eta \(Units.clock($0))" } ?? "-"
        }
    }

    private static func rows(
        _ volumes: [HomewardAdministration.Progress.VolumeProgress],
        done: (HomewardAdministration.Progress.VolumeProgress) -> String
    ) -> [String] {
        [row(["volume", "size", "compared", "different", "sent", "done"])]
            + volumes.map { volume in
                row([
                    volume.volume, Units.bytes(volume.size),
                    "\(Units.fixed(Units.percent(volume.compared, of: volume.size).rounded(.down), 0))%",
                    "\(Units.fixed(volume.differing == 0 ? 0 : Units.percent(volume.differing, of: volume.compared), 1))%",
                    Units.bytes(volume.sent), done(volume),
                ])
            }
    }

    private static func row(_ cells: [String]) -> String {
        var line = ""
        for (cell, width) in zip(cells, columns) {
            line += cell + String(repeating: " ", count: max(width == 0 ? 0 : 1, width - cell.count))
        }
        return line
    }

    static func verified(_ reports: [SynchronizationReport]) -> [String] {
        var rows = [["volume", "remote", "blocks", "differing", "verdict"]]
        var differing: UInt64 = 0
        var sizes: [String] = []
        for report in reports {
            for volume in report.volumes {
                let blocks = volume.size / block + (volume.size % block == 0 ? 0 : 1)
                let unequal = volume.differing / block + (volume.differing % block == 0 ? 0 : 1)
                rows.append([
                    volume.volume, "\(report.secondary):\(volume.volume)", "\(blocks)", "\(unequal)",
                    unequal == 0 ? "identical" : "DIFFERENT",
                ])
                differing += volume.differing
                if unequal > 0 {
                    sizes.append(
                        "\(report.secondary):\(volume.volume) differs in \(Units.kilobytes(volume.differing)) Kbytes"
                    )
                }
            }
        }
        var lines = table(rows)
        if !sizes.isEmpty { lines += sizes + ["total: \(Units.kilobytes(differing)) Kbytes differ"] }
        return lines + reports.flatMap(\.notes).map { "note: \($0)" }
    }

    /// Why a comparison counts as failed; nil when all volumes are equal.
    ///
    /// `object`: the RVG, behind its disk group where one was named.
    static func difference(_ reports: [SynchronizationReport], object: String) -> Refusal? {
        let differing = reports.flatMap(\.volumes).reduce(0) { $0 + $1.differing }
        guard differing > 0 else { return nil }
        let hosts = reports.filter { report in report.volumes.contains { $0.differing > 0 } }.map(\.secondary)
        let names = object.split(separator: "/")
        let vradmin = names.count > 1 ? "vradmin -g \(names[0])" : "vradmin"
        let operands = "\(names.last ?? "RVG") \(hosts.first ?? "HOST")"
        return Refusal(
            .volumesDiffer,
            object,
            "\(Units.kilobytes(differing)) Kbytes differ on \(hosts.joined(separator: ", "))",
            hint:
                "to make them equal: \(vradmin) stoprep \(operands); then \(vradmin) -c NAME syncrvg \(operands); then "
                + "\(vradmin) -c NAME startrep \(operands)"
        )
    }
}
