import Foundation
import HomewardCore
import HomewardRunbooks
import Testing

/// Two operators begin a run of the same RVG at the same time.
@Suite("A second run in the journal", .timeLimit(.minutes(1)))
struct SecondRunTests {
    private let folder: URL
    private var path: String { folder.appendingPathComponent("journal.sqlite").path }

    init() throws { folder = try makeFolder() }

    private static let subject = #"{"dg":"hrdg","home":"seattle","rvg":"hr_rvg","start":{"reigns":[]}}"#

    @Test("of the RVG of a living one is refused, in a file and in memory alike", arguments: [true, false])
    func refused(inMemory: Bool) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let journal: any RunJournal = inMemory ? MemoryJournal() : SQLiteJournal(path: path)
        let first = try #require(try journal.perform(.begin("takeover", Self.subject)).entered)
        for step in ["stop-application", "take-over"] {
            _ = try journal.perform(.beginStep(run: first, id: step, title: ""))
        }
        let refusal = #expect(throws: Refusal.self) {
            try journal.perform(.begin("migrate", #"{"rvg":"hr_rvg","dg":"hrdg"}"#))
        }
        #expect(
            refusal
                == Refusal(
                    .runInProgress,
                    "migrate",
                    "run \(first) (takeover) is at work on hrdg/hr_rvg, at the step take-over",
                    hint: "wait for it (homeward runs show \(first)), or end it with Ctrl-C where it runs"
                )
        )
        #expect(try journal.runs().map(\.id) == [first])

        // What is about something else is entered, and what is about nothing any number of times.
        for other in [
            #"{"dg":"hrdg","rvg":"other"}"#, #"{"dg":"other","rvg":"hr_rvg"}"#, #"{"rvg":"hr_rvg"}"#,
            #"{"dg":1,"rvg":2}"#, "no JSON", "{}", "{}",
        ] {
            #expect(try journal.perform(.begin("migrate", other)).entered != nil, "\(other)")
        }
        _ = try journal.perform(.endRun(run: first, state: "interrupted", detail: "{}"))
        #expect(try journal.perform(.begin("takeover", Self.subject)).entered != nil)
    }

    @Test("of another process is refused while that lives, and entered once it is dead")
    func processes() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let sleeper = Process()
        sleeper.executableURL = URL(fileURLWithPath: "/bin/sleep")
        sleeper.arguments = ["600"]
        try sleeper.run()
        let mark = try #require(ProcessMark.of(sleeper.processIdentifier))
        let (theirs, ours) = (SQLiteJournal(path: path, now: { 100 }, process: mark), SQLiteJournal(path: path))
        _ = try theirs.perform(.begin("takeover", Self.subject))
        let refusal = #expect(throws: Refusal.self) { try ours.perform(.begin("takeover", Self.subject)) }
        #expect(refusal?.code == .runInProgress)

        kill(mark.pid, SIGKILL)
        sleeper.waitUntilExit()
        let id = try #require(try ours.perform(.begin("takeover", Self.subject)).entered)
        #expect(try ours.runs().map(\.state) == ["running", "died"])
        #expect(try ours.runs().first?.id == id)
    }

    @Test("of eight that begin at once, one is entered")
    func atOnce() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = path
        // Opened before, so that all of them meet in the transaction.
        let journals = (0..<8).map { _ in SQLiteJournal(path: path) }
        for journal in journals { _ = try journal.perform(.begin("other", "{}")) }
        for round in 0..<20 {
            let parameters = #"{"dg":"hrdg","rvg":"hr_rvg_\#(round)"}"#
            let codes = await withTaskGroup(of: RefusalCode?.self) { group in
                for journal in journals {
                    group.addTask {
                        do {
                            _ = try journal.perform(.begin("takeover", parameters))
                            return nil
                        } catch {
                            return (error as? Refusal)?.code ?? .ioError
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.count { $0 == nil } == 1)
            #expect(codes.count { $0 == .runInProgress } == 7)
        }
    }
}
