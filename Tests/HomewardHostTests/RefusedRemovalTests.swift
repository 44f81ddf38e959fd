import GRDB
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Synchronization
import Testing

private let rvg = Trio.rvg

extension Trio {
    /// Lets the catalog of a host refuse every change, as a full disk would, or take changes again.
    func refuseChanges(_ refuse: Bool = true, on host: String) throws {
        let catalog = try DatabaseQueue(path: engine(host).directory.catalogPath)
        try catalog.write { database in
            try database.execute(
                sql: refuse
                    ? "CREATE TRIGGER full BEFORE INSERT ON host BEGIN SELECT RAISE(ABORT, 'full'); END"
                    : "DROP TRIGGER full"
            )
        }
        try catalog.close()
    }
}

/// A removal that the catalog cannot take down is refused, and changes nothing.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RefusedRemovalTests {
    @Test("after a refused delpri the application writes and the Secondaries follow; the next one removes")
    func primary() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.write("london", at: 0, 1)
            try trio.refuseChanges(true, on: "london")
            try await trio.refused("london", .deletePrimary(rvg, force: true), .badFormat)
            try trio.refuseChanges(false, on: "london")
            try await trio.write("london", at: 4096, 2)
            try await trio.ask("london", Trio.synchronize("seattle"))
            try await trio.startReplication("seattle", .checkpoint("cp"))
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
            try await trio.done("london", .stopReplication(rvg, secondary: nil, force: false, consent: true))
            try await trio.done("london", .deletePrimary(rvg, force: true))
            #expect(try await trio.ask("london", .hostStatus).host?.rvgs.isEmpty == true)
        }
    }

    @Test("a delpri -f beside a startrep removes no RVG with an attached Secondary")
    func besideAttach() async throws {
        let gate = Gate()
        try await Trio.run(wrapping: gate.wrap) { trio in
            try await trio.makeSet()
            gate.arm(trio.path("seattle", "srl"))
            let attach = Task { try await trio.startReplication() }
            try await trio.waitUntil("seattle is about to agree") { gate.isHolding }
            let removal = Task { try await trio.refusalCode("london", .deletePrimary(rvg, force: true)) }
            // Time to look at the links before there is one; where it comes later it finds it there, and is refused too.
            try await Task.sleep(for: .milliseconds(200))
            gate.open()
            try await attach.value
            #expect(try await removal.value == .linkAttached)
            try await trio.write("london", at: 0, 3)
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }

    /// A stopped Primary without Secondaries, in whose log is a write that its volume, which hangs, does not have: the byte 5
    /// from 8192 on.
    private func withUnappliedWrite(
        limits: @escaping @Sendable (inout Limits) -> Void = { _ in },
        _ body: (Trio, Gate) async throws -> Void
    ) async throws {
        let gate = Gate()
        try await Trio.run(["london"], limits: limits, wrapping: gate.wrap) { trio in
            try await trio.makeSet([])
            gate.arm(trio.path("london", "dv01"))
            try await trio.write("london", at: 8192, 5)
            try await trio.done("london", .stopRVG(rvg))
            try await body(trio, gate)
        }
    }

    @Test("delpri without -f keeps an RVG whose log has what its volumes have not; the next one has it all on them")
    func unapplied() async throws {
        let limits: @Sendable (inout Limits) -> Void = { $0.operationMilliseconds = 300 }
        try await withUnappliedWrite(limits: limits) { trio, gate in
            let refusal = try await trio.refused("london", .deletePrimary(rvg, force: false), .timedOut)
            #expect(refusal.message.contains("are in its log") && refusal.hint.contains("delpri"), "\(refusal)")
            gate.open()
            try await trio.done("london", .deletePrimary(rvg, force: false))
            #expect(try trio.read("london", at: 8192) == 5)
        }
    }

    @Test(
        "a delpri that is taken back while a device hangs is interrupted, and the RVG goes on",
        arguments: [false, true]
    )
    func takenBack(force: Bool) async throws {
        try await withUnappliedWrite { trio, gate in
            let removal = Task { try await trio.refusalCode("london", .deletePrimary(rvg, force: force)) }
            try await trio.waitUntil("it is being removed") { isHeldByRemoval(trio) }
            removal.cancel()
            try await trio.waitUntil("it has given back what it held") { !isHeldByRemoval(trio) }
            gate.open()
            #expect(try await removal.value == .interrupted)
            try await trio.done("london", .startRVG(rvg, force: false))
            try await trio.write("london", at: 12288, 6)
            #expect(try trio.read("london", at: 8192) == 5)
        }
    }

    /// Whether a removal keeps volumes from being opened.
    private func isHeldByRemoval(_ trio: Trio) -> Bool {
        do {
            try trio.open("london").session.close()
        } catch let refusal as Refusal {
            return refusal.code == .operationInProgress && refusal.message.contains("removal")
        } catch {}
        return false
    }

    @Test("a delpri whose client is gone is carried out")
    func clientGone() async throws {
        try await withUnappliedWrite { trio, gate in
            let asker = Asker()
            let removal = Asker.$current.withValue(asker) {
                Task { try await trio.refusalCode("london", .deletePrimary(rvg, force: false)) }
            }
            try await trio.waitUntil("it is being removed") { isHeldByRemoval(trio) }
            asker.leave()
            removal.cancel()
            gate.open()
            #expect(try await removal.value == nil)
            #expect(try trio.read("london", at: 8192) == 5)
        }
    }

    @Test("who waits in a cancelled task for an RVG to come to rest looks now and then, not all the time")
    func cancelledWait() async throws {
        try await withUnappliedWrite { trio, gate in
            let runtime = try #require(try trio.engine("london").runtimes.first)
            let (answer, looks) = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                var looks = 0
                let answer = await runtime.rest(.prepareRemoval, withinMilliseconds: 300) {
                    looks += 1
                    return false
                }
                return (answer, looks)
            }.value
            #expect(answer == nil)
            // Each is followed by a pause of 10 ms or more.
            #expect((1..<100).contains(looks))
            gate.open()
        }
    }

    @Test("of two delpri at once the second is refused, and the first goes on")
    func second() async throws {
        let gate = Gate()
        try await Trio.run(["london"], wrapping: gate.wrap) { trio in
            try await trio.makeSet([])
            try await trio.write("london", at: 8192, 4)
            gate.arm(trio.path("london", "dv01"))
            try await trio.done("london", .stopRVG(rvg))
            try await trio.waitUntil("the volume is being synchronized") { gate.isHolding }
            try await withThrowingTaskGroup(of: RefusalCode?.self) { group in
                for _ in 0..<2 {
                    group.addTask { try await trio.refusalCode("london", .deletePrimary(rvg, force: false)) }
                }
                // Nothing can be removed yet: it is the refused one that ends first.
                let first = try await group.next()
                #expect(first == .some(.operationInProgress))
                gate.open()
                let second = try await group.next()
                #expect(second == .some(nil))
            }
            #expect(try trio.read("london", at: 8192) == 4)
        }
    }

    @Test("delpri without -f keeps an RVG whose volume failed, and restarting the daemon brings all onto it")
    func failed() async throws {
        let gate = Gate()
        try await Trio.run(["london"], wrapping: gate.wrap) { trio in
            try await trio.makeSet([])
            gate.breakDown(trio.path("london", "dv01"))
            try await trio.write("london", at: 8192, 6)
            _ = try await trio.refusalCode("london", .stopRVG(rvg))
            try await trio.waitUntil("the device has failed") {
                try await trio.refusalCode("london", .startRVG(rvg, force: false)) == .ioError
            }
            try await trio.refused("london", .deletePrimary(rvg, force: false), .ioError)
            gate.breakDown(nil)
            await trio.stop("london")
            try await trio.start("london")
            try await trio.waitUntil("it is removed") {
                try await trio.refusalCode("london", .deletePrimary(rvg, force: false)) == nil
            }
            #expect(try trio.read("london", at: 8192) == 6)
        }
    }

    @Test("a Secondary whose removal is refused there is left in use")
    func secondary() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try trio.refuseChanges(true, on: "seattle")
            let outcome = try await trio.done("london", .deleteSecondary(rvg, secondary: "seattle"))
            #expect(outcome.notes.contains { $0.contains("still has its RVG") }, "\(outcome)")
            try trio.refuseChanges(false, on: "seattle")
            let refusal = #expect(throws: Refusal.self) { try trio.open("seattle", readOnly: true) }
            #expect(refusal?.code == .inconsistent, "\(String(describing: refusal))")
            try await trio.done("seattle", .deletePrimary(rvg, force: true))
            #expect(try await trio.ask("seattle", .hostStatus).host?.rvgs.isEmpty == true)
        }
    }

    @Test("a request that finds its RVG just before that is removed is refused, and not left without an answer")
    func late() async throws {
        try await Trio.run(["london"]) { trio in
            try await trio.makeSet([])
            try await trio.done("london", .checkStart(rvg, name: "cp"))
            let runtime = try #require(try trio.engine("london").runtimes.first)
            try await trio.done("london", .deletePrimary(rvg, force: true))
            let code = Mutex<RefusalCode?>(nil)
            Task {
                do {
                    _ = try await runtime.perform(.checkDelete("cp")) { _ in }
                } catch let refusal as Refusal {
                    code.withLock { $0 = refusal.code }
                }
            }
            try await trio.waitUntil("it is answered") { code.withLock { $0 } == .operationInProgress }
        }
    }
}
