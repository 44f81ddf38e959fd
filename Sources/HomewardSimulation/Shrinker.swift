import Foundation

/// Makes a failing life smaller: fewer faults, fewer kinds of them, fewer writes and verbs, a smaller world, as long as the
/// same is found.
///
/// Each try is a process of its own, so that a trap is made smaller like anything else. What is kept is never larger than
/// what it was made from, and found the same when it was tried last; it need not be the smallest there is. The same life is
/// made smaller in the same way each time.
struct Shrinker {
    private let kind: String
    private(set) var scenario: Scenario
    private(set) var finding: String
    private(set) var size: LifeSize
    private(set) var tries = 0

    /// Nil: the scenario finds nothing.
    init?(_ scenario: Scenario) {
        let first = Worker.run(scenario.seed..<scenario.seed + 1, options: scenario.options)
        guard let finding = first.findings.first?.finding else { return nil }
        self.scenario = scenario
        self.finding = finding
        size = first.size
        kind = Shrinker.kind(of: finding)
    }

    mutating func shrink() {
        if scenario.rvgCount > 1 { attempt { $0.rvgs = 1 } }
        if scenario.scope == .wide { attempt { $0.scope = .narrow } }
        leaveOutTheLast(\.faults, \.faultLimit)
        for fault in Fault.allCases where fault.isChosen && !scenario.without.contains(fault) {
            attempt { $0.without.insert(fault) }
        }
        leaveOutTheLast(\.faults, \.faultLimit)
        leaveOutTheLast(\.whims, \.whimLimit)
        leaveOutTheLast(\.writes, \.writeLimit)
        leaveOutTheLast(\.faults, \.faultLimit)
    }

    /// Halves what happens, then takes single ones off the end.
    private mutating func leaveOutTheLast(
        _ part: KeyPath<LifeSize, Int>,
        _ limit: WritableKeyPath<Scenario, Int?>
    ) {
        var step = size[keyPath: part] / 2
        while step > 0, size[keyPath: part] > 0 {
            let fewer = max(0, size[keyPath: part] - step)
            if !attempt({ $0[keyPath: limit] = fewer }) { step /= 2 } else { step = min(step, size[keyPath: part]) }
        }
    }

    @discardableResult
    private mutating func attempt(_ change: (inout Scenario) -> Void) -> Bool {
        var smaller = scenario
        change(&smaller)
        tries += 1
        let run = Worker.run(smaller.seed..<smaller.seed + 1, options: smaller.options)
        guard let found = run.findings.first?.finding, Shrinker.kind(of: found) == kind,
            run.size.isWithin(size) || found.hasPrefix("trapped")
        else { return false }
        scenario = smaller
        finding = found
        size = run.size
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
        "seed \(scenario.seed), made smaller in \(tries) tries: \(size.faults) faults strike, \(size.writes) writes, "
            + "\(size.whims) needless verbs\n  \(finding)\n"
            + "  read it: homeward-sim --seed \(scenario.seed) --story \(scenario.options.joined(separator: " "))"
    }
}
