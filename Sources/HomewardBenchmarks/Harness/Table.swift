/// The lines of a run as text, in columns.
enum Table {
    static func text(_ lines: [Line]) -> String {
        let rows = lines.map { [$0.what, "\(Figure.text($0.value)) \($0.unit)", $0.boundText, $0.verdict, $0.detail] }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let line = "  " + (cells + [row[4]]).joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
