import HomewardAdministration
import HomewardCore
import Testing

/// A host that is named twice is one target, and a checkpoint that has lost its last one is none made by hand.
@Suite("Targets named twice", .timeLimit(.minutes(1)))
struct RepeatedTargetTests {
    private let seattle = NodeWorld.ids[1]
    private let dublin = NodeWorld.ids[2]

    private func synchronize(_ hosts: [HostID]) -> RVGRequest {
        .synchronize(hosts, checkpoint: "cp", full: false, force: false, consent: true)
    }

    private func targets(_ world: NodeWorld) -> [[HostID]] {
        world.nodes[0].machine.header.checkpoints.map { $0.targets.map(\.host) }
    }

    @Test("a host that syncrvg names twice is synchronized once")
    func synchronizedOnce() throws {
        var world = try NodeWorld()
        let token = world.ask(synchronize([seattle, dublin, seattle]), on: 0)
        world.pass(milliseconds: 5_000)
        let reports = try synchronized(world.answers[token])
        #expect(reports.map(\.secondary) == ["seattle", "dublin"])
        #expect(targets(world) == [[seattle, dublin]])
        #expect(world.nodes[0].machine.header.checkpoints.first?.isComplete == true)
    }

    @Test("a host that -verify names twice is compared once")
    func verifiedOnce() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.pass(milliseconds: 500)
        _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        let token = world.ask(.verify([seattle, seattle]), on: 0)
        world.pass(milliseconds: 5_000)
        let reports = try synchronized(world.answers[token])
        #expect(reports.map(\.secondary) == ["seattle"])
    }

    @Test("a target that an earlier release noted twice is gone on with once after a restart")
    func takenUpOnce() throws {
        var world = try NodeWorld()
        world.mute = [1]
        _ = world.ask(synchronize([seattle]), on: 0)
        world.settle()
        let target = try #require(world.nodes[0].machine.header.checkpoints.first?.targets.first)
        world.nodes[0].machine.header.checkpoints[0].targets.append(target)
        // A header goes to the disk with it.
        _ = try world.perform(.setSettings(dublin, LinkSettings(srlprot: .fail)), on: 0)?.get()
        world.restart(0)
        #expect(targets(world) == [[seattle, seattle]])
        world.mute = []
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 5_000)
        #expect(world.nodes[0].jobs.isEmpty && targets(world) == [[seattle]])
        #expect(world.nodes[0].machine.header.checkpoints.first?.isComplete == true)
    }

    @Test("a checkpoint that loses its last target with the end of the job is deleted")
    func lastTarget() throws {
        var world = try NodeWorld()
        world.mute = [2]
        let token = world.ask(synchronize([seattle, dublin]), on: 0)
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[0].machine.header.checkpoints.first?.targets.first?.received == true)
        world.nodes[0].machine.header.checkpoints[0].targets.removeAll { $0.host == seattle }
        world.fail(2)
        world.mute = []
        world.pass(milliseconds: 1_000)
        #expect(throws: Refusal.self) { _ = try world.answers[token]?.get() }
        #expect(world.nodes[0].jobs.isEmpty && targets(world) == [])
    }
}
