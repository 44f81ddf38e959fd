import Foundation
import HomewardAdministration
import HomewardCore

/// What a load did.
package struct LabLoadReport: Sendable, Codable, Hashable {
    package var primary: String
    package var run: String
    package var first: UInt64
    package var last: UInt64
    package var lastFlushed: UInt64
    package var records: UInt64
    package var seconds: Double
    package var recordsPerSecond: Double
    package var notes: [String]
}

extension Lab {
    /// Records between two flushes.
    static let flushEvery: UInt64 = 64

    /// Plays the application on the open Primary: writes, flushes, notes; each record depends on the one before.
    ///
    /// The numbering goes on from the newest record on the volumes. What is noted in `load.log` was durable at the
    /// Primary, and the note is durable, before the next record is written.
    /// - Parameters:
    ///   - seconds: How long it writes.
    ///   - rate: Records a second; nil: as fast as they go.
    ///   - hold: Afterwards keep the volumes open, idle, until the Primary is lost.
    /// - Returns: What it wrote and flushed.
    /// - Throws: `lab-host-state` when the Primary stops answering, with the last number that was flushed;
    ///   `bad-format` when the notes of loads before are damaged.
    package func load(seconds: Double, rate: Double? = nil, hold: Bool = false) async throws -> LabLoadReport {
        let state = try recorded()
        let lock = try takeLoadLock()
        defer { withExtendedLifetime(lock) {} }
        let (description, _) = try await openPrimary()
        let host = description.name
        let noted = try LabNotes.read(folder.notesFile)
        let notebook = try LabNotebook(folder.notesFile, after: noted)
        // Described again with the sessions open: from here on no role change can pass unseen.
        guard let member = description.ownMember else { throw lost(host, nil, "it has no RVG any more") }
        let sessions = try LabSessions(self, description, member, readOnly: false)
        defer { sessions.close() }
        guard let opened = await control(host).ownMember(), opened.isOpenPrimary else {
            throw lost(host, nil, "it is no open Primary any more")
        }
        let found = try await sessions.image(isPrimary: true, follows: false, lab: state.id, within: .seconds(10))
        var previous = Self.newestRecord(found, sessions.layout)
        var generator = SystemRandomNumberGenerator()
        let run: UInt64 = generator.next()
        let first = (previous?.number ?? 0) + 1
        let flushedBefore = noted.notes.last { $0.kind == .flush }?.number ?? 0
        func note(_ kind: LabNote.Kind, _ number: UInt64, _ position: UpdateID, _ text: String? = nil) -> LabNote {
            LabNote(
                kind: kind,
                run: run,
                number: number,
                position: position,
                time: Date().timeIntervalSince1970,
                primary: host,
                history: kind == .run ? opened.history : nil,
                text: text
            )
        }

        var messages: [String] = []
        try notebook.append(note(.run, first, opened.endID))
        if flushedBefore > first - 1 {
            let text = "records \(first) to \(flushedBefore) had been flushed before, and are not on \(host)"
            messages.append(text)
            try notebook.append(note(.gap, first - 1, opened.endID, text))
        }

        let started = ContinuousClock.now
        var number = first - 1
        var flushed = first - 1
        do {
            while ContinuousClock.now - started < .seconds(seconds) {
                for _ in 0..<batch(rate) {
                    let record = LabRecord(
                        lab: state.id,
                        run: run,
                        number: number + 1,
                        previous: previous?.checksum ?? 0
                    )
                    try sessions.write(record)
                    number += 1
                    previous = record
                }
                try sessions.flush(after: number)
                guard let now = await control(host).ownMember(within: 10), now.isOpenPrimary else {
                    throw lost(host, flushed, "it is no open Primary any more")
                }
                flushed = number
                try notebook.append(note(.flush, number, now.endID))
                if let rate {
                    let due = started + .seconds(Double(number - first + 1) / rate)
                    try await Task.sleep(until: due, clock: .continuous)
                }
            }
        } catch {
            try? notebook.append(note(.end, flushed, .zero, "\(error)"))
            throw (error as? Refusal)?.code == .labHostState ? error : lost(host, flushed, "\(error)")
        }
        try notebook.append(note(.end, flushed, .zero))
        let elapsed = (ContinuousClock.now - started) / .seconds(1)
        while hold {
            // Through the session as well: another daemon may answer on the same socket by now.
            do { try sessions.flush(after: number) } catch { throw lost(host, flushed, "\(error)") }
            guard await control(host).ownMember()?.isOpenPrimary == true else {
                throw lost(host, flushed, "it does not answer as an open Primary")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        return LabLoadReport(
            primary: host,
            run: hexadecimal(run),
            first: first,
            last: number,
            lastFlushed: flushed,
            records: number - first + 1,
            seconds: elapsed,
            recordsPerSecond: Double(number - first + 1) / max(elapsed, 0.001),
            notes: messages
        )
    }

    /// A slow application flushes ten times a second, whatever its rate.
    private func batch(_ rate: Double?) -> UInt64 {
        guard let rate else { return Self.flushEvery }
        return UInt64(min(max(rate / 10, 1), Double(Self.flushEvery)))
    }

    private func lost(_ host: String, _ flushed: UInt64?, _ reason: String) -> Refusal {
        let last = flushed.map { "; the last record flushed and noted is \($0)" } ?? ""
        return Refusal(
            .labHostState,
            host,
            "the application lost its Primary: \(reason)\(last)",
            hint: "homeward lab status"
        )
    }

    private static func newestRecord(_ image: LabImage, _ layout: LabLayout) -> LabRecord? {
        guard image.newest > 0, case .record(let record) = image.content(layout, image.newest) else { return nil }
        return record
    }
}
