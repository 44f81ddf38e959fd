/// One line of the table: a figure, the bound that it is held to, and what it was made of.
struct Line: Sendable {
    enum Bound: Sendable {
        case atMost(Double)
        case atLeast(Double)
    }

    var what: String
    var value: Double
    var unit: String
    var bound: Bound?
    /// The two sides of a ratio, or how the figure came about.
    var detail: String

    init(_ what: String, _ value: Double, _ unit: String, _ bound: Bound? = nil, detail: String = "") {
        self.what = what
        self.value = value
        self.unit = unit
        self.bound = bound
        self.detail = detail
    }

    /// `holds` or `missed`; nothing where no bound is given.
    var verdict: String {
        switch bound {
        case .none: ""
        case .atMost(let limit): value <= limit ? "holds" : "missed"
        case .atLeast(let limit): value >= limit ? "holds" : "missed"
        }
    }

    var boundText: String {
        switch bound {
        case .none: ""
        case .atMost(let limit): "≤ \(Figure.text(limit)) \(unit)"
        case .atLeast(let limit): "≥ \(Figure.text(limit)) \(unit)"
        }
    }
}

/// Numbers as the table prints them.
enum Figure {
    /// Three digits that count.
    static func text(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e9 { return String(Int(value)) }
        let digits = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 3
        return fixed(value, digits)
    }

    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = Int((abs(value) * scale).rounded())
        let whole = rounded / Int(scale)
        let rest = String(rounded % Int(scale))
        let sign = value < 0 && rounded > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        return "\(sign)\(whole).\(String(repeating: "0", count: digits - rest.count))\(rest)"
    }

    static func seconds(_ value: Double) -> String { "\(fixed(value, 3)) s" }
}
