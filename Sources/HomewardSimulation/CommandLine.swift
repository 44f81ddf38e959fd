import Foundation

/// The command `homeward-sim`: runs seeds in processes of their own, so that a trap in a machine is a finding like any other.
public enum SimulationCommand {
    private struct Options {
        var seeds: UInt64 = 100
        var from: UInt64?
        var seed: UInt64?
        var jobs = max(1, ProcessInfo.processInfo.activeProcessorCount)
        var verbose = false
        var planted: PlantedBug?
        var procedure: Procedure?
        var trace = false
        var worker = false

        /// What workers are told of it.
        var passedOn: [String] {
            (planted.map { ["--plant", $0.rawValue] } ?? []) + (procedure.map { ["--procedure", $0.rawValue] } ?? [])
        }
    }

    private static let usage = """
        usage: homeward-sim [--seeds N] [--from BASE] [--jobs N] [--procedure P] [--plant BUG]
               homeward-sim --seed S [--verbose | --trace] [--procedure P] [--plant BUG]

        Runs N simulated lives of three hosts (default 100), each decided by its seed. The last line counts those that
        failed; the exit status is 1 if any did.
          --from BASE  the first seed; else a fresh one, which is printed
          --seed S     only this one; with --verbose everything that happens in it, with --trace its sum
          --jobs N     processes (default: as many as there are cores)
          --procedure P  how the Primary is brought home: typed or runbooks (default: as the seed has it)
          --plant BUG  puts a known mistake into the simulated host: \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", "))
        """

    /// Runs the command; gives the exit status.
    public static func main(_ arguments: [String]) -> Int32 {
        guard let options = parse(arguments) else {
            FileHandle.standardError.write(Data((usage + "\n").utf8))
            return 2
        }
        if let seed = options.seed { return single(seed, options) }
        if options.worker { return work(options) }
        return many(options)
    }

    private static func parse(_ arguments: [String]) -> Options? {
        var options = Options()
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "--verbose": options.verbose = true
            case "--trace": options.trace = true
            case "--worker": options.worker = true
            case "--seeds", "--from", "--seed", "--jobs":
                guard let number = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                switch word {
                case "--seeds": options.seeds = number
                case "--from": options.from = number
                case "--seed": options.seed = number
                default: options.jobs = max(1, Int(min(number, 256)))
                }
            case "--plant":
                guard let bug = rest.popFirst().flatMap({ PlantedBug(rawValue: $0) }) else { return nil }
                options.planted = bug
            case "--procedure":
                guard let procedure = rest.popFirst().flatMap({ Procedure(rawValue: $0) }) else { return nil }
                options.procedure = procedure
            default: return nil
            }
        }
        return options
    }

    private static func describe(_ result: SeedResult) -> String {
        result.finding.map { "seed \(result.seed): \($0)" } ?? "seed \(result.seed): nothing found"
    }

    private static func single(_ seed: UInt64, _ options: Options) -> Int32 {
        let result = Simulation.run(
            seed: seed,
            planted: options.planted,
            procedure: options.procedure,
            verbose: options.verbose
        )
        print(describe(result))
        if options.verbose || options.trace {
            print(
                "trace \(String(result.trace, radix: 16)), \(result.events) events, \(result.writes) writes, "
                    + "\(result.verbs) verbs, \(result.checks) images compared"
            )
            if result.runs.begun > 0 { print(result.runs.text) }
        }
        print("1 seeds, \(result.finding == nil ? 0 : 1) failed")
        return result.finding == nil ? 0 : 1
    }

    /// A worker tells of each seed before and after it, so that the one in which it dies is known.
    private static func work(_ options: Options) -> Int32 {
        guard let from = options.from else { return 2 }
        let output = FileHandle.standardOutput
        for seed in from..<from + options.seeds {
            output.write(Data("begin \(seed)\n".utf8))
            let result = Simulation.run(seed: seed, planted: options.planted, procedure: options.procedure)
            output.write(Data("runs \(result.runs.coded)\nend \(result.oneLine)\n".utf8))
        }
        return 0
    }

    private static func many(_ options: Options) -> Int32 {
        let base = options.from ?? UInt64(Date().timeIntervalSince1970 * 1000) / 1000 * 1000
        print("\(options.seeds) seeds from \(base) (repeat with --from \(base))")
        let crew = Crew(next: base, end: base + options.seeds, options: options.passedOn)
        let jobs = min(options.jobs, Int(min(options.seeds, 256)))
        let group = DispatchGroup()
        for _ in 0..<jobs {
            DispatchQueue.global().async(group: group) { while crew.runBatch() {} }
        }
        group.wait()
        print(crew.runs.text)
        print("\(options.seeds) seeds, \(crew.failed) failed")
        return crew.failed == 0 ? 0 : 1
    }
}

extension SeedResult {
    /// The finding for a protocol of lines.
    fileprivate var oneLine: String { (finding ?? "").split(separator: "\n").joined(separator: " / ") }
}

extension RunCounts {
    private static var parts: [WritableKeyPath<RunCounts, Int>] {
        [\.begun, \.done, \.failed, \.killed, \.interrupted, \.resumed]
    }

    /// For a protocol of lines.
    fileprivate var coded: String { RunCounts.parts.map { "\(self[keyPath: $0])" }.joined(separator: " ") }

    fileprivate init(coded text: Substring) {
        self.init()
        for (part, word) in zip(RunCounts.parts, text.split(separator: " ")) { self[keyPath: part] = Int(word) ?? 0 }
    }
}

/// Hands batches of seeds to worker processes and prints what they find.
private final class Crew: @unchecked Sendable {
    private let lock = NSLock()
    private var next: UInt64
    private let end: UInt64
    private let options: [String]
    private var failures = 0
    private var counts = RunCounts()

    init(next: UInt64, end: UInt64, options: [String]) {
        self.next = next
        self.end = end
        self.options = options
    }

    var failed: Int { lock.withLock { failures } }
    var runs: RunCounts { lock.withLock { counts } }

    private func report(_ seed: UInt64, _ finding: String) {
        lock.withLock {
            failures += 1
            print("seed \(seed): \(finding)")
        }
    }

    /// Runs one batch in a process; false when no seeds are left.
    func runBatch() -> Bool {
        let batch = lock.withLock { () -> Range<UInt64> in
            let first = next
            next = min(end, next + 25)
            return first..<next
        }
        var first = batch.lowerBound
        while first < batch.upperBound { first = runWorker(first..<batch.upperBound) }
        return !batch.isEmpty
    }

    /// Runs seeds in one process; gives the first that it did not come to.
    private func runWorker(_ seeds: Range<UInt64>) -> UInt64 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--worker", "--from", "\(seeds.lowerBound)", "--seeds", "\(seeds.count)"]
        process.arguments?.append(contentsOf: options)
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        do {
            try process.run()
        } catch {
            report(seeds.lowerBound, "the worker could not be started: \(error)")
            return seeds.upperBound
        }
        var current: UInt64?
        var after = seeds.lowerBound
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let trap = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("runs ") { lock.withLock { counts += RunCounts(coded: line.dropFirst(5)) } }
            if line.hasPrefix("begin ") { current = UInt64(line.dropFirst(6)) }
            guard line.hasPrefix("end "), let seed = current else { continue }
            if line.count > 4 { report(seed, String(line.dropFirst(4))) }
            after = seed + 1
            current = nil
        }
        if let seed = current {
            report(seed, "trapped: \(trap.split(separator: "\n").first ?? "without a word")")
            return seed + 1
        }
        return max(after, seeds.lowerBound + 1)
    }
}
