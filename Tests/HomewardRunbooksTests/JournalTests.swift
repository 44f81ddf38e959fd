import Foundation
import GRDB
import HomewardCore
import HomewardRunbooks
import Testing

@Suite("The journal of runs", .timeLimit(.minutes(1)))
struct JournalTests {
    private let folder: URL
    private var path: String { folder.appendingPathComponent("journal.sqlite").path }

    init() throws { folder = try makeFolder() }

    private static func begin(_ runbook: String) -> JournalCall {
        .begin(runbook, #"{"home":"seattle"}"#)
    }

    private func id(_ answer: JournalAnswer) throws -> String {
        try #require(answer.entered, "\(answer)")
    }

    @Test("commands at work are told once their run is dead, and no longer than they are at work")
    func leftCommands() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let sleeper = Process()
        sleeper.executableURL = URL(fileURLWithPath: "/bin/sleep")
        sleeper.arguments = ["600"]
        try sleeper.run()
        let mark = try #require(ProcessMark.of(sleeper.processIdentifier))
        let runner = SQLiteJournal(path: path)
        let call = JournalCall.beginCommand(process: mark, text: "app stop", seconds: 60)
        #expect(try runner.perform(call) == .command(nil))
        #expect(!FileManager.default.fileExists(atPath: path), "a script that is no runbook made a journal")
        // A runner that is dead, which its mark in the file says.
        let dead = ProcessMark(pid: mark.pid, start: mark.start + 1, boot: mark.boot)
        let killed = SQLiteJournal(path: path, now: { 100 }, process: dead)
        let run = try id(try killed.perform(Self.begin("takeover")))
        guard case .command(let entry?) = try killed.perform(call) else { throw Unmet.noEntry }
        _ = try runner.perform(Self.begin("takeover"))
        _ = try runner.perform(call)

        let expected = LeftCommand(entry: entry, run: run, text: "app stop", process: mark, deadline: 160)
        #expect(try runner.perform(.leftCommands) == .commands([expected]))
        kill(mark.pid, SIGKILL)
        while mark.isAlive { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try runner.perform(.leftCommands) == .commands([]))
    }

    private enum Unmet: Error { case noEntry }

