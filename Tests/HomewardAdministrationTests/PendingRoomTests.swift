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
