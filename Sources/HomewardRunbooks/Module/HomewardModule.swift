import HomewardAdministration
import HomewardCore
import LuaHost

/// The Lua module `homeward`: every verb that an operator can type, on objects.
///
/// Constructors ask nobody; verbs wait for the host's answer and return tables (``AnswerTables``). What a host refuses
/// is raised with the fields of the refusal.
public enum HomewardModule {
    /// - Parameter state: of the one script that gets it.
    /// - Returns: what ``ScriptWorld`` puts into a world.
    public static func make(_ state: ScriptState) -> LuaModule<ScriptVerb> {
        let binding = Binding(state: state)
        return LuaModule(
            "homeward",
            "Volumes that are replicated from host to host: look at them, move roles, bring them home.",
            functions: constructors(binding) + views(binding) + script(binding) + LuaConcurrency.functions(),
            classes: [
                HostClass.make(binding), DiskGroupClass.make(binding), VolumeClass.make(binding),
                SessionClass.make(binding), RVGClass.make(binding), RDSClass.make(binding), RLinkClass.make(binding),
                CheckpointClass.make(binding), RunClass.make(),
            ]
        )
    }

    private static func constructors(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.object(
                "host",
                "A host, to act on what it has.",
                [LuaParameter("name", .string, "as in host.lua of its daemon")],
                "Host"
            ) { try Objects.host($0.text(0)) },
            binding.object("rds", "An RVG together with its counterparts on other hosts.", RVGNames.parameters, "RDS") {
                let names = try RVGNames.read($0)
                return Objects.rds(names)
            },
            binding.lua(
                "hosts",
                "The hosts that are known here: the one that answers, and its peers.",
                returns: .array(.object("Host")),
                "in the order of their names",
                body: """
                    function()
                      local daemon = hw.daemon()
                      local names = { daemon.name }
                      for _, peer in ipairs(daemon.peers) do names[#names + 1] = peer.name end
                      table.sort(names)
                      local hosts = {}
                      for i, name in ipairs(names) do hosts[i] = hw.host(name) end
                      return hosts
                    end
                    """
            ),
        ]
    }

    private static func views(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.reading(
                "status",
                "Every RDS that is known here, with its hosts and links.",
                returns: "a list of tables as rds:status() returns one"
            ) { _ in Binding.Call(.describe(diskGroup: nil, rvgs: []), to: .any) },
            binding.reading(
                "daemon",
                "What the daemon that answers here tells of itself.",
                returns: "as host:status()"
            ) { _ in Binding.Call(.hostStatus, to: .any) },
            ScriptFunction(
                "version",
                "The release of Homeward that runs the script.",
                returns: .string,
                "as in \(Release.version)",
                body: .value { _ in .text(Release.version) }
            ),
        ]
    }

    private static func script(_ binding: Binding) -> [ScriptFunction] {
        [
            ShellFunction.make(binding.state),
            RunClass.list,
            ScriptFunction(
                "fail",
                "Raises an error with a code, which prints as one line with the hint below it.",
                details: """
                    pcall gives a table with the same fields, and with where: the file and line that called hw.fail.
                    """,
                [
                    LuaParameter(
                        "error",
                        .options([
                            LuaType.Key("code", .string, "kebab-case; what callers match on", optional: false),
                            LuaType.Key("message", .string, "what is wrong, with the values", optional: false),
                            LuaType.Key("hint", .string, "the next command that would work"),
                            LuaType.Key("object", .string, "what it is about, as an operator types it"),
                            LuaType.Key("host", .string, "the host concerned"),
                        ]),
                        "what to raise"
                    )
                ],
                body: .value { arguments in throw failure(arguments) }
            ),
            binding.lua(
                "runbook",
                "Begins a runbook: declares its parameters.",
                details: """
                    local M = hw.runbook{ summary = "…", parameters = { … } }
                    function M.run(ctx) … end
                    return M
                    """,
                takes: [
                    LuaParameter("declaration", .table, "{ summary, parameters = { … }, preflight = function(ctx) … }")
                ],
                "the declaration, to which the file adds run",
                body: "function(declaration) return declaration end"
            ),
        ]
    }

    private static func failure(_ arguments: LuaArguments) -> LuaError {
        func text(_ name: String) -> String? { arguments.option(0, name).text }
        return LuaError(
            LuaError.Code(rawValue: text("code") ?? ""),
            text("message") ?? "",
            hint: text("hint") ?? "",
            object: text("object") ?? "",
            host: text("host")
        )
    }
}

/// How an RVG is named: `(dg, rvg)`, or `(rvg)` where the hosts know only one of that name.
enum RVGNames {
    static let parameters = [
        LuaParameter("dg", .string, "the disk group; with one argument this is the RVG, in whatever disk group it is"),
        LuaParameter("rvg", .string, "the RVG", optional: true),
    ]

    static func read(_ arguments: LuaArguments) throws(LuaError) -> RVGReference {
        let first = arguments.text(0)
        let reference =
            arguments[1] == .none
            ? RVGReference(rvg: first) : RVGReference(diskGroup: first, rvg: arguments.text(1))
        try Objects.check(reference.rvg, "the name of an RVG")
        if let group = reference.diskGroup { try Objects.check(group, "the name of a disk group") }
        return reference
    }
}

/// The objects of scripts.
enum Objects {
    /// An empty name is a mistake in the script, and no host should be asked about it.
    static func check(_ name: String, _ what: String) throws(LuaError) {
        guard !name.isEmpty else { throw .badArgument("\(what) is empty") }
    }

    static func host(_ name: String) throws(LuaError) -> LuaObject {
        try check(name, "the name of a host")
        return LuaObject("Host", ["name": .text(name)])
    }

    static func rds(_ rvg: RVGReference) -> LuaObject {
        LuaObject("RDS", named(["rvg": .text(rvg.rvg), "name": .text(rvg.rvg)], rvg.diskGroup))
    }

    static func rvg(_ host: String, _ rvg: RVGReference) -> LuaObject {
        LuaObject(
            "RVG",
            named(["host": .text(host), "rvg": .text(rvg.rvg), "name": .text(rvg.rvg)], rvg.diskGroup)
        )
    }

    /// An object of a disk group of a host: Volume, RLink.
    static func of(_ className: String, host: String, group: String, _ name: String) throws(LuaError) -> LuaObject {
        try check(name, "the name of the \(className)")
        try check(group, "the name of the disk group")
        return LuaObject(className, ["host": .text(host), "dg": .text(group), "name": .text(name)])
    }

    private static func named(_ fields: [String: LuaValue], _ group: String?) -> [String: LuaValue] {
        guard let group else { return fields }
        return fields.merging(["dg": .text(group)]) { $1 }
    }
}
