import HomewardAdministration
import HomewardCore
import Testing

/// A target that takes long to make its volumes ready answers when they are, and its Primary waits for that.
@Suite("Slow targets", .timeLimit(.minutes(1)))
struct SlowTargetTests {
    private let seattle = NodeWorld.ids[1]

    private var synchronize: RVGRequest {
        .synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true)
    }

    /// Seattle's volumes do not become durable; the request to synchronize it.
    private func flushingWorld() throws -> (world: NodeWorld, request: UInt64) {
        var world = try NodeWorld()
        world.holds = { host, work in
            guard host == 1, case .synchronizeVolumes = work else { return false }
            return true
        }
        let request = world.ask(synchronize, on: 0)
        world.settle()
        #expect(world.open.count == 1)
        return (world, request)
    }

    private func activity(_ world: NodeWorld) -> [String] {
        world.nodes[0].describe(now: world.now, volumes: [], log: "", logSize: 0).activity
    }

    @Test("a target that flushes its volumes for minutes is waited for, also by what was taken up again")
    func waitedFor() throws {
        var (world, request) = try flushingWorld()
        world.pass(milliseconds: 300_000)
        #expect(world.answers[request] == nil && world.open.count == 1)
        world.restart(0)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 300_000)
        #expect(world.nodes[0].machine.header.checkpoints.map(\.name) == ["cp"])
        #expect(activity(world).contains { $0.contains("-c cp checkdelete r") }, "\(activity(world))")
        world.holds = { _, _ in false }
        while !world.open.isEmpty { world.endOldestTask() }
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[0].machine.header.checkpoints.first?.isComplete == true)
    }

    @Test("a synchronization whose target hangs is ended by whoever asked for it, and says so meanwhile")
    func interrupted() throws {
        var (world, request) = try flushingWorld()
        world.pass(milliseconds: 300_000)
        #expect(activity(world).contains { $0.contains("interrupt the command") }, "\(activity(world))")
        world.cancel(request, on: 0)
        world.pass(milliseconds: 500)
        let refusal = #expect(throws: Refusal.self) { _ = try world.answers[request]?.get() }
        #expect(refusal?.code == .interrupted)
        #expect(world.nodes[0].jobs.isEmpty && world.nodes[0].machine.header.checkpoints.isEmpty)
        #expect(world.nodes[1].machine.header.targetJob == nil && world.nodes[1].participants.isEmpty)
    }

    /// Seattle, which is to be verified, does not come to apply what it has logged; the request.
    private func verifyingWorld() throws -> (world: NodeWorld, request: UInt64) {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.lazy = [1]
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        world.listens = true
        let request = world.ask(.verify([seattle]), on: 0)
        world.settle()
        #expect(world.nodes[1].participants.count == 1 && world.answers[request] == nil)
        return (world, request)
    }

    @Test("a verification whose target hangs ends with the last who waits for it")
    func left() throws {
        var (world, request) = try verifyingWorld()
        world.forget(request, on: 0)
        world.pass(milliseconds: 1_000)
        let refusal = #expect(throws: Refusal.self) { _ = try world.answers[request]?.get() }
        #expect(refusal?.code == .interrupted)
        #expect(world.nodes[0].jobs.isEmpty && world.nodes[1].participants.isEmpty)
    }

    @Test("an offer that a later one of the same Primary displaces is answered")
    func displaced() throws {
        var (world, request) = try verifyingWorld()
        let offers = world.heard.compactMap { letter -> SyncOffer? in
            if case .prepare(.synchronize(let offer)) = letter.message { offer } else { nil }
        }
        var later = try #require(offers.last)
        later.job = CheckpointID(rawValue: later.job.rawValue ^ 1)
        world.forge(.prepare(.synchronize(later)), from: 0, to: 1)
        world.settle()
        let refusal = #expect(throws: Refusal.self) { _ = try world.answers[request]?.get() }
        #expect(refusal?.code == .operationInProgress, "\(String(describing: refusal))")
    }

    @Test("a synchronization that is taken up again ends where its target's device failed meanwhile")
    func failedMeanwhile() throws {
        var (world, _) = try flushingWorld()
        world.restart(0)
        world.fail(1)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 10_000)
        #expect(world.nodes[0].jobs.isEmpty && world.nodes[0].machine.header.checkpoints.isEmpty)
    }
}
