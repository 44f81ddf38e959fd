import ArgumentParser
import Foundation

/// Measures the product against peers and limits, and prints ratios with their bounds.
@main
struct HomewardBenchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures Homeward against peers and limits, both sides in the same run.",
        discussion: """
            \(Benchmark.all.map { "\($0.name): \($0.summary)" }.joined(separator: "\n"))

            Exits with 1 when a benchmark could not be carried out; a bound that is missed is printed as such.
            """
    )

    @Flag(help: "Small volumes and one round: whether everything works. No bound is judged.")
    var tiny = false

    @Option(help: "Rounds of each comparison, instead of the benchmark's own number.")
    var rounds: Int?

    @Option(help: "Where files may lie; removed afterwards. A short path: sockets lie in it.")
    var folder = "/tmp/hwb-\(UUID().uuidString.prefix(8))"

    @Argument(help: "Which ones, by name; all when none is given.")
    var names: [String] = []

    func validate() throws {
        for name in names where !Benchmark.all.contains(where: { $0.name == name }) {
            throw ValidationError("there is no benchmark \(name)")
        }
    }

    func run() async throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let product = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("homeward").path
        guard FileManager.default.isExecutableFile(atPath: product) else {
            throw CannotRun("\(product) is not built: scripts/dev/build")
        }
        let chosen = names.isEmpty ? Benchmark.all : Benchmark.all.filter { names.contains($0.name) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var failed = 0
        for benchmark in chosen {
            print("\(benchmark.name): \(benchmark.summary)")
            let began = Stopwatch.now
            let run = Run(tiny: tiny, folder: folder, product: product, rounds: rounds)
            do {
                var lines = try await benchmark.run(run.inside(benchmark.name))
                if tiny { for index in lines.indices { lines[index].bound = nil } }
                print(Table.text(lines))
            } catch {
                failed += 1
                print("  could not be carried out: \(error)")
            }
            print("  took \(Figure.seconds(Stopwatch.seconds(since: began)))\n")
        }
        guard failed == 0 else {
            print("\(failed) of \(chosen.count) benchmarks could not be carried out")
            throw ExitCode(1)
        }
    }
}
