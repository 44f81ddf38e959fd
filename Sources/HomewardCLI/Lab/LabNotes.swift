import CPlatform
import Foundation
import HomewardAdministration
import HomewardCore

/// One line of `load.log`: what the application knows apart from the hosts, durable before it believes it.
package struct LabNote: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        /// A load begins: its first number, and the history of the Primary that it writes to.
        case run
        /// Everything up to `number` is flushed; the log had got to `position`.
        case flush
        /// Numbers flushed before are not on the volumes that this load found.
        case gap
        case end
    }

    package var kind: Kind
    package var run: UInt64
    /// Of a run its first number, of a flush or an end the last flushed, of a gap the last number found.
    package var number: UInt64
    package var position: UpdateID
    /// Seconds since 1970, for display and for the outage.
    package var time: Double
    package var primary: String
    package var history: [EpochDescription]?
    package var text: String?

    package init(
        kind: Kind,
        run: UInt64,
        number: UInt64,
        position: UpdateID,
        time: Double,
        primary: String,
        history: [EpochDescription]? = nil,
        text: String? = nil
    ) {
        self.kind = kind
        self.run = run
        self.number = number
        self.position = position
        self.time = time
        self.primary = primary
        self.history = history
        self.text = text
    }

    /// Reads a file's content.
    ///
    /// A line that is torn was never believed, and is passed over.
    package static func parse(_ content: [UInt8]) -> [LabNote] {
        let decoder = JSONDecoder()
        return content.split(separator: UInt8(ascii: "\n")).compactMap {
            try? decoder.decode(LabNote.self, from: Data($0))
        }
    }

    package var line: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let content = try? encoder.encode(self) else { preconditionFailure("a note always encodes") }
        return [UInt8](content) + [UInt8(ascii: "\n")]
    }
}

/// One load, put together from its notes.
package struct LabRun: Hashable, Sendable {
    package struct Flush: Hashable, Sendable {
        package var number: UInt64
        package var position: UpdateID
        package var time: Double

        package init(number: UInt64, position: UpdateID, time: Double = 0) {
            self.number = number
            self.position = position
            self.time = time
        }
    }

    package var id: UInt64
    package var first: UInt64
    /// The end of the log before the first record.
    package var start: UpdateID
    package var primary: String
    package var history: [EpochDescription]
    package var flushes: [Flush]

    package init(
        id: UInt64,
        first: UInt64,
        start: UpdateID,
        primary: String,
        history: [EpochDescription],
        flushes: [Flush]
    ) {
        self.id = id
        self.first = first
        self.start = start
        self.primary = primary
        self.history = history
        self.flushes = flushes
    }

    /// In the order in which they began.
    package static func collect(_ notes: [LabNote]) -> [LabRun] {
        var runs: [LabRun] = []
        for note in notes {
            switch note.kind {
            case .run:
                runs.append(
                    LabRun(
                        id: note.run,
                        first: note.number,
                        start: note.position,
                        primary: note.primary,
                        history: note.history ?? [],
                        flushes: []
                    )
                )
            case .flush:
                guard let index = runs.lastIndex(where: { $0.id == note.run }) else { continue }
                runs[index].flushes.append(Flush(number: note.number, position: note.position, time: note.time))
            case .gap, .end: continue
            }
        }
        return runs
    }

    /// The log position that was known before `number` was written: its record has a higher id.
    package func positionBefore(_ number: UInt64) -> UpdateID {
        flushes.last { $0.number < number }?.position ?? start
    }
}

/// The file, open for appending; each note is durable when ``append(_:)`` returns.
final class LabNotebook {
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws(Refusal) {
        self.path = path
        let isNew = !FileManager.default.fileExists(atPath: path)
        let torn = LabFiles.read(path)?.last.map { $0 != UInt8(ascii: "\n") } ?? false
        descriptor = try LabFiles.check(homeward_open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600), "open", path)
        if isNew { try LabFiles.synchronizeFolder((path as NSString).deletingLastPathComponent) }
        // What a killed load wrote in part stays a line of its own.
        if torn { try LabFiles.check(homeward_write(descriptor, [UInt8(ascii: "\n")], 1), "write", path) }
    }

    deinit { _ = homeward_close(descriptor) }

    func append(_ note: LabNote) throws(Refusal) {
        let line = note.line
        try LabFiles.check(homeward_write(descriptor, line, line.count), "write", path)
        try LabFiles.check(homeward_fdatasync(descriptor), "synchronize", path)
    }
}
