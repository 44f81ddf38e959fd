import Glibc
import HomewardAdministration
import HomewardCore
import HomewardHost
import Synchronization
import Testing

/// Threads of the system, but for those of one name while that is refused.
private final class Threads: Sendable {
    private let refused = Mutex<String?>(nil)
    private let asked = Mutex(0)

    /// How often that name was asked for in vain.
    var refusals: Int { asked.withLock { $0 } }
    func refuse(_ name: String?) { refused.withLock { $0 = name } }

    var source: ThreadSource {
        ThreadSource { name, body in
            guard self.refused.withLock({ $0 }) != name else {
                self.asked.withLock { $0 += 1 }
                return -EAGAIN
            }
            return ThreadSource.system.attempt(name, body)
        }
    }
}

/// A host whose system gives no more threads refuses what needs one, and goes on.
@Suite("No more threads", .serialized, .timeLimit(.minutes(2)))
struct ThreadLimitTests {
    private static let lanes = ["log", "log-sync", "header", "volumes", "peers"]
    private let make = Request.createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: ["dv01", "dv02"], log: "srl")

    @Test("a request that needs a thread is refused, and the next one is carried out")
    func request() async throws {
        let threads = Threads()
        try await Trio.run(["london"], threads: threads.source) { trio in
            let sum = Request.sumVolume(diskGroup: "hrdg", volume: "dv01")
            threads.refuse("request")
            let refusal = try await trio.refused("london", sum, .limitReached)
            #expect(refusal.message.contains("request") && refusal.hint.contains("TasksMax"), "\(refusal)")
            threads.refuse(nil)
            try await trio.ask("london", sum)
        }
    }

    @Test(
        "a createpri or addsec that has no thread for a lane is refused, and leaves nothing of the RVG",
        arguments: lanes
    )
    func making(lane: String) async throws {
        let threads = Threads()
        try await Trio.run(threads: threads.source) { trio in
            threads.refuse(lane)
            for _ in 0..<2 { try await trio.refused("london", make, .limitReached) }
            #expect(try await trio.ask("london", .hostStatus).host?.rvgs.isEmpty == true)
            threads.refuse(nil)
            #expect(try await trio.done("london", make).already == false)
            try await trio.write("london", at: 0, 5)

            threads.refuse(lane)
            let add = Request.addSecondary(
                Trio.rvg,
                primary: "london",
                secondary: "seattle",
                secondaryDiskGroup: nil,
                attributes: []
            )
            let refusal = try await trio.refused("london", add, .limitReached)
            #expect(refusal.host == "seattle")
            #expect(try await trio.ask("seattle", .hostStatus).host?.rvgs.isEmpty == true)
            threads.refuse(nil)
            try await trio.done("london", add)
            try await trio.ask("london", Trio.synchronize("seattle"))
            try await trio.startReplication("seattle", .checkpoint("cp"))
            try await trio.upToDate("london", "seattle")
            #expect(threads.refusals == 3)
        }
    }

    @Test("a delpri that has no thread to wait on is refused, and the RVG goes on")
    func removal() async throws {
        let threads = Threads()
        try await Trio.run(["london"], threads: threads.source) { trio in
            try await trio.makeSet([])
            threads.refuse("request")
            try await trio.refused("london", .deletePrimary(Trio.rvg, force: true), .limitReached)
            try await trio.write("london", at: 0, 5)
            threads.refuse(nil)
            try await trio.done("london", .deletePrimary(Trio.rvg, force: true))
        }
    }

    @Test("an RVG that has no thread when its host starts could not be opened, and says why; the next start opens it")
    func start() async throws {
        let threads = Threads()
        try await Trio.run(["london"], threads: threads.source) { trio in
            try await trio.makeSet([])
            try await trio.write("london", at: 0, 5)
            await trio.stop("london")
            threads.refuse("volumes")
            try await trio.start("london")
            let refusal = try await trio.refused("london", .startRVG(Trio.rvg, force: false), .limitReached)
            #expect(refusal.message.contains("could not be opened"), "\(refusal)")
            threads.refuse(nil)
            await trio.stop("london")
            try await trio.start("london")
            try await trio.waitUntil("it opens") { (try? trio.read("london", at: 0)) == 5 }
        }
    }

    @Test(
        "a host that has no thread for its pool or its ticker does not start, and lets go of its directory",
        arguments: ["work-1", "ticker"]
    )
    func host(thread: String) async throws {
        let threads = Threads()
        try await Trio.run(["london"], threads: threads.source) { trio in
            await trio.stop("london")
            threads.refuse(thread)
            let refusal = await #expect(throws: Refusal.self) { try await trio.start("london") }
            #expect(refusal?.code == .limitReached, "\(String(describing: refusal))")
            threads.refuse(nil)
            try await trio.start("london")
            try await trio.ask("london", .hostStatus)
        }
    }
}
