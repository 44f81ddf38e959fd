import CLuaShim
import HomewardThreads

/// Runs one Lua state on a thread of its own, and carries its requests out in tasks.
///
/// Safe to use from any thread. Its thread and its state live until it is closed, or forgotten.
public final class LuaDriver<Verb: Sendable>: Sendable {
    /// Carries one verb out; cancelling its task cancels it.
    ///
    /// What it throws is raised in the script.
    public typealias Perform =
        @Sendable (Verb, _ progress: @escaping @Sendable (LuaValue) -> Void) async throws(LuaError) -> LuaValue

    enum Message {
        case start(LuaSource, [LuaValue], isPrompt: Bool, answer: @Sendable (Result<[LuaValue], LuaError>) -> Void)
        case finish(LuaRequestID, Result<LuaValue, LuaError>)
        case report(LuaRequestID, LuaValue)
        case cancel
        case complete(String, answer: @Sendable ([String]) -> Void)
        case close(@Sendable () -> Void)
    }

    struct State {
        var queue: [Message] = []
        /// The number of the chunk that was begun and has not ended.
        var chunk: UInt64?
        /// Of the chunk that was asked for last.
        var lastChunk: UInt64 = 0
        /// The thread is within a step.
        var isRunning = false
        var isClosed = false
    }

    let monitor = Monitor(State())
    let pulse = LuaPulse()
    private let watch: UInt64

    /// Makes the state.
    /// - Throws: `memory-limit` when it does not fit; `lua-runtime` when the system gives no thread.
    public convenience init(_ world: LuaWorld<Verb>, perform: @escaping Perform) throws(LuaError) {
        try self.init(world, onStuck: LuaWatchdog.endProcess, perform: perform)
    }

    /// `onStuck` is called by the watchdog with the line for people.
    package init(
        _ world: LuaWorld<Verb>,
        onStuck: @escaping @Sendable (String) -> Void,
        perform: @escaping Perform
    ) throws(LuaError) {
        let made = Monitor<Result<Void, LuaError>?>(nil)
        let monitor = monitor
        let pulse = pulse
        let code = startThread("lua", stackBytes: 4 << 20) {
            pulse.runsHere()
            let run: LuaRun<Verb>
            do throws(LuaError) {
                run = try LuaRun(world, pulse: pulse)
            } catch {
                made.change { $0 = .failure(error) }
                return
            }
            made.change { $0 = .success(()) }
            LuaLoop(run: run, monitor: monitor, pulse: pulse, perform: perform).work()
        }
        guard code == 0 else {
            throw LuaError(.runtime, "the system gives no thread (error \(-code))", hint: "end other processes")
        }
        watch = LuaWatchdog.shared.watch(
            pulse,
            seconds: world.limits.cpuSeconds ?? 10,
            isRunning: { monitor.withLock { $0.isRunning } },
            act: onStuck
        )
        let result = made.wait { $0 }
        if case .failure(let error) = result {
            LuaWatchdog.shared.forget(watch)
            throw error
        }
    }

    deinit {
        LuaWatchdog.shared.forget(watch)
        // Nothing runs, or `run` would still hold this.
        monitor.change { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            state.queue.append(.close({}))
        }
    }

    /// Nanoseconds of processor time that the thread of the state has used.
    package var processorTime: UInt64 { pulse.read().spent }

    /// Runs a chunk to its end and returns what it returns.
    ///
    /// One at a time. Cancelling the task that awaits this cancels the chunk, as ``cancel()`` does: its handlers run, and
    /// this returns when it has ended, never before. In a task that is cancelled already nothing begins.
    ///
    /// - Throws: what the script raised; `interrupted` after ``cancel()`` or ``close()``, where the task was cancelled, and
    ///   when it is closed already.
    public func run(
        _ source: LuaSource,
        arguments: [LuaValue] = [],
        isPrompt: Bool = false
    ) async throws(LuaError) -> [LuaValue] {
        let chunk = monitor.withLock { state in
            state.lastChunk += 1
            return state.lastChunk
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: @Sendable (Result<[LuaValue], LuaError>) -> Void = { continuation.resume(returning: $0) }
                let refusal = begin(chunk, .start(source, arguments, isPrompt: isPrompt, answer: answer))
                if let refusal { answer(.failure(refusal)) }
            }
        } onCancel: {
            cancel { $0 == chunk }
        }
        return try result.get()
    }

    private func begin(_ chunk: UInt64, _ start: Message) -> LuaError? {
        monitor.change { state -> LuaError? in
            guard !state.isClosed else { return LuaError(.interrupted, "the Lua state is closed", hint: "") }
            guard state.chunk == nil else { return LuaError(.runtime, "another chunk is running", hint: "") }
            // A task that is cancelled from here on finds the chunk.
            guard !Task.isCancelled else { return LuaEngine.interrupted }
            state.chunk = chunk
            pulse.isAsked = false
            state.queue.append(start)
            return nil
        }
    }

    /// A chunk was begun and has not ended.
    package var isRunning: Bool { monitor.withLock { $0.chunk != nil } }

    /// Cancels what runs; nothing when nothing does.
    ///
    /// Returns at once.
    public func cancel() { cancel { _ in true } }

    private func cancel(_ isMeant: (UInt64) -> Bool) {
        monitor.change { state in
            guard let chunk = state.chunk, isMeant(chunk) else { return }
            pulse.isAsked = true
            state.queue.append(.cancel)
        }
    }

    /// What the word at the end of `line` may become, as ``LuaRun/completions(of:)`` says.
    ///
    /// Nothing when a script that runs lets nobody ask within 50 ms, so that a key never waits for it.
    public func completions(of line: String) async -> [String] {
        let once = Monitor<CheckedContinuation<[String], Never>?>(nil)
        let answer: @Sendable ([String]) -> Void = { names in
            let continuation = once.withLock { state in
                defer { state = nil }
                return state
            }
            continuation?.resume(returning: names)
        }
        return await withCheckedContinuation { continuation in
            once.withLock { $0 = continuation }
            let isClosed = monitor.change { state in
                if !state.isClosed { state.queue.append(.complete(line, answer: answer)) }
                return state.isClosed
            }
            guard !isClosed else { return answer([]) }
            Task {
                try? await Task.sleep(for: .milliseconds(50))
                answer([])
            }
        }
    }

    /// Ends the thread and the state; what runs is cancelled and awaited.
    public func close() async {
        cancel()
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isClosed = monitor.change { state -> Bool in
                guard !state.isClosed else { return true }
                state.isClosed = true
                state.queue.append(.close { continuation.resume() })
                return false
            }
            if isClosed { continuation.resume() }
        }
        LuaWatchdog.shared.forget(watch)
    }
}

