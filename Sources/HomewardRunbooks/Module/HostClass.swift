import HomewardAdministration
import LuaHost

/// `Host`: one host, to act on what it has.
enum HostClass {
    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "Host",
            "A host. Verbs of what it gives act on that host and no other.",
            fields: [LuaParameter("name", .string, "its name")],
            text: "name",
            methods: objects(binding) + verbs(binding)
        )
    }

    private static func objects(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.object("rvg", "The RVG on this host.", RVGNames.parameters, "RVG") {
                Objects.rvg($0.field("name"), try RVGNames.read($0))
            },
            binding.object(
                "volume",
                "A volume of this host.",
                [LuaParameter("dg", .string, "its disk group"), LuaParameter("volume", .string, "its name")],
                "Volume"
            ) { try Objects.of("Volume", host: $0.field("name"), group: $0.text(0), $0.text(1)) },
            binding.object("dg", "A disk group of this host.", [LuaParameter("name", .string, "its name")], "DiskGroup")
            {
                try Objects.check($0.text(0), "the name of a disk group")
                return LuaObject("DiskGroup", ["host": .text($0.field("name")), "name": $0[0]])
            },
            binding.object(
                "rlink",
                "An RLINK of this host, by its own name.",
                [
                    LuaParameter("dg", .string, "its disk group"),
                    LuaParameter("rlink", .string, "its name, such as rlk_london_hr_rvg"),
                ],
                "RLink"
            ) { try Objects.of("RLink", host: $0.field("name"), group: $0.text(0), $0.text(1)) },
        ]
    }

    private static func verbs(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.reading(
                "status",
                "What its daemon tells of itself, its peers and its RVGs.",
                returns: "{ name, settled, peers = { { name, connected, reason? } }, dgs, rvgs, version, process, … }"
            ) { Binding.Call(.hostStatus, to: .host($0.field("name"))) },
            binding.reading("volumes", "Its volumes, logs included.", returns: VolumeClass.list) {
                Binding.Call(.listVolumes(diskGroup: nil), to: .host($0.field("name")))
            },
            binding.lua(
                "await",
                "Waits until its daemon answers and has exchanged lineage with all peers that can be reached.",
                takes: [
                    .options([LuaType.Key("timeout", .number, "seconds; 60 if left out; then timed-out is raised")])
                ],
                "as host:status()",
                body: """
                    function(self, options)
                      local engine = require("homeward.engine")
                      local timeout = options and options.timeout or 60
                      local last, started = "it has not settled", engine.monotonic()
                      while true do
                        local ok, status = pcall(self.status, self)
                        if ok and status.settled then return status end
                        if not ok then
                          if not engine.is_silence(status.code) then error(status, 0) end
                          last = status.message
                        end
                        if engine.monotonic() - started >= timeout then
                          hw.fail{ code = "timed-out", host = self.name, object = self.name,
                            message = ("not ready after %g s: %s"):format(timeout, last),
                            hint = "homeward status --host " .. self.name .. "; is its daemon running?" }
                        end
                        hw.sleep(0.25)
                      end
                    end
                    """
            ),
        ]
    }
}

/// `DiskGroup`: a disk group of one host.
enum DiskGroupClass {
    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "DiskGroup",
            "A disk group of one host: a name for volumes that belong together.",
            fields: [
                LuaParameter("host", .string, "the host that has it"), LuaParameter("name", .string, "its name"),
            ],
            text: "name",
            methods: [
                binding.changing("create", "Makes it.") {
                    Binding.Call(.createDiskGroup(name: $0.field("name")), to: $0.here)
                },
                binding.reading("volumes", "Its volumes, logs included.", returns: VolumeClass.list) {
                    Binding.Call(.listVolumes(diskGroup: $0.field("name")), to: $0.here)
                },
                binding.object("volume", "One of its volumes.", [LuaParameter("name", .string, "its name")], "Volume") {
                    try Objects.of("Volume", host: $0.field("host"), group: $0.field("name"), $0.text(0))
                },
                binding.object("rvg", "The RVG of that name in it.", [LuaParameter("name", .string, "its name")], "RVG")
                {
                    try Objects.check($0.text(0), "the name of an RVG")
                    return Objects.rvg(
                        $0.field("host"),
                        RVGReference(diskGroup: $0.field("name"), rvg: $0.text(0))
                    )
                },
            ]
        )
    }
}
