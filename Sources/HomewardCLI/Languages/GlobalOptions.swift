import HomewardCore

/// Options that every command takes, anywhere on the line.
public struct GlobalOptions: Hashable, Sendable {
    /// `--host NAME`: the one host to talk to.
    public var host: String?
    /// `--lab` or `--lab=DIR`.
    public var lab: Lab?
    /// `--json`: a machine-readable result on stdout.
    public var json = false
    /// `--yes`: questions are answered with yes.
    public var yes = false

    /// Which lab is meant.
    public enum Lab: Hashable, Sendable {
        /// `.lab` of the current folder.
        case here
        case folder(String)
    }

    public init() {}

    /// Takes the global options out of a line and returns the words that are left, in order.
    ///
    /// Words after `--` are left alone, and so are those after `exec FILE`: they are the script's.
    public static func extract(from words: [String]) -> Result<(GlobalOptions, [String]), Refusal> {
        var options = GlobalOptions()
        var rest: [String] = []
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            if word == "--" {
                rest += words[(index - 1)...]
                break
            }
            switch word {
            case "--json": options.json = true
            case "--yes", "-y": options.yes = true
            case "--lab": options.lab = .here
            case "--host":
                guard index < words.count, !words[index].hasPrefix("-") else { return .failure(nameless("--host")) }
                options.host = words[index]
                index += 1
            default:
                if let value = value(of: "--host=", in: word) {
                    guard !value.isEmpty else { return .failure(nameless("--host")) }
                    options.host = value
                } else if let value = value(of: "--lab=", in: word) {
                    options.lab = value.isEmpty ? .here : .folder(value)
                } else {
                    rest.append(word)
                }
            }
            if isScriptNamed(rest) {
                rest += words[index...]
                break
            }
        }
        return .success((options, rest))
    }

    /// Whether the words so far are `exec`, options of its own, and the file.
    private static func isScriptNamed(_ words: [String]) -> Bool {
        guard words.first == ExecCommand.name else { return false }
        return ExecCommand.place(ofFileIn: Array(words.dropFirst())) != nil
    }

    private static func value(of prefix: String, in word: String) -> String? {
        word.hasPrefix(prefix) ? String(word.dropFirst(prefix.count)) : nil
    }

    private static func nameless(_ option: String) -> Refusal {
        Refusal(.usage, option, "\(option) needs the name of a host", hint: "give it: \(option) NAME")
    }
}
