import HomewardAdministration
import HomewardCore

/// Answers as people read them.
enum AnswerText {
    /// - Returns: Lines for stdout, and lines for stderr.
    static func lines(_ answer: Answer, _ view: View) -> (out: [String], notes: [String]) {
        switch answer {
        case .done(let outcome): (OutcomeText.lines(outcome), [])
        case .volumes(let volumes): (HostText.volumes(volumes), volumes.isEmpty ? ["no volume"] : [])
        case .sum(let sum): Self.sum(sum, view)
        case .rds(let rds): (describe(rds, view), rds.isEmpty ? ["no RVG"] : [])
        case .checkpoints(let checkpoints):
            (LinkText.checkpoints(checkpoints), checkpoints.isEmpty ? ["no checkpoint"] : [])
        case .synchronized(let reports): (synchronized(reports, view), [])
        case .link(let link): (LinkText.status(link, time: view == .linkStatus(time: true)), [])
        case .updates(let updates): (LinkText.updates(updates, time: view != .updates(time: false)), [])
        case .host(let host): (HostText.status(host), [])
        }
    }

    /// The line of `sha256sum`; the position, without which sums do not compare, is a note beside it.
    private static func sum(_ sum: VolumeSum, _ view: View) -> (out: [String], notes: [String]) {
        let name =
            if case .sum(let diskGroup) = view, !sum.volume.contains("/") { "\(diskGroup)/\(sum.volume)" } else {
                sum.volume
            }
        let position = sum.position.map { "at update \($0)" } ?? "in no RVG, so at no position"
        return (["\(sum.sha256)  \(name)"], ["\(name) on \(sum.host): \(Units.bytes(sum.size)), \(position)"])
    }

    private static func describe(_ rds: [RDSDescription], _ view: View) -> [String] {
        switch view {
        case .printrvg(let long): RDSText.printrvg(rds, long: long)
        case .repstatus(let long): RepstatusText.lines(rds, long: long)
        case .printvol: RDSText.printvol(rds)
        case .dataVolumes(let oneColumn): RDSText.dataVolumes(rds, oneColumn: oneColumn)
        case .links(let oneColumn): RDSText.links(rds, oneColumn: oneColumn)
        default: RDSText.printrvg(rds, long: true)
        }
    }

    private static func synchronized(_ reports: [SynchronizationReport], _ view: View) -> [String] {
        switch view {
        case .verification: SynchronizationText.verified(reports)
        case .synchronization(let rvg): SynchronizationText.copied(reports, rvg: rvg)
        default: SynchronizationText.copied(reports, rvg: "")
        }
    }
}
