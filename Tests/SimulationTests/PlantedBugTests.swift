import HomewardSimulation
import Testing

@Suite("Planted bugs", .timeLimit(.minutes(10)))
struct PlantedBugTests {
    /// Those that show rarely, and within how many seeds; all others show within forty.
    private static let rare: [PlantedBug: UInt64] = [
        .acceptDamaged: 200, .takeOlderFrame: 200, .syncReadsPending: 1_200, .makesecWhileOpen: 300,
    ]

    @Test(
        "a mistake put into the simulated hosts is found within the number of seeds that is stated for it",
        arguments: PlantedBug.allCases
    )
    func found(bug: PlantedBug) {
        let procedure: Procedure = bug.isOfRunbooks ? .runbooks : .typed
        let found = (UInt64(5_000)..<5_000 + (PlantedBugTests.rare[bug] ?? 40)).first { seed in
            let rvgs = bug.isOfSeveralRVGs ? 2 : nil
            return Simulation.run(Scenario(seed: seed, planted: bug, procedure: procedure, rvgs: rvgs)).finding != nil
        }
        #expect(found != nil, "no seed found \(bug.rawValue)")
    }

    @Test("without a planted bug the same seeds find nothing")
    func nothing() {
        for seed in UInt64(5_000)..<5_040 {
            #expect(Simulation.run(Scenario(seed: seed)).finding == nil)
        }
    }
}
