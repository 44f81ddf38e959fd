import Foundation
import Testing

/// `Sources/README.md` against the tree.
@Suite(.timeLimit(.minutes(1)))
struct MapTests {
    private struct Row {
        var targets: [String]
        var imports: Set<String>
    }

    @Test("each folder of Sources stands in the map")
    func complete() throws {
        let drawn = Set(try rows().flatMap(\.targets))
        // What the map says in the row of what they make.
        let partOfScripts: Set = ["Plugins", "embed-scripts", "README.md"]
        #expect(Set(try Repository.names(in: "Sources")).subtracting(partOfScripts) == drawn)
    }

    @Test("each row of the map names what the target imports, and nothing else")
    func imports() throws {
        let rows = try rows()
        let ours = Set(rows.flatMap(\.targets).filter { !$0.hasPrefix("C") }.map(short))
        for row in rows where row.targets.count == 1 {
            var found: Set<String> = []
            for file in try Repository.files(below: "Sources/\(row.targets[0])", ending: ".swift") {
                for match in try Repository.text(file).matches(of: /(?m)^(?:public |package )?import (\w+)/) {
                    found.insert(short(String(match.output.1)))
                }
            }
            #expect(found.intersection(ours) == row.imports, "\(row.targets[0])")
        }
        #expect(rows.contains { $0.imports.count > 5 })
    }

    /// As the map writes a target in its last column.
    private func short(_ target: String) -> String {
        target.hasPrefix("Homeward") ? String(target.dropFirst("Homeward".count)) : target
    }

    private func rows() throws -> [Row] {
        try Repository.text("Sources/README.md").split(separator: "\n").compactMap { line in
            guard line.hasPrefix("| `") else { return nil }
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 4 else { return nil }
            return Row(
                targets: cells[0].matches(of: /`([^`]+)`/).map { String($0.output.1) },
                imports: Set(cells[3].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
                    .subtracting(["–"])
            )
        }
    }
}
