/// Finds what somebody probably meant.
package enum Spelling {
    /// The candidate with the fewest edits, if they are few enough for a slip of the hand; of equals the first.
    package static func nearest(to word: String, among candidates: [String]) -> String? {
        let allowed = max(1, word.count / 3)
        let ranked = candidates.map { (name: $0, edits: distance(word.lowercased(), $0.lowercased())) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }), best.edits <= allowed else { return nil }
        return best.name
    }

    /// Letters to insert, delete, replace or swap with their neighbour.
    package static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left)
        let right = Array(right)
        var older: [Int] = []
        var previous = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                var best = min(
                    previous[column + 1] + 1,
                    current[column] + 1,
                    previous[column] + (left[row] == right[column] ? 0 : 1)
                )
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, older[column - 1] + 1)
                }
                current.append(best)
            }
            older = previous
            previous = current
        }
        return previous[right.count]
    }
}
