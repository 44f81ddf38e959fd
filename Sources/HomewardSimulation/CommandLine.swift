import Foundation

/// The command `homeward-sim`: runs seeds in processes of their own, so that a trap in a machine is a finding like any other.
public enum SimulationCommand {
    private struct Options {
        var seeds: UInt64 = 100
        var from: UInt64?
        var single = false
        var jobs = max(1, ProcessInfo.processInfo.activeProcessorCount)
        var scenario = Scenario(seed: 0)
        var telling = Telling.nothing
        var trace = false
        var coverage = true
        var worker = false
        var shrinks = false
    }

    /// Failing seeds that a run of many makes smaller by itself.
    private static let shrunk = 3

    private static let usage = """
        usage: homeward-sim [--seeds N] [--from BASE] [--jobs N] [OPTIONS]
               homeward-sim --seed S [--story | --verbose | --trace | --shrink] [OPTIONS]

        Runs N simulated lives of some hosts (default 100), each decided by its seed, and prints what they came through. The
        last line counts those that failed; the exit status is 1 if any did.
          --from BASE  the first seed; else a fresh one, which is printed
          --seed S     only this one; with --story the events that people speak of, with --verbose each message too, with
                       --trace its sum; with --shrink a failing one is made smaller, as the first failing ones of a run are
          --jobs N     processes (default: as many as there are cores)
          --quiet      without what they came through
        OPTIONS decide what a life may see:
          --scope S    narrow: three hosts that die and are cut off; wide (default): everything
          --procedure P  how the Primary is brought home: typed or runbooks (default: as the seed has it)
          --setup S    who sets replication up: made (it is there) or runbook (default: as the seed has it)
          --without F,G  kinds of faults that do not strike: \(Fault.allCases.filter(\.isChosen).map(\.rawValue).joined(separator: ", "))
          --faults N   only the first N faults of these kinds strike
          --writes N   the applications make only their first N writes
          --whims N    only the first N verbs are typed that nobody has to type
          --rvgs N     RVGs on each host, 1 to 4 (default: as the seed has it)
          --each-step  compares the images of a host after each of its steps, and not only now and then
          --plant BUG  puts a known mistake into the simulated host: \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", "))
        """

    /// Runs the command; gives the exit status.
    public static func main(_ arguments: [String]) -> Int32 {
        guard let options = parse(arguments) else {
            FileHandle.standardError.write(Data((usage + "\n").utf8))
            return 2
        }
        if options.single { return single(options) }
        if options.worker { return work(options) }
        return many(options)
    }

    private static func parse(_ arguments: [String]) -> Options? {
        var options = Options()
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "--verbose": options.telling = .everything
            case "--story": options.telling = .story
            case "--trace": options.trace = true
            case "--shrink": options.shrinks = true
            case "--quiet": options.coverage = false
            case "--worker": options.worker = true
            case "--each-step": options.scenario.looksAtEachStep = true
            default:
                guard word.hasPrefix("--"), let value = rest.popFirst(), take(word, value, into: &options) else {
                    return nil
                }
            }
        }
        return options
    }

    /// One option with a value; false: it is none.
    private static func take(_ word: String, _ value: String, into options: inout Options) -> Bool {
        switch word {
        case "--seeds", "--from", "--seed", "--jobs", "--faults", "--writes", "--whims", "--rvgs":
            guard let number = UInt64(value) else { return false }
            switch word {
            case "--seeds": options.seeds = number
            case "--from": options.from = number
            case "--faults": options.scenario.faultLimit = Int(min(number, 1 << 40))
            case "--writes": options.scenario.writeLimit = Int(min(number, 1 << 40))
            case "--whims": options.scenario.whimLimit = Int(min(number, 1 << 40))
            case "--rvgs":
                guard 1...4 ~= number else { return false }
                options.scenario.rvgs = Int(number)
            case "--seed":
                options.scenario.seed = number
                options.single = true
            default: options.jobs = max(1, Int(min(number, 256)))
            }
        case "--plant":
            guard let bug = PlantedBug(rawValue: value) else { return false }
            options.scenario.planted = bug
        case "--procedure":
            guard let procedure = Procedure(rawValue: value) else { return false }
            options.scenario.procedure = procedure
        case "--setup":
            guard let setup = Scenario.Setup(rawValue: value) else { return false }
            options.scenario.setup = setup
        case "--scope":
            guard let scope = Scenario.Scope(rawValue: value) else { return false }
            options.scenario.scope = scope
        case "--without":
            for name in value.split(separator: ",") {
                guard let fault = Fault(rawValue: String(name)) else { return false }
                options.scenario.without.insert(fault)
            }
        default: return false
        }
        return true
    }

    private static func single(_ options: Options) -> Int32 {
        if options.shrinks { return shrink(options.scenario) ? 1 : 0 }
        let result = Simulation.run(options.scenario, telling: options.telling)
        print("seed \(result.seed): \(result.finding ?? "nothing found")")
        if options.telling != .nothing || options.trace {
            print(
                "trace \(String(result.trace, radix: 16)), \(result.events) events, \(result.writes) writes, "
                    + "\(result.verbs) verbs, \(result.checks) images compared"
            )
            if result.runs.begun > 0 { print(result.runs.text) }
        }
        print("1 seeds, \(result.finding == nil ? 0 : 1) failed")
        return result.finding == nil ? 0 : 1
    }

    /// Prints a failing life made smaller; false: it does not fail.
    private static func shrink(_ scenario: Scenario) -> Bool {
        guard var shrinker = Shrinker(scenario) else {
            print("seed \(scenario.seed): nothing found")
            return false
        }
        shrinker.shrink()
        print(shrinker.text)
        return true
    }

    /// A worker tells of each seed before and after it, so that the one in which it dies is known.
    private static func work(_ options: Options) -> Int32 {
        guard let from = options.from else { return 2 }
        let output = FileHandle.standardOutput
        var scenario = options.scenario
        for seed in from..<from + options.seeds {
            scenario.seed = seed
            output.write(Data("begin \(seed)\n".utf8))
            let result = Simulation.run(scenario)
            let lines =
                "runs \(result.runs.coded)\nsize \(result.size.coded)\ncame \(result.coverage.coded)\nend \(result.oneLine)\n"
            output.write(Data(lines.utf8))
        }
        return 0
    }

    private static func many(_ options: Options) -> Int32 {
        let base = options.from ?? UInt64(Date().timeIntervalSince1970 * 1000) / 1000 * 1000
        let repetition = (["--from", "\(base)"] + options.scenario.options).joined(separator: " ")
        print("\(options.seeds) seeds from \(base) (repeat with \(repetition))")
        let crew = Crew(next: base, end: base + options.seeds, options: options.scenario.options)
        let jobs = min(options.jobs, Int(min(options.seeds, 256)))
        let group = DispatchGroup()
        for _ in 0..<jobs {
            DispatchQueue.global().async(group: group) { while crew.runBatch() {} }
        }
        group.wait()
        if options.coverage { print(crew.coverage.text) }
        print(crew.runs.text)
        for (seed, _) in crew.failed.prefix(shrunk) {
            var scenario = options.scenario
            scenario.seed = seed
            _ = shrink(scenario)
        }
        print("\(options.seeds) seeds, \(crew.failed.count) failed")
        return crew.failed.isEmpty ? 0 : 1
    }
}
