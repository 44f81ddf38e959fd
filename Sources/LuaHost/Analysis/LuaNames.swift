/// Names that were probably meant.
package enum LuaNames {
    /// The candidate that differs least from `name`, if it is near enough to be a slip; of equals the first by name.
    package static func nearest(to name: String, in candidates: [String]) -> String? {
        let limit = max(1, min(3, name.count / 3))
        let best = candidates.filter { $0 != name }.map { (distance(name, $0), $0) }.min { $0 < $1 }
        guard let best, best.0 <= limit else { return nil }
        return best.1
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8.prefix(64))
        let right = Array(right.utf8.prefix(64))
        var before: [Int] = []
        var above = Array(0...right.count)
        for row in left.indices {
            var line = [row + 1]
            for column in right.indices {
                let cost = left[row] == right[column] ? 0 : 1
                var best = min(above[column + 1] + 1, line[column] + 1, above[column] + cost)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, before[column - 1] + 1)
                }
                line.append(best)
            }
            before = above
            above = line
        }
        return above.last ?? left.count
    }
}
