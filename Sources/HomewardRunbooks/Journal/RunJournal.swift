import LuaHost

/// The journal of runs: which runbook, with what, and how far each step came.
///
/// Every change is durable when it returns: a run is told by its journal, whatever happened to its process.
public protocol RunJournal: Sendable {
    /// Carries one call out.
    /// - Throws: `Refusal`: `io-error` when the journal cannot be read or written, `bad-format` when the file is something else,
    ///   `run-in-progress` for a run beside a living one of the same RVG, `unknown-run`, `unknown-step`.
    func perform(_ call: JournalCall) throws -> JournalAnswer
}

extension RunJournal {
    /// All runs, newest first, without their steps.
    /// - Throws: As ``perform(_:)``.
    public func runs() throws -> [RunRecord] {
        guard case .runs(let runs) = try perform(.runs) else { return [] }
        return runs
    }

    /// One run with its steps; nil when there is none of that id.
    /// - Throws: As ``perform(_:)``.
    public func run(_ id: String) throws -> RunRecord? {
        guard case .run(let run) = try perform(.run(id)) else { return nil }
        return run
    }
}

public enum JournalCall: Sendable, Hashable {
    /// `parameters` and others are JSON texts. Answers with ``JournalAnswer/begun(_:)``.
    ///
    /// Refused while another run, of any runbook, is at work whose `dg` and `rvg` in `parameters` are the same.
    case beginRun(runbook: String, source: String, revision: String, site: String?, parameters: String)
    case beginStep(run: String, id: String, title: String)
    /// `state`: `done`, `skipped`, `failed`.
    case endStep(run: String, id: String, state: String, detail: String)
    /// `state`: `done`, `failed`, `interrupted`.
    case endRun(run: String, state: String, detail: String)
    /// A command of the run that this process is in has been started; without a run nothing is entered.
    ///
    /// `seconds`: how long it may take from now on. Answers with ``JournalAnswer/command(_:)``.
    case beginCommand(process: ProcessMark, text: String, seconds: Double)
    /// A command of that entry is over; one that is not there is no error.
    case endCommand(Int64)
    /// Commands still at work whose run died. Answers with ``JournalAnswer/commands(_:)``.
    case leftCommands
    /// The run that this process has begun and not ended. Answers with ``JournalAnswer/own(_:)``.
    case ownRun
    /// The newest run of a runbook, of those that were begun before the one named.
    case lastRun(runbook: String, before: String?)
    /// One run with its steps.
    case run(String)
    /// All runs, newest first, without their steps.
    case runs

    /// Whether the journal is left as it is.
    var isReading: Bool {
        switch self {
        case .leftCommands, .ownRun, .lastRun, .run, .runs: true
        case .beginRun, .beginStep, .endStep, .endRun, .beginCommand, .endCommand: false
        }
    }
}

public enum JournalAnswer: Sendable, Hashable {
    case begun(String)
    case own(String?)
    case done
    case run(RunRecord?)
    case runs([RunRecord])
    /// Its entry; nil where no run is under way.
    case command(Int64?)
    case commands([LeftCommand])
}

/// A command of a site that outlived the run which started it.
public struct LeftCommand: Sendable, Hashable {
    /// Its place in the journal.
    public var entry: Int64
    /// The run that started it, and is dead.
    public var run: String
    /// As it is shown.
    public var text: String
    /// The first process of its group.
    public var process: ProcessMark
    /// Seconds since 1970 when its time is over.
    public var deadline: Double

    public init(entry: Int64, run: String, text: String, process: ProcessMark, deadline: Double) {
        self.entry = entry
        self.run = run
        self.text = text
        self.process = process
        self.deadline = deadline
    }
}

/// One run as the journal has it.
public struct RunRecord: Sendable, Hashable {
    public struct Step: Sendable, Hashable {
        public var id: String
        public var title: String
        /// `running`, `done`, `skipped`, `failed`.
        public var state: String
        /// Seconds since 1970.
        public var started: Double
        public var ended: Double?
        /// JSON: what the step did, or the error that ended it.
        public var detail: String

        public init(id: String, title: String, state: String, started: Double, ended: Double?, detail: String) {
            self.id = id
            self.title = title
            self.state = state
            self.started = started
            self.ended = ended
            self.detail = detail
        }
    }

    public var id: String
    public var runbook: String
    /// The file, or `bundled`.
    public var source: String
    /// SHA-256 of its text.
    public var revision: String
    public var site: String?
    /// JSON.
    public var parameters: String
    /// `running`, `done`, `failed`, `interrupted`; `died`: its process is gone and said nothing.
    public var state: String
    /// Seconds since 1970.
    public var started: Double
    public var ended: Double?
    /// JSON: the report, or the error.
    public var detail: String
    public var steps: [Step]

    public init(
        id: String,
        runbook: String,
        source: String,
        revision: String,
        site: String?,
        parameters: String,
        state: String,
        started: Double,
        ended: Double?,
        detail: String,
        steps: [Step]
    ) {
        self.id = id
        self.runbook = runbook
        self.source = source
        self.revision = revision
        self.site = site
        self.parameters = parameters
        self.state = state
        self.started = started
        self.ended = ended
        self.detail = detail
        self.steps = steps
    }
}
