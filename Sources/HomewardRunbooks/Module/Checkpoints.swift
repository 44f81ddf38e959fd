import HomewardAdministration
import LuaHost

/// What RVGs and RDSs have in common: the checkpoints of the Primary.
enum Checkpoints {
    static func verbs(
        _ binding: Binding,
        _ target: @escaping @Sendable (LuaArguments) -> ScriptTarget
    ) -> [ScriptFunction] {
        let name = LuaParameter("name", .string, "the name of the checkpoint, at most 19 characters")
        return [
            binding.changing(
                "checkstart",
                "On the Primary: marks in the log where a copy of the volumes begins. One checkpoint can be open.",
                [name]
            ) { Binding.Call(.checkStart($0.rvg, name: $0.text(0)), to: target($0)) },
            binding.changing("checkend", "On the Primary: marks in the log where the copy has ended.") {
                Binding.Call(.checkEnd($0.rvg), to: target($0))
            },
            binding.changing(
                "checkdelete",
                "On the Primary: forgets a checkpoint, and lets go of the log that it holds.",
                [name]
            ) { Binding.Call(.checkDelete($0.rvg, name: $0.text(0)), to: target($0)) },
            binding.reading(
                "cplist",
                "On the Primary: its checkpoints, with the log that each holds.",
                returns:
                    "a list of { name, state = \"started\"|\"completed\"|\"overflowed\", bytes, percent, start_id, end_id? }"
            ) { Binding.Call(.listCheckpoints($0.rvg), to: target($0)) },
        ]
    }

    static func object(_ arguments: LuaArguments, host: String?) throws(LuaError) -> LuaObject {
        try Objects.check(arguments.text(0), "the name of a checkpoint")
        var fields: [String: LuaValue] = ["rvg": .text(arguments.field("rvg")), "name": arguments[0]]
        if let group = arguments.rvg.diskGroup { fields["dg"] = .text(group) }
        if let host { fields["host"] = .text(host) }
        return LuaObject("Checkpoint", fields)
    }
}

/// `Checkpoint`: a place in the log between whose marks a copy is made.
enum CheckpointClass {
    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "Checkpoint",
            "A checkpoint of a Primary: two marks in the log between which a copy is made.",
            fields: [
                LuaParameter("host", .string, "the host that is asked; the Primary if left out", optional: true),
                LuaParameter("dg", .string, "the disk group, if it was named", optional: true),
                LuaParameter("rvg", .string, "the RVG"), LuaParameter("name", .string, "its name"),
            ],
            text: "name",
            methods: [
                binding.changing("start", "Marks where the copy begins.") {
                    Binding.Call(.checkStart($0.rvg, name: $0.field("name")), to: target($0))
                },
                binding.changing("finish", "Marks where the copy ends: of the checkpoint that is open.") {
                    Binding.Call(.checkEnd($0.rvg), to: target($0))
                },
                binding.changing("delete", "Forgets it, and lets go of the log that it holds.") {
                    Binding.Call(.checkDelete($0.rvg, name: $0.field("name")), to: target($0))
                },
                binding.lua(
                    "info",
                    "How it stands.",
                    "{ name, state, bytes, percent, start_id, end_id? }; nil when there is none of that name",
                    body: """
                        function(self)
                          local rds = self.dg and hw.rds(self.dg, self.rvg) or hw.rds(self.rvg)
                          if self.host then
                            local host = hw.host(self.host)
                            rds = self.dg and host:rvg(self.dg, self.rvg) or host:rvg(self.rvg)
                          end
                          for _, checkpoint in ipairs(rds:cplist()) do
                            if checkpoint.name == self.name then return checkpoint end
                          end
                          return nil
                        end
                        """
                ),
            ]
        )
    }

    private static func target(_ arguments: LuaArguments) -> ScriptTarget {
        let host = arguments.field("host")
        return host.isEmpty ? .primary(arguments.rvg) : .host(host)
    }
}
