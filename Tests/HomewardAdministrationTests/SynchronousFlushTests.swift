import HomewardAdministration
import HomewardCore
import Testing

@Suite("A flush in synchronous mode", .timeLimit(.minutes(1)))
struct SynchronousFlushTests {
    private func world(_ synchronous: LinkSettings.Synchronous) throws -> NodeWorld {
        var world = try NodeWorld()
        let seattle = NodeWorld.ids[1]
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        _ = try world.perform(.setSettings(seattle, LinkSettings(synchronous: synchronous)), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[1].machine.durable == world.nodes[0].machine.end)
        return world
    }

    @Test("becomes durable on the Secondary while the Primary's own disk is still at it, and is not applied there")
    func sideBySide() throws {
        var world = try world(.override)
        world.slow = [0]
        world.write(on: 0)
        world.settle()
        let flushed = world.nodes[0].machine.end
        #expect(world.nodes[0].machine.durable < flushed)
        #expect(world.nodes[1].machine.durable == flushed)
        #expect(world.nodes[1].machine.applied < flushed)
    }

    @Test("is answered only when both hosts have it")
    func both() throws {
        for late in [0, 1] {
            var world = try world(.override)
            world.slow = [late]
            world.write(on: 0)
            let asked = world.flush(on: 0)
            world.settle()
            #expect(!world.replied.contains(asked), "before \(NodeWorld.names[late]) had it")
            world.slow = []
            world.settle()
            #expect(world.replied.contains(asked))
        }
    }

    @Test("of an asynchronous link waits for the Primary alone")
    func asynchronous() throws {
        var world = try world(.off)
        world.slow = [1]
        world.write(on: 0)
        let asked = world.flush(on: 0)
        world.settle()
        #expect(world.replied.contains(asked))
        #expect(world.nodes[1].machine.durable < world.nodes[0].machine.end)
    }
}
