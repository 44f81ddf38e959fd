---@meta

--- Volumes that are replicated from host to host: look at them, move roles, bring them home.
---@class homeward
local hw = {}

--- A host. Verbs of what it gives act on that host and no other.
---@class homeward.Host
---@field name string its name
local Host = {}

--- The RVG on this host.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param dg string the disk group; with one argument this is the RVG, in whatever disk group it is
---@param rvg? string the RVG
---@return homeward.RVG
function Host:rvg(dg, rvg) end

--- A volume of this host.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param dg string its disk group
---@param volume string its name
---@return homeward.Volume
function Host:volume(dg, volume) end

--- A disk group of this host.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param name string its name
---@return homeward.DiskGroup
function Host:dg(name) end

--- An RLINK of this host, by its own name.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param dg string its disk group
---@param rlink string its name, such as rlk_london_hr_rvg
---@return homeward.RLink
function Host:rlink(dg, rlink) end

--- What its daemon tells of itself, its peers and its RVGs.
---@async
---@return table # { name, settled, peers = { { name, connected, reason? } }, dgs, rvgs, version, process, … }
function Host:status() end

--- Its volumes, logs included.
---@async
---@return table # a list of { dg, name, size, path, is_device, rvg?, is_log, open_by }
function Host:volumes() end

---@class homeward.Host.await.options
---@field timeout? number seconds; 60 if left out; then timed-out is raised

--- Waits until its daemon answers and has exchanged lineage with all peers that can be reached.
---@param options? homeward.Host.await.options any of these
---@return table # as host:status()
function Host:await(options) end

--- A disk group of one host: a name for volumes that belong together.
---@class homeward.DiskGroup
---@field host string the host that has it
---@field name string its name
local DiskGroup = {}

--- Makes it.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function DiskGroup:create() end

--- Its volumes, logs included.
---@async
---@return table # a list of { dg, name, size, path, is_device, rvg?, is_log, open_by }
function DiskGroup:volumes() end

--- One of its volumes.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param name string its name
---@return homeward.Volume
function DiskGroup:volume(name) end

--- The RVG of that name in it.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param name string its name
---@return homeward.RVG
function DiskGroup:rvg(name) end

--- A volume of one host.
---@class homeward.Volume
---@field host string the host that has it
---@field dg string its disk group
---@field name string its name
local Volume = {}

---@class homeward.Volume.open.options
---@field readonly? boolean for reading only

--- Opens the volume: a session. While one is open, makesec and migrate are refused.
---
--- local vol <close> = hw.host("seattle"):volume("hrdg", "hr_dv01"):open()
--- Only an enabled Primary's volumes open for writing; with readonly = true also those of a consistent
--- Secondary. Data are not relayed: it takes the host's own socket, else not-local is raised. In a plan it
--- opens for reading only, and writes are noted.
---@async
---@param options? homeward.Volume.open.options any of these
---@return homeward.Session
function Volume:open(options) end

---@class homeward.Volume.create.options
---@field file? string a path; the file is made, sparse, when a size is given and it is missing
---@field device? string the path of a block device, which is used whole
---@field size? integer|string bytes, or a text such as "64M"

--- Makes the volume of a file or of a block device of its host.
---@async
---@param options homeward.Volume.create.options what is wanted
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function Volume:create(options) end

--- SHA-256 of its bytes at one position of the log. Two sums compare only at equal positions.
---@async
---@return table # { sha256, position?, size, volume, host }
function Volume:sum() end

--- SHA-256 of its bytes, as volume:sum() has it together with the position.
---@return string # 64 hexadecimal digits
function Volume:sha256() end

--- A volume that is open, until close() is called or the variable that was declared <close> goes out of scope.
---@class homeward.Session
---@field host string the host whose volume it is
---@field volume string DG/VOLUME
---@field size integer its length in bytes
---@field readonly boolean whether it can only be read
---@field session integer the number of the session
local Session = {}

