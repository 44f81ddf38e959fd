import FoundationEssentials
import HomewardCore
import HomewardRunbooks
import HomewardScripts

/// The configuration folder of the site: `site.lua`, runbooks of its own, the prompt's history.
package struct SiteFolder: Hashable, Sendable {
    var path: String
    private var named: String?

    package init(environment: [String: String]) {
        path = RunbookFiles.configurationFolder(environment: environment)
        named = environment["HOMEWARD_SITE"].flatMap { $0.isEmpty ? nil : $0 }
    }

    var files: RunbookFiles { RunbookFiles(configuration: path) }
    package var history: String { "\(path)/history" }

    /// Makes the folder, for its owner only, where there is none.
    func make() throws(Refusal) {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        try LabFiles.makeFolder(path)
    }

    /// Loads a runbook by its name or its path.
    /// - Returns: the runbook, and what the operator should know of the choice.
    /// - Throws: `unknown-runbook`, `io-error`, `bad-format`.
    package func load(_ word: String) throws(Refusal) -> (RunbookFiles.Text, note: String?) {
        let text = try files.load(word)
        let isNamed = text.name == word && text.origin != "bundled"
        guard isNamed, BundledScripts.text("runbooks/\(word).lua") != nil else { return (text, nil) }
        return (text, "\(word) is the site's own, \(text.chunk); a bundled one has the same name")
    }

    /// The site file to be used: the one named, else `$HOMEWARD_SITE`, else `site.lua` of the folder if there is one.
    /// - Throws: `io-error` where a file that is named cannot be read, `bad-format`.
    package func site(_ option: String?) throws(Refusal) -> RunbookFiles.Text? {
        if let named = option ?? named { return try RunbookFiles.read(named) }
        let usual = "\(path)/site.lua"
        return FileManager.default.fileExists(atPath: usual) ? try RunbookFiles.read(usual) : nil
    }
}
