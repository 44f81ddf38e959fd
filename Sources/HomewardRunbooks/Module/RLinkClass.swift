import HomewardAdministration
import LuaHost

/// `RLink`: one end of a replication link.
enum RLinkClass {
    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "RLink",
            "One end of a replication link. Its verbs are carried out by the host whose end it is.",
            fields: [
                LuaParameter("host", .string, "the host whose end it is"),
                LuaParameter("dg", .string, "its disk group"),
                LuaParameter("name", .string, "its name, such as rlk_london_hr_rvg"),
            ],
            text: "name",
            methods: views(binding) + verbs(binding)
        )
    }

    private static func views(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.reading(
                "status",
                "On the Primary: how far the Secondary at the other end is behind.",
                returns: "a table as st.links[i] of rds:status()"
            ) { Binding.Call(.linkStatus(link($0)), to: $0.here) },
            binding.reading(
                "updates",
                "On a Secondary: the last update here, and the last known at the Primary.",
                details: "After the loss of a Primary the Secondary with the highest id is the one to take over.",
                returns: "{ rlink, secondary_id, secondary_time?, primary_id?, primary_time? }"
            ) { Binding.Call(.linkUpdates(link($0)), to: $0.here) },
            binding.reading("cplist", "On the Primary: the checkpoints of the RLINK.", returns: "as rvg:cplist()") {
                Binding.Call(.listLinkCheckpoints(link($0)), to: $0.here)
            },
        ]
    }

    private static func verbs(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.changing(
                "pause",
                "Pauses replication from this end; a Secondary's pause keeps the session open."
            ) { Binding.Call(.pauseLink(link($0)), to: $0.here) },
            binding.changing("resume", "Goes on where pause, at the same end, stopped.") {
                Binding.Call(.resumeLink(link($0)), to: $0.here)
            },
            binding.changing(
                "att",
                "Attaches an RLINK of the Primary, as rds:startrep() does for its Secondary.",
                [.options(AttachOptions.keys, optional: false)]
            ) { arguments in
                let request = Request.attachLink(
                    link(arguments),
                    how: try AttachOptions.mode(arguments, 0),
                    consent: arguments.flag(0, "consent")
                )
                return Binding.Call(request, to: arguments.here)
            },
            binding.changing(
                "det",
                "Detaches an RLINK: its place in the log is lost, and to go on takes att or startrep again."
            ) { Binding.Call(.detachLink(link($0)), to: $0.here) },
        ]
    }

    private static func link(_ arguments: LuaArguments) -> RLinkReference {
        RLinkReference(diskGroup: arguments.object?["dg"].text, rlink: arguments.field("name"))
    }
}

/// How a Secondary's data are known to fit: options of startrep and att.
enum AttachOptions {
    static let keys: [LuaType.Key] = [
        LuaType.Key("checkpoint", .string, "its data were synchronized under the checkpoint of this name"),
        LuaType.Key(
            "identical",
            .boolean,
            "both sides are identical already (-f); refused where that is seen to be wrong"
        ),
        LuaType.Key(
            "consent",
            .boolean,
            "the copy was made by hand between checkstart and checkend; without it needs-consent is raised"
        ),
    ]

    static func mode(_ arguments: LuaArguments, _ index: Int) throws(LuaError) -> AttachMode {
        let checkpoint = arguments.option(index, "checkpoint").text
        switch (checkpoint, arguments.flag(index, "identical")) {
        case (let name?, false) where !name.isEmpty: return .checkpoint(name)
        case (nil, true): return .identical
        default:
            throw .badArgument(
                "exactly one of checkpoint = NAME and identical = true has to say how the Secondary's data are known to fit",
                hint: "{ checkpoint = \"checkpt_presync\" }"
            )
        }
    }
}