--- Reads bytes.
---@async
---@param offset integer where, in bytes from the start
---@param count integer how many bytes, at most 32 MiB
---@return string
function Session:read(offset, count) end

--- Writes bytes. They survive the daemon when it returns, and the host after flush().
---@async
---@param offset integer where, in bytes from the start
---@param data string at most 32 MiB
function Session:write(offset, data) end

--- Waits until everything written before is durable; in synchronous mode at the Secondaries too.
---@async
function Session:flush() end

--- Ends the session. Again is no error.
---@async
function Session:close() end

--- A replicated volume group on one host. Its verbs are carried out by that host.
---@class homeward.RVG
---@field host string the host
---@field dg? string its disk group, if it was named
---@field rvg string its name
---@field name string the same
local RVG = {}

--- Makes the RVG with the role Primary on this host, and starts it. There is no Secondary yet.
---@async
---@param volumes string[] names of its data volumes
---@param srl string the name of its log volume
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:createpri(volumes, srl) end

---@class homeward.RVG.makesec.options
---@field force? boolean gives up the updates that never left this host

--- On an original Primary one of whose Secondaries has taken over: makes it a Secondary of that host.
---
--- Refused while a volume is open, and while it holds updates that never left it (unsent-updates):
--- force = true gives those up, after writing them to a file. Done already: nothing changes.
---@async
---@param new_primary string|homeward.Host the host that took over: its name or a Host
---@param options? homeward.RVG.makesec.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:makesec(new_primary, options) end

---@class homeward.RVG.takeover.options
---@field force? boolean although another Secondary holds more, or beside several Primaries that are all shut

--- On a consistent Secondary whose Primary is gone: makes it Primary. What never reached it is lost.
---@async
---@param options? homeward.RVG.takeover.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed; takeover = { epoch, fork_id, fork_time?, last_heard_id?, lost_at_least?, old_primary? }
function RVG:takeover(options) end

---@class homeward.RVG.delpri.options
---@field force? boolean although it is started, detached Secondaries are left, or it is a Secondary whose Primary is gone

--- Dissolves the RVG on its Primary; no Secondary may be left. The data of its volumes stay.
---@async
---@param options? homeward.RVG.delpri.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:delpri(options) end

---@class homeward.RVG.start.options
---@field force? boolean although it is fenced or has failed: only if no other host took over

--- Lets the volumes of the RVG on this host be opened.
---@async
---@param options? homeward.RVG.start.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:start(options) end

--- Lets the volumes of the RVG on this host not be opened any more. Refused while one is open.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:stop() end

--- The RDS as this host sees it.
---@async
---@return table # { rvg, dg, primary?, hosts = { { name, role, state, reason?, reachable, position, consistent, log = { size, used }, open_by, … } }, links = { { secondary, state, data_status, consistent, diverged?, behind = { updates, bytes, seconds }, … } }, config_errors = { { host, error } } }; primary is nil when there are two
function RVG:status() end

--- The data volumes of the RVG on this host.
---@return homeward.Volume[] # in their order
function RVG:volumes() end

--- The RLINKs of the RVG on this host.
---@return homeward.RLink[] # in their order
function RVG:rlinks() end

--- On the Primary: marks in the log where a copy of the volumes begins. One checkpoint can be open.
---@async
---@param name string the name of the checkpoint, at most 19 characters
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:checkstart(name) end

--- On the Primary: marks in the log where the copy has ended.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:checkend() end

--- On the Primary: forgets a checkpoint, and lets go of the log that it holds.
---@async
---@param name string the name of the checkpoint, at most 19 characters
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RVG:checkdelete(name) end

--- On the Primary: its checkpoints, with the log that each holds.
---@async
---@return table # a list of { name, state = "started"|"completed"|"overflowed", bytes, percent, start_id, end_id? }
function RVG:cplist() end

--- The RDS that it belongs to.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@return homeward.RDS
function RVG:rds() end

