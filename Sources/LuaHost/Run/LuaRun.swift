/// What a script waits for.
public enum LuaRequest<Verb: Sendable>: Sendable {
    /// Until so many seconds have passed from now.
    case sleep(seconds: Double)
    case verb(Verb)
}

/// Names one request of a run; never used twice in it.
public struct LuaRequestID: Hashable, Sendable {
    public var number: UInt64
    public init(number: UInt64) { self.number = number }
}

/// Time as the driver counts it, in nanoseconds; the origin does not matter.
///
/// In a seeded world it is what `os.time` tells, as since 1970.
public struct LuaInstant: Hashable, Sendable, Comparable {
    public var nanoseconds: UInt64
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    public static func < (left: LuaInstant, right: LuaInstant) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// How far a run has come, and what it wants of its driver.
public struct LuaStep<Verb: Sendable>: Sendable {
    public enum State: Sendable {
        /// Nothing goes on until a request ends.
        case waiting
        /// Goes on when asked to; others may run first.
        case preempted
        case finished([LuaValue])
        case failed(LuaError)
    }

    /// Requests to be begun, in the order of the script.
    ///
    /// Also in the last step of a run, and after it, there can be one that closes what the script asked to be opened and did
    /// not take any more.
    public var begin: [(id: LuaRequestID, request: LuaRequest<Verb>)]
    /// Requests to be cancelled; the end of a verb is awaited all the same, unless the run is over.
    ///
    /// Nobody waits for the end of a sleep that was cancelled. A request can stand here in the step that begins it.
    public var cancel: [LuaRequestID]
    public var state: State
}

/// One Lua state and the script in it, stepped from outside: no thread, no clock, no task.
///
/// Not Sendable: of one thread at a time. See ``LuaDriver`` for the driver of a real process.
///
/// Functions whose body is Lua (``LuaFunction/Body/lua(_:)``) see the table of their module as `hw`, and `native`:
///
/// | function | does |
/// |---|---|
/// | `native.raise{ code =, message =, hint =, object =, host = }` | raises an error as ours are |
/// | `native.sleep(seconds)` | waits |
/// | `native.spawn(f, …)` → fiber | begins to run `f` beside the caller |
/// | `native.wait(fibers, seconds or nil)` → index | waits until one of the list has ended; nil when the time is over |
/// | `native.outcome(fiber)` | `"done"`, `"failed"`, `"stopped"`, nil while it runs |
/// | `native.results(fiber)` | what it returned, or raises what it raised; once |
/// | `native.join(fiber)` | waits, then its results |
/// | `native.cancel(fiber)` | asks it to end; `<close>` handlers run and may wait until the grace is over |
/// | `local guard <close> = native.guard(fibers)` | cancels those of the list that run, and awaits their ends |
///
/// A fiber that nobody awaits is cancelled when the chunk ends.
public final class LuaRun<Verb: Sendable> {
    let engine: LuaEngine

    /// Makes the state, its libraries and modules; runs nothing of the script.
    /// - Throws: `memory-limit` when not even that fits.
    public convenience init(_ world: LuaWorld<Verb>) throws(LuaError) {
        try self.init(world, pulse: LuaPulse())
    }

    init(_ world: LuaWorld<Verb>, pulse: LuaPulse, clock: (() -> UInt64)? = nil) throws(LuaError) {
        engine = try LuaEngine(world.mapVerbs { LuaPending($0) }, pulse: pulse, clock: clock)
    }

    /// Begins a chunk.
    ///
    /// Another may be begun in the same state once the one before has ended: a prompt does that.
    ///
    /// - Parameters:
    ///   - source: what is run.
    ///   - arguments: the chunk's `...`; also the global `arg`, except at a prompt.
    ///   - isPrompt: `source` is tried as an expression first, and what it comes to is printed, not returned.
    ///   - now: the driver's time.
    /// - Returns: what it wants first.
    public func start(
        _ source: LuaSource,
        arguments: [LuaValue] = [],
        isPrompt: Bool = false,
        now: LuaInstant
    ) -> LuaStep<Verb> {
        step(engine.start(source, arguments: arguments, isPrompt: isPrompt, now: now))
    }

