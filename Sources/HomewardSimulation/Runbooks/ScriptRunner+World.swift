import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import HomewardScripts
import LuaHost

/// What surrounds a simulated run: the same modules and the same engine as a real one, time and chance from the seed.
extension ScriptRunner {
    /// Begins what `homeward run` begins.
    static let main = LuaSource(
        name: "homeward-sim",
        text: Array("return require(\"homeward.runbook\").main(...)".utf8)
    )

    static func world(seed: UInt64, clock: VirtualClock, transcript: Transcript) -> LuaWorld<ScriptVerb> {
        let state = ScriptState(
            settings: ScriptState.Settings(yes: true, terminal: false, json: false),
            say: { transcript.add($0) },
            now: { clock.seconds },
            monotonic: { clock.seconds }
        )
        var limits = LuaLimits()
        limits.cpuSeconds = nil
        limits.instructions = 50_000_000
        return ScriptWorld.make(state, limits: limits, seed: seed) { bytes in
            transcript.add(String(decoding: bytes.last == 10 ? bytes.dropLast() : bytes[...], as: UTF8.self))
        }
    }

    /// What the engine is asked for.
    static func options(_ command: RunbookCommand) -> LuaValue {
        .record([
            "action": .text("run"),
            "name": .text(command.runbook),
            "source": .text(BundledScripts.text("runbooks/\(command.runbook).lua") ?? ""),
            "chunk": .text("runbooks/\(command.runbook).lua"),
            "file": .text("bundled"),
            "revision": .text("simulated"),
            "site": .record(["chunk": .text("site.lua"), "source": .text(SiteApplication.siteFile)]),
            "arguments": .table(
                LuaTable(fields: command.arguments.map { LuaTable.Field(name: $0.name, value: .text($0.value)) })
            ),
        ])
    }

    static func value(
        _ result: Result<Answer, Refusal>,
        _ request: Request
    )
        -> Result<LuaValue, LuaError>
    {
        let verb = ScriptVerb.request(request, to: .any)
        do {
            return .success(try AnswerTables.value(try result.get(), to: request))
        } catch {
            return .failure(ScriptResults.error(error, of: verb))
        }
    }

    static func value(_ result: ShellResult, _ command: ShellCommand) -> Result<LuaValue, LuaError> {
        do throws(LuaError) {
            return .success(try ScriptResults.value(result, of: command))
        } catch {
            return .failure(error)
        }
    }
}
