/// What a life prints while it goes on.
public enum Telling: Sendable {
    case nothing
    /// Each event as it is.
    case everything
    /// The events that people speak of, in columns: time, who, what.
    case story

    func tell(_ text: String, at now: UInt64) {
        switch self {
        case .nothing: return
        case .everything: print("\(now / 1_000_000).\(now / 1_000 % 1_000) \(text)")
        case .story: print(Telling.column(text, at: now))
        }
    }

    /// Columns: the time in seconds, who, what.
    private static func column(_ text: String, at now: UInt64) -> String {
        let milliseconds = now / 1_000_000
        let fraction = String(milliseconds % 1_000 + 1_000).dropFirst()
        let whole = String(milliseconds / 1_000)
        let time = String(repeating: " ", count: max(0, 4 - whole.count)) + whole + "." + fraction
        var who = ""
        var what = text[...]
        if let colon = text.firstIndex(of: ":"),
            text[..<colon].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "/" })
        {
            who = String(text[..<colon])
            what = text[text.index(after: colon)...].drop { $0 == " " }
        }
        return "\(time) s  \(who)\(String(repeating: " ", count: max(0, 8 - who.count)))  \(what)"
    }
}
