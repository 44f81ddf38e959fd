import HomewardSimulation
import Testing

@Suite("Planted bugs", .timeLimit(.minutes(10)))
struct PlantedBugTests {
    @Test(
        "a mistake put into the simulated host is found within four hundred seeds",
        arguments: PlantedBug.allCases.filter { !$0.isOfRunbooks }
    )
    func found(bug: PlantedBug) {
        let found = (UInt64(5_000)..<5_400).first { seed in
            Simulation.run(Scenario(seed: seed, planted: bug, procedure: .typed)).finding != nil
        }
        #expect(found != nil, "no seed found \(bug.rawValue)")
    }

    @Test(
        "a mistake put into what surrounds runbooks is found within a hundred seeds",
        arguments: PlantedBug.allCases.filter(\.isOfRunbooks)
    )
    func foundByRunbooks(bug: PlantedBug) {
        let found = (UInt64(5_000)..<5_100).first { seed in
            Simulation.run(Scenario(seed: seed, planted: bug, procedure: .runbooks)).finding != nil
        }
        #expect(found != nil, "no seed found \(bug.rawValue)")
    }
}
