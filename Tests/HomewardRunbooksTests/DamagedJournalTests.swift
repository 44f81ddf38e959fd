import Foundation
import GRDB
import HomewardCore
import HomewardRunbooks
import Testing

@Suite("A damaged journal of runs", .timeLimit(.minutes(2)))
struct DamagedJournalTests {
    /// `HOMEWARD_DAMAGE_STRIDE=1` damages each byte; every run takes one in some hundred, others each time.
    private static let step =
        ProcessInfo.processInfo.environment["HOMEWARD_DAMAGE_STRIDE"].flatMap { Int($0) } ?? 131

    private func sample(_ path: String) throws -> [UInt8] {
        let journal = SQLiteJournal(path: path)
        for runbook in ["takeover", "migrate"] {
            let begun = try journal.perform(
                .beginRun(runbook: runbook, source: "bundled", revision: "ab", site: nil, parameters: "{}")
            )
            guard case .begun(let run) = begun else { continue }
            for step in ["makesec", "synchronize"] {
                _ = try journal.perform(.beginStep(run: run, id: step, title: "the \(step)"))
                _ = try journal.perform(.endStep(run: run, id: step, state: "done", detail: "{}"))
            }
        }
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try queue.close()
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Reads and writes a journal with this content; whatever is refused names the file.
    private func use(_ path: String, _ content: [UInt8], _ what: String) throws {
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        try Data(content).write(to: URL(fileURLWithPath: path))
        do {
            let journal = SQLiteJournal(path: path)
            for run in try journal.runs() { _ = try journal.run(run.id) }
            _ = try journal.perform(
                .beginRun(runbook: "verify", source: "bundled", revision: "ab", site: nil, parameters: "{}")
            )
        } catch let refusal as Refusal {
            #expect([.badFormat, .ioError, .unknownRun].contains(refusal.code), "\(what): \(refusal)")
            #expect(refusal.object.contains(path) || refusal.code == .unknownRun, "\(what): \(refusal)")
        }
    }

    @Test("a flipped byte, a lost end, zeroes: the journal is read, or refused by name; the runner never traps")
    func damaged() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let content = try sample(folder.appendingPathComponent("sample").path)
        let path = folder.appendingPathComponent("journal").path
        for byte in stride(from: Int.random(in: 0..<Self.step), to: content.count, by: Self.step) {
            var flipped = content
            flipped[byte] ^= UInt8.random(in: 1...255)
            try use(path, flipped, "byte \(byte) is \(flipped[byte]), was \(content[byte])")
            try use(path, Array(content.prefix(byte)), "cut off at \(byte)")
            let zeroes = [UInt8](repeating: 0, count: content.count - byte)
            try use(path, content.prefix(byte) + zeroes, "zeroes from \(byte) on")
        }
    }
}
