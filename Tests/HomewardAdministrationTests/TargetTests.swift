import HomewardAdministration
import HomewardCore
import Testing

/// What a host that is synchronized still owes to earlier sessions and to other Primaries.
@Suite("Targets", .timeLimit(.minutes(1)))
struct TargetTests {
    private let london = NodeWorld.ids[0]
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

    @Test("a copy made by hand is not attached while blocks of an ended synchronization still come to its volumes")
    func strayWritesBeforeAttachment() throws {
        var world = try NodeWorld()
        world.differing = [0]
        world.holds = { $0 == 1 && isWrite($1) }
        let token = world.ask(synchronize(seattle), on: 0)
        world.settle()
        world.cancel(token, on: 0)
        world.settle()
        #expect(world.open.count == 1 && world.nodes[1].target == nil)
        for request in [RVGRequest.checkStart("hand"), .checkEnd] { _ = try world.perform(request, on: 0)?.get() }
        let attach = world.ask(.startReplication(seattle, how: .checkpoint("hand"), consent: true), on: 0)
        world.pass(milliseconds: 500)
        #expect(world.answers[attach] == nil)
        world.endOldestTask()
        world.settle()
        _ = try #require(world.answers[attach]).get()
    }

    /// Seattle and dublin are rivals; london follows none of them and has records of seattle's that dublin does not know.
    private func rivalWorld() throws -> NodeWorld {
        let dublin = NodeWorld.ids[2]
        var world = try NodeWorld()
        for host in [seattle, dublin] {
            _ = try world.perform(.startReplication(host, how: .identical, consent: true), on: 0)?.get()
        }
        world.pass(milliseconds: 500)
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { world.cut(left, right) }
        for host in [1, 2] { _ = try world.perform(.takeover(force: false), on: host)?.get() }
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        _ = try world.perform(.makeSecondary(seattle, force: true), on: 0)?.get()
        _ = try world.perform(synchronize(london), on: 1)?.get()
        _ = try world.perform(.startReplication(london, how: .checkpoint("cp"), consent: true), on: 1)?.get()
        world.write(on: 1)
        world.pass(milliseconds: 500)
        _ = try world.perform(.stopReplication(london, force: false), on: 1)?.get()
        _ = try world.perform(.checkDelete("cp"), on: 1)?.get()
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        return world
    }

    /// Dublin synchronizes london, where a block is still being written; the request to dublin.
    private func overtakenWorld() throws -> (world: NodeWorld, request: UInt64) {
        var world = try rivalWorld()
        world.differing = [0]
        world.holds = { $0 == 0 && isWrite($1) }
        let request = world.ask(synchronize(london, force: true), on: 2)
        world.settle()
        #expect(world.nodes[0].target != nil && world.open.count == 1)
        return (world, request)
    }

    private func endAllTasks(_ world: inout NodeWorld) {
        world.holds = { _, _ in false }
        while !world.open.isEmpty { world.endOldestTask() }
        world.settle()
    }

    @Test("a Primary whose offer is overtaken by another's hears it, and nothing of it goes on")
    func overtakenOffer() throws {
        var world = try rivalWorld()
        world.differing = [0]
        world.holds = { host, work in
            if case .salvage = work { return true }
            return host == 0 && isWrite(work)
        }
        let first = world.ask(synchronize(london, force: true), on: 2)
        world.settle()
        #expect(world.open.count == 1)
        let later = world.ask(synchronize(london, force: true), on: 1)
        world.settle()
        let refusal = #expect(throws: Refusal.self) { _ = try world.answers[first]?.get() }
        #expect(refusal?.code == .operationInProgress, "\(String(describing: refusal))")
        #expect(world.nodes[0].participants.isEmpty && world.nodes[0].target?.primary == seattle)
        // The salvage file that nobody waits for any more.
        world.endOldestTask()
        world.settle()
        #expect(world.nodes[0].machine.header.targetJob?.primary == seattle)
        endAllTasks(&world)
        _ = try #require(world.answers[later]).get()
        #expect(world.nodes[0].machine.header.receipt?.primary == seattle)
    }

    @Test("a Primary whose synchronization gives way to another's hears it at once")
    func overtakenRun() throws {
        var (world, first) = try overtakenWorld()
        let later = world.ask(synchronize(london, force: true), on: 1)
        world.settle()
        #expect(throws: Refusal.self) { _ = try world.answers[first]?.get() }
        endAllTasks(&world)
        _ = try #require(world.answers[later]).get()
        #expect(world.nodes[0].machine.header.receipt?.primary == seattle)
    }

    @Test("a Primary does not attach what another synchronizes")
    func attachmentBesideRun() throws {
        var (world, first) = try overtakenWorld()
        let refusal = #expect(throws: Refusal.self) {
            _ = try world.perform(.startReplication(london, how: .identical, consent: true), on: 1)?.get()
        }
        #expect(refusal?.code == .syncInProgress, "\(String(describing: refusal))")
        endAllTasks(&world)
        _ = try #require(world.answers[first]).get()
    }
}