/// What the thread of a driver does: takes messages, steps the run, and has its requests carried out.
final class LuaLoop<Verb: Sendable> {
    typealias Driver = LuaDriver<Verb>
    private let run: LuaRun<Verb>
    private let monitor: Monitor<Driver.State>
    private let pulse: LuaPulse
    private let perform: Driver.Perform
    private var tasks: [LuaRequestID: Task<Void, Never>] = [:]
    private var answer: (@Sendable (Result<[LuaValue], LuaError>) -> Void)?
    private var isPreempted = false
    private var onClose: (@Sendable () -> Void)?

    init(
        run: LuaRun<Verb>,
        monitor: Monitor<Driver.State>,
        pulse: LuaPulse,
        perform: @escaping Driver.Perform
    ) {
        self.run = run
        self.monitor = monitor
        self.pulse = pulse
        self.perform = perform
    }

    func work() {
        while !isDone {
            for message in messages() { handle(message) }
            if isPreempted { take { run.proceed(now: now) } }
        }
        onClose?()
    }

    /// Closed, the chunk has ended, and so has every task.
    private var isDone: Bool { onClose != nil && answer == nil && tasks.isEmpty }

    private var now: LuaInstant { LuaInstant(nanoseconds: homeward_lua_monotonic_nanoseconds()) }

    private func messages() -> [Driver.Message] {
        let take: (inout Driver.State) -> [Driver.Message]? = { [isPreempted] state in
            guard isPreempted || !state.queue.isEmpty else { return nil }
            defer { state.queue = [] }
            return state.queue
        }
        return monitor.wait(until: take)
    }

    private func handle(_ message: Driver.Message) {
        switch message {
        case .start(let source, let arguments, let isPrompt, let answer):
            self.answer = answer
            take { run.start(source, arguments: arguments, isPrompt: isPrompt, now: now) }
        case .finish(let id, let result):
            tasks[id] = nil
            take { run.finish(id, result, now: now) }
        case .report(let id, let value):
            if answer != nil, tasks[id] != nil { take { run.report(id, value, now: now) } }
        case .cancel:
            if answer != nil { take { run.cancel(now: now) } }
        case .complete(let line, let answer): answer(run.completions(of: line))
        case .close(let done): onClose = done
        }
    }

    private func take(_ step: () -> LuaStep<Verb>) {
        // Many short steps, none of which shows a sign of life itself, are not taken for one long one.
        pulse.beat()
        monitor.withLock { $0.isRunning = true }
        let step = step()
        monitor.withLock { $0.isRunning = false }
        for (id, request) in step.begin { begin(id, request) }
        for id in step.cancel { tasks[id]?.cancel() }
        isPreempted = false
        switch step.state {
        case .waiting: break
        case .preempted: isPreempted = true
        case .finished(let values): end(.success(values))
        case .failed(let error): end(.failure(error))
        }
    }

    private func end(_ result: Result<[LuaValue], LuaError>) {
        guard let answer else { return }
        self.answer = nil
        for (id, task) in tasks where !run.isClosing(id) { task.cancel() }
        monitor.change { $0.chunk = nil }
        answer(result)
    }

    /// Each request is a task of its own: that of a run that is being cancelled is not born cancelled.
    private func begin(_ id: LuaRequestID, _ request: LuaRequest<Verb>) {
        let monitor = monitor
        let perform = perform
        tasks[id] = Task {
            let result: Result<LuaValue, LuaError>
            switch request {
            case .sleep(let seconds):
                // Cancelled, it ends early, and nobody waits for it.
                try? await Task.sleep(for: .seconds(seconds))
                result = .success(.none)
            case .verb(let verb):
                do throws(LuaError) {
                    let report: @Sendable (LuaValue) -> Void = { value in
                        monitor.change { $0.queue.append(.report(id, value)) }
                    }
                    result = .success(try await perform(verb, report))
                } catch {
                    result = .failure(error)
                }
            }
            monitor.change { $0.queue.append(.finish(id, result)) }
        }
    }
}
