import HomewardAdministration
import LuaHost

/// `RVG`: a replicated volume group on one host.
enum RVGClass {
    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "RVG",
            "A replicated volume group on one host. Its verbs are carried out by that host.",
            fields: [
                LuaParameter("host", .string, "the host"),
                LuaParameter("dg", .string, "its disk group, if it was named", optional: true),
                LuaParameter("rvg", .string, "its name"), LuaParameter("name", .string, "the same"),
            ],
            text: "name",
            methods: roles(binding) + state(binding) + Checkpoints.verbs(binding) { $0.here } + objects(binding)
        )
    }

    private static func roles(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.changing(
                "createpri",
                "Makes the RVG with the role Primary on this host, and starts it. There is no Secondary yet.",
                [
                    LuaParameter("volumes", .array(.string), "names of its data volumes"),
                    LuaParameter("srl", .string, "the name of its log volume"),
                ]
            ) { arguments in
                guard case .table(let table) = arguments[0], !table.array.isEmpty else {
                    throw LuaError.badArgument("the list of volumes is empty")
                }
                return Binding.Call(
                    .createPrimary(
                        diskGroup: arguments.rvg.diskGroup,
                        rvg: arguments.rvg.rvg,
                        volumes: table.array.compactMap(\.text),
                        log: arguments.text(1)
                    ),
                    to: arguments.here
                )
            },
            binding.changing(
                "makesec",
                "On an original Primary one of whose Secondaries has taken over: makes it a Secondary of that host.",
                details: """
                    Refused while a volume is open, and while it holds updates that never left it (unsent-updates):
                    force = true gives those up, after writing them to a file. Done already: nothing changes.
                    """,
                [
                    LuaParameter("new_primary", LuaParameter.hostType, "the host that took over: its name or a Host"),
                    .options([.force("gives up the updates that never left this host")]),
                ]
            ) {
                Binding.Call(
                    .makeSecondary($0.rvg, newPrimary: $0.host(0) ?? "", force: $0.flag(1, "force")),
                    to: $0.here
                )
            },
            binding.changing(
                "takeover",
                "On a consistent Secondary whose Primary is gone: makes it Primary. What never reached it is lost.",
                [
                    .options([
                        .force("although another Secondary holds more, or beside several Primaries that are all shut")
                    ])
                ],
                returns:
                    "\(Binding.outcome); takeover = { epoch, fork_id, fork_time?, last_heard_id?, lost_at_least?, old_primary? }"
            ) { Binding.Call(.takeover($0.rvg, force: $0.flag(0, "force")), to: $0.here) },
            binding.changing(
                "delpri",
                "Dissolves the RVG on its Primary; no Secondary may be left. The data of its volumes stay.",
                [.options([.deletePrimaryForce])]
            ) { Binding.Call(.deletePrimary($0.rvg, force: $0.flag(0, "force")), to: $0.here) },
        ]
    }

    private static func state(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.changing(
                "start",
                "Lets the volumes of the RVG on this host be opened.",
                [.options([.force("although it is fenced or has failed: only if no other host took over")])]
            ) { Binding.Call(.startRVG($0.rvg, force: $0.flag(0, "force")), to: $0.here) },
            binding.changing(
                "stop",
                "Lets the volumes of the RVG on this host not be opened any more. Refused while one is open."
            ) { Binding.Call(.stopRVG($0.rvg), to: $0.here) },
            binding.reading(
                "status",
                "The RDS as this host sees it.",
                returns: RDSClass.status
            ) { Binding.Call(.describe(diskGroup: $0.rvg.diskGroup, rvgs: [$0.rvg.rvg]), to: $0.here) },
            binding.lua(
                "volumes",
                "The data volumes of the RVG on this host.",
                returns: .array(.object("Volume")),
                "in their order",
                body: """
                    function(self)
                      local list = {}
                      for _, host in ipairs(self:status().hosts) do
                        if host.name == self.host then
                          for _, volume in ipairs(host.volumes) do
                            if not volume.is_log then
                              list[#list + 1] = hw.host(self.host):volume(volume.dg, volume.name)
                            end
                          end
                        end
                      end
                      return list
                    end
                    """
            ),
            binding.lua(
                "rlinks",
                "The RLINKs of the RVG on this host.",
                returns: .array(.object("RLink")),
                "in their order",
                body: """
                    function(self)
                      local list = {}
                      for _, host in ipairs(self:status().hosts) do
                        if host.name == self.host then
                          for _, link in ipairs(host.links) do
                            list[#list + 1] = hw.host(self.host):rlink(host.dg, link.name)
                          end
                        end
                      end
                      return list
                    end
                    """
            ),
        ]
    }

    private static func objects(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.object("rds", "The RDS that it belongs to.", [], "RDS") { Objects.rds($0.rvg) },
            binding.object(
                "checkpoint",
                "A checkpoint of this RVG, on the Primary.",
                [LuaParameter("name", .string, "its name")],
                "Checkpoint"
            ) { try Checkpoints.object($0, host: $0.field("host")) },
        ]
    }
}
