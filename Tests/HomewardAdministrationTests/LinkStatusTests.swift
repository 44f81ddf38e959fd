import HomewardAdministration
import HomewardCore
import Testing

/// What the status of a link claims, against worlds in which it is known.
@Suite("Status of a link", .timeLimit(.minutes(1)))
struct LinkStatusTests {
    private let seattle = NodeWorld.ids[1]

    private func link(_ world: NodeWorld, _ host: Int, to peer: Int) throws -> LinkDescription {
        let record = try #require(world.nodes[host].machine.header.links.first { $0.peer == NodeWorld.ids[peer] })
        return world.nodes[host].describe(record, now: world.now)
    }

    @Test("counts the updates that a returned Primary has and its successor has not, until makesec gives them up")
    func diverged() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        #expect(try link(world, 0, to: 1).diverged == 0 && link(world, 1, to: 0).diverged == 0)
        world.cut(0, 1)
        world.cut(0, 2)
        #expect(try link(world, 1, to: 0).diverged == 0)
        for _ in 0..<3 { world.write(on: 0) }
        world.settle()
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        world.write(on: 1)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        #expect(try link(world, 1, to: 0).diverged == 3)
        _ = try world.perform(.makeSecondary(seattle, force: true), on: 0)?.get()
        world.pass(milliseconds: 500)
        #expect(try link(world, 1, to: 0).diverged == 3, "its bytes are still those that seattle never had")
        _ = try world.perform(
            .synchronize([NodeWorld.ids[0]], checkpoint: "cp", full: false, force: false, consent: true),
            on: 1
        )?.get()
        _ = try world.perform(.startReplication(NodeWorld.ids[0], how: .checkpoint("cp"), consent: true), on: 1)?.get()
        world.pass(milliseconds: 500)
        #expect(try link(world, 1, to: 0).diverged == 0)
        #expect(try link(world, 1, to: 0).dataStatus == "up-to-date")
    }

    @Test("says how many updates a checkpoint attach still needs before the copy is consistent, on both ends")
    func untilConsistent() throws {
        var world = try NodeWorld()
        let token = world.ask(
            .synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true),
            on: 0
        )
        for _ in 0..<5 { world.write(on: 0) }
        for _ in 0..<600 where world.answers[token] == nil { world.pass(milliseconds: 100) }
        _ = try #require(world.answers[token]).get()
        #expect(try link(world, 0, to: 1).untilConsistent == nil)
        world.slow = [1]
        _ = try world.perform(.startReplication(seattle, how: .checkpoint("cp"), consent: true), on: 0)?.get()
        world.pass(milliseconds: 500)
        let made = try #require(world.nodes[0].machine.header.checkpoints.first)
        let end = try #require(made.end(for: seattle))
        let left = end.value - made.start.value
        #expect(left > 5)
        #expect(try link(world, 0, to: 1).untilConsistent == left && link(world, 1, to: 0).untilConsistent == left)
        #expect(try link(world, 0, to: 1).dataStatus == "inconsistent")
        world.slow = []
        world.pass(milliseconds: 500)
        #expect(try link(world, 0, to: 1).untilConsistent == nil && link(world, 1, to: 0).untilConsistent == nil)
        #expect(try link(world, 0, to: 1).dataStatus == "up-to-date")
    }
}
