/// What Tab does: puts text in, or shows what there is to choose from.
package struct TabCompletion: Hashable, Sendable {
    /// What all candidates go on with; empty where there is nothing to put in.
    package var insertion = ""
    /// Lines to show; empty where there is nothing to choose.
    package var listing = ""

    /// - Parameters:
    ///   - word: what the candidates begin with: the end of the line.
    ///   - candidates: whole words, each beginning with `word`.
    ///   - width: of the terminal.
    package init(_ word: String, _ candidates: [String], width: Int = 80) {
        let candidates = candidates.filter { $0.hasPrefix(word) }
        guard let first = candidates.first else { return }
        let common = candidates.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
        insertion = String(common.dropFirst(word.count))
        if candidates.count > 1, insertion.isEmpty { listing = Self.columns(candidates, width: width) }
    }

    package init() {}

    /// Names in columns, top down.
    static func columns(_ names: [String], width: Int) -> String {
        let cell = (names.map(\.count).max() ?? 0) + 2
        let columns = max(1, width / cell)
        let rows = (names.count + columns - 1) / columns
        return (0..<rows).map { row in
            stride(from: row, to: names.count, by: rows).map { index in
                let isLast = index + rows >= names.count
                return names[index] + (isLast ? "" : String(repeating: " ", count: cell - names[index].count))
            }.joined() + "\n"
        }.joined()
    }
}

extension String {
    /// The beginning that two words share.
    fileprivate func commonPrefix(with other: String) -> String {
        String(zip(self, other).prefix { $0 == $1 }.map(\.0))
    }
}
