import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import Testing

@Suite("Lab: load.log damaged", .timeLimit(.minutes(1)))
struct DamagedNotesTests {
    static let path = "/lab/load.log"
    static let notes: [LabNote] = [
        LabNote(
            kind: .run,
            run: 5,
            number: 1,
            position: .zero,
            time: 1_700_000_000.25,
            primary: "seattle",
            history: [.init(number: 1, id: .init(high: 1, low: 2), kind: "created", firstID: .init(1), host: "seattle")]
        ),
        LabNote(kind: .flush, run: 5, number: 64, position: UpdateID(70), time: 1_700_000_001, primary: "seattle"),
        LabNote(kind: .gap, run: 5, number: 64, position: .zero, time: 1_700_000_002, primary: "seattle", text: "a}"),
        LabNote(kind: .flush, run: 5, number: 128, position: UpdateID(140), time: 1_700_000_003, primary: "seattle"),
    ]
    /// The notes, and a part of one more as long as it goes.
    static let whole = notes.flatMap(\.line)
    static let torn = whole + notes[1].line.dropLast()

    /// Reads damaged bytes: these notes, or a refusal that names file and line and says what to do.
    private func read(_ content: [UInt8], expecting notes: [LabNote], _ what: @autoclosure () -> String) {
        do throws(Refusal) {
            let found = try LabNotes(content, path: Self.path).notes
            #expect(found == notes, "\(what())")
        } catch {
            #expect(error.code == .badFormat && error.object == Self.path, "\(what()): \(error)")
            #expect(error.message.hasPrefix("line ") && error.hint.contains("homeward lab up --lab=/lab"), "\(error)")
        }
    }

    @Test("each bit of each byte flipped, also of a file whose last line is torn: the same notes, or a refusal")
    func flipped() throws {
        for content in [Self.whole, Self.torn, Self.torn.dropLast(30)] {
            #expect(try LabNotes(content, path: Self.path).notes == Self.notes)
            for (place, bit) in content.indices.flatMap({ place in (0..<8).map { (place, $0) } }) {
                var damaged = content
                damaged[place] ^= 1 << bit
                read(damaged, expecting: Self.notes, "bit \(bit) of byte \(place)")
            }
        }
    }

    @Test("a damaged line is refused with its number, and never passed over")
    func refused() {
        var start = 0
        for (number, note) in Self.notes.enumerated() {
            for place in start..<start + note.line.count {
                var damaged = Self.whole
                damaged[place] ^= 1
                let refusal = #expect(throws: Refusal.self) { try LabNotes(damaged, path: Self.path) }
                #expect(refusal?.message.hasPrefix("line \(number + 1) is ") == true, "\(place): \(refusal as Any)")
            }
            start += note.line.count
        }
    }

    @Test("cut off anywhere: the notes that are whole, and what is behind them is known to be torn")
    func cutOff() throws {
        for size in 0...Self.whole.count {
            let content = Array(Self.whole.prefix(size))
            let found = try LabNotes(content, path: Self.path)
            #expect(found.notes == Array(Self.notes.prefix(content.count { $0 == UInt8(ascii: "\n") })), "\(size)")
            #expect(found.end == content.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
            #expect(found.isTorn == (found.end < size))
        }
    }

    @Test("zeroes from anywhere on: the notes that are whole before them, or a refusal")
    func zeroes() {
        for size in 0..<Self.whole.count {
            let kept = Self.whole.prefix(size)
            let count = kept.count { $0 == UInt8(ascii: "\n") }
            let content = kept + [UInt8](repeating: 0, count: Self.whole.count - size)
            read(Array(content), expecting: Array(Self.notes.prefix(count)), "from \(size)")
        }
    }

    @Test("a line without a checksum, as releases before wrote them, and an unknown kind of note are refused")
    func otherReleases() throws {
        for lines in [[1], [0, 1]] {
            let content = lines.flatMap { Self.notes[$0].line.dropLast(10) + [UInt8(ascii: "\n")] }
            let refusal = #expect(throws: Refusal.self) { try LabNotes(content, path: Self.path) }
            #expect(refusal?.code == .badFormat && refusal?.message.hasPrefix("line 1 ") == true)
        }
        let json = #"{"kind":"later"}"#
        let line = "\(json) \(String(checksum(Array(json.utf8)), radix: 16))\n"
        let refusal = #expect(throws: Refusal.self) { try LabNotes(Self.whole + Array(line.utf8), path: Self.path) }
        #expect(refusal?.message.hasPrefix("line 5 is no note of this release") == true, "\(refusal as Any)")
    }

    @Test("notes from the beginning of a line on are read without those before, and a refusal counts them all")
    func fromTheMiddle() throws {
        let start = Self.notes[0].line.count
        #expect(try LabNotes(Self.whole, path: Self.path, from: start).notes == Array(Self.notes.dropFirst()))
        var damaged = Self.whole
        damaged[start + Self.notes[1].line.count] ^= 1
        let refusal = #expect(throws: Refusal.self) { try LabNotes(damaged, path: Self.path, from: start) }
        #expect(refusal?.message.hasPrefix("line 3 ") == true)
    }

    @Test(
        "what was written in part is gone before the next note: of a load before, or of one for which there was no room"
    )
    func tornThenAppended() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("notes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("load.log").path
        #expect(try LabNotes.read(path).notes.isEmpty)
        try Data(Self.torn).write(to: URL(fileURLWithPath: path))
        var room = Int.max
        let book = try LabNotebook(path, after: LabNotes.read(path)) { descriptor, bytes in
            let written = Int64(Foundation.write(descriptor, bytes, min(bytes.count, room)))
            return room < bytes.count ? -28 : written
        }
        try book.append(Self.notes[2])
        for part in [0, 20, Self.notes[3].line.count - 1] {
            room = part
            let refusal = #expect(throws: Refusal.self) { try book.append(Self.notes[3]) }
            #expect(refusal?.code == .ioError)
            #expect(try LabNotes.read(path).notes == Self.notes + [Self.notes[2]])
        }
        room = .max
        try book.append(Self.notes[1])
        let found = try LabNotes.read(path)
        #expect(found.notes == Self.notes + [Self.notes[2], Self.notes[1]] && !found.isTorn)
    }

    @Test("check and load refuse damaged notes, and those that cannot be read; nothing is then appended")
    func commands() async throws {
        let stage = try LabStage()
        try await stage.up()
        _ = try await stage.lab.load(seconds: 0.02)
        let file = URL(fileURLWithPath: stage.folder.notesFile)
        let content = try Data(contentsOf: file)
        var damaged = content
        damaged[damaged.count / 2] ^= 1
        try damaged.write(to: file)
        for what in ["damaged", "a folder"] {
            let code: RefusalCode = what == "damaged" ? .badFormat : .ioError
            let checked = await #expect(throws: Refusal.self) { try await stage.lab.check() }
            #expect(checked?.code == code && checked?.object == stage.folder.notesFile, "\(what)")
            let loaded = await #expect(throws: Refusal.self) { try await stage.lab.load(seconds: 0.02) }
            #expect(loaded?.code == code, "\(what)")
            if what == "damaged" {
                #expect(try Data(contentsOf: file) == damaged)
                try FileManager.default.removeItem(at: file)
                try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
            }
        }
        try FileManager.default.removeItem(at: file)
        try content.write(to: file)
        #expect(try await stage.lab.check().passed)
        _ = try await stage.lab.load(seconds: 0.02)
        #expect(try await stage.lab.check().passed)
    }
}
