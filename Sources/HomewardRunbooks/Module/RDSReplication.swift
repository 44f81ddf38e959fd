import HomewardAdministration
import LuaHost

/// Verbs of an RDS that start, stop and move replication.
enum RDSReplication {
    static func verbs(_ binding: Binding) -> [ScriptFunction] {
        synchronization(binding) + links(binding) + [migrate(binding)]
    }

    private static func synchronization(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.changing(
                "syncrvg",
                "Copies the Primary's volumes to Secondaries, only what differs, under a checkpoint. The application may run.",
                details: """
                    rds:syncrvg("seattle", { checkpoint = "checkpt_presync" })
                    The RLINK has to be detached; afterwards startrep with the same checkpoint makes the Secondary
                    consistent. Called again after an interruption it goes on where it was. When it would leave no
                    consistent copy but the Primary's, needs-consent is raised unless consent = true.
                    """,
                [
                    .secondaries,
                    .options(
                        [
                            LuaType.Key(
                                "checkpoint",
                                .string,
                                "its name, at most 19 characters",
                                optional: false
                            ),
                            LuaType.Key("full", .boolean, "sends every block, not only those that differ"),
                            .force("although the Secondary knows of another takeover"), .consent, .onProgress,
                        ],
                        optional: false
                    ),
                ],
                returns: synchronized
            ) { arguments in
                let request = Request.synchronize(
                    arguments.rvg,
                    secondaries: try arguments.hosts(0),
                    checkpoint: try arguments.required(1, "checkpoint", "{ checkpoint = \"checkpt_presync\" }"),
                    full: arguments.flag(1, "full"),
                    force: arguments.flag(1, "force"),
                    consent: arguments.flag(1, "consent")
                )
                return Binding.Call(request, to: RDSClass.target(arguments))
            },
            binding.changing(
                "verify",
                "Compares all volumes with those of Secondaries, and changes nothing.",
                details: """
                    The result has a meaning only while nothing is written and the Secondary is up-to-date: to call it
                    says that this is so. Pause replication to it before (pauserep). Volumes that differ are no error: see
                    identical. It reads everything, so a plan notes it only.
                    """,
                [.secondaries, .options([.onProgress])],
                returns: synchronized
            ) { arguments in
                let secondaries = try arguments.hosts(0)
                return Binding.Call(
                    .verify(arguments.rvg, secondaries: secondaries, consent: true),
                    to: RDSClass.target(arguments),
                    shown: .verify(arguments.rvg, secondaries: secondaries, consent: false)
                )
            },
        ]
    }

    private static let synchronized =
        "{ secondaries = { { secondary, checkpoint?, already, identical, volumes, bytes_compared, bytes_differing, bytes_sent, "
        + "start_id?, end_id?, seconds, discarded?, notes } }, already, identical, bytes_compared, bytes_differing, "
        + "bytes_sent, seconds }"

    private static func links(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.changing(
                "startrep",
                "Starts replication to a Secondary. Returns when the RLINK is attached, not when it is up-to-date.",
                details: """
                    rds:startrep("seattle", { checkpoint = "checkpt_presync" })
                    rds:await("seattle") waits until it is up-to-date.
                    """,
                [.secondary(), .options(AttachOptions.keys, optional: false)]
            ) { arguments in
                let request = Request.startReplication(
                    arguments.rvg,
                    secondary: arguments.host(0),
                    how: try AttachOptions.mode(arguments, 1),
                    consent: arguments.flag(1, "consent")
                )
                return Binding.Call(request, to: RDSClass.target(arguments))
            },
            binding.changing(
                "stoprep",
                "Stops replication to a Secondary. To start it again takes a synchronization; nobody is asked first.",
                [.secondary(), .options([.force("although the Secondary does not answer")])]
            ) { arguments in
                func request(_ consent: Bool) -> Request {
                    .stopReplication(
                        arguments.rvg,
                        secondary: arguments.host(0),
                        force: arguments.flag(1, "force"),
                        consent: consent
                    )
                }
                return Binding.Call(request(true), to: RDSClass.target(arguments), shown: request(false))
            },
            binding.changing(
                "pauserep",
                "Pauses replication to a Secondary from the Primary's end. Writes go on and wait in the log.",
                [.secondary()]
            ) { Binding.Call(.pauseReplication($0.rvg, secondary: $0.host(0)), to: RDSClass.target($0)) },
            binding.changing("resumerep", "Goes on where pauserep stopped.", [.secondary()]) {
                Binding.Call(.resumeReplication($0.rvg, secondary: $0.host(0)), to: RDSClass.target($0))
            },
        ]
    }

    private static func migrate(_ binding: Binding) -> ScriptFunction {
        binding.changing(
            "migrate",
            "Moves the role Primary to a Secondary; replication back to the old Primary starts by itself.",
            details: """
                All volumes have to be closed and every attached Secondary up-to-date: stop the application first, to call
                this says that it is stopped.
                """,
            [
                LuaParameter(
                    "to",
                    LuaParameter.hostType,
                    "the new Primary: its name or a Host; may be left out if there is only one Secondary",
                    optional: true
                )
            ]
        ) { arguments in
            Binding.Call(
                .migrate(arguments.rvg, to: arguments.host(0), consent: true),
                to: RDSClass.target(arguments),
                shown: .migrate(arguments.rvg, to: arguments.host(0), consent: false)
            )
        }
    }
}
