import Foundation

/// Which processors the threads of a process run on.
struct Processors {
    private let numbers: [Int]

    /// Those that this process may use.
    static func allowed() throws -> Processors {
        let line = try Processes.status("Cpus_allowed_list", of: getpid())
        let numbers = line.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last else { return [] }
            return Array(first...last)
        }
        guard !numbers.isEmpty else { throw CannotRun("which processors may be used is not told: \(line)") }
        return Processors(numbers: numbers)
    }

    /// Two parts without a processor in common; nil when there is only one.
    var halves: (first: Processors, second: Processors)? {
        guard numbers.count > 1 else { return nil }
        let middle = (numbers.count + 1) / 2
        return (Processors(numbers: Array(numbers[..<middle])), Processors(numbers: Array(numbers[middle...])))
    }

    /// Keeps all threads that a process has on these; those that they start follow.
    func take(_ process: Int32, output: String) throws {
        let list = numbers.map(String.init).joined(separator: ",")
        for _ in 0..<3 {
            // A thread that ends between its listing and its turn makes it fail.
            if (try? Program.system("taskset", ["-a", "-p", "-c", list, String(process)], output: output).succeed())
                != nil
            {
                return
            }
        }
        throw CannotRun("taskset cannot keep process \(process) on processors \(list): see \(output)")
    }
}
