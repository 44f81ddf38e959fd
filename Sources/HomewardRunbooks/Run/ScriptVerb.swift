import HomewardAdministration

/// What a script waits for, as a value: no closure, so that a simulator can carry it out in its own time.
public enum ScriptVerb: Sendable, Hashable {
    /// A request for a host; the same values as the command line sends.
    case request(Request, to: ScriptTarget)
    /// A volume through the data door.
    case volume(VolumeCall)
    /// A command of the site.
    case shell(ShellCommand)
    /// Which of the hosts of these commands are not here, where they would be refused; answers with an error for each, of
    /// its first command, as data. Runs nothing.
    case elsewhere([ShellCommand])
    /// Waits until a command is over that a dead run left behind.
    case finish(LeftCommand)
    /// A question to whoever started the script.
    case question(ScriptQuestion)
    /// The journal of runs.
    case journal(JournalCall)
}

/// Which host a request is for.
public enum ScriptTarget: Sendable, Hashable {
    /// That host; through its own socket in a lab, relayed elsewhere.
    case host(String)
    /// A reachable Primary of the RVG, else any host that has it.
    case rds(RVGReference)
    /// The Primary of the RVG and no other host.
    case primary(RVGReference)
    /// Whichever host answers.
    case any
}

/// What can be done with a volume of a host, whose session stays open from call to call.
public enum VolumeCall: Sendable, Hashable {
    /// Bytes of one read or write: what a script gets or gives is one string, and more would be a copy of a volume in its
    /// memory.
    public static let largest = 32 << 20

    /// Answers with a ``VolumeAnswer/opened(session:size:)``.
    case open(host: String, export: String, readOnly: Bool)
    case read(session: UInt64, offset: UInt64, count: Int)
    case write(session: UInt64, offset: UInt64, bytes: [UInt8])
    case flush(session: UInt64)
    /// A session that is closed already is no error.
    case close(session: UInt64)
}

public enum VolumeAnswer: Sendable, Hashable {
    case opened(session: UInt64, size: UInt64)
    case bytes([UInt8])
    case done
}

/// A command of the site: a program and its arguments, never a line for a shell.
public struct ShellCommand: Sendable, Hashable {
    /// The program first: a path, or a name that is looked for in `PATH`.
    public var words: [String]
    /// The host on which it is to run; nil: where the script runs.
    public var host: String?
    /// Added to the environment of the script's process.
    public var environment: [String: String]
    public var input: [UInt8]
    /// After so many seconds its process group gets TERM, and five seconds later KILL.
    public var timeout: Double
    /// Whether another exit code than 0 is an error (`command-failed`).
    public var check: Bool

    public init(
        _ words: [String],
        host: String? = nil,
        environment: [String: String] = [:],
        input: [UInt8] = [],
        timeout: Double = 300,
        check: Bool = true
    ) {
        self.words = words
        self.host = host
        self.environment = environment
        self.input = input
        self.timeout = timeout
        self.check = check
    }
}

public struct ShellResult: Sendable, Hashable {
    /// The exit code; 128 + the signal where one ended it.
    public var code: Int
    /// At most 1 MiB of each; what came after that is left off.
    public var output: [UInt8]
    public var errors: [UInt8]
    /// Whether something was left off.
    public var wasCut: Bool
    /// Its time ran out, so it was ended.
    public var timedOut: Bool
    public var seconds: Double

    public init(
        code: Int,
        output: [UInt8],
        errors: [UInt8],
        wasCut: Bool = false,
        timedOut: Bool = false,
        seconds: Double
    ) {
        self.code = code
        self.output = output
        self.errors = errors
        self.wasCut = wasCut
        self.timedOut = timedOut
        self.seconds = seconds
    }
}

/// A question, its answers, and what holds where nobody can be asked.
public struct ScriptQuestion: Sendable, Hashable {
    public var text: String
    public var choices: [String]
    /// The answer that `--yes` gives; nil: `--yes` never answers this one.
    public var assumed: String?

    public init(_ text: String, choices: [String] = ["yes", "no"], assumed: String? = "yes") {
        self.text = text
        self.choices = choices
        self.assumed = assumed
    }
}
