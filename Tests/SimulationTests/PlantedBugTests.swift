import HomewardSimulation
import Testing

@Suite("Planted bugs", .timeLimit(.minutes(10)))
struct PlantedBugTests {
    /// Those that show rarely, and within how many seeds; all others show within forty.
    private static let rare: [PlantedBug: UInt64] = [
        .acceptDamaged: 200, .takeOlderFrame: 200, .syncReadsPending: 1_200, .makesecWhileOpen: 300,
    ]

    /// The words of the check that is to find each.
    private static let words: [PlantedBug: [String]] = [
        .acknowledgeEarly: ["is not in the log any more"],
        .skipLogSync: ["recovery sees damage", "neither copy of the log header is whole"],
        .skipVolumeSync: ["invariant 1"],
        .applyBeforeLog: ["invariant 1"],
        .applyVolumesApart: ["invariant 1"],
        .freeEarly: ["invariant 3"],
        .serveAfterFailedSync: [
            "invariant 1", "goes on without having been started again", "was the last written",
        ],
        .skipHeader: ["invariant 3"],
        .loseLastRecord: ["invariant 1", "invariant 2"],
        .acceptDamaged: ["recovery believes record"],
        .tailComesBack: ["invariant 1", "invariant 2"],
        .catalogFirst: ["neither copy of the log header is whole"],
        .applyUnproven: ["invariant 1: ", "invariant 8", "invariant 11"],
        .takeOlderFrame: ["was expected", "invariant 1: "],
        .followByEpochList: ["was expected", "invariant 8", "invariant 1: "],
        .skipBlocks: ["invariant 1"],
        .skipOneBlock: ["invariant 1"],
        .endBeforeLastBlock: ["invariant 1"],
        .syncReadsPending: ["invariant 1", "ends with another image"],
        .replayOldLog: ["invariant 1"],
        .attachOverflowed: ["invariant 3"],
        .attachForeignCopy: ["invariant 6"],
        .bothPrimary: ["invariant 8"],
        .makesecWhileOpen: ["while the application had the volumes open"],
        .migrateOutstanding: [
            "invariant 2", "invariant 3", "writes here, after", "up-to-date at", "the log begins at",
        ],
        .frameToOtherRVG: ["was expected", "invariant 1"],
        .volumeOfOtherRVG: ["invariant 1"],
        .skipStep: ["invariant 10"],
        .repeatStep: ["invariant 10"],
        .ignoreStop: ["invariant 10", "invariant 11"],
    ]

    @Test(
        "a mistake put into the simulated hosts is found within the number of seeds that is stated for it",
        arguments: PlantedBug.allCases
    )
    func found(bug: PlantedBug) throws {
        let seeds = UInt64(5_000)..<5_000 + (PlantedBugTests.rare[bug] ?? 40)
        let hit = seeds.lazy.compactMap { seed in PlantedBugTests.finding(of: bug, seed).map { (seed, $0) } }.first
        let (seed, finding) = try #require(hit, "no seed found \(bug.rawValue)")
        let words = PlantedBugTests.words[bug] ?? []
        #expect(
            words.contains { finding.contains($0) },
            "\(bug.rawValue) was found by another check, in seed \(seed): \(finding)"
        )
        let without = PlantedBugTests.finding(of: nil, seed, as: bug)
        #expect(without == nil, "seed \(seed) finds something without \(bug.rawValue) too: \(without ?? "")")
    }

    /// What a life finds with the bug, or without it in the same circumstances.
    private static func finding(of planted: PlantedBug?, _ seed: UInt64, as bug: PlantedBug? = nil) -> String? {
        guard let bug = planted ?? bug else { return nil }
        let scenario = Scenario(
            seed: seed,
            planted: planted,
            procedure: bug.isOfRunbooks ? .runbooks : .typed,
            rvgs: bug.isOfSeveralRVGs ? 2 : nil
        )
        return Simulation.run(scenario).finding
    }

    @Test("after each step the disks show an image that they may show, and a batch that is applied apart is seen there")
    func eachStep() {
        for seed in UInt64(5_000)..<5_020 {
            #expect(Simulation.run(Scenario(seed: seed, looksAtEachStep: true)).finding == nil)
        }
        let seen = (UInt64(5_000)..<5_020).lazy.compactMap { seed in
            Simulation.run(Scenario(seed: seed, planted: .applyVolumesApart, looksAtEachStep: true)).finding
        }
        #expect(seen.contains { $0.contains("after a step") })
    }

    @Test("without a planted bug the same seeds find nothing")
    func nothing() {
        for seed in UInt64(5_000)..<5_040 {
            #expect(Simulation.run(Scenario(seed: seed)).finding == nil)
        }
    }
}
