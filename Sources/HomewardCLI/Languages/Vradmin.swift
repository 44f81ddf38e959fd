import HomewardAdministration
import HomewardCore

extension VVRLanguage {
    /// `vradmin`: the verbs that act on an RDS.
    public static let vradmin = VVRLanguage(
        name: "vradmin",
        valued: ["-g", "-c", "-sdg", "-bdg", "-k", "-tovset", "-fromvset"],
        flags: ["-a", "-b", "-f", "-s", "-N", "-autofb", "-full", "-verify", "-l", "-nodcm", "-wait", "-all"],
        verbs: vradminSetup + vradminReplication + vradminRoles + vradminViews + vradminNotBuilt
    )

    private static let vradminSetup: [Verb] = [
        .built(
            "createpri",
            "[-g dg] [-nodcm] createpri rvg volumelist srl",
            options: ["-nodcm"],
            .exactly(3),
            help: """
                Makes an RVG with the role Primary on this host, out of existing volumes (comma separated) and a log
                volume, and starts it. Its volumes can be written at once; there is no Secondary yet.
                """
        ) { words in
            let volumes = (words.operand(1) ?? "").split(separator: ",", omittingEmptySubsequences: false).map(
                String.init
            )
            guard !volumes.contains("") else { throw words.usage("a name in the volume list is empty") }
            return .ask(
                Inquiry(
                    [
                        .createPrimary(
                            diskGroup: words.diskGroup,
                            rvg: words.operands[0],
                            volumes: volumes,
                            log: words.operands[2]
                        )
                    ],
                    reach: .local,
                    notes: words.has("-nodcm") ? ["this release has no DCM: -nodcm changes nothing"] : [],
                    object: words.objectName
                )
            )
        },
        .built(
            "addsec",
            "[-g dg] [-nodcm] [-sdg dg] addsec rvg prihost sechost [attribute=value...]",
            options: ["-nodcm", "-sdg"],
            .atLeast(3),
            help: """
                Makes the counterpart of an RVG on sechost, which needs volumes of the same names and lengths and a
                log volume of the same name, and RLINKs between it and every host of the RDS. Nothing replicates until
                startrep. -sdg names the disk group on sechost when it has another name there.
                """
        ) { words in
            let attributes = try words.attributes(from: 3)
            return .ask(
                Inquiry(
                    [
                        .addSecondary(
                            words.rvg(),
                            primary: words.operands[1],
                            secondary: words.operands[2],
                            secondaryDiskGroup: words.values["-sdg"],
                            attributes: attributes
                        )
                    ],
                    reach: .rds(words.rvg()),
                    notes: words.has("-nodcm") ? ["this release has no DCM: -nodcm changes nothing"] : [],
                    object: words.objectName
                )
            )
        },
        .built(
            "delsec",
            "[-g dg] delsec rvg [sechost]",
            .from(1, to: 2),
            help: """
                Takes a Secondary out of the RDS. Replication to it has to be stopped before. The data of its volumes
                stay.
                """
        ) { words in
            ask(words, .deleteSecondary(words.rvg(), secondary: words.operand(1)), reach: .rds(words.rvg()))
        },
        .built(
            "delpri",
            "[-g dg] [-f] delpri rvg",
            options: ["-f"],
            .exactly(1),
            help: """
                Dissolves the RVG on its Primary, once it is stopped and has no Secondary left. The data of its volumes
                stay. -f: although it is started, although Secondaries are left that are detached, or on a Secondary
                whose Primary is gone. Refused while a volume is open, with -f too.
                """
        ) { words in
            ask(words, .deletePrimary(words.rvg(), force: words.has("-f")), reach: .rds(words.rvg()))
        },
        .built(
            "set",
            "[-g dg] set rvg [sechost] attribute=value...",
            .atLeast(2),
            help: """
                Changes replication settings of the RLINKs between the Primary and a Secondary, on both ends:
                synchronous=off|override|fail, srlprot=override|off|fail, latencyprot=off|override|fail,
                latency_high_mark=N, latency_low_mark=N, bandwidth_limit=RATE|none.
                """
        ) { words in
            let secondary = words.operand(1).flatMap { $0.contains("=") ? nil : $0 }
            let attributes = try words.attributes(from: secondary == nil ? 1 : 2)
            guard !attributes.isEmpty else { throw words.usage("an attribute=value is missing") }
            return ask(
                words,
                .setAttributes(words.rvg(), secondary: secondary, attributes: attributes),
                reach: .rds(words.rvg())
            )
        },
    ]