    @Test("a journal of the first version is taken over as it is")
    func firstVersion() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = try id(try SQLiteJournal(path: path).perform(Self.begin("takeover")))
        try DatabaseQueue(path: path).write {
            try $0.execute(sql: "DROP TABLE command; DROP TABLE checksum; PRAGMA user_version = 1")
        }
        let journal = SQLiteJournal(path: path)
        #expect(try journal.runs().map(\.id) == [run])
        #expect(try journal.perform(.leftCommands) == .commands([]))
    }

    @Test("a journal tells what it was told, in a file and in memory alike", arguments: [true, false])
    func roundTrip(inMemory: Bool) throws {
        let journal: any RunJournal = inMemory ? MemoryJournal() : SQLiteJournal(path: path)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try journal.runs().isEmpty)
        let first = try id(try journal.perform(Self.begin("takeover")))
        let second = try id(try journal.perform(Self.begin("failback-difference")))
        for step in ["makesec", "synchronize"] {
            _ = try journal.perform(.beginStep(run: second, id: step, title: "the \(step)"))
        }
        _ = try journal.perform(.endStep(run: second, id: "makesec", state: "done", detail: #"{"already":true}"#))
        _ = try journal.perform(.endRun(run: first, state: "failed", detail: #"{"code":"fenced"}"#))

        #expect(try journal.runs().map(\.id) == [second, first])
        #expect(try journal.runs().allSatisfy { $0.steps.isEmpty })
        let run = try #require(try journal.run(second))
        #expect(run.state == "running")
        #expect(run.parameters == #"{"home":"seattle"}"#)
        #expect(run.ended == nil)
        #expect(run.steps.map(\.id) == ["makesec", "synchronize"])
        #expect(run.steps.map(\.state) == ["done", "running"])
        #expect(run.steps[0].detail == #"{"already":true}"#)
        #expect(run.steps[1].ended == nil)
        let failed = try #require(try journal.run(first))
        #expect(failed.state == "failed")
        #expect(failed.ended != nil)
        #expect(try journal.run("20261125-034512-1f3a") == nil)

        #expect(try journal.perform(.run(second)) == .run(run))
        #expect(try journal.perform(.run("20261125-034512-1f3a")) == .run(nil))
        #expect(try journal.perform(.runs) == .runs(try journal.runs()))
        #expect(try journal.perform(.lastRun(runbook: "failback-difference", before: nil)) == .run(run))
        #expect(try journal.perform(.lastRun(runbook: "failback-difference", before: second)) == .run(nil))
        #expect(try journal.perform(.lastRun(runbook: "migrate", before: nil)) == .run(nil))
        let third = try id(try journal.perform(Self.begin("failback-difference")))
        #expect(try journal.perform(.lastRun(runbook: "failback-difference", before: third)) == .run(run))

        // A step that is begun again begins anew.
        _ = try journal.perform(.beginStep(run: second, id: "makesec", title: "again"))
        #expect(try journal.run(second)?.steps.map(\.state) == ["running", "running"])
    }

    @Test("what is not in the journal is refused", arguments: [true, false])
    func unknown(inMemory: Bool) throws {
        let journal: any RunJournal = inMemory ? MemoryJournal() : SQLiteJournal(path: path)
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = try id(try journal.perform(Self.begin("takeover")))
        let calls: [(JournalCall, RefusalCode)] = [
            (.beginStep(run: "x", id: "a", title: "a"), .unknownRun),
            (.endStep(run: "x", id: "a", state: "done", detail: "{}"), .unknownRun),
            (.endStep(run: run, id: "a", state: "done", detail: "{}"), .unknownStep),
            (.endRun(run: "x", state: "done", detail: "{}"), .unknownRun),
        ]
        for (call, code) in calls {
            let refusal = #expect(throws: Refusal.self) { try journal.perform(call) }
            #expect(refusal?.code == code, "\(call)")
        }
    }

    @Test("a run whose process is gone has died, also when another process has its number")
    func died() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let sleeper = Process()
        sleeper.executableURL = URL(fileURLWithPath: "/bin/sleep")
        sleeper.arguments = ["600"]
        try sleeper.run()
        let mark = try #require(ProcessMark.of(sleeper.processIdentifier))
        let theirs = SQLiteJournal(path: path, now: { 1_800_000_000 }, process: mark)
        let run = try id(try theirs.perform(Self.begin("takeover")))
        let ours = SQLiteJournal(path: path)
        #expect(try ours.run(run)?.state == "running")

        // The same number in another life of the machine.
        let before = ProcessMark(pid: mark.pid, start: mark.start, boot: "another boot")
        let old = try id(
            try SQLiteJournal(path: path, now: { 1 }, process: before).perform(Self.begin("migrate"))
        )
        #expect(try ours.run(old)?.state == "died")

        kill(sleeper.processIdentifier, SIGKILL)
        sleeper.waitUntilExit()
        #expect(try ours.run(run)?.state == "died")
        #expect(try ours.runs().first { $0.id == run }?.state == "died")
        // What it had said before it died stays.
        _ = try ours.perform(.endRun(run: run, state: "interrupted", detail: "{}"))
        #expect(try ours.run(run)?.state == "interrupted")
    }

    @Test("several write at once, and none is lost")
    func writers() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = path
        let ids = try await withThrowingTaskGroup(of: [String].self) { group in
            for writer in 0..<4 {
                group.addTask {
                    let journal = SQLiteJournal(path: path)
                    return try (0..<10).map { number in
                        guard case .begun(let id) = try journal.perform(Self.begin("run-\(writer)")) else { return "" }
                        _ = try journal.perform(.beginStep(run: id, id: "step-\(number)", title: ""))
                        _ = try journal.perform(.endStep(run: id, id: "step-\(number)", state: "done", detail: "{}"))
                        _ = try journal.perform(.endRun(run: id, state: "done", detail: "{}"))
                        return id
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(ids).count == 40)
        let runs = try SQLiteJournal(path: path).runs()
        #expect(Set(runs.map(\.id)) == Set(ids))
        #expect(runs.allSatisfy { $0.state == "done" })
    }

    @Test("ids are the time in UTC and sort by it")
    func ids() {
        #expect(RunID.make(at: 1_795_578_312, chance: 0x1F3A) == "20261125-034512-1f3a")
        #expect(RunID.make(at: 0, chance: 7) == "19700101-000000-0007")
        #expect(RunID.make(at: .nan, chance: 0) == "19700101-000000-0000")
    }

    @Test("a file of something else, of a later release or torn is refused and left as it is")
    func foreign() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let other = folder.appendingPathComponent("other.sqlite").path
        try DatabaseQueue(path: other).write { try $0.execute(sql: "CREATE TABLE a (b)") }
        let later = folder.appendingPathComponent("later.sqlite").path
        _ = try SQLiteJournal(path: later).perform(Self.begin("takeover"))
        try DatabaseQueue(path: later).write { try $0.execute(sql: "PRAGMA user_version = 9") }
        let text = folder.appendingPathComponent("text.sqlite").path
        try Data("SQLite".utf8).write(to: URL(fileURLWithPath: text))
        let torn = folder.appendingPathComponent("torn.sqlite").path
        try Data(("SQLite format 3\0" + String(repeating: "x", count: 900)).utf8).write(
            to: URL(fileURLWithPath: torn)
        )
        for path in [other, text, torn] {
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            let refusal = #expect(throws: Refusal.self) { try SQLiteJournal(path: path).runs() }
            #expect(refusal?.code == .badFormat, "\(path)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before, "\(path)")
        }
        let refusal = #expect(throws: Refusal.self) { try SQLiteJournal(path: later).runs() }
        #expect(refusal?.code == .badFormat)
        #expect(refusal?.message.contains("version 9") == true)
    }

    @Test("without a folder, and without leave to write, the refusal says why")
    func unwritable() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let missing = SQLiteJournal(path: folder.appendingPathComponent("no/journal.sqlite").path)
        #expect(try missing.runs().isEmpty)
        let refusal = #expect(throws: Refusal.self) { try missing.perform(Self.begin("takeover")) }
        #expect(refusal?.code == .ioError)
        #expect(refusal?.message.contains("No such file") == true)
        // /dev/full has no room for anything, and is no database either.
        let full = #expect(throws: Refusal.self) {
            try SQLiteJournal(path: "/proc/self/journal.sqlite").perform(Self.begin("takeover"))
        }
        #expect(full?.code == .ioError)
    }

    @Test("nobody else may read the file")
    func mode() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try SQLiteJournal(path: path).perform(Self.begin("takeover"))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }
}
