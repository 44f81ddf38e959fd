import Foundation

/// The files that this test run was built from.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Names in a folder.
    static func names(in path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(path).path)
    }

    /// The paths of all files below a folder, from the root on.
    static func files(below path: String, ending: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appendingPathComponent(path).path)
            .filter { $0.hasSuffix(ending) }.map { "\(path)/\($0)" }
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}

/// A fenced block of a Markdown page.
struct FencedBlock {
    /// What stands behind the opening fence: `console`, `lua`, `text`.
    var language: String
    /// The last line before the fence that is not empty.
    var heading: String
    var lines: [String]

    static func all(in page: String) -> [FencedBlock] {
        var blocks: [FencedBlock] = []
        var open: FencedBlock?
        var heading = ""
        for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                if let block = open {
                    blocks.append(block)
                    open = nil
                } else {
                    open = FencedBlock(language: String(line.dropFirst(3)), heading: heading, lines: [])
                }
            } else if open != nil {
                open?.lines.append(line)
            } else if !line.isEmpty {
                heading = line
            }
        }
        return blocks
    }

    /// The commands of a console block, without their prompt.
    var commands: [String] {
        guard language == "console" else { return [] }
        return lines.compactMap { line in
            for prompt in ["$ ", "# "] where line.hasPrefix(prompt) { return String(line.dropFirst(2)) }
            return nil
        }
    }
}
