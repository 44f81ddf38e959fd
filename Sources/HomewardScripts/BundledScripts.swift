/// The Lua that the program brings along: what stands in `scripts/`, built into the binary.
public enum BundledScripts {
    /// The text of a file.
    ///
    /// - Parameter path: within `scripts/`, such as `runbooks/takeover.lua`.
    /// - Returns: nil when there is none.
    public static func text(_ path: String) -> String? {
        embeddedScripts.first { $0.path == path }?.text
    }

    /// Paths within `scripts/` that begin with `folder/`, sorted.
    public static func paths(in folder: String) -> [String] {
        embeddedScripts.map(\.path).filter { $0.hasPrefix("\(folder)/") }
    }

    /// Names of the bundled runbooks, sorted.
    public static var runbooks: [String] {
        paths(in: "runbooks").map { String($0.dropFirst("runbooks/".count).dropLast(".lua".count)) }
    }
}
