import Foundation
import HomewardCore
import Testing

/// What holds for every refusal that the sources can make, read from the sources.
@Suite(.timeLimit(.minutes(1)))
struct RefusalSourceTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let sources = texts("Sources", ".swift")

    private static func texts(_ folder: String, _ ending: String) -> [(name: String, text: String)] {
        let folder = root.appendingPathComponent(folder)
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(ending) }.sorted().compactMap { name in
            (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)).map { (name, $0) }
        }
    }

    /// The text of a call from its opening parenthesis to the one that closes it.
    private func call(_ text: Substring) -> Substring {
        var depth = 0
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" {
                depth -= 1
                if depth == 0 { return text[...index] }
            }
        }
        return text
    }

    @Test("every refusal that is made says what to do next")
    func hints() throws {
        try #require(RefusalSourceTests.sources.count > 100)
        var count = 0
        for (name, text) in RefusalSourceTests.sources {
            for match in text.matches(of: /\b(?:Refusal|refuse|refusal)(?=\(\s*\.[a-z])/) {
                let words = call(text[match.range.upperBound...])
                // The verdicts of the table of preconditions name a command, from which the hint is made.
                if words.wholeMatch(of: /\(\.[A-Za-z]+, \.[a-z]+\)/) != nil { continue }
                count += 1
                #expect(words.contains("hint:"), "\(name): \(words)")
                #expect(!words.contains(/hint:\s*""/), "\(name): \(words)")
            }
        }
        #expect(count > 100)
    }

    @Test("every code is used somewhere and has a meaning")
    func codes() {
        let others = RefusalSourceTests.sources.filter { !$0.name.hasSuffix("RefusalCode.swift") }.map(\.text).joined()
        let words = Set(others.matches(of: /\.([a-z][A-Za-z]*)/).map { String($0.output.1) })
        // Lua, and the host of Lua, which knows nothing of refusals, write codes as they print.
        let literals = others + RefusalSourceTests.texts("scripts", ".lua").map(\.text).joined()
        for code in RefusalCode.allCases {
            let isUsed = words.contains("\(code)") || literals.contains("\"\(code.rawValue)\"")
            #expect(isUsed, "\(code.rawValue) is used nowhere")
            #expect(!code.meaning.isEmpty)
        }
        #expect(Set(RefusalCode.allCases.map(\.meaning)).count == RefusalCode.allCases.count)
    }
}
