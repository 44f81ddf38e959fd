import FoundationEssentials

/// Ids of runs: `20261125-034512-1f3a`, the time in UTC and four digits of chance.
///
/// They sort by time, and can be typed.
package enum RunID {
    package static func make(at seconds: Double, chance: UInt16) -> String {
        let whole = max(0, min(seconds.isFinite ? seconds : 0, 253_402_300_799))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second],
            from: Date(timeIntervalSince1970: whole.rounded(.down))
        )
        let date = digits(parts.year, 4) + digits(parts.month, 2) + digits(parts.day, 2)
        let time = digits(parts.hour, 2) + digits(parts.minute, 2) + digits(parts.second, 2)
        let tail = String(chance, radix: 16)
        return "\(date)-\(time)-\(String(repeating: "0", count: 4 - tail.count))\(tail)"
    }

    private static func digits(_ number: Int?, _ width: Int) -> String {
        let text = String(number ?? 0)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
