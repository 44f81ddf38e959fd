import HomewardAdministration
import HomewardCore
import LuaHost

/// `RDS`: an RVG together with its counterparts.
enum RDSClass {
    static let status =
        "{ rvg, dg, primary?, hosts = { { name, role, state, reason?, reachable, position, consistent, log = { size, used }, "
        + "open_by, … } }, links = { { secondary, state, data_status, consistent, diverged?, behind = { updates, bytes, "
        + "seconds }, … } }, config_errors = { { host, error } } }; primary is nil when there are two"

    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "RDS",
            "An RVG together with its counterparts on other hosts. A Primary that can be reached is asked, else another host.",
            fields: [
                LuaParameter("dg", .string, "its disk group, if it was named", optional: true),
                LuaParameter("rvg", .string, "the name of the RVG"), LuaParameter("name", .string, "the same"),
            ],
            text: "name",
            methods: views(binding) + RDSSetup.verbs(binding) + RDSReplication.verbs(binding)
                + Checkpoints.verbs(binding) { .primary($0.rvg) } + objects(binding)
        )
    }

    private static func views(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.reading(
                "status",
                "Roles, links, backlog and configuration errors of all its hosts.",
                details: """
                    data_status of a link is "up-to-date", "behind", "inconsistent" or "unknown"; what an unreachable
                    host is shown with is its last known state, age seconds old.
                    """,
                returns: status
            ) { Binding.Call(.describe(diskGroup: $0.rvg.diskGroup, rvgs: [$0.rvg.rvg]), to: target($0)) },
            binding.lua(
                "repstatus",
                "How replication stands, for each Secondary.",
                "{ rvg, dg, primary?, secondaries = { { host, state?, data_status, replication_status, mode, behind, reason? } }, config_errors }",
                body: """
                    function(self)
                      local st = self:status()
                      local states, list = {}, {}
                      for _, host in ipairs(st.hosts) do states[host.name] = host.state end
                      for _, link in ipairs(st.links) do
                        list[#list + 1] = { host = link.secondary, state = states[link.secondary],
                          data_status = link.data_status, replication_status = link.replication_status,
                          mode = link.mode, behind = link.behind, reason = link.reason }
                      end
                      return { rvg = st.rvg, dg = st.dg, primary = st.primary, secondaries = list,
                        config_errors = st.config_errors }
                    end
                    """
            ),
            binding.lua(
                "rlinks",
                "The RLINKs of all its hosts.",
                returns: .array(.object("RLink")),
                "host by host",
                body: """
                    function(self)
                      local list = {}
                      for _, host in ipairs(self:status().hosts) do
                        for _, link in ipairs(host.links) do
                          list[#list + 1] = hw.host(host.name):rlink(host.dg, link.name)
                        end
                      end
                      return list
                    end
                    """
            ),
            awaiting(binding),
        ]
    }

    private static func awaiting(_ binding: Binding) -> ScriptFunction {
        binding.lua(
            "await",
            "Waits until a Secondary is up-to-date, consistent or connected.",
            details: """
                rds:await("seattle", { state = "up-to-date", timeout = 3600 })
                A host that does not answer for a while is waited for; a link that is detached is not, since nothing would
                come: link-detached is raised; nor is a Primary that does not open by itself: fenced. In a plan it does not
                wait.
                """,
            takes: [
                LuaParameter("host", LuaParameter.hostType, "the Secondary: its name or a Host"),
                .options([
                    LuaType.Key(
                        "state",
                        .oneOf(["up-to-date", "consistent", "connected"]),
                        "what is waited for; up-to-date if left out"
                    ),
                    LuaType.Key(
                        "behind",
                        .integer,
                        "bytes that may still be missing for up-to-date, on a link that is connected; 0 if left out"
                    ),
                    LuaType.Key("timeout", .number, "seconds, after which timed-out is raised; no bound if left out"),
                    LuaType.Key(
                        "silence",
                        .number,
                        """
                        seconds without an open Primary that answers and reaches the Secondary, after which timed-out is \
                        raised; no bound if left out
                        """
                    ),
                    LuaType.Key(
                        "on_progress",
                        .function,
                        """
                        called now and then with { phase = "wait", host, data_status, replication_status, behind, reason, \
                        seconds }; reason: why nothing is known of the link
                        """
                    ),
                ]),
            ],
            "the link, as in status().links; { planned = true } in a plan",
            body: text
        )
    }

    /// Polls: a daemon tells how things stand when it is asked, and this has to survive the daemon.
    private static let text = """
        function(self, host, options)
          local engine = require("homeward.engine")
          local name = type(host) == "string" and host or host.name
          options = options or {}
          local state = options.state or "up-to-date"
          local object = self.dg and self.dg .. "/" .. self.rvg or self.rvg
          local show = "vradmin " .. (self.dg and "-g " .. self.dg .. " " or "") .. "repstatus " .. self.rvg
          if engine.is_planning() then
            engine.note(show .. "   (until " .. name .. " is " .. state .. ")")
            return { planned = true }
          end
          local started, heard, last, paused = engine.monotonic(), engine.monotonic(), "no answer yet"
          while true do
            local ok, st = pcall(self.status, self)
            if not ok and not engine.is_silence(st.code) then error(st, 0) end
            local link, is_primary, is_open, shut, may_open
            if ok then
              for _, member in ipairs(st.hosts) do
                if member.role == "primary" then
                  if member.shut and member.reachable then shut = member else may_open = true end
                  local is_fenced = member.state == "fenced"
                  is_open = is_open or member.reachable and not is_fenced
                  is_primary = is_primary or member.name == name and not is_fenced
                end
              end
              for _, candidate in ipairs(st.links) do
                if candidate.secondary == name then link = candidate end
              end
            end
            local now = engine.monotonic()
            local seconds = now - started
            paused = link and link.replication_status:find("paused by user", 1, true) ~= nil
            if is_open and (not link or link.kstate == "CONNECT" or paused) then heard = now end
            if not ok then
              last = st.message
            elseif not link then
              last = "no Primary is known"
            else
              last = ("it is %s, %d updates behind, %s"):format(
                link.data_status, link.behind.updates, link.replication_status)
            end
            if options.on_progress then
              options.on_progress{ phase = "wait", host = name, seconds = seconds, reason = not link and last or nil,
                data_status = link and link.data_status, replication_status = link and link.replication_status,
                behind = link and link.behind }
            end
            if link then
              local is_near = options.behind and link.consistent and link.kstate == "CONNECT"
                and link.behind.bytes <= options.behind
              if (state == "up-to-date" and (link.data_status == "up-to-date" or is_near))
                or (state == "consistent" and link.consistent)
                or (state == "connected" and link.kstate == "CONNECT") then
                return link
              end
              if link.kstate == "DETACHED" then
                hw.fail{ code = "link-detached", object = object, host = st.primary,
                  message = "replication to " .. name .. " is not started, so it never becomes " .. state,
                  hint = ("rds:syncrvg(%q, { checkpoint = NAME }), then rds:startrep with the same"):format(name) }
              end
            elseif is_primary then
              hw.fail{ code = "not-secondary", object = object,
                message = name .. " is the Primary, and only a Secondary becomes " .. state, hint = show }
            elseif ok and st.primary then
              hw.fail{ code = "unknown-secondary", object = object,
                message = "the Primary " .. st.primary .. " has no link to " .. name, hint = show }
            end
            if shut and not may_open then
              hw.fail{ code = "fenced", object = object, host = shut.name,
                message = ("the Primary %s is shut, so %s never becomes %s: %s"):format(shut.name, name, state,
                  shut.reason or "it was fenced"),
                hint = show:gsub("repstatus", "-l printrvg") }
            end
            if options.timeout and seconds >= options.timeout then
              hw.fail{ code = "timed-out", object = object, host = name,
                message = ("%s is not %s after %g s: %s"):format(name, state, options.timeout, last),
                hint = paused and (show:gsub("repstatus", "resumerep") .. " " .. name) or show }
            end
            if options.silence and now - heard >= options.silence then
              hw.fail{ code = "timed-out", object = object, host = name,
                message = ("%s for %g s, so %s does not become %s: %s"):format(
                  is_open and "the Primary has not reached it" or "no open Primary has answered", options.silence,
                  name, state, last),
                hint = is_open and "start the daemon of " .. name .. ", or mend the network; the roles: homeward status"
                  or "start the daemon of the Primary, or take over; the roles: homeward status" }
            end
            hw.sleep(0.25)
          end
        end
        """

    private static func objects(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.object(
                "on",
                "Its RVG on one host.",
                [LuaParameter("host", LuaParameter.hostType, "the host")],
                "RVG"
            ) {
                let host = $0.host(0) ?? ""
                try Objects.check(host, "the name of a host")
                return Objects.rvg(host, $0.rvg)
            },
            binding.object(
                "checkpoint",
                "A checkpoint of its Primary.",
                [LuaParameter("name", .string, "its name")],
                "Checkpoint"
            ) { try Checkpoints.object($0, host: nil) },
        ]
    }

    static func target(_ arguments: LuaArguments) -> ScriptTarget { .rds(arguments.rvg) }
}
