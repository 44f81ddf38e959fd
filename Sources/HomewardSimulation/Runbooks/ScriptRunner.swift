import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import HomewardScripts
import LuaHost
import Synchronization

/// What is typed behind `homeward run`.
struct RunbookCommand: Equatable {
    var runbook: String
    /// In the order of their names.
    var arguments: [(name: String, value: String)] = []

    subscript(name: String) -> String? {
        get { arguments.first { $0.name == name }?.value }
        set {
            arguments.removeAll { $0.name == name }
            if let newValue { arguments.append((name, newValue)) }
            arguments.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        }
    }

    /// The same runbook to the same end, as far as both say which: with another `home` it is another procedure.
    func goesOn(as next: RunbookCommand) -> Bool {
        func agree(_ name: String) -> Bool { self[name] == nil || next[name] == nil || self[name] == next[name] }
        return runbook == next.runbook && agree("home") && agree("to")
    }

    static func == (left: RunbookCommand, right: RunbookCommand) -> Bool {
        left.runbook == right.runbook && left.arguments.elementsEqual(right.arguments) { $0 == $1 }
    }

    var text: String { ([runbook] + arguments.map { "\($0.name)=\($0.value)" }).joined(separator: " ") }
}

/// One process that runs a bundled runbook: a Lua state whose requests are carried out in virtual time.
final class ScriptRunner {
    enum End {
        /// What the runbook engine returned.
        case done(LuaValue)
        case failed(LuaError)
        /// The process died and said nothing.
        case killed
    }

    private enum Waiting {
        case host(PendingRequest)
        case other
    }

    let command: RunbookCommand
    private let world: World
    private let doors: ControlDoors
    private let site: SiteApplication
    private let journal: SimulatedJournal
    private let judge: RunJudge
    private let run: LuaRun<ScriptVerb>
    private let clock: VirtualClock
    private let transcript: Transcript
    private let onEnd: (ScriptRunner, End) -> Void
    private var requests: [UInt64: Waiting] = [:]
    private(set) var isOver = false
    private(set) var wasInterrupted = false
    /// Per thousand, of each request.
    private let mortality: Int
    /// How often hosts and links had failed when each host was asked what it answered last.
    private(set) var disastersAtLastAnswer: [String: Int] = [:]

    init(
        _ command: RunbookCommand,
        world: World,
        doors: ControlDoors,
        site: SiteApplication,
        journal: SimulatedJournal,
        judge: RunJudge,
        mortality: Int,
        onEnd: @escaping (ScriptRunner, End) -> Void
    ) throws(LuaError) {
        self.command = command
        self.world = world
        self.doors = doors
        self.site = site
        self.journal = journal
        self.judge = judge
        self.mortality = mortality
        self.onEnd = onEnd
        let clock = VirtualClock()
        let transcript = Transcript()
        self.clock = clock
        self.transcript = transcript
        run = try LuaRun(ScriptRunner.world(seed: world.word(), clock: clock, transcript: transcript))
    }

    func start() {
        world.trace("$ homeward run \(command.text)")
        enter { $0.start(ScriptRunner.main, arguments: [ScriptRunner.options(command)], now: $1) }
    }

    /// Ctrl-C.
    func interrupt() {
        guard !isOver, !wasInterrupted else { return }
        world.trace("^C \(command.runbook)")
        world.hit(.interrupted)
        wasInterrupted = true
        enter { $0.cancel(now: $1) }
    }

    /// The process dies: what it had sent goes on, or is lost on its way.
    func kill() {
        guard !isOver else { return }
        world.trace("the runner of \(command.runbook) dies")
        world.hit(.runnerKilled)
        isOver = true
        for id in requests.keys.sorted() {
            if case .host(let pending)? = requests[id] { pending.vanish(lost: world.chance(50)) }
        }
        requests = [:]
        onEnd(self, .killed)
    }

    // MARK: Stepping