    /// A request ended.
    ///
    /// What is not awaited any more is ignored, but for an object with a method that closes it: that is begun. So the ends
    /// of all requests are told, also when the run is over.
    public func finish(_ id: LuaRequestID, _ result: Result<LuaValue, LuaError>, now: LuaInstant) -> LuaStep<Verb> {
        step(engine.finish(id, result, now: now))
    }

    /// A request goes on: its `on_progress` is called, if the script gave one.
    public func report(_ id: LuaRequestID, _ progress: LuaValue, now: LuaInstant) -> LuaStep<Verb> {
        step(engine.report(id, progress, now: now))
    }

    /// Goes on after ``LuaStep/State/preempted``.
    public func proceed(now: LuaInstant) -> LuaStep<Verb> { step(engine.proceed(now: now)) }

    /// Ends the script: it unwinds, its `<close>` handlers run and may wait, until the grace is over.
    ///
    /// It fails with `interrupted` then, whatever it did meanwhile.
    public func cancel(now: LuaInstant) -> LuaStep<Verb> { step(engine.cancel(now: now)) }

    /// Whether a request closes what the script did not take any more: the end of the run does not cancel it.
    func isClosing(_ id: LuaRequestID) -> Bool { engine.closing.contains(id.number) }

    private func step(_ step: LuaEngine.Step) -> LuaStep<Verb> {
        let begin = step.begin.map { id, request -> (id: LuaRequestID, request: LuaRequest<Verb>) in
            switch request {
            case .sleep(let seconds): (id, .sleep(seconds: seconds))
            case .verb(let pending): (id, .verb(pending.verb(Verb.self)))
            }
        }
        let state: LuaStep<Verb>.State =
            switch step.state {
            case .waiting: .waiting
            case .preempted: .preempted
            case .finished(let values): .finished(values)
            case .failed(let error): .failed(error)
            }
        return LuaStep(begin: begin, cancel: step.cancel, state: state)
    }
}

extension LuaWorld {
    /// The same world for verbs of another type.
    func mapVerbs<Other>(_ map: @escaping @Sendable (Verb) -> Other) -> LuaWorld<Other> {
        LuaWorld<Other>(
            limits: limits,
            modules: modules.map { $0.mapVerbs(map) },
            preloaded: preloaded,
            globals: globals == .strict ? .strict : .prompt,
            seed: seed,
            source: source,
            output: output
        )
    }
}

extension LuaModule {
    func mapVerbs<Other>(_ map: @escaping @Sendable (Verb) -> Other) -> LuaModule<Other> {
        LuaModule<Other>(
            name,
            summary,
            functions: functions.map { $0.mapVerbs(map) },
            classes: classes.map { declared in
                LuaClass<Other>(
                    declared.name,
                    declared.summary,
                    fields: declared.fields,
                    text: declared.text,
                    close: declared.close,
                    methods: declared.methods.map { $0.mapVerbs(map) }
                )
            }
        )
    }
}

extension LuaFunction {
    func mapVerbs<Other>(_ map: @escaping @Sendable (Verb) -> Other) -> LuaFunction<Other> {
        let body: LuaFunction<Other>.Body =
            switch self.body {
            case .value(let body): .value(body)
            case .lua(let text): .lua(text)
            case .verb(let body):
                .verb { arguments in
                    switch try body(arguments) {
                    case .value(let value): .value(value)
                    case .wait(let verb): .wait(map(verb))
                    }
                }
            }
        return LuaFunction<Other>(
            name,
            summary,
            details: details,
            parameters,
            returns: returns,
            returnsHelp,
            body: body
        )
    }
}
