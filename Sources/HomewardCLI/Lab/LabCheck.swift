import Foundation
import HomewardAdministration
import HomewardCore

/// The outcome of `lab check`.
package struct LabCheckReport: Sendable, Codable, Hashable {
    package struct Outage: Sendable, Codable, Hashable {
        package var from: String
        package var to: String
        package var seconds: Double
    }

    /// What an application had flushed on a host that a takeover then left behind: lost, and not missed.
    package struct GivenUp: Sendable, Codable, Hashable {
        package var host: String
        package var records: UInt64
        package var first: UInt64
        package var last: UInt64
    }

    package var passed: Bool
    /// The first finding is the one that the refusal names.
    package var findings: [String]
    /// Hosts that were not judged, and why.
    package var notes: [String]
    package var primary: String?
    /// Records that are durable by the application's notes.
    package var flushed: UInt64
    /// Hosts whose records were read and found to be a prefix, with the newest number of each.
    package var newest: [String: UInt64]
    package var outages: [Outage]
    package var givenUp: [GivenUp] = []
}

extension Lab {
    /// Reads what every host holds and judges it against the application's notes.
    ///
    /// Changes nothing.
    /// - Throws: `lab-not-running`; `lab-host-state` while the application runs; `bad-format` when the notes are damaged.
    package func check() async throws -> LabCheckReport {
        let state = try recorded()
        let lock = try takeLoadLock()
        defer { withExtendedLifetime(lock) {} }
        guard !runningHosts.isEmpty else {
            throw Refusal(.labNotRunning, folder.path, "no host of the lab runs", hint: "homeward lab up")
        }
        let runs = LabRun.collect(try LabNotes.read(folder.notesFile).notes)
        var report = LabCheckReport(
            passed: false,
            findings: [],
            notes: [],
            primary: nil,
            flushed: runs.flatMap(\.flushes).map(\.number).max() ?? 0,
            newest: [:],
            outages: LabJudge.outages(runs).map { .init(from: $0.from, to: $0.to, seconds: $0.seconds) }
        )
        var members: [(HostDescription, MemberDescription)] = []
        for host in LabFolder.hostNames {
            if !isRunning(host) {
                report.notes.append("\(host) does not run: not judged")
            } else if let description = await control(host).hostDescription() {
                if let member = description.ownMember { members.append((description, member)) }
            } else {
                report.findings.append("\(host): the daemon runs and does not answer")
            }
        }
        let open = members.filter(\.1.isOpenPrimary)
        report.primary = open.count == 1 ? open[0].0.name : nil
        var layout: LabLayout?
        var images: [LabImage] = []
        // A lab that was never loaded has no records to read.
        if !runs.isEmpty {
            for (description, member) in members {
                if let reason = unjudged(member) {
                    report.notes.append("\(description.name) \(reason): not judged")
                    continue
                }
                do {
                    let sessions = try LabSessions(self, description, member, readOnly: true)
                    defer { sessions.close() }
                    let follows =
                        open.count == 1
                        && open[0].1.links.contains {
                            $0.remoteHost == description.name && ["up-to-date", "behind"].contains($0.dataStatus)
                        }
                    let image = try await sessions.image(
                        isPrimary: open.count == 1 && member.isOpenPrimary,
                        follows: follows,
                        lab: state.id,
                        within: .seconds(30)
                    )
                    layout = sessions.layout
                    images.append(image)
                    report.newest[description.name] = image.newest
                } catch let refusal as Refusal where refusal.code == .inconsistent && !member.isOpenPrimary {
                    report.notes.append("\(refusal.message): not judged")
                } catch {
                    report.findings.append("\(description.name): its volumes cannot be read: \(error)")
                }
            }
        }
        let history = open.first?.1.history ?? []
        if !runs.isEmpty, !open.isEmpty, history.isEmpty {
            report.notes.append("the Primary tells no history: forks are not known, and everything flushed is demanded")
        }
        report.givenUp = LabJudge.givenUp(runs, history).map { run, numbers in
            .init(
                host: run.primary,
                records: UInt64(numbers.count),
                first: numbers.lowerBound,
                last: numbers.upperBound
            )
        }
        guard let layout = layout ?? LabLayout(sizes: [state.volumeSize, state.volumeSize]) else {
            preconditionFailure("volumes without room for a record were opened")
        }
        report.findings += LabJudge.findings(
            LabEvidence(
                layout: layout,
                runs: runs,
                openPrimaries: open.map(\.0.name),
                history: history,
                images: images
            )
        )
        report.passed = report.findings.isEmpty
        return report
    }

    private func unjudged(_ member: MemberDescription) -> String? {
        if member.isOpenPrimary { return nil }
        if member.role == "none" { return "has no part in the RVG" }
        if member.role == "primary" { return "is a Primary that is not open (\(member.reason ?? member.state))" }
        return member.consistent ? nil : "is inconsistent"
    }
}
