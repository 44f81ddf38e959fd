import ArgumentParser
import HomewardAdministration
import HomewardCore

/// A command that amounts to requests for one host.
protocol InquiringCommand: ParsableCommand {
    func plan() -> Result<Plan, Refusal>
}

/// The root of all commands.
struct Homeward: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "homeward",
        abstract: "A scriptable volume replicator.",
        discussion: """
            Options of every command, anywhere on the line:
              --host NAME   the host that acts (else $HOMEWARD_HOST)
              --lab[=DIR]   act in a lab (else $HOMEWARD_LAB, or .lab here)
              --json        a machine-readable result on stdout
              --yes         answer questions with yes
            lab takes no --host, and serve neither --host nor --lab: they are not carried out by a daemon.

            Variables of the environment:
              HOMEWARD_HOST, HOMEWARD_LAB   as --host and --lab
              HOMEWARD_SOCKET   a daemon's control socket
                                (else /var/lib/homeward/control.sock)
              HOMEWARD_CONFIG   the folder of your runbooks and site.lua
                                (else ~/.config/homeward)
              HOMEWARD_SITE     the site file of runbooks

            Exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
            """,
        subcommands: [
            RunCommand.self, ExecCommand.self, ReplCommand.self, RunbooksCommand.self, RunsCommand.self,
            VradminCommand.self, VxrvgCommand.self, VxrlinkCommand.self, VxibcCommand.self, DiskGroupCommand.self,
            VolumeCommand.self, StatusCommand.self, ServeCommand.self, LabCommand.self,
        ]
    )
}

struct VradminCommand: InquiringCommand {
    static let configuration = CommandConfiguration(commandName: "vradmin", abstract: "Verbs that act on an RDS.")
    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func plan() -> Result<Plan, Refusal> { VVRLanguage.vradmin.parse(words) }
}

struct VxrvgCommand: InquiringCommand {
    static let configuration = CommandConfiguration(
        commandName: "vxrvg",
        abstract: "Verbs that act on the RVG of one host."
    )
    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func plan() -> Result<Plan, Refusal> { VVRLanguage.vxrvg.parse(words) }
}

struct VxrlinkCommand: InquiringCommand {
    static let configuration = CommandConfiguration(
        commandName: "vxrlink",
        abstract: "Verbs that act on one end of an RLINK."
    )
    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func plan() -> Result<Plan, Refusal> { VVRLanguage.vxrlink.parse(words) }
}

struct VxibcCommand: InquiringCommand {
    static let configuration = CommandConfiguration(
        commandName: "vxibc",
        abstract: "Messages in the stream of updates (not built yet)."
    )
    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func plan() -> Result<Plan, Refusal> { VVRLanguage.vxibc.parse(words) }
}

struct StatusCommand: InquiringCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows roles, links, backlog and what runs."
    )
    @Flag(help: "Show it again and again (not built yet).") var watch = false

    func plan() -> Result<Plan, Refusal> {
        guard !watch else {
            return .failure(
                Refusal(
                    .notBuiltYet,
                    "homeward status",
                    "--watch is not built in this release",
                    hint: "watch homeward status"
                )
            )
        }
        return .success(
            .ask(
                Inquiry(
                    [.hostStatus, .describe(diskGroup: nil, rvgs: [])],
                    view: .status,
                    reach: .any,
                    object: "status"
                )
            )
        )
    }
}
