import Crypto
import FoundationEssentials
import Glibc
import HomewardCore
import HomewardScripts

/// Runbooks: those in the binary, and those of the site.
public struct RunbookFiles: Sendable {
    /// The site's configuration folder; its runbooks lie in `runbooks/` of it.
    public var configuration: String

    /// One runbook, before it is read.
    public struct Entry: Hashable, Sendable {
        public var name: String
        /// The file; nil of a bundled one.
        public var file: String?

        public init(name: String, file: String?) {
            self.name = name
            self.file = file
        }
    }

    /// The text of a runbook or of a site file, and what the journal keeps of it.
    public struct Text: Hashable, Sendable {
        public var name: String
        /// For messages: the path as given, or `runbooks/takeover.lua`.
        public var chunk: String
        /// The file as it was found, or `bundled`.
        public var origin: String
        public var source: String
        /// SHA-256 of the text, hexadecimal.
        public var revision: String
        /// The folder of the file, for `require`; nil of a bundled one.
        public var folder: String?
    }

    public init(configuration: String) { self.configuration = configuration }

    /// `$HOMEWARD_CONFIG`, else `$XDG_CONFIG_HOME/homeward`, else `~/.config/homeward`; an empty variable counts as unset.
    public static func configurationFolder(environment: [String: String]) -> String {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let folder = variable("HOMEWARD_CONFIG") { return folder }
        if let folder = variable("XDG_CONFIG_HOME") { return "\(folder)/homeward" }
        return "\(variable("HOME") ?? "/root")/.config/homeward"
    }

    var folder: String { "\(configuration)/runbooks" }

    // MARK: Reading

    /// All runbooks in the order of their names; one of the site goes before a bundled one of the same name.
    /// - Throws: `io-error` when the site's folder is there and cannot be read.
    public func list() throws(Refusal) -> [Entry] {
        let site = try siteNames().map { Entry(name: $0, file: path(of: $0)) }
        let names = Set(site.map(\.name))
        let bundled = BundledScripts.runbooks.filter { !names.contains($0) }.map { Entry(name: $0, file: nil) }
        return (site + bundled).sorted { ($0.name, $0.file ?? "") < ($1.name, $1.file ?? "") }
    }

    /// Loads a runbook: by its path if there is a `/` in it or it ends in `.lua`, else by its name.
    /// - Throws: `unknown-runbook`, `io-error`, `bad-format` for a text that is no UTF-8.
    public func load(_ given: String) throws(Refusal) -> Text {
        if given.contains("/") || given.hasSuffix(".lua") { return try Self.read(given, .unknownRunbook) }
        if Self.isName(given), exists(path(of: given)) { return try Self.read(path(of: given), .unknownRunbook) }
        guard let text = BundledScripts.text("runbooks/\(given).lua") else { throw try unknown(given) }
        return Text(
            name: given,
            chunk: "runbooks/\(given).lua",
            origin: "bundled",
            source: text,
            revision: Self.revision(of: text),
            folder: nil
        )
    }

    /// Loads a file as it is: a site file, a script.
    /// - Throws: `io-error`, `bad-format`.
    public static func read(_ path: String) throws(Refusal) -> Text { try read(path, .ioError) }

    private static func read(_ path: String, _ missing: RefusalCode) throws(Refusal) -> Text {
        let bytes: [UInt8]
        do throws(ScriptFile.Failure) {
            bytes = try ScriptFile.bytes(path)
        } catch {
            let (message, hint) = error.told(of: path)
            guard error == .missing else { throw Refusal(.ioError, path, message, hint: hint) }
            let list = "the runbooks: homeward runbooks list"
            throw Refusal(missing, path, message, hint: missing == .unknownRunbook ? list : hint)
        }
        guard let source = String(validating: bytes, as: UTF8.self) else {
            throw Refusal(.badFormat, path, "\(path) is no text in UTF-8", hint: "give a Lua file")
        }
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let cut = path.lastIndex(of: "/")
        return Text(
            name: file.hasSuffix(".lua") ? String(file.dropLast(4)) : file,
            chunk: path,
            origin: resolved(path) ?? path,
            source: source,
            revision: revision(of: source),
            folder: cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        )
    }

    /// SHA-256, hexadecimal.
    public static func revision(of text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0\(digits)" : digits
        }.joined()
    }

    /// The path without symbolic links; nil when it leads nowhere.
    public static func resolved(_ path: String) -> String? {
        guard let buffer = realpath(path, nil) else { return nil }
        defer { free(buffer) }
        return String(cString: buffer)
    }

    // MARK: Writing

    /// Copies a runbook into the site's folder under another name, to be edited.
    /// - Returns: The path of the copy.
    /// - Throws: `name-in-use`, `bad-name`, `unknown-runbook`, `io-error`.
    public func copy(_ original: String, as name: String) throws(Refusal) -> String {
        guard Self.isName(name) else {
            throw Refusal(
                .badName,
                name,
                "\(name) is no name of a runbook: lower-case letters, digits and - between them, at most 64",
                hint: "homeward runbooks new our-failback --from \(original)"
            )
        }
        let text = try load(original)
        let file = path(of: name)
        guard !exists(file), BundledScripts.text("runbooks/\(name).lua") == nil else {
            throw Refusal(
                .nameInUse,
                name,
                exists(file) ? "\(file) exists" : "a bundled runbook has that name",
                hint: "choose another name, or edit the file"
            )
        }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw Self.failure(folder, error)
        }
        try write(text.source, to: file, name)
        return file
    }

    /// Whole or not at all, and never over a file that somebody else made meanwhile.
    private func write(_ text: String, to file: String, _ name: String) throws(Refusal) {
        let temporary = "\(file).\(getpid()).new"
        do {
            try Data(text.utf8).write(to: URL(filePath: temporary))
        } catch {
            unlink(temporary)
            throw Self.failure(temporary, error)
        }
        defer { unlink(temporary) }
        guard link(temporary, file) == 0 else {
            guard errno == EEXIST else {
                throw Refusal(
                    .ioError,
                    file,
                    "\(file): \(String(cString: strerror(errno)))",
                    hint: "see that the folder may be written"
                )
            }
            throw Refusal(.nameInUse, name, "\(file) exists", hint: "choose another name, or edit the file")
        }
    }

    // MARK: Names

    /// `failback-difference`: kebab-case.
    static func isName(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        return name.utf8.count <= 64
            && parts.allSatisfy { part in
                !part.isEmpty
                    && part.utf8.allSatisfy {
                        $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")
                            || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
                    }
            }
    }

    private func path(of name: String) -> String { "\(folder)/\(name).lua" }
    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private func siteNames() throws(Refusal) -> [String] {
        guard exists(folder) else { return [] }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(".lua") && !$0.hasPrefix(".") }.map { String($0.dropLast(4)) }
        } catch {
            throw Self.failure(folder, error)
        }
    }

    private func unknown(_ name: String) throws(Refusal) -> Refusal {
        let names = try list().map(\.name).joined(separator: ", ")
        return Refusal(
            .unknownRunbook,
            name,
            "no runbook of that name is bundled or in \(folder)",
            hint: names.isEmpty
                ? "give the path of a file" : "one of \(names), or the path of a file; homeward runbooks list"
        )
    }

    private static func failure(_ path: String, _ error: any Error) -> Refusal {
        Refusal(.ioError, path, "\(path): \(error)", hint: "see that it may be read and written")
    }
}
