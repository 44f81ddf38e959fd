import Foundation
import HomewardCore

/// The application in the background: `lab load` as a process of its own, for runbooks to stop and start.
extension Lab {
    /// The living one; nil when none runs.
    var application: LabProcess? { .running(record: folder.applicationFile, mark: applicationMark) }

    private var applicationMark: String { "--lab=\(folder.path)" }

    /// Starts it, and returns when its first flush is noted.
    ///
    /// - Parameters:
    ///   - seconds: How long it writes.
    ///   - rate: Records a second; nil: as fast as they go.
    /// - Returns: where it runs; `already` when it ran before.
    /// - Throws: `lab-host-state` with its last words when it ends before, `timed-out` after ten seconds.
    package func startApplication(seconds: Double, rate: Double?) async throws -> LabReport {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        _ = try recorded()
        if application != nil { return LabReport(already: true, summary: "the application runs already") }
        // Notes of a long load are many: only lines that come after them are looked at.
        let newline = LabFiles.read(folder.notesFile)?.lastIndex(of: UInt8(ascii: "\n"))
        let noted = newline.map { $0 + 1 } ?? 0
        try LabFiles.replace(folder.applicationLog, with: [])
        try LabProcess.start(
            [executable, "lab", "load", applicationMark, "--seconds", "\(seconds)"]
                + (rate.map { ["--rate", "\($0)"] } ?? []),
            record: folder.applicationFile,
            log: folder.applicationLog
        )
        let started = ContinuousClock.now
        while true {
            if let flush = try firstFlush(after: noted) {
                return LabReport(already: false, summary: "the application runs on \(flush.primary)")
            }
            guard let process = application else { throw applicationEnded() }
            guard ContinuousClock.now - started < .seconds(10) else {
                try process.end(orderly: true)
                throw Refusal(
                    .timedOut,
                    "lab load",
                    "it runs and has flushed nothing within 10 s",
                    hint: "homeward status"
                )
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Ends it, and returns when it is gone.
    package func stopApplication() async throws -> LabReport {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        _ = try recorded()
        guard let process = application else {
            return LabReport(already: true, summary: "no application runs in the background")
        }
        try process.end(orderly: true)
        return LabReport(already: false, summary: "the application is stopped")
    }

    private func firstFlush(after noted: Int) throws(Refusal) -> LabNote? {
        let content = LabFiles.read(folder.notesFile) ?? []
        return try LabNotes(content, path: folder.notesFile, from: noted).notes.first { $0.kind == .flush }
    }

    private func applicationEnded() -> Refusal {
        let words = LabFiles.read(folder.applicationLog).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let last = words.split(separator: "\n").first.map(String.init) ?? "it said nothing"
        return Refusal(
            .labHostState,
            "lab load",
            "the application ended at once: \(last)",
            hint: "homeward lab status; cat \(folder.applicationLog)"
        )
    }
}
