import LuaHost
import Synchronization

/// What the functions of the test module ask for.
enum TestVerb: Sendable {
    /// Answers with the value after so many seconds.
    case after(Double, LuaValue)
    /// Fails after so many seconds.
    case fail(Double, LuaError)
    /// Ends only when it is cancelled, and then after so many seconds.
    case hang(Double)
    /// Reports each value, so many seconds after the one before, then answers.
    case report(Double, [LuaValue], LuaValue)
}

/// What was printed.
final class Printed: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
    func add(_ more: [UInt8]) { bytes.withLock { $0 += more } }
}

extension LuaWorld where Verb == TestVerb {
    /// A world with the test module `t`, and other modules from texts.
    static func test(
        _ printed: Printed = Printed(),
        limits: LuaLimits = LuaLimits(),
        globals: Globals = .strict,
        seed: UInt64? = nil,
        preloaded: Bool = false,
        more: [LuaModule<TestVerb>] = [],
        sources: [String: String] = [:],
        output: (@Sendable ([UInt8]) -> Void)? = nil
    ) -> LuaWorld<TestVerb> {
        LuaWorld(
            limits: limits,
            modules: [TestModule.module] + more,
            preloaded: preloaded ? ["t": "t"] : [:],
            globals: globals,
            seed: seed,
            source: { name in sources[name].map { LuaSource(name: "\(name).lua", text: Array($0.utf8)) } },
            output: output ?? { printed.add($0) }
        )
    }
}

enum TestModule {
    static var module: LuaModule<TestVerb> {
        LuaModule("t", "For tests.", functions: functions + LuaConcurrency.functions(), classes: [box, session])
    }

    private static let seconds = LuaParameter("seconds", .number, "How long.")

    private static var functions: [LuaFunction<TestVerb>] {
        [
            LuaFunction(
                "after",
                "Answers later.",
                [seconds, LuaParameter("value", .any, "The answer.", optional: true)],
                returns: .any,
                body: .verb { .wait(.after($0.seconds(0), $0[1])) }
            ),
            LuaFunction(
                "fail",
                "Fails later.",
                [seconds, LuaParameter("code", .string, "Its code.")],
                body: .verb { arguments in
                    let code = LuaError.Code(rawValue: arguments.text(1))
                    let error = LuaError(code, "it failed", hint: "try later", object: "hrdg", host: "london")
                    return .wait(.fail(arguments.seconds(0), error))
                }
            ),
            LuaFunction(
                "hang",
                "Never ends.",
                [LuaParameter("seconds", .number, "How long its cancellation takes.", optional: true)],
                body: .verb { .wait(.hang($0.seconds(0))) }
            ),
            LuaFunction("now", "Answers at once.", [LuaParameter("value", .any, "It.")], body: .verb { .value($0[0]) }),
            LuaFunction("same", "Gives it back.", [LuaParameter("value", .any, "It.")], body: .value { $0[0] }),
            LuaFunction(
                "work",
                "Reports, then answers.",
                [
                    LuaParameter("values", .array(.any), "What it reports."),
                    LuaParameter(
                        "options",
                        .options([
                            .init("on_progress", .function, "Called with each report."),
                            .init("checkpoint", .string, "A name."), .init("force", .boolean, "Whether."),
                            .init("every", .number, "Seconds between reports."),
                        ]),
                        "How.",
                        optional: true
                    ),
                ],
                returns: .string,
                body: .verb { arguments in
                    guard case .table(let table) = arguments[0] else { return .value(.none) }
                    let every = if case .number(let every) = arguments.option(1, "every") { every } else { 1.0 }
                    return .wait(.report(every, table.array, .text("worked")))
                }
            ),
            LuaFunction(
                "box",
                "Makes a box.",
                [LuaParameter("name", .string, "Its name.")],
                returns: .object("Box"),
                body: .value { arguments in
                    .object(LuaObject("Box", ["name": arguments[0], "size": .integer(3)]))
                }
            ),
            LuaFunction(
                "open",
                "Opens a session.",
                [LuaParameter("name", .string, "Its name.")],
                returns: .object("Session"),
                body: .value { .object(LuaObject("Session", ["name": $0[0]])) }
            ),
            LuaFunction("raise", "Raises.", [LuaParameter("error", .table, "It.")], body: .lua("native.raise")),
        ]
    }

    private static var box: LuaClass<TestVerb> {
        LuaClass(
            "Box",
            "A box.",
            fields: [
                LuaParameter("name", .string, "Its name."), LuaParameter("size", .integer, "Its size."),
                LuaParameter("color", .string, "Its colour.", optional: true),
            ],
            text: "name",
            methods: [
                LuaFunction(
                    "label",
                    "Its label.",
                    returns: .string,
                    body: .value { .text("box " + ($0.object?["name"].text ?? "?")) }
                ),
                LuaFunction(
                    "fill",
                    "Fills it.",
                    [LuaParameter("with", .string, "What with.")],
                    body: .verb { .wait(.after(1, $0[0])) }
                ),
                LuaFunction("twice", "In Lua.", body: .lua("function(self) return self:label() .. self:label() end")),
            ]
        )
    }

    private static var session: LuaClass<TestVerb> {
        LuaClass(
            "Session",
            "An open session.",
            fields: [LuaParameter("name", .string, "Its name.")],
            close: "close",
            methods: [
                LuaFunction("close", "Closes it.", body: .verb { .wait(.after(0.05, $0.object?["name"] ?? .none)) })
            ]
        )
    }
}