    private static let vradminReplication: [Verb] = [
        .built(
            "startrep",
            "[-g dg] {-c checkpoint | -f} [-s] startrep rvg [sechost]",
            options: ["-a", "-b", "-c", "-f", "-s"],
            .from(1, to: 2),
            help: """
                Starts replication to a Secondary. -c: its data were synchronized under that checkpoint; writes since
                then are sent, and it is inconsistent until they have arrived. -f: both sides are identical already; a
                wrong -f is refused where it can be told. Returns when the RLINK is attached, not when the Secondary
                is up to date.
                """
        ) { words in
            let operands = words.operands.joined(separator: " ")
            let how = try words.attachMode { "\(words.command) \($0) startrep \(operands)" }
            return ask(
                words,
                .startReplication(words.rvg(), secondary: words.operand(1), how: how, consent: words.isSilent),
                reach: .rds(words.rvg())
            )
        },
        .built(
            "stoprep",
            "[-g dg] [-f] [-s] stoprep rvg [sechost]",
            options: ["-f", "-s"],
            .from(1, to: 2),
            help: """
                Stops replication to a Secondary. The RLINK loses its place in the log: to go on takes a startrep
                again. Asks first; -s does not. -f stops even when the Secondary does not answer.
                """
        ) { words in
            ask(
                words,
                .stopReplication(
                    words.rvg(),
                    secondary: words.operand(1),
                    force: words.has("-f"),
                    consent: words.isSilent
                ),
                reach: .rds(words.rvg()),
                question: Question(
                    "Stop replication of \(words.objectName) to \(words.operand(1) ?? "its Secondary")?",
                    consequence: "The RLINK loses its place in the log: starting again takes a synchronization."
                )
            )
        },
        .built(
            "pauserep",
            "[-g dg] pauserep rvg [sechost]",
            .from(1, to: 2),
            help: """
                Pauses replication to a Secondary from the Primary's end. Writes go on and wait in the log.
                """
        ) { words in
            ask(words, .pauseReplication(words.rvg(), secondary: words.operand(1)), reach: .rds(words.rvg()))
        },
        .built(
            "resumerep",
            "[-g dg] resumerep rvg [sechost]",
            .from(1, to: 2),
            help: "Goes on where pauserep, or vxrlink pause on the Secondary, stopped."
        ) { words in
            ask(words, .resumeReplication(words.rvg(), secondary: words.operand(1)), reach: .rds(words.rvg()))
        },
        .built(
            "syncrvg",
            "[-g dg] {-c checkpoint [-full] [-f] | -verify} [-s] syncrvg rvg sechost...",
            options: ["-c", "-full", "-f", "-verify", "-s"],
            .atLeast(2),
            help: """
                -c: copies the Primary's volumes to the Secondaries, only the blocks that differ (-full: all), between
                the start and the end of a checkpoint of that name. The application may run. The RLINK has to be
                detached; afterwards startrep -c NAME makes the Secondary consistent. -f overrides the refusal of a
                Secondary that knows of another takeover. -verify: compares and reports, and changes nothing.
                """
        ) { words in
            let rvg = words.operands[0]
            let secondaries = Array(words.operands.dropFirst())
            let reach = Reach.rds(words.rvg())
            switch (words.values["-c"], words.has("-verify")) {
            case (let checkpoint?, false):
                return ask(
                    words,
                    .synchronize(
                        words.rvg(),
                        secondaries: secondaries,
                        checkpoint: checkpoint,
                        full: words.has("-full"),
                        force: words.has("-f"),
                        consent: words.isSilent
                    ),
                    view: .synchronization(rvg: rvg),
                    reach: reach
                )
            case (nil, true):
                guard !words.has("-full"), !words.has("-f") else {
                    throw words.usage("-verify compares everything and changes nothing: no -full, no -f")
                }
                return ask(
                    words,
                    .verify(words.rvg(), secondaries: secondaries, consent: words.isSilent),
                    view: .verification(rvg: rvg),
                    reach: reach,
                    question: Question(
                        "Compare all volumes of \(words.objectName) with \(secondaries.joined(separator: ", "))?",
                        consequence: "The result means nothing unless the Secondary is up to date and writes are held."
                    )
                )
            case (nil, false): throw words.usage("-c CHECKPOINT or -verify is missing")
            case (_?, true): throw words.usage("-c and -verify exclude each other")
            }
        },
    ]
}
