import HomewardCore

/// Sizes as operators type them.
public enum Size {
    /// `67108864`, `64M`, `64MiB`, `64m`: units are powers of 1024.
    ///
    /// - Throws: `bad-size`.
    public static func parse(_ text: String) throws(Refusal) -> UInt64 {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units: [String: UInt64] = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
        var unit = text.dropFirst(digits.count).lowercased()
        if unit.count > 1, unit.hasSuffix("ib") { unit.removeLast(2) }
        if unit.count == 2, unit.hasSuffix("b") { unit.removeLast() }
        guard let number = UInt64(digits), let shift = units[unit], number > 0, number <= UInt64.max >> (shift + 1)
        else {
            throw Refusal(
                .badSize,
                text,
                "\(text) is no size: a positive number, with K, M, G or T if wanted",
                hint: "for example 64M"
            )
        }
        return number << shift
    }
}
