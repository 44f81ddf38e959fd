/// A line of Lua in words, as far as completion needs them.
enum LuaToken: Equatable {
    case name(String)
    case string(String)
    case number
    case symbol(Character)

    /// The words of `line`, the name that its end begins (empty when it ends otherwise), and what an unfinished string at
    /// its end holds.
    static func read(_ line: String) -> (tokens: [LuaToken], partial: String, openString: String?) {
        var tokens: [LuaToken] = []
        var rest = Substring(line)
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if isNameStart(first) {
                let name = rest.prefix { isNameStart($0) || ($0.isASCII && $0.isNumber) }
                rest = rest[name.endIndex...]
                if rest.isEmpty { return (tokens, String(name), nil) }
                tokens.append(.name(String(name)))
            } else if first.isASCII, first.isNumber {
                rest = rest[rest.prefix { $0.isHexDigit || $0 == "." || $0 == "x" }.endIndex...]
                tokens.append(.number)
            } else if first == "\"" || first == "'" {
                let (text, end) = readString(rest.dropFirst(), until: first)
                guard let end else { return (tokens, "", text) }
                tokens.append(.string(text))
                rest = rest[end...]
            } else if rest.hasPrefix("--") {
                return (tokens, "", "")
            } else {
                tokens.append(.symbol(rest.removeFirst()))
            }
        }
        return (tokens, "", nil)
    }

    private static func isNameStart(_ character: Character) -> Bool {
        character == "_" || (character.isASCII && character.isLetter)
    }

    private static func readString(_ text: Substring, until quote: Character) -> (String, Substring.Index?) {
        var result = ""
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            index = text.index(after: index)
            if character == quote { return (result, index) }
            if character == "\\", index < text.endIndex {
                result.append(text[index])
                index = text.index(after: index)
            } else {
                result.append(character)
            }
        }
        return (result, nil)
    }
}
