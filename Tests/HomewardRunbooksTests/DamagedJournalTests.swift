import Foundation
import GRDB
import HomewardCore
import HomewardRunbooks
import Testing

/// `HOMEWARD_DAMAGE_STRIDE=1` damages each byte, which takes hours; every run takes one in some hundred, others each time.
private let damageStep = ProcessInfo.processInfo.environment["HOMEWARD_DAMAGE_STRIDE"].flatMap { Int($0) } ?? 131

@Suite("A damaged journal of runs", .timeLimit(.minutes(damageStep < 131 ? 600 : 2)))
struct DamagedJournalTests {
    /// What an undamaged journal says, by the file of it at rest.
    private struct Sample {
        var content: [UInt8]
        /// With their steps, newest first.
        var runs: [RunRecord]
    }

    private func sample(_ path: String) throws -> Sample {
        let journal = SQLiteJournal(path: path)
        for (runbook, state) in [("takeover", "failed"), ("migrate", "done"), ("verify", "interrupted")] {
            let parameters = #"{"dg":"hrdg","rvg":"hr_rvg"}"#
            let run = try #require(try journal.perform(.begin(runbook, parameters)).entered)
            for step in ["makesec", "synchronize"] {
                _ = try journal.perform(.beginStep(run: run, id: step, title: "the \(step)"))
                _ = try journal.perform(.endStep(run: run, id: step, state: "done", detail: #"{"already":true}"#))
            }
            _ = try journal.perform(.endRun(run: run, state: state, detail: #"{"code":"fenced"}"#))
        }
        let runs = try journal.runs().map { try #require(try journal.run($0.id)) }
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try queue.close()
        return Sample(content: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))), runs: runs)
    }

    /// Reads and writes a journal with this content: what it says is what was written, or it is refused and named.
    ///
    /// How often it was refused.
    @discardableResult
    private func use(_ path: String, _ content: [UInt8], _ sample: Sample, _ what: String) throws -> Int {
        var refusals = 0
        /// Does something that may be refused; whatever is refused names the file.
        func mayRefuse(_ body: () throws -> Void) throws {
            do {
                try body()
            } catch let refusal as Refusal {
                refusals += 1
                #expect([.badFormat, .ioError].contains(refusal.code), "\(what): \(refusal)")
                #expect(refusal.object.contains(path), "\(what): \(refusal)")
            }
        }
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        try Data(content).write(to: URL(fileURLWithPath: path))
        let journal = SQLiteJournal(path: path)
        for run in sample.runs {
            try mayRefuse {
                let found = try journal.run(run.id)
                #expect(found == run, "\(what)")
            }
            try mayRefuse {
                let last = try journal.perform(.lastRun(runbook: run.runbook, before: nil))
                #expect(last == .run(run), "\(what)")
            }
        }
        try mayRefuse {
            let runs = try journal.runs()
            #expect(runs == sample.runs.map { Self.withoutSteps($0) }, "\(what)")
            for run in runs { #expect(try journal.run(run.id)?.id == run.id, "\(what)") }
        }
        try mayRefuse { _ = try journal.perform(.begin("verify", "{}")) }
        // What was changed since is not vouched for where it was damaged.
        for run in sample.runs {
            try mayRefuse {
                _ = try journal.perform(.beginStep(run: run.id, id: "migrate", title: "the migrate"))
                let steps = try journal.run(run.id)?.steps
                #expect(steps.map { Array($0.dropLast()) } == run.steps, "\(what)")
            }
        }
        return refusals
    }

    private static func withoutSteps(_ run: RunRecord) -> RunRecord {
        var run = run
        run.steps = []
        return run
    }

    private func inFolder(_ body: (URL) throws -> Void) throws {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    @Test(
        "a flipped byte, a lost end, zeroes: the journal is as it was written, or refused by name; the runner never traps"
    )
    func damaged() throws {
        try inFolder { folder in
            let sample = try sample(folder.appendingPathComponent("sample").path)
            let content = sample.content
            let path = folder.appendingPathComponent("journal").path
            for byte in stride(from: Int.random(in: 0..<damageStep), to: content.count, by: damageStep) {
                var flipped = content
                flipped[byte] ^= UInt8.random(in: 1...255)
                try use(path, flipped, sample, "byte \(byte) is \(flipped[byte]), was \(content[byte])")
                // Without a byte it is no file yet, and a new journal.
                guard byte > 0 else { continue }
                try use(path, Array(content.prefix(byte)), sample, "cut off at \(byte)")
                let zeroes = [UInt8](repeating: 0, count: content.count - byte)
                try use(path, content.prefix(byte) + zeroes, sample, "zeroes from \(byte) on")
            }
        }
    }

    @Test("a byte of a text that was entered, flipped: refused by name, and so is whatever would write over it")
    func flippedTexts() throws {
        try inFolder { folder in
            let sample = try sample(folder.appendingPathComponent("sample").path)
            let content = sample.content
            let path = folder.appendingPathComponent("journal").path
            for text in ["interrupted", "takeover", "the makesec", "bundled", #"{"already":true}"#, "hr_rvg"] {
                let bytes = Array(text.utf8)
                var refusals = 0
                for place in 0..<content.count - bytes.count {
                    guard content[place..<place + bytes.count].elementsEqual(bytes) else { continue }
                    let byte = place + Int.random(in: bytes.indices)
                    var flipped = content
                    flipped[byte] ^= 1
                    refusals += try use(path, flipped, sample, "byte \(byte) of \(text)")
                }
                // Some of them stand in pages that are used no more.
                #expect(refusals > 0, "\(text)")
            }
        }
    }

    @Test("a journal of the release before checksums is read, and has them from then on")
    func older() throws {
        try inFolder { folder in
            let sample = try sample(folder.appendingPathComponent("sample").path)
            let path = folder.appendingPathComponent("journal").path
            try Data(sample.content).write(to: URL(fileURLWithPath: path))
            try DatabaseQueue(path: path).write { try $0.execute(sql: "DROP TABLE checksum; PRAGMA user_version = 2") }
            let journal = SQLiteJournal(path: path)
            for run in sample.runs { #expect(try journal.run(run.id) == run) }
            try DatabaseQueue(path: path).write { try $0.execute(sql: "UPDATE step SET state = 'skipped'") }
            let refusal = #expect(throws: Refusal.self) { try SQLiteJournal(path: path).runs() }
            #expect(refusal?.code == .badFormat && refusal?.message.contains("checksum") == true)
            #expect(refusal?.object == path && refusal?.hint.isEmpty == false)
        }
    }

    @Test("a run that is gone, and a step that is gone, are missed")
    func missing() throws {
        for sql in [
            "PRAGMA foreign_keys = OFF; DELETE FROM run WHERE runbook = 'migrate'", "DELETE FROM step WHERE place = 2",
            "PRAGMA foreign_keys = OFF; DELETE FROM checksum WHERE crc = (SELECT max(crc) FROM checksum)",
        ] {
            try inFolder { folder in
                let path = folder.appendingPathComponent("journal").path
                _ = try sample(path)
                try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: sql) }
                let refusal = #expect(throws: Refusal.self) { try SQLiteJournal(path: path).runs() }
                #expect(refusal?.code == .badFormat, "\(sql)")
            }
        }
    }
}
