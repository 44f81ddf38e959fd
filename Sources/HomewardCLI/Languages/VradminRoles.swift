import HomewardAdministration
import HomewardCore

extension VVRLanguage {
    /// Verbs of `vradmin` that move the role.
    static let vradminRoles: [Verb] = [
        .built(
            "takeover",
            "[-g dg] -N [-f] takeover rvg",
            options: ["-N", "-f", "-autofb"],
            .exactly(1),
            help: """
                On a consistent Secondary whose Primary is gone: makes it Primary. Updates that never reached it are
                lost. -N: no fast failback, which this release does not have; the way back is makesec, syncrvg -c,
                startrep -c, migrate. -f: although another Secondary holds more of the same history, or
                beside several Primaries of which none is open.
                """
        ) { words in
            guard words.has("-N"), !words.has("-autofb") else {
                let force = words.has("-f") ? " -f" : ""
                throw words.notBuilt(
                    words.has("-autofb")
                        ? "automatic failback (-autofb)" : "takeover with fast failback (it needs a DCM)",
                    hint: "\(words.command) -N\(force) takeover \(words.operands[0])"
                )
            }
            return ask(words, .takeover(words.rvg(), force: words.has("-f")), reach: .local)
        },
        .built(
            "makesec",
            "[-g dg] [-f] makesec rvg newprimary",
            options: ["-f"],
            .exactly(2),
            help: """
                On an original Primary one of whose Secondaries has taken over: makes it a Secondary of that host. The
                name is the one that vradmin -l printrvg shows with the Primary-Primary configuration error. Refused
                while a volume is open, with -f too, and while it holds updates that never left it; -f gives those up,
                after writing them to a file.
                """
        ) { words in
            ask(
                words,
                .makeSecondary(words.rvg(), newPrimary: words.operands[1], force: words.has("-f")),
                reach: .local
            )
        },
        .built(
            "migrate",
            "[-g dg] [-s] migrate rvg [sechost]",
            options: ["-s"],
            .from(1, to: 2),
            help: """
                Moves the role Primary to a Secondary; replication back to the old Primary starts by itself. All
                volumes have to be closed and every attached Secondary up to date. Asks whether the application is
                stopped; -s does not.
                """
        ) { words in
            ask(
                words,
                .migrate(words.rvg(), to: words.operand(1), consent: words.isSilent),
                reach: .rds(words.rvg()),
                question: Question(
                    "Move the Primary of \(words.objectName) to \(words.operand(1) ?? "its Secondary")?",
                    consequence: "The application has to be stopped: it loses its volumes on the old Primary."
                )
            )
        },
    ]

    /// Verbs of `vradmin` that only show.
    static let vradminViews: [Verb] = [
        .built(
            "printrvg",
            "[-g dg] [-l] printrvg [rvg...]",
            options: ["-l"],
            .atLeast(0),
            help: "Shows the hosts of an RDS. -l adds volumes, log, RLINKs and configuration errors."
        ) { words in
            ask(
                words,
                .describe(diskGroup: words.diskGroup, rvgs: words.operands),
                view: .printrvg(long: words.has("-l")),
                reach: words.operands.isEmpty ? .any : .rds(words.rvg())
            )
        },
        .built(
            "printvol",
            "[-g dg] printvol [rvg...]",
            .atLeast(0),
            help: "Shows the data volumes of an RDS on each of its hosts."
        ) { words in
            ask(
                words,
                .describe(diskGroup: words.diskGroup, rvgs: words.operands),
                view: .printvol,
                reach: words.operands.isEmpty ? .any : .rds(words.rvg())
            )
        },
        .built(
            "repstatus",
            "[-g dg] [-l] repstatus rvg",
            options: ["-l"],
            .exactly(1),
            help: """
                Shows how replication stands: for each Secondary whether its data are consistent and how far behind,
                and why a link is down. What an unreachable host is shown with is its last known state, with its age.
                """
        ) { words in
            ask(
                words,
                .describe(diskGroup: words.diskGroup, rvgs: words.operands),
                view: .repstatus(long: words.has("-l")),
                reach: .rds(words.rvg())
            )
        },
        .built("help", "help [verb]", .from(0, to: 1), help: "Lists the verbs, or explains one.") { words in
            .text(try VVRLanguage.vradmin.help(on: words.operands))
        },
    ]
}
