import Foundation
import HomewardCore
import Testing

/// The reference page of refusal codes is made from the table in Core, and committed.
@Suite(.timeLimit(.minutes(1)))
struct RefusalCodesPageTests {
    private static let path = "Sources/HomewardCore/HomewardCore.docc/RefusalCodes.md"

    @Test("the page lists every code as the table has it; HOMEWARD_UPDATE_PAGES=1 writes it anew")
    func pageIsCurrent() throws {
        let expected = Self.page()
        if ProcessInfo.processInfo.environment["HOMEWARD_UPDATE_PAGES"] == "1" {
            try expected.write(to: Repository.root.appendingPathComponent(Self.path), atomically: true, encoding: .utf8)
        }
        let committed = try Repository.text(Self.path)
        #expect(committed == expected, "HOMEWARD_UPDATE_PAGES=1 swift test -c release --filter RefusalCodes")
    }

    @Test("codes are kebab-case, and no two of them mean the same")
    func codesAreDistinct() {
        for code in RefusalCode.allCases {
            #expect(code.rawValue.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil, "\(code.rawValue)")
        }
        #expect(Set(RefusalCode.allCases.map(\.meaning)).count == RefusalCode.allCases.count)
    }

    private static func page() -> String {
        var lines = [
            "# Refusal codes", "",
            "Every code with which a request can be refused, and what it means.", "",
            "## Overview", "",
            "A refusal has a code, a message with the values that led to it, a hint with the next command, the object and the",
            "host. Wording may change; codes do not. With `--json` a refusal is printed as `{\"error\": {…}}`, and the exit",
            "code is 1; that of `usage` is 2, that of `interrupted` 130.", "",
            "This page is made from ``RefusalCode``; a test compares the two.", "",
            "| Code | Meaning |", "|---|---|",
        ]
        lines += RefusalCode.allCases.map { "| `\($0.rawValue)` | \($0.meaning) |" }
        return lines.joined(separator: "\n") + "\n"
    }
}
