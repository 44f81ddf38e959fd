import HomewardAdministration
import HomewardCore

extension VVRLanguage {
    /// `vxrlink`: the verbs that act on one end of an RLINK.
    public static let vxrlink = VVRLanguage(
        name: "vxrlink",
        valued: ["-g", "-r", "-c", "-i", "-t"],
        flags: ["-a", "-b", "-f", "-s", "-w", "-T", "-e"],
        verbs: vxrlinkBuilt + vxrlinkNotBuilt
    )

    private static let vxrlinkBuilt: [Verb] = [
        .built(
            "status",
            "[-g dg] [-T] status rlink",
            options: ["-T", "-i", "-t"],
            .exactly(1),
            help: "On the Primary: how far the Secondary at the other end is behind; -T adds the time."
        ) { words in
            guard words.values["-i"] == nil, words.values["-t"] == nil else {
                throw words.notBuilt(
                    "repeating (-i, -t)",
                    hint: "watch -n \(words.values["-i"] ?? "10") \(words.command) status \(words.operands[0])"
                )
            }
            return ask(
                words,
                .linkStatus(words.rlink()),
                view: .linkStatus(time: words.has("-T")),
                reach: .primaryOfLink(words.rlink())
            )
        },
        .built(
            "updates",
            "[-g dg] [-T] updates rlink",
            options: ["-T"],
            .exactly(1),
            help: """
                On a Secondary: the id of the last update here and of the last known at the Primary; -T adds their
                times. After the loss of a Primary the Secondary with the highest id is the one to take over.
                """
        ) { words in
            ask(words, .linkUpdates(words.rlink()), view: .updates(time: words.has("-T")), reach: .local)
        },
        .built(
            "pause",
            "[-g dg] pause rlink",
            options: ["-c", "-w"],
            .exactly(1),
            help: "Pauses replication from the end where it is typed; on a Secondary the session stays open."
        ) { words in
            if words.values["-c"] != nil {
                throw words.notBuilt(
                    "a Secondary checkpoint (pause -c)",
                    hint: "on the Primary: vxrvg -g DG -c NAME checkstart RVG"
                )
            }
            if words.has("-w") {
                throw words.notBuilt(
                    "pause -w",
                    hint: "to restore a Secondary's volumes: vradmin -g DG -c NAME syncrvg RVG SECONDARY"
                )
            }
            return ask(words, .pauseLink(words.rlink()), reach: .primaryOfLink(words.rlink()))
        },
        .built(
            "resume",
            "[-g dg] resume rlink",
            .exactly(1),
            help: "Goes on where pause, typed at the same end, stopped."
        ) { words in ask(words, .resumeLink(words.rlink()), reach: .primaryOfLink(words.rlink())) },
        .built(
            "att",
            "[-g dg] {-c checkpoint | -f} [-s] att rlink...",
            options: ["-a", "-b", "-c", "-f", "-s", "-r"],
            .atLeast(1),
            help: "Attaches an RLINK of the Primary, as vradmin startrep does for its Secondary."
        ) { words in
            if words.values["-r"] != nil {
                throw words.notBuilt("-r", hint: "leave it out: the RLINK's name says which RVG it belongs to")
            }
            let operands = words.operands.joined(separator: " ")
            let how = try words.attachMode { "\(words.command) \($0) att \(operands)" }
            return .ask(
                Inquiry(
                    words.operands.indices.map { .attachLink(words.rlink($0), how: how, consent: words.isSilent) },
                    reach: .primaryOfLink(words.rlink()),
                    silent: words.isSilent,
                    object: words.objectName
                )
            )
        },
        .built(
            "det",
            "[-g dg] det rlink",
            .exactly(1),
            help: "Detaches an RLINK: its place in the log is lost, and to go on takes att or startrep again."
        ) { words in ask(words, .detachLink(words.rlink()), reach: .primaryOfLink(words.rlink())) },
        .built(
            "cplist",
            "[-g dg] cplist rlink",
            .exactly(1),
            help: "On the Primary: lists the checkpoints of an RLINK."
        ) { words in ask(words, .listLinkCheckpoints(words.rlink()), reach: .primaryOfLink(words.rlink())) },
        .built("help", "help [verb]", .from(0, to: 1), help: "Lists the verbs, or explains one.") { words in
            .text(try VVRLanguage.vxrlink.help(on: words.operands))
        },
    ]

    private static let vxrlinkNotBuilt: [Verb] = [
        .notBuilt(
            "assoc",
            "[-g dg] [-r rvg] assoc rvg rlink",
            help: "Makes an RLINK part of an RVG.",
            hint: "to make the RLINKs of all hosts: vradmin -g DG addsec RVG PRIMARY SECONDARY"
        ),
        .notBuilt(
            "dis",
            "[-g dg] [-r rvg] dis rlink",
            help: "Takes an RLINK out of its RVG.",
            hint: "to take the RLINKs of all hosts away: vradmin -g DG delsec RVG SECONDARY"
        ),
        .notBuilt(
            "restore",
            "[-g dg] -c checkpoint restore rlink",
            help: "Restores a Secondary from a backup.",
            hint: "vradmin -g DG -c NAME syncrvg RVG SECONDARY, then vradmin -g DG -c NAME startrep RVG SECONDARY"
        ),
        .notBuilt(
            "recover",
            "[-g dg] recover rlink",
            help: "Recovers an RLINK after a crash.",
            hint: "nothing to do: the daemon recovers when it starts; the state: vxrlink -g DG status RLINK"
        ),
        .notBuilt(
            "checkdelete",
            "[-g dg] -c checkpoint checkdelete rlink",
            help: "Forgets a Secondary checkpoint.",
            hint: "nothing to delete: there are no Secondary checkpoints; others: vxrvg -g DG -c NAME checkdelete RVG"
        ),
        .notBuilt(
            "stats",
            "[-g dg] [-e] [-i sec [-t freq]] stats rlink",
            help: "Shows statistics of a link.",
            hint: "vxrlink -g DG -T status RLINK; or homeward status --json"
        ),
        .notBuilt(
            "verify",
            "[-g dg] verify rlink|rvg",
            help: "Compares the configuration of both ends.",
            hint: "configuration errors: vradmin -g DG -l printrvg RVG"
        ),
    ]
}
