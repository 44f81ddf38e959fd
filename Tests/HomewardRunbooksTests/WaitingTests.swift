import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost
import Synchronization
import Testing

/// The two helpers that runbooks wait with.
@Suite("Waiting for a state", .timeLimit(.minutes(2)))
struct WaitingTests {
    /// Answers one after the other; the last one again and again.
    private func hosts(_ answers: [Result<Answer, Refusal>]) -> FakeHosts {
        let next = Counter()
        return FakeHosts { _, _, _ in try answers[min(next.take(), answers.count - 1)].get() }
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        func take() -> Int {
            value.withLock { value in
                defer { value += 1 }
                return value
            }
        }
    }

    private func link(_ status: String, kstate: String = "CONNECT", consistent: Bool = true) -> Answer {
        .rds([
            Samples.rds { link in
                link.dataStatus = status
                link.kstate = kstate
                link.consistent = consistent
            }
        ])
    }

    private var shutPrimary: Answer {
        var rds = Samples.rds { $0.dataStatus = "behind" }
        for place in rds.members.indices where rds.members[place].role == "primary" {
            rds.members[place].state = "fenced"
            rds.members[place].reason = "record 0.7 was durable and cannot be read"
            rds.members[place].isShut = true
        }
        return .rds([rds])
    }

    private let silence = Refusal(.daemonUnreachable, "hr_rvg", "no answer", hint: "wait")

    private func wait(_ answers: [Result<Answer, Refusal>], _ options: String = "") async throws -> (LuaValue, Int) {
        var bench = Bench()
        bench.hosts = hosts(answers)
        let value = try await bench.hw("return hw.rds('hrdg', 'hr_rvg'):await('seattle', { \(options) })")
        return (value, bench.hosts.requests.count)
    }

    @Test("it asks until the state is there, through hosts that do not answer for a while")
    func upToDate() async throws {
        let (link, asked) = try await wait([
            .success(link("behind")), .failure(silence), .success(link("unknown")), .success(link("up-to-date")),
        ])
        #expect(link.at("data_status") == .text("up-to-date"))
        #expect(asked == 4)
    }

    @Test("consistent and connected are other states")
    func others() async throws {
        let (consistent, _) = try await wait(
            [.success(link("inconsistent", consistent: false)), .success(link("behind"))],
            "state = 'consistent'"
        )
        #expect(consistent.at("consistent") == .boolean(true))
        let (connected, asked) = try await wait(
            [.success(link("unknown", kstate: "ENABLED")), .success(link("behind"))],
            "state = 'connected'"
        )
        #expect(connected.at("kstate") == .text("CONNECT"))
        #expect(asked == 2)
    }

