import HomewardAdministration
import HomewardCore
import Testing

/// What a startrep may take: time while it holds the application's writes, and blocks of a sample.
@Suite("Bounds of startrep", .timeLimit(.minutes(1)))
struct AttachBoundsTests {
    private let seattle = NodeWorld.ids[1]

    private var identical: RVGRequest { .startReplication(seattle, how: .identical, consent: true) }

    private func isHash(_ work: NodeTask.Work) -> Bool {
        if case .hash = work { true } else { false }
    }

    /// The refusal after the operation's time; the application writes again then.
    private func expectTimeout(_ world: inout NodeWorld, _ request: UInt64, _ words: String) {
        let refusal = #expect(throws: Refusal.self) { _ = try world.answers[request]?.get() }
        #expect(refusal?.code == .timedOut, "\(String(describing: refusal))")
        #expect(refusal?.message.contains(words) == true, "\(String(describing: refusal))")
        #expect(refusal?.message.contains("nothing was changed") == true)
        #expect(world.nodes[0].operation == nil && world.nodes[0].machine.pins.isEmpty)
        let write = world.write(on: 0)
        world.pass(milliseconds: 500)
        #expect(world.replied.contains(write))
        #expect(world.nodes[0].machine.header.links.allSatisfy { $0.attachID == nil })
    }

    @Test("startrep -f gives writes free again when the volumes do not take what was written")
    func quiescing() throws {
        var world = try NodeWorld()
        world.lazy = [0]
        world.write(on: 0)
        world.settle()
        let request = world.ask(identical, on: 0)
        world.pass(milliseconds: 9_000)
        #expect(world.answers[request] == nil && world.nodes[0].machine.intakeHeldBy != nil)
        world.pass(milliseconds: 1_500)
        expectTimeout(&world, request, "on the volumes of london")
    }

    @Test("startrep -f gives writes free again when the sample is not read, and takes nothing of it later")
    func sampling() throws {
        var world = try NodeWorld()
        world.holds = { $0 == 0 && isHash($1) }
        let request = world.ask(identical, on: 0)
        world.pass(milliseconds: 10_500)
        expectTimeout(&world, request, "sampled blocks were read on london")
        world.holds = { _, _ in false }
        world.endOldestTask()
        world.pass(milliseconds: 500)
        #expect(world.nodes[0].operation == nil)
        _ = try world.perform(identical, on: 0)?.get()
    }

    @Test("the time of startrep -f is one for all that it waits for")
    func together() throws {
        var world = try NodeWorld()
        world.holds = { isHash($1) }
        let request = world.ask(identical, on: 0)
        world.pass(milliseconds: 6_000)
        world.endOldestTask()
        world.pass(milliseconds: 3_500)
        #expect(world.open.map(\.host) == [1] && world.answers[request] == nil)
        world.pass(milliseconds: 1_000)
        expectTimeout(&world, request, "until seattle answers")
    }

    @Test("the sample of many volumes is what an offer may carry, and has a block of each", arguments: [200, 5_000])
    func manyVolumes(count: Int) throws {
        let volumes = (0..<count).map { VolumeShape(name: "dv\($0)", size: 64 << 20) }
        var world = try NodeWorld(shapes: [0: volumes, 1: volumes, 2: volumes])
        world.holds = { isHash($1) }
        _ = world.ask(identical, on: 0)
        world.settle()
        guard case .hash(let ranges, _)? = world.open.first?.task.work else {
            return #expect(Bool(false), "nothing is sampled")
        }
        #expect(ranges.count <= 4_096 && Set(ranges.map(\.volume)).count == min(count, 4_096))
    }
}
