import HomewardAdministration
import HomewardCore
import Testing

@Suite("A gap in what is sent to a Secondary", .timeLimit(.minutes(1)))
struct StreamGapTests {
    private let london = NodeWorld.ids[0]
    private let seattle = NodeWorld.ids[1]

    private func attachedWorld() throws -> NodeWorld {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 500)
        return world
    }

    @Test("records that could not be read in time are sent again, as nothing behind a gap is taken")
    func overwritten() throws {
        var world = try attachedWorld()
        world.overwritten = [0]
        for _ in 0..<3 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        #expect(world.overwritten.isEmpty)
        #expect(world.nodes[1].machine.durable == world.nodes[0].machine.end)
    }

    @Test("what arrives behind a gap is given back, the record and all after it")
    func dropped() throws {
        var world = try attachedWorld()
        _ = world.nodes[1].takeDroppedPayloads()
        world.mute = [0]
        for _ in 0..<4 { world.write(on: 0) }
        let machine = world.nodes[0].machine
        let attach = try #require(machine.header.links.first { $0.peer == seattle }?.attachID)
        let epoch = try #require(machine.header.lineage.history.current).id
        let before = world.nodes[1].machine.end
        let late = try (2...4).map { try #require(machine.record(UpdateID(before.value + $0))) }
        let message = ReplicationMessage.records(
            attach,
            epoch: epoch,
            marks: DurabilityMarks(durable: before, wanted: before),
            late.map { SentRecord(record: $0, payload: []) }
        )
        world.forge(.replication(message), from: 0, to: 1)
        #expect(world.nodes[1].takeDroppedPayloads().count == 3)
        #expect(world.nodes[1].machine.end == before)
    }
}
