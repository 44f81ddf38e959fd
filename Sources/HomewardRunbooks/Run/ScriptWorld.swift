import FoundationEssentials
import HomewardCore
import HomewardScripts
import LuaHost

/// The surroundings of a script: which modules it has, and where others are looked for.
public enum ScriptWorld {
    /// - Parameters:
    ///   - state: of this one script.
    ///   - folder: of the script, where `require` looks after what is bundled; nil: only what is bundled.
    ///   - isPrompt: globals may be declared, and the module is there as `hw`.
    ///   - limits: those of product.md, if left out.
    ///   - seed: of a simulation.
    ///   - output: gets what `print` writes.
    /// - Returns: what ``LuaRun`` or ``LuaDriver`` is made with.
    public static func make(
        _ state: ScriptState,
        folder: String? = nil,
        isPrompt: Bool = false,
        limits: LuaLimits = LuaLimits(),
        seed: UInt64? = nil,
        output: @escaping @Sendable ([UInt8]) -> Void
    ) -> LuaWorld<ScriptVerb> {
        LuaWorld(
            limits: limits,
            modules: [HomewardModule.make(state), EngineModule.make(state)],
            preloaded: isPrompt ? ["hw": "homeward"] : [:],
            globals: isPrompt ? .prompt : .strict,
            seed: seed,
            source: { name throws(LuaError) in try source(name, folder: folder) },
            output: { if !state.isQuiet { output($0) } }
        )
    }

    /// The text of a module: `homeward.runbook` is `scripts/lib/homeward/runbook.lua` of the binary.
    ///
    /// What is bundled goes first, so that no file beside a script takes its place.
    /// - Returns: nil when there is none.
    /// - Throws: `unknown-module` for one that lies elsewhere, `io-error` for one that cannot be read.
    public static func source(_ name: String, folder: String?) throws(LuaError) -> LuaSource? {
        let path = "\(name.split(separator: ".", omittingEmptySubsequences: false).joined(separator: "/")).lua"
        // LuaHost lets no other names through; a second look costs nothing.
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.contains("..") else { return nil }
        if let text = BundledScripts.text("lib/\(path)") { return LuaSource(name: name, text: Array(text.utf8)) }
        guard let folder else { return nil }
        return try local("\(folder)/\(path)", folder: folder, name)
    }

    private static func local(_ path: String, folder: String, _ name: String) throws(LuaError) -> LuaSource? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let place = RunbookFiles.resolved(path)
        let base = RunbookFiles.resolved(folder)
        guard let place, let base, place.hasPrefix(base == "/" ? "/" : base + "/") else {
            throw LuaError(
                .unknownModule,
                "\(path) leads out of the folder of the script: to \(place ?? "nothing that can be read")",
                hint: "copy the file into \(folder)",
                object: name
            )
        }
        do throws(ScriptFile.Failure) {
            return LuaSource(name: path, text: try ScriptFile.bytes(place))
        } catch {
            let (message, hint) = error.told(of: path)
            throw LuaError(LuaError.Code(.ioError), message, hint: hint, object: name)
        }
    }
}
