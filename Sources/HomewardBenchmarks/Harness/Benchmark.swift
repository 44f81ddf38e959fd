import Foundation

/// One benchmark: a name to ask for it by, and what it measures.
struct Benchmark: Sendable {
    var name: String
    var summary: String
    var run: @Sendable (Run) async throws -> [Line]
}

/// What one run of a benchmark is given.
struct Run: Sendable {
    /// Small volumes and few rounds: shows that everything works, and says nothing of speed.
    var tiny: Bool
    /// Where its files may lie: empty, and removed afterwards.
    var folder: String
    /// The program that is measured.
    var product: String
    /// Instead of the benchmark's own number of rounds.
    var rounds: Int?

    /// The same in a folder of its own within this one's.
    func inside(_ name: String) throws -> Run {
        var run = self
        run.folder += "/\(name)"
        try FileManager.default.createDirectory(atPath: run.folder, withIntermediateDirectories: true)
        return run
    }

    /// One value for the full run, another for the tiny one.
    func scaled<Value>(_ full: Value, tiny small: Value) -> Value { tiny ? small : full }
}

/// A benchmark that could not be carried out: the run fails, whatever the speed.
struct CannotRun: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