--- A checkpoint of this RVG, on the Primary.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param name string its name
---@return homeward.Checkpoint
function RVG:checkpoint(name) end

--- An RVG together with its counterparts on other hosts. A Primary that can be reached is asked, else another host.
---@class homeward.RDS
---@field dg? string its disk group, if it was named
---@field rvg string the name of the RVG
---@field name string the same
local RDS = {}

--- Roles, links, backlog and configuration errors of all its hosts.
---
--- data_status of a link is "up-to-date", "behind", "inconsistent" or "unknown"; what an unreachable
--- host is shown with is its last known state, age seconds old.
---@async
---@return table # { rvg, dg, primary?, hosts = { { name, role, state, reason?, reachable, position, consistent, log = { size, used }, open_by, … } }, links = { { secondary, state, data_status, consistent, diverged?, behind = { updates, bytes, seconds }, … } }, config_errors = { { host, error } } }; primary is nil when there are two
function RDS:status() end

--- How replication stands, for each Secondary.
---@return table # { rvg, dg, primary?, secondaries = { { host, state?, data_status, replication_status, mode, behind, reason? } }, config_errors }
function RDS:repstatus() end

--- The RLINKs of all its hosts.
---@return homeward.RLink[] # host by host
function RDS:rlinks() end

---@class homeward.RDS.await.options
---@field state? "up-to-date"|"consistent"|"connected" what is waited for; up-to-date if left out
---@field behind? integer bytes that may still be missing for up-to-date, on a link that is connected; 0 if left out
---@field timeout? number seconds, after which timed-out is raised; no bound if left out
---@field silence? number seconds without an open Primary that answers and reaches the Secondary, after which timed-out is raised; no bound if left out
---@field on_progress? function called now and then with { phase = "wait", host, data_status, replication_status, behind, reason, seconds }; reason: why nothing is known of the link

--- Waits until a Secondary is up-to-date, consistent or connected.
---
--- rds:await("seattle", { state = "up-to-date", timeout = 3600 })
--- A host that does not answer for a while is waited for; a link that is detached is not, since nothing would
--- come: link-detached is raised; nor is a Primary that does not open by itself: fenced. In a plan it does not
--- wait.
---@param host string|homeward.Host the Secondary: its name or a Host
---@param options? homeward.RDS.await.options any of these
---@return table # the link, as in status().links; { planned = true } in a plan
function RDS:await(host, options) end

---@class homeward.RDS.addsec.options
---@field secondary_dg? string the disk group there, when it has another name (-sdg)
---@field attributes? table settings, as rds:set takes them

--- Makes the counterpart of the RVG on another host, and the RLINKs. Nothing replicates until startrep.
---
--- The other host needs volumes of the same names and lengths, and a log volume of the same name.
--- rds:addsec("seattle", "london", { attributes = { synchronous = "override" } })
---@async
---@param primary string|homeward.Host the Primary
---@param secondary string|homeward.Host the host to be added
---@param options? homeward.RDS.addsec.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:addsec(primary, secondary, options) end

--- Takes a Secondary out of the RDS. Replication to it has to be stopped before. Its data stay.
---@async
---@param secondary? string|homeward.Host a Secondary: its name or a Host; may be left out if there is only one
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:delsec(secondary) end

---@class homeward.RDS.delpri.options
---@field force? boolean although it is started, detached Secondaries are left, or it is a Secondary whose Primary is gone

--- Dissolves the RVG on its Primary; no Secondary may be left. The data of its volumes stay.
---@async
---@param options? homeward.RDS.delpri.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:delpri(options) end

---@class homeward.RDS.set.attributes
---@field synchronous? "off"|"override"|"fail" when the link is down
---@field srlprot? "override"|"off"|"fail" when the log is full
---@field latencyprot? "off"|"override"|"fail" when too many updates wait
---@field latency_high_mark? integer updates that may wait before writes are held back
---@field latency_low_mark? integer updates that may still wait when writes go on again
---@field bandwidth_limit? string "none", or bits a second such as "30mbps"

