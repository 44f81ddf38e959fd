-- Steps, conditions and parameters of setup-replication.

local hw = require("homeward")
local scenes = require("homeward.scene")
local words = require("homeward.words")

local M = {}

-- Volumes of a disk group of a host; nil when it does not answer.
local function volumes_of(host, dg)
  local ok, list = pcall(function() return hw.host(host):volumes() end)
  if not ok then return nil end
  local found = {}
  for _, volume in ipairs(list) do
    if volume.dg == dg then found[#found + 1] = volume end
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  return found
end

local function is_log(volume) return volume.is_log or volume.name:lower():find("srl", 1, true) ~= nil end

-- Free volumes of the Primary, or those that the RVG has already: for data, or for the log.
local function fitting(look, log)
  local primary, dg, rvg = look.value("primary"), look.value("dg"), look.value("rvg")
  if not primary or not dg or not rvg then return nil end
  local names, own = {}, {}
  for _, volume in ipairs(volumes_of(primary, dg) or {}) do
    if is_log(volume) == log then
      if volume.rvg == rvg then own[#own + 1] = volume.name end
      if not volume.rvg then names[#names + 1] = volume.name end
    end
  end
  return #own > 0 and own or names
end

function M.dg()
  return { type = "string", help = "the disk group", infer = function(look)
    local primary = look.value("primary")
    local host = primary and look.scene.hosts[primary]
    if not host or not host.dgs then return nil, false end
    if #host.dgs == 1 then return host.dgs[1] end
    return nil, { message = #host.dgs == 0 and primary .. " has no disk group"
        or ("%s has %d disk groups: %s"):format(primary, #host.dgs, table.concat(host.dgs, ", ")),
      hint = #host.dgs == 0
        and ("homeward dg create hrdg --host %s; then its volumes: homeward vol create --help"):format(primary)
        or "give one: dg=" .. host.dgs[1] }
  end }
end

function M.rvg()
  local help = "the name of the RVG: of the one that there is, else one that you choose"
  return { type = "string", help = help, infer = function(look)
    local dg, names = look.value("dg"), {}
    for _, set in ipairs(scenes.sets(look.scene)) do
      if set.dg == dg then names[#names + 1] = set.rvg end
    end
    if #names == 1 then return names[1] end
    return nil, { message = #names == 0 and "there is no RVG yet to take the name from: choose one for the new RVG"
        or ("there are %d, %s: which is meant has to be said"):format(#names, words.list(names)),
      hint = ("give it: rvg=%s"):format(names[1] or "hr_rvg") }
  end }
end

function M.secondaries()
  return { type = "hosts", help = "the hosts that become Secondaries: all others that have the disk group",
    infer = function(look)
      local primary, dg = look.value("primary"), look.value("dg")
      if not primary or not dg then return nil, false end
      local names = {}
      for _, name in ipairs(look.scene.names) do
        for _, group in ipairs(name ~= primary and look.scene.hosts[name].dgs or {}) do
          if group == dg then names[#names + 1] = name end
        end
      end
      if #names > 0 then return names end
      return nil, { message = ("no other host that answers has a disk group %s"):format(dg),
        hint = ("homeward dg create %s --host HOST; or secondaries=HOST"):format(dg) }
    end }
end

function M.volumes()
  return { type = "list", help = "the data volumes: all of the disk group that are free", infer = function(look)
    local names = fitting(look, false)
    if not names then return nil, false end
    if #names > 0 then return names end
    return nil, { message = ("%s has no free volume in %s"):format(look.value("primary"), look.value("dg")),
      hint = "give them: volumes=A,B; what there is: homeward vol list --host " .. look.value("primary") }
  end }
end

function M.srl()
  return { type = "string", help = "the log volume: the free one with srl in its name", infer = function(look)
    local names = fitting(look, true)
    if not names then return nil, false end
    if #names == 1 then return names[1] end
    return nil, { message = #names == 0 and "no free volume has srl in its name"
      or "several volumes have srl in their names: " .. table.concat(names, ", "), hint = "give it: srl=VOLUME" }
  end }
end

-- All hosts answer, and none has the RVG in another role.
function M.check_hosts(ctx, check, hosts)
  local all = true
  for i, name in ipairs(hosts) do
    local host = check.run.scene.hosts[name]
    if not host or not host.reachable then
      all = check:refuse{ code = "host-unreachable", host = name, object = name,
        message = "does not answer" .. (host and host.failure and ": " .. host.failure.message or ""),
        hint = ("start its daemon, or mend the network; homeward status --host %s"):format(name) }
    end
    local member = check.set and check.set.members[name]
    local wanted = i == 1 and "primary" or "secondary"
    if member and member.reachable and member.role ~= wanted and member.role ~= "none" then
      all = check:refuse{ code = "name-in-use", host = name, object = ctx.params.rvg,
        message = ("it is a %s of %s already"):format(member.role, ctx.params.rvg),
        hint = "another name: rvg=NAME; or the Primary that there is: primary=" .. (check.set.open or "HOST") }
    end
  end
  return all
end

-- Every host has the volumes, with the lengths of the Primary's, and they are free.
function M.check_volumes(ctx, check, hosts)
  local dg, rvg, sizes = ctx.params.dg, ctx.params.rvg, {}
  local wanted = { table.unpack(ctx.params.volumes) }
  wanted[#wanted + 1] = ctx.params.srl
  for i, host in ipairs(hosts) do
    local known = {}
    for _, volume in ipairs(volumes_of(host, dg) or {}) do known[volume.name] = volume end
    for _, name in ipairs(wanted) do
      local volume = known[name]
      if not volume then
        check:refuse{ code = "unknown-volume", host = host, object = ("%s/%s"):format(dg, name),
          message = ("the host has no volume %s/%s%s"):format(dg, name, words.suggestion(name, words.keys(known))),
          hint = ("homeward vol create %s/%s --file PATH --size SIZE --host %s"):format(dg, name, host) }
      elseif volume.rvg and volume.rvg ~= rvg then
        check:refuse{ code = "volume-in-use", host = host, object = ("%s/%s"):format(dg, name),
          message = ("the volume belongs to %s"):format(volume.rvg), hint = "choose others: volumes=A,B srl=C" }
      elseif i == 1 then
        sizes[name] = volume.size
      elseif name ~= ctx.params.srl and sizes[name] and volume.size ~= sizes[name] then
        check:refuse{ code = "volume-mismatch", host = host, object = ("%s/%s"):format(dg, name),
          message = ("the volume has %d bytes, that of %s has %d"):format(volume.size, hosts[1], sizes[name]),
          hint = "make volumes of the same length" }
      end
    end
  end
end

function M.create_primary(ctx, primary)
  return {
    done = function()
      local member = scenes.of(ctx).members[primary]
      return member and member.role == "primary" and ("%s is the Primary"):format(primary)
    end,
    run = function()
      return hw.host(primary):rvg(ctx.params.dg, ctx.params.rvg):createpri(ctx.params.volumes, ctx.params.srl)
    end,
  }
end

function M.add_secondary(ctx, primary, name)
  return {
    done = function()
      local set = scenes.of(ctx)
      local member = set.members[name]
      return scenes.link(set.members[primary], name) ~= nil and member and member.role == "secondary"
        and ("%s is a Secondary"):format(name)
    end,
    run = function() return ctx.rds:addsec(primary, name) end,
  }
end

return M
