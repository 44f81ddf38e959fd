import HomewardAdministration
import LuaHost

/// Verbs of an RDS that say who belongs to it, and how.
enum RDSSetup {
    static func verbs(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.changing(
                "addsec",
                "Makes the counterpart of the RVG on another host, and the RLINKs. Nothing replicates until startrep.",
                details: """
                    The other host needs volumes of the same names and lengths, and a log volume of the same name.
                    rds:addsec("seattle", "london", { attributes = { synchronous = "override" } })
                    """,
                [
                    LuaParameter("primary", LuaParameter.hostType, "the Primary"),
                    LuaParameter("secondary", LuaParameter.hostType, "the host to be added"),
                    .options([
                        LuaType.Key("secondary_dg", .string, "the disk group there, when it has another name (-sdg)"),
                        LuaType.Key("attributes", .options(attributes), "settings, as rds:set takes them"),
                    ]),
                ]
            ) {
                Binding.Call(
                    .addSecondary(
                        $0.rvg,
                        primary: $0.host(0) ?? "",
                        secondary: $0.host(1) ?? "",
                        secondaryDiskGroup: $0.option(2, "secondary_dg").text,
                        attributes: read($0.option(2, "attributes"))
                    ),
                    to: RDSClass.target($0)
                )
            },
            binding.changing(
                "delsec",
                "Takes a Secondary out of the RDS. Replication to it has to be stopped before. Its data stay.",
                [.secondary()]
            ) { Binding.Call(.deleteSecondary($0.rvg, secondary: $0.host(0)), to: RDSClass.target($0)) },
            binding.changing(
                "delpri",
                "Dissolves the RVG on its Primary; no Secondary may be left. The data of its volumes stay.",
                [.options([.deletePrimaryForce])]
            ) { Binding.Call(.deletePrimary($0.rvg, force: $0.flag(0, "force")), to: RDSClass.target($0)) },
            set(binding),
        ]
    }

    private static func set(_ binding: Binding) -> ScriptFunction {
        binding.changing(
            "set",
            "Changes settings of the RLINKs between the Primary and its Secondaries, on both ends.",
            details: """
                rds:set{ synchronous = "override" }                  -- all Secondaries
                rds:set({ bandwidth_limit = "30mbps" }, "london")    -- one of them
                """,
            [
                LuaParameter("attributes", .options(attributes), "what to change"),
                LuaParameter(
                    "secondary",
                    LuaParameter.hostType,
                    "one Secondary; all of them if left out",
                    optional: true
                ),
            ]
        ) { arguments in
            let attributes = read(arguments[0])
            guard !attributes.isEmpty else {
                throw LuaError.badArgument("no attribute is given", hint: "rds:set{ synchronous = \"override\" }")
            }
            return Binding.Call(
                .setAttributes(arguments.rvg, secondary: arguments.host(1), attributes: attributes),
                to: RDSClass.target(arguments)
            )
        }
    }

    private static let attributes: [LuaType.Key] = [
        LuaType.Key("synchronous", .oneOf(["off", "override", "fail"]), "when the link is down"),
        LuaType.Key("srlprot", .oneOf(["override", "off", "fail"]), "when the log is full"),
        LuaType.Key("latencyprot", .oneOf(["off", "override", "fail"]), "when too many updates wait"),
        LuaType.Key("latency_high_mark", .integer, "updates that may wait before writes are held back"),
        LuaType.Key("latency_low_mark", .integer, "updates that may still wait when writes go on again"),
        LuaType.Key("bandwidth_limit", .string, "\"none\", or bits a second such as \"30mbps\""),
    ]

    private static func read(_ value: LuaValue) -> [Attribute] {
        guard case .table(let table) = value else { return [] }
        return table.fields.map { field in
            switch field.value {
            case .integer(let number): Attribute(name: field.name, value: "\(number)")
            default: Attribute(name: field.name, value: field.value.text ?? "")
            }
        }
    }
}