--- Changes settings of the RLINKs between the Primary and its Secondaries, on both ends.
---
--- rds:set{ synchronous = "override" }                  -- all Secondaries
--- rds:set({ bandwidth_limit = "30mbps" }, "london")    -- one of them
---@async
---@param attributes homeward.RDS.set.attributes what to change
---@param secondary? string|homeward.Host one Secondary; all of them if left out
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:set(attributes, secondary) end

---@class homeward.RDS.syncrvg.options
---@field checkpoint string its name, at most 19 characters
---@field full? boolean sends every block, not only those that differ
---@field force? boolean although the Secondary knows of another takeover
---@field consent? boolean agrees to the consequence that needs-consent tells of
---@field on_progress? function called with { phase, host, bytes_compared, bytes_differing, bytes_sent, bytes_total, seconds_left, volumes } now and then

--- Copies the Primary's volumes to Secondaries, only what differs, under a checkpoint. The application may run.
---
--- rds:syncrvg("seattle", { checkpoint = "checkpt_presync" })
--- The RLINK has to be detached; afterwards startrep with the same checkpoint makes the Secondary
--- consistent. Called again after an interruption it goes on where it was. When it would leave no
--- consistent copy but the Primary's, needs-consent is raised unless consent = true.
---@async
---@param secondaries string|homeward.Host|(string|homeward.Host)[] a Secondary, or a list of them
---@param options homeward.RDS.syncrvg.options what is wanted
---@return table # { secondaries = { { secondary, checkpoint?, already, identical, volumes, bytes_compared, bytes_differing, bytes_sent, start_id?, end_id?, seconds, discarded?, notes } }, already, identical, bytes_compared, bytes_differing, bytes_sent, seconds }
function RDS:syncrvg(secondaries, options) end

---@class homeward.RDS.verify.options
---@field on_progress? function called with { phase, host, bytes_compared, bytes_differing, bytes_sent, bytes_total, seconds_left, volumes } now and then

--- Compares all volumes with those of Secondaries, and changes nothing.
---
--- The result has a meaning only while nothing is written and the Secondary is up-to-date: to call it
--- says that this is so. Pause replication to it before (pauserep). Volumes that differ are no error: see
--- identical. It reads everything, so a plan notes it only.
---@async
---@param secondaries string|homeward.Host|(string|homeward.Host)[] a Secondary, or a list of them
---@param options? homeward.RDS.verify.options any of these
---@return table # { secondaries = { { secondary, checkpoint?, already, identical, volumes, bytes_compared, bytes_differing, bytes_sent, start_id?, end_id?, seconds, discarded?, notes } }, already, identical, bytes_compared, bytes_differing, bytes_sent, seconds }
function RDS:verify(secondaries, options) end

---@class homeward.RDS.startrep.options
---@field checkpoint? string its data were synchronized under the checkpoint of this name
---@field identical? boolean both sides are identical already (-f); refused where that is seen to be wrong
---@field consent? boolean the copy was made by hand between checkstart and checkend; without it needs-consent is raised

--- Starts replication to a Secondary. Returns when the RLINK is attached, not when it is up-to-date.
---
--- rds:startrep("seattle", { checkpoint = "checkpt_presync" })
--- rds:await("seattle") waits until it is up-to-date.
---@async
---@param secondary? string|homeward.Host a Secondary: its name or a Host; may be left out if there is only one
---@param options homeward.RDS.startrep.options what is wanted
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:startrep(secondary, options) end

---@class homeward.RDS.stoprep.options
---@field force? boolean although the Secondary does not answer

--- Stops replication to a Secondary. To start it again takes a synchronization; nobody is asked first.
---@async
---@param secondary? string|homeward.Host a Secondary: its name or a Host; may be left out if there is only one
---@param options? homeward.RDS.stoprep.options any of these
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:stoprep(secondary, options) end

