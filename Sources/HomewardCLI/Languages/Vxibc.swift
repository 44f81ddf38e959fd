extension VVRLanguage {
    /// Messages in the stream of updates (`vxibc`).
    ///
    /// None of it is built.
    public static let vxibc = VVRLanguage(
        name: "vxibc",
        valued: ["-g", "-D", "-F", "-f", "-m", "-R", "-l"],
        flags: ["-N", "-n"],
        verbs: [
            ("register", "[-D deliver_timeout] register app rvg", "Registers an application for messages."),
            ("send", "[-N | -F freeze_timeout] [-f file | -m msg] send app rvg [rlink...]", "Sends a message."),
            ("receive", "[-n | -R timeout] [-f file] [-l buflen] receive app rvg", "Waits for a message."),
            ("unfreeze", "unfreeze app rvg", "Lets a frozen Secondary go on."),
            ("unregister", "unregister app rvg", "Ends a registration."),
            ("status", "status rvg", "Shows registrations."),
            ("stoprecv", "stoprecv app rvg", "Ends a wait for a message."),
            ("regsend", "regsend app rvg [rlink...]", "Registers, sends and unregisters."),
            ("regrecv", "regrecv app rvg command [args]", "Registers, receives and runs a command."),
        ].map { (name, synopsis, help) -> Verb in
            .notBuilt(
                name,
                synopsis,
                help: help,
                hint:
                    "to hold a consistent Secondary still: vradmin -g DG pauserep RVG SECONDARY; to let it go on: vradmin -g DG resumerep RVG SECONDARY"
            )
        }
    )
}
