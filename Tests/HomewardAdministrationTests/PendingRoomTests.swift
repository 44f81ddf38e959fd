import HomewardAdministration
import HomewardCore
import Testing

/// Writes that are logged and not on the volumes yet have a limit; who waits for room below it comes to its turn.
@Suite("Room for writes that are not on the volumes yet", .timeLimit(.minutes(1)))
struct PendingRoomTests {
    /// A Primary that carries nothing out on its volumes, with room for four writes of 16 KiB.
    private static func full(with writes: Int) throws -> NodeWorld {
        var world = try NodeWorld(pendingBytes: 64 << 10)
        world.lazy = [0]
        for _ in 0..<writes { #expect(world.admit(.write, length: 16 << 10, on: 0) == .accepted) }
        return world
    }

    @Test("zeroes and a trim, however long, need no room: they carry nothing", arguments: [RecordKind.zeroes, .trim])
    func longAndEmpty(kind: RecordKind) throws {
        var world = try PendingRoomTests.full(with: 3)
        #expect(world.admit(kind, length: 1 << 20, on: 0) == .accepted)
        #expect(world.admit(.write, length: 8 << 10, on: 0) == .accepted)
        #expect(world.admit(.write, length: 8 << 10, on: 0) == .wait)
    }

    @Test("but what they cover together has a limit of its own, and a batch for the volumes ends there")
    func together() throws {
        var world = try PendingRoomTests.full(with: 0)
        for _ in 0..<4 { #expect(world.admit(.trim, length: 256 << 10, on: 0) == .accepted) }
        #expect(world.admit(.trim, length: 4 << 10, on: 0) == .wait)
        #expect(world.admit(.write, length: 4 << 10, on: 0) == .accepted)
        let batch = world.nodes[0].nextApplyBatch()
        #expect(batch?.records.count == 4)
    }

    @Test("a large write that is refused while it waits leaves no room behind that is kept for it")
    func refusedMeanwhile() {
        var room = PendingRoom()
        let (large, small) = (room.admits(48, used: 48, limit: 64), room.admits(4, used: 48, limit: 64))
        #expect(!large && !small)
        room.leaves(48)
        let again = room.admits(4, used: 48, limit: 64)
        #expect(again)
    }

    @Test("small writes do not take the room again for which a large one waits")
    func largeComesIn() throws {
        var world = try PendingRoomTests.full(with: 3)
        #expect(world.admit(.write, length: 32 << 10, on: 0) == .wait)
        #expect(world.admit(.write, length: 4 << 10, on: 0) == .wait)
        world.lazy = []
        world.settle()
        world.lazy = [0]
        // It has gone meanwhile; what it left free is not kept for it when all are on the volumes.
        #expect(world.admit(.write, length: 16 << 10, on: 0) == .accepted)
        #expect(world.admit(.write, length: 16 << 10, on: 0) == .accepted)
        #expect(world.admit(.write, length: 48 << 10, on: 0) == .wait)
        #expect(world.admit(.write, length: 16 << 10, on: 0) == .wait)
        world.lazy = []
        world.settle()
        #expect(world.admit(.write, length: 48 << 10, on: 0) == .accepted)
        #expect(world.admit(.write, length: 16 << 10, on: 0) == .accepted)
    }
}
