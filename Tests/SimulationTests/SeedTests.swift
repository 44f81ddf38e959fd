import Foundation
import HomewardSimulation
import Testing

@Suite("Seeds", .timeLimit(.minutes(10)))
struct SeedTests {
    @Test("forty seeds of the fixed base end in convergence and with nothing found", arguments: 20_260_801..<20_260_841)
    func fixedBase(seed: UInt64) {
        #expect(Simulation.run(Scenario(seed: seed)).finding == nil)
    }

    /// Each showed a bug once, in the words of the commit that mended it.
    @Test(
        "seeds that once found something find nothing any more",
        arguments: [
            47, 86, 88, 453, 566, 735,  // the stream of a link that overflowed was not stopped
            2742,  // a handed epoch in doubt was opened over another Primary's data
            614, 716, 791,  // failed writes were answered before their records were written
            1093,  // a takeover that was not durable yet had applied its log
            1825,  // a handed epoch that was erased stood as a rival for ever
            4370,  // records acknowledged beyond the report were waited for
            1786,  // a job was not offered again after a session that was replaced
            101_458,  // records were salvaged before they were written
            202_020,  // a takeover went on after a migrate had made its host Primary
            107_559,  // an epoch given up by its own host still ended reigns
        ] as [UInt64]
    )
    func regression(seed: UInt64) {
        #expect(Simulation.run(Scenario(seed: seed, procedure: .typed, scope: .narrow)).finding == nil)
    }

    /// Their lives depend on the text of the runbooks too.
    @Test(
        "seeds by runbooks that once found something find nothing any more",
        arguments: [
            221,  // an application was taken to run where its host had gone down
            1223, 1974,  // refused for what has to be mended by hand
            2173, 2199,  // the Primary itself was waited for, for ever
            31_173, 31_191,  // interrupted while it settled the application, a run was left running in the journal
            41_005,  // an application was taken to run where the daemon had been started again
        ] as [UInt64]
    )
    func runbookRegression(seed: UInt64) {
        #expect(Simulation.run(Scenario(seed: seed, procedure: .runbooks, scope: .narrow)).finding == nil)
    }

    /// One RVG on each host, and without the faults that were added since: so their lives are what they were.
    ///
    /// What each showed has a test of its own where it could be had without a whole life.
    @Test(
        "wide seeds that once found something find nothing any more",
        arguments: [
            1199,  // whole records behind a damage were proof of what had been given up
            1003, 1036, 1406, 2011, 2134,  // pages that a failed fdatasync had dropped were found equal
            3783,  // a Secondary with a damaged log was asked for ever
            3420,  // a log that was full when its host became a Secondary stayed so
            53_586,  // a host was not told twice that a synchronization had ended without it
            50_000_949,  // a synchronization taken up after a crash read volumes on which the log was still replayed
            7_000_753,  // an old Primary that had not given way kept the lost successor's Secondary from taking over
        ] as [UInt64]
    )
    func wideRegression(seed: UInt64) {
        let added: Set<Fault> = [
            .recordHeadFlip, .oldHeaderFlip, .blockFlip, .fullCatalog, .misdirectedRecovery, .staleRecovery,
            .secondaryRemoved, .removalAbandoned, .settingsChanged, .takenForDead,
        ]
        #expect(Simulation.run(Scenario(seed: seed, without: added, rvgs: 1, setup: .made)).finding == nil)
    }

    @Test("two RVGs on each host live through the same weather, and neither touches the other", arguments: 61..<81)
    func severalRVGs(seed: UInt64) {
        let result = Simulation.run(Scenario(seed: seed, rvgs: 2))
        #expect(result.finding == nil)
        #expect(result.coverage.counts["lives with several RVGs"] == 1)
    }

    @Test("one seed run twice in one process leaves the same trace")
    func repeatable() {
        for seed in UInt64(11)...14 {
            let first = Simulation.run(Scenario(seed: seed))
            let second = Simulation.run(Scenario(seed: seed))
            #expect(first.trace == second.trace)
            #expect(first.events == second.events)
        }
    }

    @Test("the same of runbooks")
    func repeatableRunbooks() {
        for seed in UInt64(11)...14 {
            let first = Simulation.run(Scenario(seed: seed, procedure: .runbooks))
            let second = Simulation.run(Scenario(seed: seed, procedure: .runbooks))
            #expect(first.trace == second.trace)
            #expect(first.events == second.events)
            #expect(first.runs == second.runs)
        }
    }

    @Test("two seeds leave different traces")
    func different() {
        #expect(Simulation.run(Scenario(seed: 21)).trace != Simulation.run(Scenario(seed: 22)).trace)
    }

    @Test("two processes leave the same trace of one seed")
    func repeatableAcrossProcesses() throws {
        for procedure in Procedure.allCases {
            let first = try trace(seed: 31, procedure)
            let second = try trace(seed: 31, procedure)
            #expect(first == second)
            let here = Simulation.run(Scenario(seed: 31, procedure: procedure)).trace
            #expect(first.contains("trace \(String(here, radix: 16))"))
        }
    }

    @Test("a failing seed is made smaller, and what is left still finds the same")
    func shrinking() throws {
        let text = try output(["--seed", "5000", "--plant", "endBeforeLastBlock", "--procedure", "typed", "--shrink"])
        #expect(text.contains("made smaller in"))
        #expect(text.contains("invariant 1"))
        #expect(text.contains("homeward-sim --seed 5000 --story"))
    }

    @Test("a smaller life has fewer writes and verbs too, and comes out the same each time it is made")
    func smallerWorkload() throws {
        let arguments = ["--seed", "5012", "--plant", "skipLogSync", "--procedure", "typed"]
        let whole = Simulation.run(Scenario(seed: 5012, planted: .skipLogSync, procedure: .typed)).size
        let text = try output(arguments + ["--shrink"])
        #expect(try output(arguments + ["--shrink"]) == text)
        let words = text.split(separator: "\n").last { $0.contains("read it:") }?.split(separator: " ") ?? []
        let limit = { (option: Substring) in
            words.firstIndex(of: option).flatMap { Int(words[$0 + 1]) }
        }
        #expect(try #require(limit("--writes")) < whole.writes)
        #expect(try #require(limit("--whims")) < whole.whims)
    }

    @Test("a life with a limit makes no more writes and types no more needless verbs")
    func limits() {
        let size = Simulation.run(Scenario(seed: 5000, writeLimit: 7, whimLimit: 2)).size
        #expect(size.writes == 7)
        #expect(size.whims == 2)
    }

    @Test("a life is told as a story: when, who, what")
    func story() throws {
        let lines = try output(["--seed", "31", "--story", "--scope", "narrow"]).split(separator: "\n")
        #expect(lines.contains("   0.000 s  seattle   start, primary 0.1…0.0"))
        #expect(lines.last == "1 seeds, 0 failed")
    }

    /// The last lines of `homeward-sim --seed S --trace`, run beside the tests.
    private func trace(seed: UInt64, _ procedure: Procedure) throws -> String {
        try output(["--seed", "\(seed)", "--trace", "--procedure", procedure.rawValue])
    }

    private func output(_ arguments: [String]) throws -> String {
        let folder = Bundle.main.executableURL?.deletingLastPathComponent() ?? URL(fileURLWithPath: ".build/release")
        let candidates = [folder, folder.deletingLastPathComponent(), URL(fileURLWithPath: ".build/release")]
        let found = candidates.map { $0.appendingPathComponent("homeward-sim") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let process = Process()
        guard let found else { throw CocoaError(.fileNoSuchFile) }
        process.executableURL = found
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }
}
