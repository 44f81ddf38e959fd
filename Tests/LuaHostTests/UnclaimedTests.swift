import LuaHost
import Synchronization
import Testing

/// A request that opens something ends well, and no fiber takes what it opened.
@Suite("What is opened too late", .timeLimit(.minutes(1)))
struct UnclaimedTests {
    private static let session = LuaValue.object(LuaObject("Session", ["name": .text("v")]))
    private static let time = LuaInstant(nanoseconds: 1)

    private func run(grace: Double = 10) throws -> LuaRun<TestVerb> {
        try LuaRun(.test(limits: LuaLimits(grace: grace), preloaded: true))
    }

    /// What a step begins, as a text; and the id of the first of that.
    private func begun(_ step: LuaStep<TestVerb>) -> (text: String, id: LuaRequestID?) {
        let texts = step.begin.map { _, request in
            switch request {
            case .sleep(let seconds): "sleep \(seconds)"
            case .verb(.after(let seconds, let value)): "after \(seconds) \(value.text ?? "")"
            case .verb(let verb): "\(verb)"
            }
        }
        return (texts.joined(separator: ", "), step.begin.first?.id)
    }

    private func code(_ step: LuaStep<TestVerb>) -> LuaError.Code? {
        guard case .failed(let error) = step.state else { return nil }
        return error.code
    }

    @Test("is closed when its fiber was stopped meanwhile")
    func stopped() throws {
        let run = try run()
        var step = run.start(.file("local s <close> = t.after(1) print('never')"), now: Self.time)
        let open = try #require(begun(step).id)
        step = run.cancel(now: Self.time)
        #expect(step.cancel == [open])
        step = run.finish(open, .success(Self.session), now: Self.time)
        let close = begun(step)
        #expect(code(step) == .interrupted && close.text == "after 0.05 v")
        // Nobody waits for that, and the state can be used meanwhile.
        step = run.start(.file("return t.after(1)"), now: Self.time)
        let next = try #require(begun(step).id)
        step = run.finish(try #require(close.id), .success(.none), now: Self.time)
        #expect(begun(step).text.isEmpty)
        step = run.finish(next, .success(.integer(7)), now: Self.time)
        guard case .finished(let values) = step.state else {
            Issue.record("\(step.state)")
            return
        }
        #expect(values == [.integer(7)])
    }

    @Test("is closed when its fiber was forced and the run has gone on without it")
    func givenUp() throws {
        let run = try run()
        var step = run.start(
            .file("pcall(t.timeout, 1, function() t.after(9) end) return t.after(7)"),
            now: Self.time
        )
        try #require(begun(step).text == "sleep 1.0, after 9.0 ")
        let (timer, open) = (step.begin[0].id, step.begin[1].id)
        step = run.finish(timer, .success(.none), now: Self.time)
        #expect(step.cancel == [open] && begun(step).text.hasPrefix("sleep "))
        step = run.finish(try #require(begun(step).id), .success(.none), now: Self.time)
        #expect(begun(step).text == "after 7.0 ")
        let last = try #require(begun(step).id)
        step = run.finish(open, .success(Self.session), now: Self.time)
        #expect(begun(step).text == "after 0.05 v")
        step = run.finish(try #require(begun(step).id), .success(Self.session), now: Self.time)
        #expect(begun(step).text.isEmpty, "what a close ends with is closed")
        step = run.finish(last, .success(.none), now: Self.time)
        guard case .finished = step.state else {
            Issue.record("\(step.state)")
            return
        }
    }

    @Test("is closed when the run is over")
    func over() throws {
        let run = try run()
        var step = run.start(.file("t.after(9)"), now: Self.time)
        let open = try #require(begun(step).id)
        step = run.cancel(now: Self.time)
        step = run.finish(try #require(begun(step).id), .success(.none), now: Self.time)
        #expect(code(step) == .interrupted && begun(step).text.isEmpty)
        step = run.finish(open, .success(Self.session), now: Self.time)
        #expect(code(step) == .interrupted && begun(step).text == "after 0.05 v")
    }

    @Test("is no matter where it failed, or is nothing that is closed")
    func nothing() throws {
        let box = LuaValue.object(LuaObject("Box", ["name": .text("b")]))
        let results: [Result<LuaValue, LuaError>] = [
            .success(box), .success(.none), .failure(LuaError(.interrupted, "m", hint: "")),
        ]
        for result in results {
            let run = try run()
            let open = try #require(begun(run.start(.file("t.after(9)"), now: Self.time)).id)
            _ = run.cancel(now: Self.time)
            #expect(begun(run.finish(open, result, now: Self.time)).text.isEmpty)
        }
    }

    /// Holds back what was asked for first, also when it is cancelled.
    private final class Door: Sendable {
        private let state = Mutex<(held: CheckedContinuation<Void, Never>?, closed: [String])>((nil, []))
        var isHeld: Bool { state.withLock { $0.held != nil } }
        var closed: [String] { state.withLock { $0.closed } }

        func perform(_ verb: TestVerb) async -> LuaValue {
            if case .after(_, let value) = verb {
                let isCancelled = Task.isCancelled
                state.withLock { $0.closed.append((value.text ?? "") + (isCancelled ? " cancelled" : "")) }
                return .none
            }
            await withCheckedContinuation { continuation in state.withLock { $0.held = continuation } }
            return UnclaimedTests.session
        }

        func letGo() { state.withLock { $0.held.take() }?.resume() }
    }

    @Test("is closed by the driver before that is closed itself", arguments: [0, 60.0])
    func driver(grace: Double) async throws {
        let door = Door()
        let world = LuaWorld.test(limits: LuaLimits(grace: grace), preloaded: true)
        let driver = try LuaDriver(world) { verb, _ in await door.perform(verb) }
        async let failure = driver.failure("local s <close> = t.hang()")
        while !door.isHeld { try await Task.sleep(for: .milliseconds(2)) }
        driver.cancel()
        // Without a grace the run is over before it is opened; with one, its end is awaited.
        if grace == 0 { #expect(await failure?.code == .interrupted) }
        door.letGo()
        #expect(await failure?.code == .interrupted)
        await driver.close()
        #expect(door.closed == ["v"])
    }
}
