import Foundation
import LuaHost
import Synchronization
import Testing

/// Who ends when, and what is left of it.
@Suite("Lives of states, runs and values", .timeLimit(.minutes(10)))
struct LifetimeTests {
    /// Tells its end, and on which thread that came.
    private final class Token: Sendable {
        let ended: @Sendable (_ thread: String) -> Void
        init(_ ended: @escaping @Sendable (String) -> Void) { self.ended = ended }
        deinit { ended((try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? "") }
    }

    private struct Odd: Error {
        var token: Token
    }

    @Test("a thousand errors thrown by Swift leave none of their objects behind")
    func errorsEnd() throws {
        let alive = Mutex(0)
        let most = Mutex(0)
        let odd = LuaFunction<TestVerb>(
            "odd",
            "Throws.",
            body: .value { _ in
                alive.withLock { count in
                    count += 1
                    most.withLock { $0 = max($0, count) }
                }
                throw Odd(token: Token { _ in alive.withLock { $0 -= 1 } })
            }
        )
        let stepper = try Stepper(.test(more: [LuaModule("m", "More.", functions: [odd])]))
        let text =
            "local m = require('m') local n = 0 for i = 1, 1000 do if not pcall(m.odd) then n = n + 1 end end return n"
        #expect(try stepper.result(text).get() == [.integer(1000)])
        #expect(alive.withLock { $0 } == 0)
        #expect(most.withLock { $0 } == 1)
    }

    @Test("a verb that is refused where nothing can wait is gone with its refusal")
    func refusedVerbs() throws {
        struct Verb: Sendable {
            var token: Token
        }
        let alive = Mutex(0)
        let wait = LuaFunction<Verb>(
            "wait",
            "Waits.",
            body: .verb { _ in
                alive.withLock { $0 += 1 }
                return .wait(Verb(token: Token { _ in alive.withLock { $0 -= 1 } }))
            }
        )
        let run = try LuaRun(LuaWorld<Verb>(modules: [LuaModule("m", "More.", functions: [wait])], output: { _ in }))
        let text = """
            local m, codes = require("m"), {}
            table.sort({ 4, 3, 2, 1 }, function(a, b)
              local _, e = pcall(m.wait)
              codes[#codes + 1] = e.code
              return a < b
            end)
            return #codes > 2, codes[1]
            """
        let step = run.start(.file(text), now: LuaInstant(nanoseconds: 1))
        guard case .finished(let values) = step.state else {
            Issue.record("\(step.state)")
            return
        }
        #expect(values == [.boolean(true), .text("cannot-wait-here")])
        #expect(alive.withLock { $0 } == 0)
        withExtendedLifetime(run) {}
    }

    @Test("Swift reads tables raw: metamethods that raise, wait or never end are not called")
    func raw() throws {
        let text = """
            local t = require("t")
            local function never() while true do end end
            local m = { __index = never, __len = never, __pairs = never, __eq = never, __tostring = never, __call = never }
            local function hostile(x) return setmetatable(x, m) end
            local same = t.same(hostile{ 1, 2, hostile{ a = "b" } })
            print(#same, same[3].a, getmetatable(same))
            print(t.work(hostile{ 1 }, hostile{ force = true }))
            print(pcall(t.parallel, hostile{ hostile{} }))
            return hostile{ 7 }
            """
        let printed = Printed()
        let result = try Stepper(.test(printed, limits: LuaLimits(instructions: 100_000))).result(text)
        #expect(try result.get() == [.list([.integer(7)])])
        #expect(printed.text.hasPrefix("3\tb\tnil\nworked\nfalse\ta.lua:8: t.parallel: 'functions[1]' is a table"))
    }

    @Test("the ends of integers and floats go through unchanged")
    func numbers() throws {
        let text = """
            local t = require("t")
            local all = { math.maxinteger, math.mininteger, 2^53, 2^63, -2^63, 1/0, -1/0, 5e-324, -0.0, 1e308, 0.1 }
            for _, x in ipairs(all) do
              local y = t.after(0, t.same(x))
              assert(x == y and math.type(x) == math.type(y), tostring(x))
            end
            local nan = t.same(0/0)
            assert(nan ~= nan)
            return math.maxinteger, math.mininteger
            """
        #expect(try Stepper(.test()).result(text).get() == [.integer(.max), .integer(.min)])
        // Of floats those that are whole have an integer form, up to the ends.
        for wrong in ["2^63", "0.5", "0/0", "1/0", "-2^63 - 2048"] {
            #expect(try failure("require('t').raise(require('t').same(\(wrong)))")?.code == .badArgument)
        }
    }

