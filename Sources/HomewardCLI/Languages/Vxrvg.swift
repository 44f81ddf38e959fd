import HomewardAdministration
import HomewardCore

extension VVRLanguage {
    /// `vxrvg`: the verbs that act on the RVG of one host.
    public static let vxrvg = VVRLanguage(
        name: "vxrvg",
        valued: ["-g", "-c", "-P", "-o", "-i", "-t", "-C"],
        flags: ["-f", "-F", "-S", "-r", "-M", "-N", "-p", "-a", "-1", "-z"],
        verbs: vxrvgCheckpoints + vxrvgState + vxrvgNotBuilt
    )

    private static let vxrvgCheckpoints: [Verb] = [
        .built(
            "checkstart",
            "[-g dg] -c checkpoint checkstart rvg",
            options: ["-c"],
            .exactly(1),
            help: "On the Primary: marks in the log where a copy of the volumes begins. One checkpoint can be open."
        ) { words in
            guard let name = words.values["-c"] else { throw words.usage("-c CHECKPOINT is missing") }
            return ask(words, .checkStart(words.rvg(), name: name), reach: .primary(words.rvg()))
        },
        .built(
            "checkend",
            "[-g dg] checkend rvg",
            .exactly(1),
            help: "On the Primary: marks in the log where the copy that checkstart began has ended."
        ) { words in ask(words, .checkEnd(words.rvg()), reach: .primary(words.rvg())) },
        .built(
            "checkdelete",
            "[-g dg] -c checkpoint checkdelete rvg",
            options: ["-c"],
            .exactly(1),
            help: "On the Primary: forgets a checkpoint, and lets go of the log that it holds."
        ) { words in
            guard let name = words.values["-c"] else { throw words.usage("-c CHECKPOINT is missing") }
            return ask(words, .checkDelete(words.rvg(), name: name), reach: .primary(words.rvg()))
        },
        .built(
            "cplist",
            "[-g dg] cplist rvg",
            .exactly(1),
            help: "On the Primary: lists checkpoints with the log that each holds, and whether it can still be used."
        ) { words in ask(words, .listCheckpoints(words.rvg()), reach: .primary(words.rvg())) },
    ]

    private static let vxrvgState: [Verb] = [
        .built(
            "start",
            "[-g dg] [-f] start rvg",
            options: ["-f"],
            .exactly(1),
            help: "Lets the volumes of the RVG on this host be opened. -f: although it is fenced or has failed."
        ) { words in ask(words, .startRVG(words.rvg(), force: words.has("-f")), reach: .local) },
        .built(
            "stop",
            "[-g dg] stop rvg",
            options: ["-f"],
            .exactly(1),
            help: "Lets the volumes of the RVG on this host not be opened any more. Refused while one is open."
        ) { words in
            guard !words.has("-f") else {
                throw words.notBuilt(
                    "stop -f",
                    hint: "close the volumes, then: \(words.command) stop \(words.operands[0])"
                )
            }
            return ask(words, .stopRVG(words.rvg()), reach: .local)
        },
        .built(
            "getdatavols",
            "[-g dg] [-1] getdatavols rvg",
            options: ["-1"],
            .exactly(1),
            help: "Prints the names of the data volumes of the RVG on this host; -1: one a line."
        ) { words in
            ask(
                words,
                .describe(diskGroup: words.diskGroup, rvgs: words.operands),
                view: .dataVolumes(oneColumn: words.has("-1")),
                reach: .rds(words.rvg())
            )
        },
        .built(
            "getrlinks",
            "[-g dg] [-1] getrlinks rvg",
            options: ["-1"],
            .exactly(1),
            help: "Prints the names of the RLINKs of the RVG on this host; -1: one a line."
        ) { words in
            ask(
                words,
                .describe(diskGroup: words.diskGroup, rvgs: words.operands),
                view: .links(oneColumn: words.has("-1")),
                reach: .rds(words.rvg())
            )
        },
        .built("help", "help [verb]", .from(0, to: 1), help: "Lists the verbs, or explains one.") { words in
            .text(try VVRLanguage.vxrvg.help(on: words.operands))
        },
    ]

    private static let vxrvgNotBuilt: [Verb] = [
        .notBuilt(
            "recover",
            "[-g dg] [-f] recover rvg",
            help: "Recovers an RVG after a crash.",
            hint: "nothing to do: the daemon recovers when it starts; the state: homeward status"
        ),
        .notBuilt(
            "resync",
            "[-g dg] resync rvg",
            help: "Replays the DCM to Secondaries.",
            hint: "vradmin -g DG -c NAME syncrvg RVG SECONDARY, then vradmin -g DG -c NAME startrep RVG SECONDARY"
        ),
        .notBuilt(
            "makeprimary",
            "[-g dg] {-F [-r] | -M | -N} makeprimary rvg [rlink]",
            help: "Makes the RVG of this host a Primary, one half of a role change.",
            hint: "vradmin -g DG -N takeover RVG; or vradmin -g DG migrate RVG HOST"
        ),
        .notBuilt(
            "makesecondary",
            "[-g dg] makesecondary rvg [rlink]",
            help: "Makes the RVG of this host a Secondary, one half of a role change.",
            hint: "vradmin -g DG makesec RVG NEWPRIMARY; or vradmin -g DG migrate RVG HOST"
        ),
        .notBuilt(
            "switchpri",
            "[-g dg] switchpri rvg [rlink]",
            help: "Makes a Secondary follow another Primary.",
            hint: "to make it follow the new Primary: vradmin -g DG -c NAME syncrvg RVG SECONDARY"
        ),
        .notBuilt(
            "getfailedvols",
            "[-g dg] [-1] getfailedvols rvg",
            help: "Prints the names of volumes with errors.",
            hint: "whether it has failed, and why: vradmin -g DG -l repstatus RVG"
        ),
        .notBuilt(
            "snapshot",
            "[-g dg] [-P prefix] [-F|-S] snapshot rvg [attribute...]",
            help: "Takes snapshots of all volumes at one instant.",
            hint: "vradmin -g DG pauserep RVG SECONDARY, then copy the Secondary's volumes: they are at one instant"
        ),
        .notBuilt(
            "snapback",
            "[-g dg] [-f] [-p] [-P prefix|-a] snapback rvg",
            help: "Joins snapshots again with their volumes.",
            hint: "nothing to join: there are no snapshots"
        ),
        .notBuilt(
            "snaprestore",
            "[-g dg] [-f] [-P prefix] snaprestore rvg",
            help: "Restores volumes from snapshots.",
            hint: "nothing to restore: there are no snapshots; copy a backup through the volumes"
        ),
        .notBuilt(
            "snaprefresh",
            "[-g dg] [-P prefix] snaprefresh rvg",
            help: "Takes snapshots anew.",
            hint: "nothing to refresh: there are no snapshots"
        ),
        .notBuilt(
            "snapdestroy",
            "[-g dg] [-o keepcache] [-P prefix] snapdestroy rvg",
            help: "Deletes snapshots.",
            hint: "nothing to delete: there are no snapshots"
        ),
        .notBuilt(
            "snapprint",
            "[-g dg] [-P prefix] snapprint rvg",
            help: "Lists snapshots.",
            hint: "nothing to list: there are no snapshots"
        ),
        .notBuilt(
            "stats",
            "[-g dg] [-z] [-i sec] [-t freq] [-C count] stats rvg",
            help: "Shows statistics of the log.",
            hint: "vradmin -g DG -l repstatus RVG, or homeward status --json"
        ),
    ]
}