--- Pauses replication to a Secondary from the Primary's end. Writes go on and wait in the log.
---@async
---@param secondary? string|homeward.Host a Secondary: its name or a Host; may be left out if there is only one
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:pauserep(secondary) end

--- Goes on where pauserep stopped.
---@async
---@param secondary? string|homeward.Host a Secondary: its name or a Host; may be left out if there is only one
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:resumerep(secondary) end

--- Moves the role Primary to a Secondary; replication back to the old Primary starts by itself.
---
--- All volumes have to be closed and every attached Secondary up-to-date: stop the application first, to call
--- this says that it is stopped.
---@async
---@param to? string|homeward.Host the new Primary: its name or a Host; may be left out if there is only one Secondary
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:migrate(to) end

--- On the Primary: marks in the log where a copy of the volumes begins. One checkpoint can be open.
---@async
---@param name string the name of the checkpoint, at most 19 characters
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:checkstart(name) end

--- On the Primary: marks in the log where the copy has ended.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:checkend() end

--- On the Primary: forgets a checkpoint, and lets go of the log that it holds.
---@async
---@param name string the name of the checkpoint, at most 19 characters
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RDS:checkdelete(name) end

--- On the Primary: its checkpoints, with the log that each holds.
---@async
---@return table # a list of { name, state = "started"|"completed"|"overflowed", bytes, percent, start_id, end_id? }
function RDS:cplist() end

--- Its RVG on one host.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param host string|homeward.Host the host
---@return homeward.RVG
function RDS:on(host) end

--- A checkpoint of its Primary.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param name string its name
---@return homeward.Checkpoint
function RDS:checkpoint(name) end

--- One end of a replication link. Its verbs are carried out by the host whose end it is.
---@class homeward.RLink
---@field host string the host whose end it is
---@field dg string its disk group
---@field name string its name, such as rlk_london_hr_rvg
local RLink = {}

--- On the Primary: how far the Secondary at the other end is behind.
---@async
---@return table # a table as st.links[i] of rds:status()
function RLink:status() end

--- On a Secondary: the last update here, and the last known at the Primary.
---
--- After the loss of a Primary the Secondary with the highest id is the one to take over.
---@async
---@return table # { rlink, secondary_id, secondary_time?, primary_id?, primary_time? }
function RLink:updates() end

--- On the Primary: the checkpoints of the RLINK.
---@async
---@return table # as rvg:cplist()
function RLink:cplist() end

--- Pauses replication from this end; a Secondary's pause keeps the session open.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RLink:pause() end

--- Goes on where pause, at the same end, stopped.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RLink:resume() end

---@class homeward.RLink.att.options
---@field checkpoint? string its data were synchronized under the checkpoint of this name
---@field identical? boolean both sides are identical already (-f); refused where that is seen to be wrong
---@field consent? boolean the copy was made by hand between checkstart and checkend; without it needs-consent is raised

--- Attaches an RLINK of the Primary, as rds:startrep() does for its Secondary.
---@async
---@param options homeward.RLink.att.options what is wanted
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RLink:att(options) end

--- Detaches an RLINK: its place in the log is lost, and to go on takes att or startrep again.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function RLink:det() end

--- A checkpoint of a Primary: two marks in the log between which a copy is made.
---@class homeward.Checkpoint
---@field host? string the host that is asked; the Primary if left out
---@field dg? string the disk group, if it was named
---@field rvg string the RVG
---@field name string its name
local Checkpoint = {}

--- Marks where the copy begins.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function Checkpoint:start() end

--- Marks where the copy ends: of the checkpoint that is open.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function Checkpoint:finish() end

--- Forgets it, and lets go of the log that it holds.
---@async
---@return table # { already, summary, notes, discarded?, takeover? }; already is true when nothing had to be changed
function Checkpoint:delete() end

