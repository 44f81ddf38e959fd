import FoundationEssentials

/// Numbers as people read them.
enum Units {
    /// `512 MiB`, `2.1 MiB`: no more than three digits, a fraction below ten.
    static func bytes(_ count: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var value = Double(count)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        guard unit > 0 else { return "\(count) B" }
        return value < 10 || (value < 100 && value != value.rounded())
            ? "\(fixed(value, 1)) \(units[unit])"
            : "\(fixed(value, 0)) \(units[unit])"
    }

    /// `2.00 GB`, as `repstatus` writes sizes.
    static func size(_ count: UInt64) -> String {
        let value = Double(count)
        if value >= 1_073_741_824 { return "\(fixed(value / 1_073_741_824, 2)) GB" }
        if value >= 1_048_576 { return "\(fixed(value / 1_048_576, 2)) MB" }
        return "\(fixed(value / 1024, 2)) KB"
    }

    /// Whole kilobytes; a part of one counts as one.
    static func kilobytes(_ count: UInt64) -> UInt64 { count / 1024 + (count % 1024 == 0 ? 0 : 1) }

    /// `part` of `whole` in per cent.
    static func percent(_ part: UInt64, of whole: UInt64) -> Double {
        whole == 0 ? 100 : Double(part) / Double(whole) * 100
    }

    /// A number with that many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return "?" }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = UInt64(min((abs(value) * scale).rounded(), 1e18))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let divisor = UInt64(scale)
        return "\(sign)\(scaled / divisor).\(padded(scaled % divisor, digits))"
    }

    /// `00:00:41`.
    static func clock(_ seconds: Double) -> String {
        let whole = UInt64(max(0, min(seconds.isFinite ? seconds : 0, 1e9)).rounded(.up))
        return "\(padded(whole / 3600, 2)):\(padded(whole / 60 % 60, 2)):\(padded(whole % 60, 2))"
    }

    /// `0h 0m 41s`.
    static func span(_ seconds: Double) -> String {
        let whole = UInt64(max(0, min(seconds.isFinite ? seconds : 0, 1e9)).rounded())
        return "\(whole / 3600)h \(whole / 60 % 60)m \(whole % 60)s"
    }

    /// `Mar 03 04:11:52`, in UTC so that the outputs of two hosts compare.
    static func time(_ seconds: Double) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents(
            [.month, .day, .hour, .minute, .second],
            from: Date(timeIntervalSince1970: seconds)
        )
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let month = months[((parts.month ?? 1) - 1) % 12]
        let clock = [parts.hour, parts.minute, parts.second].map { padded(UInt64($0 ?? 0), 2) }.joined(separator: ":")
        return "\(month) \(padded(UInt64(parts.day ?? 0), 2)) \(clock)"
    }

    private static func padded(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Lines in columns, the last one not padded.
func table(_ rows: [[String]], gap: Int = 2, indent: Int = 0) -> [String] {
    var widths: [Int] = []
    for row in rows {
        for (column, cell) in row.enumerated() {
            if column == widths.count { widths.append(0) }
            widths[column] = max(widths[column], cell.count)
        }
    }
    return rows.map { row in
        var line = String(repeating: " ", count: indent)
        for (column, cell) in row.enumerated() {
            line += cell
            if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + gap) }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
