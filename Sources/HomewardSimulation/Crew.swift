import Foundation

/// Hands batches of seeds to worker processes, prints what they find, and sums what they came through.
///
/// A trap in a machine is a finding like any other: the worker that dies in a seed tells so by not ending it.
final class Crew: @unchecked Sendable {
    private let lock = NSLock()
    private var next: UInt64
    private let end: UInt64
    private let options: [String]
    private var failures: [(seed: UInt64, finding: String)] = []
    private var counts = RunCounts()
    private var sum = Coverage()

    init(next: UInt64, end: UInt64, options: [String]) {
        self.next = next
        self.end = end
        self.options = options
    }

    /// The seeds that found something, in their order.
    var failed: [(seed: UInt64, finding: String)] { lock.withLock { failures.sorted { $0.seed < $1.seed } } }
    var runs: RunCounts { lock.withLock { counts } }
    var coverage: Coverage { lock.withLock { sum } }

    private func report(_ seed: UInt64, _ finding: String) {
        lock.withLock {
            failures.append((seed, finding))
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
        let work = Worker.run(seeds, options: options)
        lock.withLock {
            counts += work.runs
            sum += work.coverage
        }
        for (seed, finding) in work.findings { report(seed, finding) }
        return work.next
    }
}

extension SeedResult {
    /// The finding for a protocol of lines.
    var oneLine: String { (finding ?? "").split(separator: "\n").joined(separator: " / ") }
}

extension RunCounts {
    private static var parts: [WritableKeyPath<RunCounts, Int>] {
        [\.begun, \.done, \.failed, \.killed, \.interrupted, \.resumed]
    }

    /// For a protocol of lines.
    var coded: String { RunCounts.parts.map { "\(self[keyPath: $0])" }.joined(separator: " ") }

    init(coded text: Substring) {
        self.init()
        for (part, word) in zip(RunCounts.parts, text.split(separator: " ")) { self[keyPath: part] = Int(word) ?? 0 }
    }
}
