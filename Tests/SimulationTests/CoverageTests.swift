import HomewardSimulation
import Testing

/// The standard run comes through everything that it is meant to come through.
///
/// Goal: a check that is never reached, a fault that never hits and a transition that is never made prove nothing; this
/// suite fails when the simulator stops reaching one. Method: the seeds of the fixed base are run and what they came through
/// is held against the lists below. What is visited by chance a handful of times in them is not listed.
@Suite("Coverage", .timeLimit(.minutes(10)))
struct CoverageTests {
    /// Machine, and from where to where; as `homeward-sim` prints them.
    private static let transitions = """
        makesec: applying→preparing applying→salvaging confirming→idle idle→applying idle→preparing idle→salvaging
        makesec: preparing→confirming salvaging→preparing
        migrate: draining→preparing handing→idle idle→draining idle→preparing preparing→handing
        promise: none→makesec none→migrate none→startrep none→takeover makesec→none migrate→none startrep→none takeover→none
        rlink: attached→detached attached→starting begin→attached begin→detached detached→attached paused→starting
        rlink: starting→streaming streaming→attached streaming→detached streaming→paused starting→attached
        role: begin→being_synchronized begin→catching_up begin→fenced begin→inconsistent begin→returned begin→secondary
        role: being_synchronized→inconsistent catching_up→being_synchronized catching_up→secondary fenced→secondary
        role: inconsistent→being_synchronized inconsistent→catching_up inconsistent→failed open→failed open→fenced
        role: open→secondary opening→open returned→fenced returned→opening secondary→being_synchronized secondary→failed
        role: secondary→opening
        startrep: committed→idle idle→preparing idle→quiescing idle→sampling preparing→committed preparing→idle
        startrep: quiescing→sampling sampling→preparing
        stream: following→none none→following
        syncrvg: begin→marking begin→offered confirming→done ending→confirming marking→recording offered→running
        syncrvg: offered→waiting recording→offered running→ending running→waiting waiting→offered
        takeover: idle→opening idle→preparing idle→silence opening→idle preparing→idle preparing→opening silence→opening
        takeover: silence→preparing
        target: flushing→ready flushing→writing_blocks idle→flushing idle→reading_its_cursor
        target: reading_its_cursor→flushing ready→writing_blocks writing_blocks→idle
        """

    private static let counted = [
        "failbacks completed", "opened: takeover", "opened: migrate", "opened: uncleanStart",
        "gave the Primary role up",
        "done: failback-difference", "done: failback-difference-multi", "done: takeover", "damage found by recovery",
        "lives with several RVGs", "lives with one RVG", "started with an RVG that could not be opened",
    ]

    @Test("two hundred seeds of the fixed base reach every fault, transition and role change that is listed")
    func standardRun() {
        var coverage = Coverage()
        for seed in UInt64(20_260_801)..<20_261_001 { coverage += Simulation.run(Scenario(seed: seed)).coverage }
        for fault in Fault.allCases where coverage.faults[fault.rawValue] == nil {
            Issue.record("\(fault.rawValue) never hit")
        }
        for line in CoverageTests.transitions.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let machine = words.first?.dropLast() else { continue }
            for word in words.dropFirst() {
                let step = word.replacing("_", with: " ").split(separator: "→").map(String.init)
                let transition = Coverage.Transition(String(machine), step[0], step[1])
                if coverage.transitions[transition] == nil { Issue.record("\(machine): \(word) was never made") }
            }
        }
        for what in CoverageTests.counted where coverage.counts[what] == nil { Issue.record("never: \(what)") }
    }
}
