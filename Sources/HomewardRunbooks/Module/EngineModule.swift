import HomewardAdministration
import HomewardCore
import LuaHost

/// The Lua module `homeward.engine`: what the runbook engine in `scripts/lib` needs of its surroundings.
///
/// Not for scripts of a site.
public enum EngineModule {
    /// - Parameter state: of the one script that gets it.
    /// - Returns: what ``ScriptWorld`` puts into a world.
    public static func make(_ state: ScriptState) -> LuaModule<ScriptVerb> {
        LuaModule(
            "homeward.engine",
            "What the runbook engine needs. It may change in every release.",
            functions: JournalFunctions.make() + LeftCommands.make() + planning(state) + people(state) + clocks(state)
        )
    }

    private static func planning(_ state: ScriptState) -> [ScriptFunction] {
        [
            ScriptFunction(
                "planning",
                "Turns plan mode on or off: verbs that change something are noted and not sent.",
                [
                    LuaParameter("on", .boolean, "whether"),
                    LuaParameter("quiet", .boolean, "whether nothing is printed meanwhile", optional: true),
                ],
                body: .value { arguments in
                    state.isPlanning = arguments[0] == .boolean(true)
                    state.isQuiet = arguments[1] == .boolean(true)
                    return .none
                }
            ),
            ScriptFunction(
                "is_planning",
                "Whether plan mode is on.",
                returns: .boolean,
                body: .value { _ in .boolean(state.isPlanning) }
            ),
            ScriptFunction(
                "note",
                "Notes a command in the plan.",
                [LuaParameter("command", .bytes, "as it is shown")],
                body: .value { arguments in
                    if case .string(let bytes) = arguments[0] { state.note(String(decoding: bytes, as: UTF8.self)) }
                    return .none
                }
            ),
            ScriptFunction(
                "planned",
                "Takes what was noted since the last call.",
                returns: .array(.string),
                body: .value { _ in AnswerTables.texts(state.takePlanned()) }
            ),
            ScriptFunction(
                "elsewhere",
                "Of the hosts on which hw.sh would have run what was noted since the last call: those that are not here.",
                returns: .array(.table),
                "for each { code, message, hint, object, host }, as hw.sh would raise it for the first command there",
                body: .verb { _ in
                    let commands = state.takeShell()
                    return commands.isEmpty ? .value(.list([])) : .wait(.elsewhere(commands))
                }
            ),
        ]
    }

    private static func people(_ state: ScriptState) -> [ScriptFunction] {
        [
            ScriptFunction(
                "ask",
                "Asks whoever started the script.",
                [
                    LuaParameter("text", .string, "the question"),
                    .options([
                        LuaType.Key("choices", .array(.string), "the answers; yes and no if left out"),
                        LuaType.Key(
                            "assumed",
                            .string,
                            "the answer that --yes gives; --yes never answers it if left out"
                        ),
                    ]),
                ],
                returns: .string,
                "one of the choices; nil where nobody can be asked, and at the end of input",
                body: .verb { arguments in
                    let question = question(arguments)
                    guard state.settings.yes, let assumed = question.assumed else { return .wait(.question(question)) }
                    state.say("\(question.text) \(assumed) (--yes)")
                    return .value(.text(assumed))
                }
            ),
            ScriptFunction(
                "is_run",
                "Says which run of the journal this is: for the error that ends it.",
                [LuaParameter("run", .string, "its id")],
                body: .value { arguments in
                    state.runID = arguments.text(0)
                    return .none
                }
            ),
            ScriptFunction(
                "settings",
                "How the script was started.",
                returns: .table,
                "{ yes, terminal, json }",
                body: .value { _ in
                    .record([
                        "yes": .boolean(state.settings.yes),
                        "terminal": .boolean(state.settings.terminal),
                        "json": .boolean(state.settings.json),
                    ])
                }
            ),
            ScriptFunction(
                "say",
                "Shows a line to people: on stdout, with --json on stderr.",
                // Whatever it is: hooks of a site raise and return what some program printed.
                [LuaParameter("text", .bytes, "without the end of the line")],
                // As `print` does, so that the limit on output holds for it too.
                body: .lua("function(text) native.write(text .. '\\n') end")
            ),
            ScriptFunction(
                "is_silence",
                "Whether an error of that code says only that nobody answered.",
                [LuaParameter("code", .any, "the field code of an error", optional: true)],
                returns: .boolean,
                body: .value { arguments in
                    .boolean(silence.contains { $0.rawValue == arguments[0].text })
                }
            ),
        ]
    }

    private static let silence: [RefusalCode] = [.daemonUnreachable, .hostUnreachable]

    private static func question(_ arguments: LuaArguments) -> ScriptQuestion {
        var question = ScriptQuestion(arguments.text(0), assumed: arguments.option(1, "assumed").text)
        if case .table(let choices) = arguments.option(1, "choices"), !choices.array.isEmpty {
            question.choices = choices.array.compactMap(\.text)
        }
        return question
    }

    private static func clocks(_ state: ScriptState) -> [ScriptFunction] {
        [
            ScriptFunction(
                "now",
                "The time of day.",
                returns: .number,
                "seconds since 1970",
                body: .value { _ in .number(state.now()) }
            ),
            ScriptFunction(
                "monotonic",
                "A clock that never jumps.",
                returns: .number,
                "seconds",
                body: .value { _ in .number(state.monotonic()) }
            ),
        ]
    }
}
