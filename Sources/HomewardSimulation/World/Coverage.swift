/// What lives have come through: faults that truly hit, what the machines went through, and how it ended.
///
/// Sums over seeds, so that a whole run can be held against what it is meant to visit.
public struct Coverage: Sendable, Equatable {
    /// One step of a machine from a state to another, as seen from outside after each input.
    public struct Transition: Hashable, Sendable, Comparable {
        public var machine: String
        public var from: String
        public var to: String

        public init(_ machine: String, _ from: String, _ to: String) {
            self.machine = machine
            self.from = from
            self.to = to
        }

        public static func < (left: Transition, right: Transition) -> Bool {
            (left.machine, left.from, left.to) < (right.machine, right.from, right.to)
        }
    }

    /// By ``Fault``'s name.
    public private(set) var faults: [String: Int] = [:]
    public private(set) var transitions: [Transition: Int] = [:]
    /// Anything else that is counted: role changes, ends, refusals by their codes.
    public private(set) var counts: [String: Int] = [:]

    public init() {}

    mutating func hit(_ fault: Fault) { faults[fault.rawValue, default: 0] += 1 }
    mutating func visit(_ transition: Transition) { transitions[transition, default: 0] += 1 }
    mutating func count(_ what: String) { counts[what, default: 0] += 1 }

    public static func += (left: inout Coverage, right: Coverage) {
        left.faults.merge(right.faults, uniquingKeysWith: +)
        left.transitions.merge(right.transitions, uniquingKeysWith: +)
        left.counts.merge(right.counts, uniquingKeysWith: +)
    }

    // MARK: For people

    /// Several lines: what hit, what was counted, and each machine with its transitions.
    public var text: String {
        var lines = ["faults that hit:"]
        lines += wrapped(Fault.allCases.map { "\($0.rawValue) \(faults[$0.rawValue] ?? 0)" })
        lines.append("counted:")
        lines += wrapped(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
        for machine in Set(transitions.keys.map(\.machine)).sorted() {
            let own = transitions.filter { $0.key.machine == machine }.sorted { $0.key < $1.key }
            let states = Set(own.flatMap { [$0.key.from, $0.key.to] })
            lines.append("\(machine): \(states.count) states, \(own.count) transitions")
            lines += wrapped(own.map { "\($0.key.from)→\($0.key.to) \($0.value)" })
        }
        return lines.joined(separator: "\n")
    }

    private func wrapped(_ words: [String]) -> [String] {
        var lines: [String] = []
        var line = " "
        for word in words {
            if line.count + word.count + 2 > 118 {
                lines.append(line)
                line = " "
            }
            line += " \(word),"
        }
        if line.count > 1 { lines.append(String(line.dropLast())) }
        return lines
    }

    // MARK: Between processes

    /// For a protocol of lines: no spaces but between the words.
    var coded: String {
        var words = faults.map { "f:\($0.key)=\($0.value)" }
        words += counts.map { "c:\($0.key)=\($0.value)" }
        words += transitions.map { "t:\($0.key.machine)/\($0.key.from)/\($0.key.to)=\($0.value)" }
        return words.map { $0.replacing(" ", with: "_") }.joined(separator: " ")
    }

    init(coded text: Substring) {
        for word in text.split(separator: " ") {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let number = Int(parts[1]), parts[0].count > 2 else { continue }
            let name = parts[0].dropFirst(2).replacing("_", with: " ")
            switch parts[0].prefix(2) {
            case "f:": faults[String(name), default: 0] += number
            case "c:": counts[String(name), default: 0] += number
            default:
                let step = name.split(separator: "/").map(String.init)
                guard step.count == 3 else { continue }
                transitions[Transition(step[0], step[1], step[2]), default: 0] += number
            }
        }
    }
}
