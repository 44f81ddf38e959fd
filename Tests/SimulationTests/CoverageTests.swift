import HomewardSimulation
import Testing

/// The standard run comes through everything that it is meant to come through.
///
/// Goal: a check that is never reached, a fault that never hits, a state that is never seen and a transition that is never
/// made prove nothing; this suite fails when the simulator stops reaching one. Method: the seeds of the fixed base are run
/// once, and what they came through is held against the lists in `CoverageLists.swift` and against every state that
/// ``WatchedMachine`` can be in.
@Suite("Coverage", .timeLimit(.minutes(10)))
struct CoverageTests {
    private static let standard: Coverage = {
        var coverage = Coverage()
        for seed in UInt64(20_260_801)..<20_261_001 { coverage += Simulation.run(Scenario(seed: seed)).coverage }
        return coverage
    }()

    private static let listed: Set<Coverage.Transition> = {
        var listed: Set<Coverage.Transition> = []
        for line in CoverageLists.transitions.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let machine = words.first?.dropLast() else { continue }
            for word in words.dropFirst() {
                let step = word.replacing("_", with: " ").split(separator: "→").map(String.init)
                listed.insert(Coverage.Transition(String(machine), step[0], step[1]))
            }
        }
        return listed
    }()

    @Test("two hundred seeds of the fixed base are hit by every fault")
    func faults() {
        for fault in Fault.allCases where CoverageTests.standard.faults[fault.rawValue] == nil {
            Issue.record("\(fault.rawValue) never hit")
        }
    }

    @Test("they make every transition that is listed")
    func transitions() {
        for transition in CoverageTests.listed.sorted() where CoverageTests.standard.transitions[transition] == nil {
            Issue.record("\(transition.machine): \(transition.from)→\(transition.to) was never made")
        }
    }

    @Test("a transition that they make thirty times is listed")
    func listed() {
        for (transition, count) in CoverageTests.standard.transitions.sorted(by: { $0.key < $1.key })
        where count >= 30 && !CoverageTests.listed.contains(transition) {
            Issue.record("\(transition.machine): \(transition.from)→\(transition.to) was made \(count) times: list it")
        }
    }

    @Test("they see every state of every machine, but for those that are excused")
    func states() {
        for machine in WatchedMachine.allCases {
            let seen = Set(
                CoverageTests.standard.transitions.keys.filter { $0.machine == machine.rawValue }.flatMap {
                    [$0.from, $0.to]
                }
            )
            for state in machine.states where !seen.contains(state.rawValue) {
                if CoverageLists.excused["\(machine.rawValue): \(state.rawValue)"] != nil { continue }
                Issue.record("\(machine.rawValue): \(state.rawValue) was never seen")
            }
            let known = Set((machine.states + [.begin]).map(\.rawValue))
            for state in seen.subtracting(known).sorted() { Issue.record("\(machine.rawValue) has no state \(state)") }
        }
    }

    @Test("an excuse names a state that there is, and that is rare")
    func excuses() {
        for excuse in CoverageLists.excused.keys {
            let words = excuse.split(separator: ": ", maxSplits: 1).map(String.init)
            guard let machine = WatchedMachine(rawValue: words[0]),
                machine.states.contains(where: { $0.rawValue == words[1] })
            else {
                Issue.record("there is no \(excuse)")
                continue
            }
            let visits = CoverageTests.standard.transitions.filter {
                $0.key.machine == words[0] && $0.key.to == words[1]
            }
            #expect(visits.values.reduce(0, +) < 10, "\(excuse) needs no excuse any more")
        }
    }

    @Test("they count everything that has to be counted")
    func counts() {
        for what in CoverageLists.counted where CoverageTests.standard.counts[what] == nil {
            Issue.record("never: \(what)")
        }
    }
}
