import Foundation

/// What a process that ran some seeds has told.
///
/// A trap in a machine is a finding like any other: the worker that dies in a seed tells so by not ending it.
struct Worker {
    var findings: [(seed: UInt64, finding: String)] = []
    var runs = RunCounts()
    var coverage = Coverage()
    /// Of the last seed that ended.
    var size = LifeSize()
    /// The first seed that it did not come to.
    var next: UInt64

    static func run(_ seeds: Range<UInt64>, options: [String]) -> Worker {
        var worker = Worker(next: seeds.upperBound)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--worker", "--from", "\(seeds.lowerBound)", "--seeds", "\(seeds.count)"] + options
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        do {
            try process.run()
        } catch {
            worker.findings.append((seeds.lowerBound, "the worker could not be started: \(error)"))
            return worker
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let trap = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        worker.read(text, trap, seeds)
        return worker
    }

    private mutating func read(_ text: String, _ trap: String, _ seeds: Range<UInt64>) {
        var current: UInt64?
        var after = seeds.lowerBound
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("runs ") { runs += RunCounts(coded: line.dropFirst(5)) }
            if line.hasPrefix("came ") { coverage += Coverage(coded: line.dropFirst(5)) }
            if line.hasPrefix("size ") { size = LifeSize(coded: line.dropFirst(5)) ?? size }
            if line.hasPrefix("begin ") { current = UInt64(line.dropFirst(6)) }
            guard line.hasPrefix("end "), let seed = current else { continue }
            if line.count > 4 { findings.append((seed, String(line.dropFirst(4)))) }
            after = seed + 1
            current = nil
        }
        next = max(after, seeds.lowerBound + 1)
        guard let seed = current else { return }
        findings.append((seed, "trapped: \(trap.split(separator: "\n").first ?? "without a word")"))
        next = seed + 1
    }
}
