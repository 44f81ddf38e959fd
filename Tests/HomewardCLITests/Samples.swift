import HomewardAdministration
import HomewardCLI
import HomewardCore
import HomewardRunbooks
import Synchronization

/// The RDS of the reference's samples: birch is Primary, alder its Secondary.
enum Samples {
    static func link(
        _ remote: String,
        kstate: String = "CONNECT",
        state: String = "ACTIVE",
        status: String = "up-to-date",
        replication: String = "replicating (connected)",
        updates: UInt64 = 0,
        bytes: UInt64 = 0,
        seconds: Double = 0,
        percent: Double = 0,
        settings: LinkSettings = LinkSettings(),
        diverged: UInt64 = 0,
        reason: String? = nil,
        until: UInt64? = nil
    ) -> LinkDescription {
        LinkDescription(
            name: "rlk_\(remote)_pay_rvg",
            remoteHost: remote,
            remoteRVG: "pay_rvg",
            remoteDiskGroup: "paydg",
            state: state,
            kstate: kstate,
            flags: [],
            dataStatus: status,
            consistent: status == "up-to-date" || status == "behind",
            diverged: diverged,
            replicationStatus: replication,
            behindUpdates: updates,
            behindBytes: bytes,
            behindSeconds: seconds,
            behindPercent: percent,
            settings: settings,
            currentMode: "asynchronous",
            disconnectReason: reason,
            lastContactAge: nil,
            untilConsistent: until
        )
    }

    static func volume(_ name: String, isLog: Bool = false, open: [SessionHolder] = []) -> VolumeDescription {
        VolumeDescription(
            diskGroup: "paydg",
            name: name,
            size: 512 << 20,
            path: "/v/\(name)",
            isDevice: false,
            rvg: "pay_rvg",
            isLog: isLog,
            openBy: open
        )
    }

    static func member(
        _ host: String,
        _ role: String,
        local: Bool = false,
        reachable: Bool = true,
        age: Double? = nil,
        state: String = "enabled",
        reason: String? = nil,
        consistent: Bool = true,
        links: [LinkDescription],
        rvg: String = "pay_rvg",
        diskGroup: String = "paydg",
        activity: [String] = []
    ) -> MemberDescription {
        MemberDescription(
            host: host,
            isLocal: local,
            reachable: reachable,
            age: age,
            diskGroup: diskGroup,
            rvg: rvg,
            role: role,
            state: state,
            reason: reason,
            volumes: [volume("pay_dv01"), volume("pay_dv02"), volume("pay_dv03")],
            log: "pay_srl",
            logSize: 2 << 30,
            logUsed: 0,
            endID: UpdateID(9),
            consistent: consistent,
            follows: role == "secondary" ? "birch" : nil,
            links: links,
            activity: activity
        )
    }

    static func rds(_ members: [MemberDescription], primary: String?, errors: [ConfigError] = []) -> RDSDescription {
        RDSDescription(
            rvg: "pay_rvg",
            id: Identity(high: 1, low: 2),
            primary: primary,
            members: members,
            links: members.first { $0.host == primary }?.links ?? [],
            configErrors: errors
        )
    }

    static func host(_ name: String, _ members: [MemberDescription], primary: String? = nil) -> HostDescription {
        HostDescription(
            name: name,
            id: Identity(high: 3, low: 4),
            version: "0.1",
            process: 4711,
            directory: "/d",
            controlSocket: "/c",
            dataSocket: "/n",
            listen: "127.0.0.1:1",
            peers: [
                HostDescription.PeerDescription(
                    name: "alder",
                    address: "127.0.0.1:2",
                    connected: false,
                    blocked: false,
                    reason: "refused"
                )
            ],
            diskGroups: ["paydg"],
            rvgs: members.isEmpty ? [] : [rds(members, primary: primary)],
            settled: true
        )
    }
}

extension Samples {
    /// Scripts without any host, in a folder that does not exist.
    static func scripts(
        _ console: Console,
        _ options: GlobalOptions,
        environment: [String: String] = ["HOMEWARD_CONFIG": "/nonexistent/homeward"],
        hosts: any ScriptHosts = PlaceHosts(.socket(path: "/nonexistent/control.sock", relay: nil)),
        journal: any RunJournal = SQLiteJournal(path: "/nonexistent/journal.sqlite")
    ) -> ScriptContext {
        ScriptContext(
            console: console,
            options: options,
            environment: environment,
            hosts: hosts,
            volumes: DoorVolumes(socket: { host in
                throw Refusal(.notLocal, host, "there is no host", hint: "none")
            }),
            journal: journal,
            progress: ScriptProgress(console),
            close: {}
        )
    }
}

/// Answers as the test says, one answer after the other, and notes what it was asked.
final class FakeHandler: RequestHandler {
    private let answers: Mutex<[Result<Answer, Refusal>]>
    let requests = Mutex<[Request]>([])

    init(_ answers: [Result<Answer, Refusal>]) { self.answers = Mutex(answers) }

    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        requests.withLock { $0.append(request) }
        let next = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        return try next?.get() ?? .done(Outcome(summary: "done"))
    }

    var asked: [Request] { requests.withLock { $0 } }
}

/// What a command said and how it ended.
struct Run: Sendable {
    var code: Int32
    var out: String
    var notes: String
    var questions: [String]
}

/// Carries out a line against a handler; `yes` nil: there is nobody to ask.
func run(_ line: String, _ handler: FakeHandler, yes: Bool? = nil) async -> Run {
    let said = Mutex<(out: [String], notes: [String], questions: [String])>(([], [], []))
    let console = Console(
        out: { line in said.withLock { $0.out.append(line) } },
        note: { line in said.withLock { $0.notes.append(line) } },
        canAsk: yes != nil,
        ask: { question in
            said.withLock { $0.questions.append(question) }
            return yes ?? false
        }
    )
    let code = await HomewardCommand.run(line.split(separator: " ").map(String.init), console: console) { _ in
        { _, _ in Connection(handler: handler, host: nil) {} }
    } scripting: { options in
        Samples.scripts(console, options)
    }
    return said.withLock { said in
        Run(
            code: code,
            out: said.out.joined(separator: "\n"),
            notes: said.notes.joined(separator: "\n"),
            questions: said.questions
        )
    }
}
