import Foundation
import Testing

/// Commands and what they print, as text that a person approves by committing it: `Tests/Transcripts/NAME.txt`.
///
/// `HOMEWARD_UPDATE_PAGES=1` writes the files anew; the difference is then read in the version control.
struct Transcript {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Transcripts")

    /// What comes in every run, and differs in every run, made the same.
    private let steady: Steady
    private var lines: [String]

    init(_ title: String, _ steady: Steady) {
        self.steady = steady
        lines = [title, String(repeating: "=", count: title.count)]
    }

    /// A heading between commands.
    mutating func say(_ text: String) { lines += ["", "# \(text)"] }

    mutating func add(_ typed: Operator.Typed) {
        lines += ["", "$ \(typed.line)"] + typed.shown + (typed.exit == 0 ? [] : ["(exit \(typed.exit))"])
    }

    /// Compares with the approved text.
    func approve(as name: String, at place: SourceLocation = #_sourceLocation) throws {
        let text = steady.text(lines.joined(separator: "\n")) + "\n"
        let file = Self.folder.appending(path: "\(name).txt")
        if ProcessInfo.processInfo.environment["HOMEWARD_UPDATE_PAGES"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let approved = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        guard approved != text else { return }
        Issue.record(
            """
            \(name).txt is not what is printed now; HOMEWARD_UPDATE_PAGES=1 swift test -c release --skip-build \
            --filter HomewardHostTests writes it anew
            \(Self.difference(from: approved, to: text))
            """,
            sourceLocation: place
        )
    }

    /// Lines that went and came, in their order, with the command that they belong to.
    static func difference(from old: String, to new: String) -> String {
        let old = old.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let new = new.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var removed: [Int: String] = [:]
        var inserted: [Int: String] = [:]
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, let line, _): removed[offset] = line
            case .insert(let offset, let line, _): inserted[offset] = line
            }
        }
        var lines: [String] = []
        var command = ""
        func note(_ sign: String, _ line: String) {
            if !command.isEmpty, line != command { lines.append("  \(command)") }
            command = ""
            lines.append("\(sign) \(line)")
        }
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if let line = removed[left] {
                note("-", line)
                left += 1
            } else if let line = inserted[right] {
                note("+", line)
                right += 1
            } else {
                if right < new.count, new[right].hasPrefix("$ ") { command = new[right] }
                left += 1
                right += 1
            }
        }
        return lines.joined(separator: "\n")
    }
}

/// Makes a text the same in every run: folders, ports, processes, times, durations, random names.
struct Steady: Sendable {
    var folder: String
    /// How far something is behind changes all the time.
    var isFlowing = false

    func text(_ text: String) -> String {
        isFlowing ? Self.withoutCounts(everySame(text)) : everySame(text)
    }

    private static func withoutCounts(_ text: String) -> String {
        text.replacing(/\b\d+ updates, \d+ KiB/, with: "7 updates, 448 KiB")
            .replacing(/\b\d+ Kbytes behind, +\d+% full/, with: "448 Kbytes behind, 16% full")
            .replacing(
                /\b\d+ writes outstanding, \d+ Kbytes, \d+% of SRL/,
                with: "7 writes outstanding, 448 Kbytes, 16% of SRL"
            )
            .replacing(/\bby \d+ updates/, with: "by 7 updates")
            .replacing(/ID      0\.\d+ .*/, with: "ID      0.2              0.9              7")
            .replacing(/\b\d+%(?= )/, with: "25%")
    }

    private func everySame(_ text: String) -> String {
        text.replacing(folder, with: "/lab")
            .replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:PORT")
            // Whether it was called again since.
            .replacing(
                "cannot connect to 127.0.0.1:PORT: Connection refused",
                with: "the connection was closed by the other end"
            )
            .replacing(/\(pid \d+\)/, with: "(pid PID)")
            // Over in a moment or not yet, as the hosts meet.
            .replacing(", not settled yet", with: "")
            .replacing(/process \d+/, with: "process PID")
            .replacing(/\b\d{8}-\d{6}-[0-9a-f]{4}\b/, with: "20260301-031500-4a7f")
            .replacing(
                /\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d\d \d\d:\d\d:\d\d/,
                with: "Mar 01 03:15:00"
            )
            .replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/, with: "2026-03-01T03:15:00Z")
            .replacing(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, with: "2026-03-01 03:15:00")
            .replacing(/\b\d+h \d+m \d+s/, with: "0h 0m 1s")
            .replacing(/\b\d+\.\d+ s\b/, with: "0.1 s")
            .replacing(/\b\d\d:\d\d:\d\d\b/, with: "03:15:00")
            // Whether the log still has the last record depends on when it was tidied.
            .replacing("unknown          Mar 01 03:15:00  unknown", with: "Mar 01 03:15:00  Mar 01 03:15:00  03:15:00")
            .replacing(/-\d{10}\.salvage/, with: "-1772334900.salvage")
            .replacing(/\b[0-9a-f]{16}\b/, with: "0123456789abcdef")
            .replacing(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/, with: "01234567-89ab-cdef-0123-456789abcdef")
    }
}
