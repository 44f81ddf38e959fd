import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// What one script's modules have in common: whether it only plans, what it was started with, whom it talks to.
///
/// Safe to use from any thread.
public final class ScriptState: Sendable {
    /// How the script was started.
    public struct Settings: Hashable, Sendable {
        /// `--yes`: questions that have an assumed answer get it.
        public var yes: Bool
        /// Whether somebody sits at a terminal.
        public var terminal: Bool
        /// `--json`: what is for people goes to stderr.
        public var json: Bool

        public init(yes: Bool = false, terminal: Bool = false, json: Bool = false) {
            self.yes = yes
            self.terminal = terminal
            self.json = json
        }
    }

    public let settings: Settings
    /// Shows a line to people.
    public let say: @Sendable (String) -> Void
    /// Seconds since 1970.
    public let now: @Sendable () -> Double
    /// Seconds of a clock that never jumps.
    public let monotonic: @Sendable () -> Double
    private let plan = Mutex(Plan())
    private let run = Mutex<String?>(nil)

    private struct Plan {
        var isOn = false
        var isQuiet = false
        var commands: [String] = []
        var shell: [ShellCommand] = []
    }

    /// - Parameters:
    ///   - settings: how the script was started.
    ///   - say: gets each line without its end.
    ///   - now: given by a simulator, which has a time of its own.
    ///   - monotonic: likewise.
    public init(
        settings: Settings = Settings(),
        say: @escaping @Sendable (String) -> Void,
        now: @escaping @Sendable () -> Double = ScriptState.wallClock,
        monotonic: @escaping @Sendable () -> Double = ScriptState.monotonicClock
    ) {
        self.settings = settings
        self.say = say
        self.now = now
        self.monotonic = monotonic
    }

    /// The run of the journal that the script has begun.
    public var runID: String? {
        get { run.withLock { $0 } }
        set { run.withLock { $0 = newValue } }
    }

    // MARK: Plan mode

    /// In plan mode verbs that change something are noted and not sent.
    public var isPlanning: Bool {
        get { plan.withLock { $0.isOn } }
        set { plan.withLock { $0.isOn = newValue } }
    }

    /// Nothing that is printed is shown: of what is only tried.
    var isQuiet: Bool {
        get { plan.withLock { $0.isQuiet } }
        set { plan.withLock { $0.isQuiet = newValue } }
    }

    func note(_ command: ShellCommand) {
        plan.withLock { plan in
            plan.commands.append(CommandLine.text(of: command))
            if command.host != nil { plan.shell.append(command) }
        }
    }

    /// The commands for a host that were noted since the last call.
    func takeShell() -> [ShellCommand] {
        plan.withLock { plan in
            defer { plan.shell = [] }
            return plan.shell
        }
    }

    func note(_ command: String) { plan.withLock { $0.commands.append(command) } }

    /// What was noted since the last call.
    public func takePlanned() -> [String] {
        plan.withLock { plan in
            defer { plan.commands = [] }
            return plan.commands
        }
    }

    // MARK: Clocks

    public static func wallClock() -> Double { seconds(CLOCK_REALTIME) }
    public static func monotonicClock() -> Double { seconds(CLOCK_MONOTONIC) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
