import HomewardAdministration
import HomewardCore
import Testing

/// What a host that is synchronized still owes to earlier sessions and to other Primaries.
@Suite("Targets")
struct TargetTests {
    private let seattle = NodeWorld.ids[1]

    private func synchronize(_ host: HostID, force: Bool = false) -> RVGRequest {
        .synchronize([host], checkpoint: "cp", full: false, force: force, consent: true)
    }

    private func isWrite(_ work: NodeTask.Work) -> Bool {
        if case .write = work { true } else { false }
    }

    private func isFlush(_ work: NodeTask.Work) -> Bool {
        if case .synchronizeVolumes = work { true } else { false }
    }

    @Test("what is made durable before it is compared includes the blocks that the last session was still writing")
    func strayWrites() throws {
        var world = try NodeWorld()
        world.differing = [0]
        world.holds = { $0 == 1 && (isWrite($1) || isFlush($1)) }
        let token = world.ask(synchronize(seattle), on: 0)
        world.settle()
        #expect(world.open.map { isFlush($0.task.work) } == [true])
        world.endOldestTask()
        world.settle()
        #expect(world.open.map { isWrite($0.task.work) } == [true])
        world.cut(0, 1)
        world.differing = []
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        #expect(world.open.map { isWrite($0.task.work) } == [true], "\(world.open)")
        world.endOldestTask()
        #expect(world.open.map { isFlush($0.task.work) } == [true], "\(world.open)")
        world.holds = { _, _ in false }
        world.endOldestTask()
        world.settle()
        _ = try #require(world.answers[token]).get()
    }

    @Test("what was made durable for the last session does not let the next one begin")
    func strayFlush() throws {
        var world = try NodeWorld()
        world.holds = { host, work in
            if case .readCursor = work { return true }
            return host == 1 && isFlush(work)
        }
        let token = world.ask(synchronize(seattle), on: 0)
        world.settle()
        #expect(world.open.map { isFlush($0.task.work) } == [true])
        world.cut(0, 1)
        world.connect(0, 1)
        world.settle()
        #expect(world.open.count == 2)
        for _ in 0..<2 {
            world.endOldestTask()
            world.settle()
            #expect(world.answers[token] == nil)
        }
        #expect(world.open.map { isFlush($0.task.work) } == [true])
        world.endOldestTask()
        world.settle()
        _ = try #require(world.answers[token]).get()
    }
}
