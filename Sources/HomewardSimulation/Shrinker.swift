import Foundation

/// Makes a failing life smaller: fewer faults, fewer kinds of them, a smaller world, as long as the same is found.
///
/// Each try is a process of its own, so that a trap is made smaller like anything else. What is kept is never larger than
/// what it was made from, and found the same when it was tried last; it need not be the smallest there is.
struct Shrinker {
    private let kind: String
    private(set) var scenario: Scenario
    private(set) var finding: String
    private(set) var faults: Int
    private(set) var tries = 0

    /// Nil: the scenario finds nothing.
    init?(_ scenario: Scenario) {
        let first = Worker.run(scenario.seed..<scenario.seed + 1, options: scenario.options)
        guard let finding = first.findings.first?.finding else { return nil }
        self.scenario = scenario
        self.finding = finding
        faults = first.faults
        kind = Shrinker.kind(of: finding)
    }

    mutating func shrink() {
        if scenario.scope == .wide { attempt { $0.scope = .narrow } }
        leaveOutTheLast()
        for fault in Fault.allCases where fault.isChosen && !scenario.without.contains(fault) {
            attempt { $0.without.insert(fault) }
        }
        leaveOutTheLast()
    }

    /// Halves what is let strike, then takes single faults off the end.
    private mutating func leaveOutTheLast() {
        var step = faults / 2
        while step > 0, faults > 0 {
            let limit = max(0, faults - step)
            if !attempt({ $0.faultLimit = limit }) { step /= 2 } else { step = min(step, faults) }
        }
    }

    @discardableResult
    private mutating func attempt(_ change: (inout Scenario) -> Void) -> Bool {
        var smaller = scenario
        change(&smaller)
        tries += 1
        let run = Worker.run(smaller.seed..<smaller.seed + 1, options: smaller.options)
        guard let found = run.findings.first?.finding, Shrinker.kind(of: found) == kind,
            run.faults <= faults || run.findings.first?.finding.hasPrefix("trapped") == true
        else { return false }
        scenario = smaller
        finding = found
        faults = min(faults, run.faults)
        return true
    }

    /// What two findings of one mistake have in common: their words without numbers and names of hosts.
    private static func kind(of finding: String) -> String {
        let words = finding.split(separator: " ").prefix(12).filter { word in
            !word.contains(where: \.isNumber)
                && !["seattle", "london", "tokyo", "lima"].contains { word.contains($0) }
        }
        return words.prefix(6).joined(separator: " ")
    }

    /// For people: how small it became, and how to read it.
    var text: String {
        "seed \(scenario.seed), made smaller in \(tries) tries: \(faults) faults strike\n  \(finding)\n"
            + "  read it: homeward-sim --seed \(scenario.seed) --story \(scenario.options.joined(separator: " "))"
    }
}
