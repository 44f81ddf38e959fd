import HomewardSimulation
import Testing

@Suite("Planted bugs", .timeLimit(.minutes(10)))
struct PlantedBugTests {
    @Test("a mistake put into the simulated host is found within four hundred seeds", arguments: PlantedBug.allCases)
    func found(bug: PlantedBug) {
        let found = (UInt64(5_000)..<5_400).first { Simulation.run(seed: $0, planted: bug).finding != nil }
        #expect(found != nil, "no seed found \(bug.rawValue)")
    }
}
