/// `; did you mean X?` for the nearest of the words, or nothing when none is near.
func suggestion(for word: String, among candidates: [String]) -> String {
    let near = candidates.sorted().map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    guard let near, near.1 <= max(1, word.count / 3) else { return "" }
    return "; did you mean \(near.0)?"
}

/// How many letters have to be changed, put in or taken out.
private func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (i, letter) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in right.enumerated() {
            let above = row[j + 1]
            row[j + 1] = letter == other ? diagonal : min(diagonal, above, row[j]) + 1
            diagonal = above
        }
    }
    return row[right.count]
}
