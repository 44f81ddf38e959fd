import HomewardAdministration
import HomewardCore
import LuaHost

typealias ScriptFunction = LuaFunction<ScriptVerb>
typealias ScriptClass = LuaClass<ScriptVerb>

/// Makes functions of scripts out of requests.
struct Binding {
    let state: ScriptState

    /// What a call comes to.
    struct Call {
        var request: Request
        var target: ScriptTarget
        /// As it is shown in a plan, where that is not the request: consent that the call itself gives is not.
        var shown: Request?

        init(_ request: Request, to target: ScriptTarget, shown: Request? = nil) {
            self.request = request
            self.target = target
            self.shown = shown
        }
    }

    typealias Make = @Sendable (LuaArguments) throws -> Call

    /// A verb that only looks: the same in a plan as ever.
    func reading(
        _ name: String,
        _ summary: String,
        details: String = "",
        _ parameters: [LuaParameter] = [],
        returns: String,
        _ make: @escaping Make
    ) -> ScriptFunction {
        ScriptFunction(
            name,
            summary,
            details: details,
            parameters,
            returns: .table,
            returns,
            body: .verb { arguments in
                let call = try make(arguments)
                return .wait(.request(call.request, to: call.target))
            }
        )
    }

    /// A verb that changes something: in a plan it is noted, and not sent.
    func changing(
        _ name: String,
        _ summary: String,
        details: String = "",
        _ parameters: [LuaParameter] = [],
        returns: String = Self.outcome,
        _ make: @escaping Make
    ) -> ScriptFunction {
        let state = state
        return ScriptFunction(
            name,
            summary,
            details: details,
            parameters,
            returns: .table,
            returns,
            body: .verb { arguments in
                let call = try make(arguments)
                guard state.isPlanning else { return .wait(.request(call.request, to: call.target)) }
                state.note(CommandLine.text(of: call.shown ?? call.request, to: call.target))
                return .value(Self.planned)
            }
        )
    }

    /// Lua over other functions.
    func lua(
        _ name: String,
        _ summary: String,
        details: String = "",
        takes parameters: [LuaParameter] = [],
        returns type: LuaType? = .table,
        _ returns: String,
        body text: String
    ) -> ScriptFunction {
        ScriptFunction(name, summary, details: details, parameters, returns: type, returns, body: .lua(text))
    }

    /// Makes an object without asking anybody.
    func object(
        _ name: String,
        _ summary: String,
        _ parameters: [LuaParameter] = [],
        _ className: String,
        _ make: @escaping @Sendable (LuaArguments) throws -> LuaObject
    ) -> ScriptFunction {
        ScriptFunction(
            name,
            summary,
            details: "Asks no host: whether there is such a thing shows when it is used.",
            parameters,
            returns: .object(className),
            body: .value { .object(try make($0)) }
        )
    }

    /// What a changing verb returns in plan mode.
    static let planned = LuaValue.record(["planned": .boolean(true)])

    static let outcome =
        "{ already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed"
}

// MARK: Arguments

extension LuaArguments {
    /// A string field of the object whose method is called.
    func field(_ name: String) -> String { object?[name].text ?? "" }

    /// The object's RVG.
    var rvg: RVGReference { RVGReference(diskGroup: object?["dg"].text, rvg: field("rvg")) }

    /// The host of the object's own.
    var here: ScriptTarget { .host(field("host")) }

    /// A host: its name or a Host.
    func host(_ index: Int) -> String? { Self.host(self[index]) }

    static func host(_ value: LuaValue) -> String? {
        if case .object(let object) = value { return object["name"].text }
        return value.text
    }

    /// One host, or a list of hosts.
    func hosts(_ index: Int) throws(LuaError) -> [String] {
        guard case .table(let table) = self[index] else { return host(index).map { [$0] } ?? [] }
        let names = table.array.compactMap(Self.host)
        guard !names.isEmpty, names.count == table.array.count else {
            throw .badArgument("the list of Secondaries has to hold names of hosts, at least one")
        }
        return names
    }

    func flag(_ index: Int, _ name: String) -> Bool { option(index, name) == .boolean(true) }

    /// A text that is there and not empty.
    func required(_ index: Int, _ name: String, _ hint: String) throws(LuaError) -> String {
        guard let text = option(index, name).text, !text.isEmpty else {
            throw .badArgument("the option \(name) is missing", hint: hint)
        }
        return text
    }

    /// A number that cannot be negative.
    func count(_ index: Int, _ name: String) throws(LuaError) -> UInt64 {
        guard case .integer(let number) = self[index], number >= 0 else {
            throw .badArgument("\(name) has to be a whole number, 0 or more; it is \(self[index].found)")
        }
        return UInt64(number)
    }
}

extension LuaError {
    static func badArgument(_ message: String, hint: String = "help(…) of the function shows what it takes") -> LuaError
    {
        LuaError(.badArgument, message, hint: hint)
    }
}

// MARK: Parameters that many verbs take

extension LuaParameter {
    static let hostType = LuaType.either([.string, .object("Host")])

    static func secondary(optional: Bool = true) -> LuaParameter {
        LuaParameter(
            "secondary",
            hostType,
            optional ? "a Secondary: its name or a Host; may be left out if there is only one" : "its name or a Host",
            optional: optional
        )
    }

    static let secondaries = LuaParameter(
        "secondaries",
        .either([.string, .object("Host"), .array(hostType)]),
        "a Secondary, or a list of them"
    )

    static func options(_ keys: [LuaType.Key], optional: Bool = true) -> LuaParameter {
        LuaParameter("options", .options(keys), optional ? "any of these" : "what is wanted", optional: optional)
    }
}

extension LuaType.Key {
    static let onProgress = LuaType.Key(
        "on_progress",
        .function,
        "called with { phase, host, bytes_compared, bytes_differing, bytes_sent, bytes_total, seconds_left, volumes } now and then"
    )
    static let checkpoint = LuaType.Key("checkpoint", .string, "the name of the checkpoint, at most 19 characters")
    static let consent = LuaType.Key(
        "consent",
        .boolean,
        "agrees to the consequence that needs-consent tells of"
    )
    static func force(_ help: String) -> LuaType.Key { LuaType.Key("force", .boolean, help) }
    /// A volume that is open is in the way with it too.
    static let deletePrimaryForce = force(
        "although it is started, detached Secondaries are left, or it is a Secondary whose Primary is gone"
    )
}
