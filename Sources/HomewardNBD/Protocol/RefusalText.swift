import HomewardCore

/// A refusal as the one line of text that a handshake can carry, and back.
///
/// Clients of others print it; ours turns it into the refusal again, so that a script sees the same code through both
/// doors.
package enum RefusalText {
    package static func encode(_ refusal: Refusal) -> String {
        "\(refusal.message) [\(refusal.code.rawValue)] (hint: \(refusal.hint))"
    }

    /// Nil for a text that ``encode(_:)`` did not write, or of a later release with codes unknown here.
    package static func decode(_ text: String, object: String) -> Refusal? {
        guard text.hasSuffix(")"), let mark = text.firstRange(of: "] (hint: "),
            let bracket = text[..<mark.lowerBound].lastIndex(of: "["),
            let code = RefusalCode(rawValue: String(text[text.index(after: bracket)..<mark.lowerBound]))
        else { return nil }
        let message = text[..<bracket].hasSuffix(" ") ? text[..<bracket].dropLast() : text[..<bracket]
        return Refusal(code, object, String(message), hint: String(text[mark.upperBound...].dropLast()))
    }
}
