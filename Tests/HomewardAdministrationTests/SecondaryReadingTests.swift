import HomewardAdministration
import HomewardCore
import Testing

@Suite("Reading the volumes of a Secondary", .timeLimit(.minutes(1)))
struct SecondaryReadingTests {
    private func open(_ world: inout NodeWorld) -> RefusalCode? {
        let holder = SessionHolder(process: 1, label: "reader")
        do {
            try world.nodes[1].machine.openSession(id: 9, volume: 0, readOnly: true, holder: holder)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("one that was killed while it wrote them is read only once it is known how far they are")
    func killed() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(NodeWorld.ids[1], how: .identical, consent: true), on: 0)?.get()
        world.lazy = [1]
        for _ in 0..<3 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        #expect(open(&world) == nil)
        world.restart(1)
        #expect(open(&world) == .inconsistent)
        world.lazy = []
        world.connect(0, 1)
        world.pass(milliseconds: 1_000)
        #expect(open(&world) == nil)
    }

    /// Seattle was synchronized while the application wrote, follows london, and has all of that in its log only.
    private func loggedWorld() throws -> NodeWorld {
        let seattle = NodeWorld.ids[1]
        var world = try NodeWorld()
        world.holds = { host, work in
            guard host == 1, case .compare = work else { return false }
            return true
        }
        let token = world.ask(
            .synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true),
            on: 0
        )
        world.settle()
        for _ in 0..<3 { world.write(on: 0) }
        world.settle()
        world.holds = { _, _ in false }
        while !world.open.isEmpty { world.endOldestTask() }
        world.settle()
        _ = try #require(world.answers[token]).get()
        world.lazy = [1]
        _ = try world.perform(.startReplication(seattle, how: .checkpoint("cp"), consent: true), on: 0)?.get()
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[1].machine.isImageConsistent)
        return world
    }

    @Test("a copy that was made while the application wrote is read only once all of that is on the volumes")
    func fuzzyCopy() throws {
        var world = try loggedWorld()
        #expect(open(&world) == .inconsistent && world.nodes[1].machine.imagePosition == nil)
        world.lazy = []
        world.pass(milliseconds: 1_000)
        #expect(open(&world) == nil && world.nodes[1].machine.imagePosition == world.nodes[1].machine.end)
    }

    @Test("where the Primary is lost before that, nobody reads, and a takeover shows it all")
    func fuzzyCopyAlone() throws {
        var world = try loggedWorld()
        world.cut(0, 1)
        world.cut(0, 2)
        world.lazy = []
        world.pass(milliseconds: 5_000)
        #expect(open(&world) == .inconsistent && world.nodes[1].machine.imagePosition == nil)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        world.pass(milliseconds: 500)
        #expect(open(&world) == nil && world.nodes[1].machine.dataCount == 3)
        #expect(world.nodes[1].machine.replayed == world.nodes[1].machine.end)
    }

    @Test("a verification of such a copy applies what is logged first")
    func fuzzyCopyVerified() throws {
        var world = try loggedWorld()
        _ = try world.perform(.setPaused(NodeWorld.ids[1], true), on: 0)?.get()
        let token = world.ask(.verify([NodeWorld.ids[1]]), on: 0)
        world.pass(milliseconds: 500)
        #expect(world.answers[token] == nil)
        world.lazy = []
        world.pass(milliseconds: 500)
        _ = try #require(world.answers[token]).get()
        #expect(world.nodes[1].machine.imagePosition == world.nodes[1].machine.end)
    }
}
