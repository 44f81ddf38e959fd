import HomewardAdministration
import HomewardCore
import Testing

/// What a host calls consistent by its header is durable on its volumes before.
@Suite("Durability of what is attached", .timeLimit(.minutes(1)))
struct AttachDurabilityTests {
    private let seattle = NodeWorld.ids[1]

    private func isFlush(_ work: NodeTask.Work) -> Bool {
        if case .synchronizeVolumes = work { true } else { false }
    }

    /// A world with a checkpoint of a copy that was made by hand, and whoever is asked to attach it, or what is said to be
    /// identical.
    private func world(byHand: Bool) throws -> (world: NodeWorld, attach: RVGRequest) {
        var world = try NodeWorld()
        if byHand {
            for request in [RVGRequest.checkStart("hand"), .checkEnd] { _ = try world.perform(request, on: 0)?.get() }
        }
        return (world, .startReplication(seattle, how: byHand ? .checkpoint("hand") : .identical, consent: true))
    }

    private func isAttached(_ world: NodeWorld) -> Bool {
        world.nodes[1].machine.header.links.contains { $0.attachID != nil }
    }

    @Test(
        "a copy made by hand, or called identical, is not attached before its volumes are durable",
        arguments: [true, false]
    )
    func flushed(byHand: Bool) throws {
        var (world, attach) = try world(byHand: byHand)
        world.holds = { $0 == 1 && isFlush($1) }
        let token = world.ask(attach, on: 0)
        world.pass(milliseconds: 500)
        try #require(world.open.map { isFlush($0.task.work) } == [true])
        #expect(world.answers[token] == nil && !isAttached(world))
        // Only what holds the application's writes meanwhile has a bound.
        if byHand { world.pass(milliseconds: 300_000) }
        world.endOldestTask()
        world.settle()
        _ = try #require(world.answers[token]).get()
        #expect(isAttached(world))
    }

    @Test(
        "where the volumes cannot be made durable the attachment is refused, and the next one asks again",
        arguments: [true, false]
    )
    func failing(byHand: Bool) throws {
        var (world, attach) = try world(byHand: byHand)
        world.fails = { $0 == 1 && isFlush($1) }
        let refusal = #expect(throws: Refusal.self) { _ = try world.perform(attach, on: 0)?.get() }
        #expect(refusal?.code == .ioError, "\(String(describing: refusal))")
        #expect(!isAttached(world) && world.nodes[1].participants.isEmpty)
        world.fails = { _, _ in false }
        let attached = world.perform(attach, on: 0)
        _ = try #require(attached).get()
        #expect(isAttached(world))
    }

    @Test("what a synchronization has copied is durable, and is attached at once")
    func afterSynchronization() throws {
        var world = try NodeWorld()
        let copy = RVGRequest.synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true)
        let copied = world.perform(copy, on: 0)
        _ = try #require(copied).get()
        world.fails = { $0 == 1 && isFlush($1) }
        let attach = RVGRequest.startReplication(seattle, how: .checkpoint("cp"), consent: true)
        let attached = world.perform(attach, on: 0)
        _ = try #require(attached).get()
        #expect(isAttached(world))
    }
}