    @Test("ten thousand runs wait at once, end in whatever order, each with its own result, and leave nothing")
    func tenThousand() throws {
        struct Weak { weak var run: LuaRun<TestVerb>? }
        let count = 10_000
        var started: [Weak] = []
        let source = LuaSource.file("local n = ... for i = 1, 3 do n = n + t.after(0, i) end return n")
        let limits = LuaLimits(memory: 1 << 20)
        try {
            var waiting: [(run: LuaRun<TestVerb>, number: Int, id: LuaRequestID, value: LuaValue)] = []
            var seed: UInt64 = 7
            func take(_ run: LuaRun<TestVerb>, _ number: Int, _ step: LuaStep<TestVerb>) throws {
                switch step.state {
                case .finished(let values): #expect(values == [.integer(Int64(number + 6))])
                case .waiting:
                    guard let (id, request) = step.begin.first, case .verb(.after(_, let value)) = request else {
                        throw LuaError(.runtime, "nothing is asked for", hint: "")
                    }
                    waiting.append((run, number, id, value))
                default: Issue.record("\(step.state)")
                }
            }
            let time = LuaInstant(nanoseconds: 1)
            for number in 0..<count {
                let run = try LuaRun(LuaWorld.test(limits: limits, preloaded: true))
                started.append(Weak(run: run))
                try take(run, number, run.start(source, arguments: [.integer(Int64(number))], now: time))
            }
            #expect(waiting.count == count)
            while !waiting.isEmpty {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                waiting.swapAt(Int(seed >> 33) % waiting.count, waiting.count - 1)
                let next = waiting.removeLast()
                try take(next.run, next.number, next.run.finish(next.id, .success(next.value), now: time))
            }
        }()
        #expect(started.allSatisfy { $0.run == nil })
    }

    @Test("waits of two states do not order each other")
    func apart() throws {
        let time = LuaInstant(nanoseconds: 1)
        let one = try LuaRun(LuaWorld.test(preloaded: true))
        let two = try LuaRun(LuaWorld.test(preloaded: true))
        let first = one.start(.file("return t.after(1, 'one')"), now: time)
        let second = two.start(.file("return t.after(1, 'two')"), now: time)
        // The same number names another request in each.
        let id = try #require(first.begin.first?.id)
        #expect(second.begin.first?.id == id)
        guard case .finished(let late) = two.finish(id, .success(.text("two")), now: time).state,
            case .finished(let early) = one.finish(id, .success(.text("one")), now: time).state
        else {
            Issue.record("one of them waits for the other")
            return
        }
        #expect(late == [.text("two")] && early == [.text("one")])
    }

    @Test("an object is collected while its request is carried out, and the answer still comes")
    func collected() throws {
        let text = """
            local t = require("t")
            print(t.parallel{
              function() return t.box("b"):fill("sand") end,
              function() local n = 0 for i = 1, 20000 do local x = { {} } n = n + #x end return n end,
            })
            """
        #expect(try output(text) == "sand\t20000\n")
    }

    @Test("a value outlives its state, and is nothing to a world that does not know its class")
    func outlives() throws {
        let values = try Stepper(.test()).result("return require('t').box('b')").get()
        let text = "local t = require('t') local b = ... return b:label(), b == t.box('b')"
        #expect(try Stepper(.test()).result(text, arguments: values).get() == [.text("box b"), .boolean(true)])
        let stranger = LuaWorld<TestVerb>(output: { _ in })
        guard case .failure(let error) = try Stepper(stranger).result("return ...", arguments: values) else {
            Issue.record("an object without a class came in")
            return
        }
        #expect(error.message == "no class Box is declared here")
    }

    private func driver(
        _ printed: Printed,
        limits: LuaLimits = LuaLimits(),
        ended: @escaping @Sendable (String) -> Void
    ) throws -> LuaDriver<TestVerb> {
        let token = Token(ended)
        var world = LuaWorld.test(printed, limits: limits, preloaded: true)
        world.output = { bytes in
            _ = token
            printed.add(bytes)
        }
        return try LuaDriver(world) { verb, progress throws(LuaError) in try await verb.perform(progress) }
    }

    @Test("a driver that its owner forgets in the middle of a run ends the run first, and on its own thread")
    func forgotten() async throws {
        let printed = Printed()
        let thread = Mutex<String?>(nil)
        func begin() throws -> Task<[LuaValue], any Error> {
            let driver = try driver(printed) { name in thread.withLock { $0 = name } }
            return Task { try await driver.run("print('on') return t.after(0.05, 'whole')") }
        }
        let run = try begin()
        try await printed.wait(for: "on")
        #expect(thread.withLock { $0 } == nil)
        #expect(try await run.value == [.text("whole")])
        while thread.withLock({ $0 }) == nil { try await Task.sleep(for: .milliseconds(2)) }
        #expect(thread.withLock { $0 } == "lua\n")
    }

    @Test("a request that ends after its run was forced, and while the driver is closed, does no harm")
    func late() async throws {
        let printed = Printed()
        let ended = Mutex(false)
        let driver = try driver(printed, limits: LuaLimits(grace: 0.02)) { _ in ended.withLock { $0 = true } }
        async let failure = driver.failure("print('on') t.hang(0.3)")
        try await printed.wait(for: "on")
        driver.cancel()
        #expect(await failure?.code == .interrupted)
        #expect(try await driver.run("return 1") == [.integer(1)])
        #expect(!ended.withLock { $0 })
        await driver.close()
        #expect(await driver.failure("return 1")?.code == .interrupted)
    }
}