extension LuaArguments {
    func seconds(_ index: Int) -> Double {
        if case .number(let seconds) = self[index] { seconds } else { 0 }
    }
}

/// Drives a run in virtual time, with no thread and no task.
final class Stepper {
    let run: LuaRun<TestVerb>
    private(set) var now: UInt64 = 1_000_000_000
    private var events:
        [(time: UInt64, order: UInt64, id: UInt64, result: Result<LuaValue, LuaError>?, progress: LuaValue?)] = []
    private var order: UInt64 = 0
    private var sleeps: Set<UInt64> = []
    private var hanging: [UInt64: Double] = [:]
    /// Ids of requests in the order of their beginning, and of those that were cancelled.
    private(set) var begun: [UInt64] = []
    private(set) var cancelled: [UInt64] = []
    /// Seconds of virtual time since the start.
    var seconds: Double { Double(now - 1_000_000_000) / 1e9 }
    /// Called before each step with the seconds so far.
    var beforeStep: ((Stepper) -> Void)?
    private(set) var preemptions = 0
    private var pending: LuaStep<TestVerb>.State?

    init(_ world: LuaWorld<TestVerb>) throws { run = try LuaRun(world) }

    private var instant: LuaInstant { LuaInstant(nanoseconds: now) }

    /// Runs a text to its end.
    func result(
        _ text: String,
        name: String = "a.lua",
        arguments: [LuaValue] = [],
        isPrompt: Bool = false
    ) -> Result<[LuaValue], LuaError> {
        let source = LuaSource(name: name, text: Array(text.utf8))
        take(run.start(source, arguments: arguments, isPrompt: isPrompt, now: instant))
        return finish()
    }

    /// Asks for the end after so many seconds of virtual time.
    func cancel(after seconds: Double) { schedule(seconds, 0, nil, nil) }

    private func finish() -> Result<[LuaValue], LuaError> {
        while true {
            switch pending {
            case .finished(let values): return .success(values)
            case .failed(let error): return .failure(error)
            case .preempted:
                preemptions += 1
                // Events whose time has come are not kept waiting by a fiber that computes.
                now += 1_000_000
                if let first = events.first, first.time <= now { takeEvent() } else { take(run.proceed(now: instant)) }
            case .waiting:
                guard !events.isEmpty else { return .failure(LuaError(.runtime, "stuck", hint: "")) }
                takeEvent()
            case nil: return .failure(LuaError(.runtime, "not started", hint: ""))
            }
        }
    }

    private func takeEvent() {
        let event = events.removeFirst()
        now = max(now, event.time)
        if let progress = event.progress {
            take(run.report(LuaRequestID(number: event.id), progress, now: instant))
        } else if let result = event.result {
            take(run.finish(LuaRequestID(number: event.id), result, now: instant))
        } else {
            take(run.cancel(now: instant))
        }
    }

    private func take(_ step: LuaStep<TestVerb>) {
        for (id, request) in step.begin {
            begun.append(id.number)
            switch request {
            case .sleep(let seconds):
                sleeps.insert(id.number)
                schedule(seconds, id.number, .success(.none), nil)
            case .verb(.after(let seconds, let value)): schedule(seconds, id.number, .success(value), nil)
            case .verb(.fail(let seconds, let error)): schedule(seconds, id.number, .failure(error), nil)
            case .verb(.hang(let seconds)): hanging[id.number] = seconds
            case .verb(.report(let every, let values, let answer)):
                for (position, value) in values.enumerated() {
                    schedule(every * Double(position + 1), id.number, nil, value)
                }
                schedule(every * Double(values.count + 1), id.number, .success(answer), nil)
            }
        }
        for id in step.cancel {
            cancelled.append(id.number)
            let wasPending = events.contains { $0.id == id.number }
            events.removeAll { $0.id == id.number }
            let late = hanging.removeValue(forKey: id.number)
            guard late != nil || wasPending, !sleeps.contains(id.number) else { continue }
            schedule(late ?? 0, id.number, .failure(LuaError(.interrupted, "cancelled", hint: "")), nil)
        }
        pending = step.state
    }

    private func schedule(_ seconds: Double, _ id: UInt64, _ result: Result<LuaValue, LuaError>?, _ progress: LuaValue?)
    {
        order += 1
        events.append((now + UInt64(max(0, seconds) * 1e9), order, id, result, progress))
        events.sort { ($0.time, $0.order) < ($1.time, $1.order) }
    }
}

/// Runs a text in a fresh world and returns what it printed; a failure is its last line.
func output(
    _ text: String,
    limits: LuaLimits = LuaLimits(),
    seed: UInt64? = nil,
    sources: [String: String] = [:]
) throws -> String {
    let printed = Printed()
    let stepper = try Stepper(.test(printed, limits: limits, seed: seed, sources: sources))
    let result = stepper.result(text)
    guard case .failure(let error) = result else { return printed.text }
    return printed.text + "! \(error)\n"
}

/// What a text failed with in a fresh world; nil when it did not.
func failure(_ text: String, limits: LuaLimits = LuaLimits(), seed: UInt64? = nil) throws -> LuaError? {
    let stepper = try Stepper(.test(limits: limits, seed: seed))
    guard case .failure(let error) = stepper.result(text) else { return nil }
    return error
}
