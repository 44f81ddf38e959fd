import CPlatform
import Foundation
import HomewardAdministration
import HomewardCore
import HomewardStorage

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

    /// As JSON, a blank and the checksum of that, so that a digit that is not the one written is no other note.
    package var line: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let content = try? encoder.encode(self) else { preconditionFailure("a note always encodes") }
        return [UInt8](content) + Array(" \(LabFiles.checksumText([UInt8](content)))\n".utf8)
    }
}

/// What `load.log` holds.
package struct LabNotes: Hashable, Sendable {
    package private(set) var notes: [LabNote] = []
    /// Bytes up to the end of the last whole line.
    package private(set) var end: Int
    /// Behind it stands a part of a line, which a load that was killed did not live to believe.
    package private(set) var isTorn = false

    /// The notes of a file; none when there is no file.
    /// - Throws: `io-error`, and as ``init(_:path:from:)``.
    package static func read(_ path: String) throws(Refusal) -> LabNotes {
        try LabNotes(try DurableFile.read(path, limit: .max) ?? [], path: path)
    }

    /// Reads a file's content, or what stands in it from the beginning of a line on.
    ///
    /// - Parameters:
    ///   - content: All bytes of the file.
    ///   - path: Where it was read, for what a refusal says.
    ///   - start: What stands before it is not looked at.
    /// - Throws: `bad-format` with the number of the first line that is not as it was written: what was flushed is then
    ///   not known, and to judge by the rest could let pass what is lost.
    package init(_ content: [UInt8], path: String, from start: Int = 0) throws(Refusal) {
        end = min(start, content.count)
        let decoder = JSONDecoder()
        while let newline = content[end...].firstIndex(of: UInt8(ascii: "\n")) {
            guard let bytes = Self.checked(content[end..<newline]) else {
                throw Self.refusal(content, end, path, "is damaged or of another release: its checksum is not its own")
            }
            guard let note = try? decoder.decode(LabNote.self, from: Data(bytes)) else {
                throw Self.refusal(content, end, path, "is no note of this release")
            }
            notes.append(note)
            end = newline + 1
        }
        let tail = content[end...]
        isTorn = !tail.isEmpty
        // A whole line and more is no part of a line: its end was there once.
        for brace in tail.indices.dropLast(1 + Self.checksumSize) where tail[brace] == UInt8(ascii: "}") {
            guard Self.checked(content[end...brace + Self.checksumSize]) == nil else {
                throw Self.refusal(content, end, path, "is damaged: its end is missing")
            }
        }
    }

    /// A blank and eight digits.
    private static let checksumSize = 9

    /// A line without its checksum; nil when that is not the one of what stands before it.
    private static func checked(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let bytes = line.dropLast(checksumSize)
        return line.suffix(checksumSize).elementsEqual(" \(LabFiles.checksumText(Array(bytes)))".utf8) ? bytes : nil
    }

    private static func refusal(_ content: [UInt8], _ start: Int, _ path: String, _ what: String) -> Refusal {
        let line = content[..<start].count { $0 == UInt8(ascii: "\n") } + 1
        let folder = (path as NSString).deletingLastPathComponent
        return Refusal(
            .badFormat,
            path,
            "line \(line) \(what); what the application has flushed is not known",
            hint: "bring the file back from a copy; or make the lab anew: homeward lab down --erase --lab=\(folder); "
                + "homeward lab up --lab=\(folder)"
        )
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
package final class LabNotebook {
    private let descriptor: Int32
    private let path: String
    private let write: (Int32, [UInt8]) -> Int64
    /// Bytes of the lines that are durable.
    private var end: Int64
    /// Behind them may be a part of a line: a line after it would not be one.
    private var isTorn: Bool

    /// - Parameters:
    ///   - path: Where the file is, or will be.
    ///   - notes: What was read there; nobody else writes.
    ///   - write: How bytes get behind a file's end: their number, or a negative `errno`.
    /// - Throws: `io-error`.
    package init(
        _ path: String,
        after notes: LabNotes,
        write: @escaping (Int32, [UInt8]) -> Int64 = { homeward_write($0, $1, $1.count) }
    ) throws(Refusal) {
        self.path = path
        self.write = write
        end = Int64(notes.end)
        isTorn = notes.isTorn
        let isNew = !FileManager.default.fileExists(atPath: path)
        descriptor = try LabFiles.check(homeward_open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600), "open", path)
        if isNew { try LabFiles.synchronizeFolder((path as NSString).deletingLastPathComponent) }
    }

    deinit { _ = homeward_close(descriptor) }

    /// - Throws: `io-error`; the note then does not count, and another may be appended.
    package func append(_ note: LabNote) throws(Refusal) {
        if isTorn {
            // Nobody believed it. The cut is durable first: a crash must not leave the old part behind a new line.
            try LabFiles.check(homeward_ftruncate(descriptor, end), "truncate", path)
            try LabFiles.check(homeward_fsync(descriptor), "synchronize", path)
        }
        let line = note.line
        isTorn = true
        try LabFiles.check(write(descriptor, line), "write", path)
        try LabFiles.check(homeward_fdatasync(descriptor), "synchronize", path)
        isTorn = false
        end += Int64(line.count)
    }
}