--- How it stands.
---@return table # { name, state, bytes, percent, start_id, end_id? }; nil when there is none of that name
function Checkpoint:info() end

--- One run of a runbook, as the journal had it when it was listed.
---@class homeward.Run
---@field id string as `homeward runs list` prints it
---@field runbook string the name of the runbook
---@field state "running"|"done"|"failed"|"interrupted"|"died" how far it came
---@field started number seconds since 1970
---@field ended? number seconds since 1970
---@field site? string the site file
local Run = {}

--- All that the journal has of it now, with its steps.
---@async
---@return table # { id, runbook, source, revision, site?, parameters, state, started, ended?, detail, steps = { { id, title, state, started, ended?, detail } } }
function Run:info() end

--- A host, to act on what it has.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param name string as in host.lua of its daemon
---@return homeward.Host
function hw.host(name) end

--- An RVG together with its counterparts on other hosts.
---
--- Asks no host: whether there is such a thing shows when it is used.
---@param dg string the disk group; with one argument this is the RVG, in whatever disk group it is
---@param rvg? string the RVG
---@return homeward.RDS
function hw.rds(dg, rvg) end

--- The hosts that are known here: the one that answers, and its peers.
---@return homeward.Host[] # in the order of their names
function hw.hosts() end

--- Every RDS that is known here, with its hosts and links.
---@async
---@return table # a list of tables as rds:status() returns one
function hw.status() end

--- What the daemon that answers here tells of itself.
---@async
---@return table # as host:status()
function hw.daemon() end

--- The release of Homeward that runs the script.
---@return string # as in 0.1.0
function hw.version() end

--- Runs a command: a program and its arguments, never a line for a shell.
---
--- hw.sh{ "systemctl", "stop", "billing", on = ctx.host, timeout = 60 }
--- An exit code other than 0 raises command-failed, unless check = false. When the time is over the command and
--- all processes that it started get TERM, five seconds later KILL. What it starts in the background goes on
--- when it has ended, if its output goes elsewhere. In a plan it is noted and not run.
---@async
---@param command table { "PROGRAM", "ARGUMENT", …, on = host or name, timeout = seconds (300 if left out), env = { NAME = "value" }, input = "…", check = true }
---@return table # { code, out, err, cut, timed_out, seconds }; out and err hold at most 1 MiB each, else cut is true
function hw.sh(command) end

--- The runs of runbooks in the journal of this machine.
---@async
---@return homeward.Run[] # newest first; for the newest of one runbook look at run.runbook
function hw.runs() end

---@class homeward.fail.error
---@field code string kebab-case; what callers match on
---@field message string what is wrong, with the values
---@field hint? string the next command that would work
---@field object? string what it is about, as an operator types it
---@field host? string the host concerned

--- Raises an error with a code, which prints as one line with the hint below it.
---
--- pcall gives a table with the same fields, and with where: the file and line that called hw.fail.
---@param error homeward.fail.error what to raise
function hw.fail(error) end

--- Begins a runbook: declares its parameters.
---
--- local M = hw.runbook{ summary = "…", parameters = { … } }
--- function M.run(ctx) … end
--- return M
---@param declaration table { summary, parameters = { … }, preflight = function(ctx) … }
---@return table # the declaration, to which the file adds run
function hw.runbook(declaration) end

--- Runs functions at the same time and returns their results in order.
---
--- Each may wait. The first error cancels the others, waits until they have ended, and is raised. Of each function the first result is returned.
---@async
---@param functions function[] What to run.
---@return any # the first result of each function, in their order
function hw.parallel(functions) end

--- Runs a function for at most so many seconds and returns its results.
---
--- When the time is over it is cancelled, its end is awaited, and `timed-out` is raised.
---@async
---@param seconds number How long it may take.
---@param f function What to run.
---@return any # what the function returns
function hw.timeout(seconds, f) end

--- Waits so many seconds.
---@async
---@param seconds number How long; 0 lets others run.
function hw.sleep(seconds) end

return hw