    @Test("up-to-date but for some bytes, of what is connected and consistent")
    func near() async throws {
        let (link, asked) = try await wait(
            [
                .success(link("behind", kstate: "ENABLED")), .success(link("inconsistent", consistent: false)),
                .success(link("behind")),
            ],
            "behind = 20480"
        )
        #expect(link.at("data_status") == .text("behind"))
        #expect(asked == 3)
        let error = await #expect(throws: LuaError.self) {
            try await wait([.success(self.link("behind"))], "behind = 20479, timeout = 0.3")
        }
        #expect(error?.code == .timedOut)
        let shut = await #expect(throws: LuaError.self) { try await wait([.success(shutPrimary)], "behind = 1") }
        #expect(shut?.code == LuaError.Code(.fenced))
    }

    @Test("the end of the time names what is waited for and how it stands")
    func timeout() async throws {
        let error = await #expect(throws: LuaError.self) { try await wait([.success(link("behind"))], "timeout = 0.3") }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("seattle is not up-to-date after 0.3 s") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("5 updates behind") == true)
        #expect(error?.hint.contains("repstatus hr_rvg") == true)
    }

    @Test("what can never come is not waited for")
    func never() async throws {
        let detached = await #expect(throws: LuaError.self) {
            try await wait([.success(link("unknown", kstate: "DETACHED"))])
        }
        #expect(detached?.code == LuaError.Code(.linkDetached))
        let shut = await #expect(throws: LuaError.self) { try await wait([.success(shutPrimary)]) }
        #expect(shut?.code == LuaError.Code(.fenced))
        #expect(shut?.message.contains("record 0.7 was durable") == true, "\(shut?.message ?? "")")
        let other = Refusal(.unknownRVG, "hr_rvg", "no such RVG", hint: "")
        let error = await #expect(throws: LuaError.self) { try await wait([.failure(other)]) }
        #expect(error?.code == LuaError.Code(.unknownRVG))
        var bench = Bench()
        bench.hosts = hosts([.success(link("up-to-date"))])
        for (host, code) in [("london", RefusalCode.notSecondary), ("oslo", .unknownSecondary)] {
            let error = await #expect(throws: LuaError.self) {
                try await bench.hw("hw.rds('hrdg', 'hr_rvg'):await(hw.host('\(host)'))")
            }
            #expect(error?.code == LuaError.Code(code))
        }
    }

    /// The Primary is shut, and another was one when it was last heard of.
    private var shutBesideSilent: Answer {
        guard case .rds(var sets) = shutPrimary, var other = sets.first?.members.first(where: { $0.role == "primary" })
        else { return shutPrimary }
        other.host = "oslo"
        other.state = "enabled"
        other.isShut = nil
        other.reachable = false
        sets[0].members.append(other)
        return .rds(sets)
    }

    @Test("a Primary that does not answer may open: beside it a shut one is waited for")
    func silentSuccessor() async throws {
        let (link, asked) = try await wait([
            .success(shutBesideSilent), .success(shutBesideSilent), .success(self.link("up-to-date")),
        ])
        #expect(link.at("data_status") == .text("up-to-date"))
        #expect(asked == 3)
    }

    @Test("a Primary that answers and does not open is waited for no longer than a lost one")
    func silentBesideShut() async throws {
        let error = await #expect(throws: LuaError.self) {
            try await wait([.success(shutBesideSilent)], "silence = 0.3")
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("no open Primary") == true, "\(error?.message ?? "")")
    }

    @Test("a lost Primary is waited for as long as was said, and why nothing is known is told")
    func silent() async throws {
        var bench = Bench()
        bench.hosts = hosts([.failure(silence)])
        let seen = try await bench.hw(
            """
            local reason
            local ok, e = pcall(function()
              hw.rds("hrdg", "hr_rvg"):await("seattle", { silence = 0.3, on_progress = function(p) reason = p.reason end })
            end)
            return { code = e.code, message = e.message, reason = reason }
            """
        )
        #expect(seen.at("code") == .text("timed-out"))
        #expect(seen.at("reason") == .text("no answer"))
        #expect(seen.at("message").text?.contains("no open Primary has answered for 0.3 s") == true, "\(seen)")
    }

    @Test("a Secondary that the Primary does not reach is waited for as long, one that somebody has paused without end")
    func unreached() async throws {
        let cut = link("unknown", kstate: "ENABLED")
        let error = await #expect(throws: LuaError.self) { try await wait([.success(cut)], "silence = 0.3") }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("the Primary has not reached it for 0.3 s") == true, "\(error?.message ?? "")")

        let paused = Answer.rds([
            Samples.rds { link in
                link.kstate = "ENABLED"
                link.replicationStatus = "paused by user"
            }
        ])
        // No longer than an instant: whatever is not heard of is given up at its first answer.
        let (found, asked) = try await wait(
            [.success(paused), .success(paused), .success(link("up-to-date"))],
            "silence = 0.000001"
        )
        #expect(found.at("data_status") == .text("up-to-date"))
        #expect(asked == 3)
    }

    @Test("it tells how it stands, and can be given up")
    func progress() async throws {
        var bench = Bench()
        bench.hosts = hosts([.success(link("behind"))])
        let seen = try await bench.hw(
            """
            local seen
            local ok, e = pcall(hw.timeout, 0.3, function()
              hw.rds("hrdg", "hr_rvg"):await("seattle", { on_progress = function(p) seen = p end })
            end)
            return { code = e.code, status = seen.data_status, updates = seen.behind.updates, phase = seen.phase }
            """
        )
        #expect(seen.at("code") == .text("timed-out"))
        #expect(seen.at("status") == .text("behind"))
        #expect(seen.at("updates") == .integer(5))
        #expect(seen.at("phase") == .text("wait"))
    }

    @Test("in a plan it does not wait")
    func planned() async throws {
        let bench = Bench()
        let plan = try await bench.hw(
            """
            local engine = require("homeward.engine")
            engine.planning(true)
            hw.rds("hrdg", "hr_rvg"):await("seattle")
            return engine.planned()
            """
        )
        #expect(plan.at("1") == .text("vradmin -g hrdg repstatus hr_rvg   (until seattle is up-to-date)"))
        #expect(bench.hosts.requests.isEmpty)
    }

    @Test("a host is awaited until it has settled")
    func host() async throws {
        var bench = Bench()
        bench.hosts = hosts([
            .failure(silence), .success(.host(Samples.host("london", peers: [], settled: false))),
            .success(.host(Samples.host("london", peers: []))),
        ])
        #expect(try await bench.hw("return hw.host('london'):await().settled") == .boolean(true))
        #expect(bench.hosts.requests.count == 3)
        bench.hosts = hosts([.failure(silence)])
        let error = await #expect(throws: LuaError.self) {
            try await bench.hw("hw.host('london'):await{ timeout = 0.3 }")
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("no answer") == true)
    }
}