    private func enter(_ body: (LuaRun<ScriptVerb>, LuaInstant) -> LuaStep<ScriptVerb>) {
        guard !isOver, world.finding == nil else { return }
        clock.set(nanoseconds: world.wall)
        let step = body(run, LuaInstant(nanoseconds: world.now))
        for line in transcript.take() { world.trace("| \(line)") }
        for (id, request) in step.begin {
            guard !isOver else { return }
            if case .verb(.elsewhere) = request {
                requests[id.number] = .other
                continue
            }
            // A limit of time on what did not wait at all.
            if case .sleep = request, step.cancel.contains(id) { continue }
            if world.pick(0...999) < mortality { return kill() }
            begin(id, request)
            if !isOver, world.pick(0...999) < mortality {
                world.after(world.pick(10_000...20_000_000)) { [weak self] in self?.kill() }
            }
        }
        for id in step.cancel {
            if case .host(let pending)? = requests[id.number] { world.after(1_000) { pending.cancel() } }
            if case .other? = requests[id.number] { finishSoon(id, .failure(ScriptRunner.interrupted)) }
        }
        switch step.state {
        case .waiting: break
        case .preempted: world.after(100_000) { [self] in enter { $0.proceed(now: $1) } }
        case .finished(let values): end(.done(values.first ?? .none))
        case .failed(let error): end(.failed(error))
        }
        // As in a lab every host is here. Nobody is asked and no time passes, so there is no moment to die in.
        for case (let id, .verb(.elsewhere)) in step.begin { finish(id, .success(.list([]))) }
    }

    private func end(_ end: End) {
        isOver = true
        for id in requests.keys.sorted() {
            if case .host(let pending)? = requests[id] { pending.vanish(lost: false) }
        }
        requests = [:]
        onEnd(self, end)
    }

    private func finish(_ id: LuaRequestID, _ result: Result<LuaValue, LuaError>) {
        guard requests.removeValue(forKey: id.number) != nil else { return }
        enter { $0.finish(id, result, now: $1) }
    }

    private func finishSoon(_ id: LuaRequestID, _ result: Result<LuaValue, LuaError>) {
        world.after(world.pick(1_000...100_000)) { [self] in finish(id, result) }
    }

    private static let interrupted = LuaError(.interrupted, "was interrupted", hint: "repeat it")

    // MARK: Requests

    private func begin(_ id: LuaRequestID, _ request: LuaRequest<ScriptVerb>) {
        requests[id.number] = .other
        switch request {
        case .sleep(let seconds):
            world.after(UInt64(max(0, min(seconds, 1e6)) * 1e9)) { [self] in finish(id, .success(.none)) }
        case .verb(let verb): begin(id, verb)
        }
    }

    private func begin(_ id: LuaRequestID, _ verb: ScriptVerb) {
        switch verb {
        case .request(let request, let target):
            judge.sent(request, to: target)
            // An answer may be on its way when its host fails.
            let disasters = world.disasters
            let pending = doors.send(request, to: target) { [self] result in
                if case .host(let name) = target { disastersAtLastAnswer[name] = disasters }
                if case .success(let answer) = result { judge.answered(request, to: target, answer) }
                finish(id, ScriptRunner.value(result, request))
            }
            pending.onProgress = { [weak self] progress in
                self?.enter { $0.report(id, AnswerTables.value(progress), now: $1) }
            }
            requests[id.number] = .host(pending)
        case .shell(let command):
            if command.words == ["app", "stop"], let host = doors.hosts.first(where: { $0.name == command.host }) {
                judge.stopsApplication(on: host)
            }
            site.run(command) { [self] result in finish(id, ScriptRunner.value(result, command)) }
        case .elsewhere: preconditionFailure("is never begun")
        // Commands of the simulated site end with whoever started them.
        case .finish: finishSoon(id, .success(.none))
        case .question(let question):
            let answer = question.assumed ?? world.pick(from: question.choices)
            world.trace("? \(question.text) \(answer ?? "-")")
            finishSoon(id, .success(answer.map { .text($0) } ?? .none))
        case .journal(let call): finishSoon(id, journal.perform(call))
        case .volume: finishSoon(id, .failure(ScriptRunner.notLocal))
        }
    }

    private static let notLocal = LuaError(
        LuaError.Code(rawValue: RefusalCode.notLocal.rawValue),
        "the simulated hosts have no data door for scripts",
        hint: "leave it out"
    )
}

/// The time of a run as its script is told, for closures that may be called from anywhere.
final class VirtualClock: Sendable {
    private let nanoseconds = Atomic<UInt64>(0)

    /// Since 1970.
    var seconds: Double { Double(nanoseconds.load(ordering: .relaxed)) / 1e9 }

    func set(nanoseconds time: UInt64) { nanoseconds.store(time, ordering: .relaxed) }
}

/// What a run prints, until it is traced.
final class Transcript: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }

    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }
}
