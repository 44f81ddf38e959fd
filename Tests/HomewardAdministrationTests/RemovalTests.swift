import HomewardAdministration
import HomewardCore
import Testing

/// A host leaves the RDS while synchronizations run.
@Suite("Removal", .timeLimit(.minutes(1)))
struct RemovalTests {
    private let seattle = NodeWorld.ids[1]
    private let dublin = NodeWorld.ids[2]

    private func synchronize(_ hosts: [HostID]) -> RVGRequest {
        .synchronize(hosts, checkpoint: "cp", full: false, force: false, consent: true)
    }

    /// London synchronizes both, which have taken their offers and say nothing, and dublin is lost.
    private func halfLostWorld() throws -> NodeWorld {
        var world = try NodeWorld()
        world.mute = [1, 2]
        _ = world.ask(synchronize([seattle, dublin]), on: 0)
        world.settle()
        #expect(world.nodes[0].machine.header.checkpoints.first?.targets.count == 2)
        world.cut(0, 2)
        return world
    }

    /// The synchronization has ended with seattle alone, and dublin was offered nothing more.
    private func expectWithoutDublin(_ world: NodeWorld) {
        #expect(world.nodes[0].jobs.isEmpty)
        let checkpoint = world.nodes[0].machine.header.checkpoints.first
        #expect(checkpoint?.targets.map(\.host) == [seattle] && checkpoint?.isComplete == true)
        let offers = world.heard.filter { letter in
            if case .prepare(.synchronize) = letter.message { letter.to == 2 } else { false }
        }
        #expect(offers.isEmpty)
    }

    /// Everybody speaks again, and is listened to.
    private func speak(_ world: inout NodeWorld) {
        world.mute = []
        world.listens = true
    }

    @Test("a removed host is no target again after a restart of the Primary", arguments: [false, true])
    func restart(returns: Bool) throws {
        var world = try halfLostWorld()
        _ = try world.perform(.removeLink(dublin), on: 0)?.get()
        world.restart(0)
        speak(&world)
        world.connect(0, 1)
        if returns { world.connect(0, 2) }
        world.pass(milliseconds: 5_000)
        expectWithoutDublin(world)
        #expect(world.nodes[2].machine.header.targetJob == nil || !returns)
    }

    @Test("a host that is removed from a stopped Primary is no target when that is started")
    func stopped() throws {
        var world = try halfLostWorld()
        _ = try world.perform(.stop, on: 0)?.get()
        world.restart(0)
        world.connect(0, 1)
        world.pass(milliseconds: 5_000)
        #expect(world.nodes[0].jobs.isEmpty)
        _ = try world.perform(.removeLink(dublin), on: 0)?.get()
        speak(&world)
        _ = try world.perform(.start(force: false), on: 0)?.get()
        world.connect(0, 2)
        world.pass(milliseconds: 5_000)
        expectWithoutDublin(world)
    }

    @Test("a checkpoint whose only target is removed from a stopped Primary goes with it")
    func stoppedAlone() throws {
        var world = try NodeWorld()
        world.mute = [2]
        _ = world.ask(synchronize([dublin]), on: 0)
        world.settle()
        world.cut(0, 2)
        _ = try world.perform(.stop, on: 0)?.get()
        world.restart(0)
        world.connect(0, 1)
        world.pass(milliseconds: 5_000)
        _ = try world.perform(.removeLink(dublin), on: 0)?.get()
        #expect(world.nodes[0].machine.header.checkpoints.isEmpty)
    }

    @Test("a target without a link, as an earlier release left it, ends as failed")
    func leftByEarlierRelease() throws {
        var world = try halfLostWorld()
        world.nodes[0].machine.header.links.removeAll { $0.peer == dublin }
        _ = try world.perform(.setSettings(seattle, LinkSettings(srlprot: .fail)), on: 0)?.get()
        world.restart(0)
        speak(&world)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 5_000)
        expectWithoutDublin(world)
    }

    @Test("a silent host that is removed before the checkpoint is recorded does not enter it")
    func beforeRecorded() throws {
        var world = try NodeWorld()
        world.lazy = [0]
        for _ in 0..<2 { world.write(on: 0) }
        let token = world.ask(synchronize([seattle, dublin]), on: 0)
        world.settle()
        world.cut(0, 2)
        #expect(world.nodes[0].machine.header.checkpoints.isEmpty)
        _ = try world.perform(.removeLink(dublin), on: 0)?.get()
        world.lazy = []
        world.mute = [1]
        world.pass(milliseconds: 500)
        #expect(world.nodes[0].machine.persistedHeader.checkpoints.first?.targets.map(\.host) == [seattle])
        world.mute = []
        world.pass(milliseconds: 5_000)
        #expect(code(world.answers[token]) == .syncCancelled)
        expectWithoutDublin(world)
    }

    @Test("a host that was lost before its receipt was seen is removed, and the synchronization ends")
    func lostWithReceipt() throws {
        var world = try NodeWorld()
        world.silentWithReceipt = [2]
        let token = world.ask(synchronize([seattle, dublin]), on: 0)
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[2].machine.header.receipt != nil && world.answers[token] == nil)
        #expect(code(world.perform(.removeLink(dublin), on: 0)) == .syncInProgress)
        world.cut(0, 2)
        _ = try world.perform(.removeLink(dublin), on: 0)?.get()
        #expect(code(world.answers[token]) == .syncCancelled)
        expectWithoutDublin(world)
    }

    @Test("a synchronization that is about to begin is not ended by a refused delsec")
    func liveTarget() throws {
        var world = try NodeWorld()
        world.lazy = [0]
        for _ in 0..<2 { world.write(on: 0) }
        let token = world.ask(synchronize([seattle]), on: 0)
        world.settle()
        #expect(code(world.perform(.removeLink(seattle), on: 0)) == .syncInProgress)
        world.lazy = []
        world.pass(milliseconds: 5_000)
        _ = try world.answers[token]?.get()
        #expect(world.answers[token] != nil)
    }

    @Test("a verification that is about to begin is not ended by a refused delsec", arguments: [false, true])
    func attached(silent: Bool) throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.lazy = [0]
        for _ in 0..<2 { world.write(on: 0) }
        world.pass(milliseconds: 1_000)
        _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        let token = world.ask(.verify([seattle]), on: 0)
        world.settle()
        if silent { world.cut(0, 1) }
        #expect(code(world.perform(.removeLink(seattle), on: 0)) == .linkAttached)
        if silent { world.connect(0, 1) }
        world.lazy = []
        world.pass(milliseconds: 5_000)
        _ = try world.answers[token]?.get()
        #expect(world.answers[token] != nil)
    }

    @Test("no host is added to an RVG that is being removed; the removal goes on")
    func addWhileRemoved() throws {
        var world = try NodeWorld()
        let link = try #require(world.nodes[0].machine.header.links.last)
        _ = try world.perform(.removeLink(link.peer), on: 0)?.get()
        world.lazy = [0]
        world.write(on: 0)
        world.settle()
        // What london holds is not on its volumes, and so it is not gone yet.
        let removal = world.ask(.prepareRemoval, on: 0)
        #expect(code(world.perform(.addLink(link), on: 0)) == .operationInProgress)
        #expect(!world.nodes[0].machine.header.links.contains { $0.peer == link.peer })
        // That a host is there already changes nothing.
        let known = try #require(world.nodes[0].machine.header.links.first)
        _ = try world.perform(.addLink(known), on: 0)?.get()
        world.lazy = []
        world.pass(milliseconds: 1_000)
        _ = try #require(world.answers[removal]).get()
        // It has come to rest, and only the catalog has to be told.
        #expect(code(world.perform(.addLink(link), on: 0)) == .operationInProgress)
    }

    @Test("a stopped RVG that is being removed is not started; one whose removal is given up is")
    func startWhileRemoved() throws {
        var world = try NodeWorld()
        world.lazy = [0]
        world.write(on: 0)
        world.settle()
        _ = try world.perform(.stop, on: 0)?.get()
        let removal = world.ask(.prepareRemoval, on: 0)
        for force in [false, true] {
            #expect(code(world.perform(.start(force: force), on: 0)) == .operationInProgress)
        }
        #expect(world.nodes[0].machine.header.stopped && world.answers[removal] == nil)
        _ = try world.perform(.abandonRemoval, on: 0)?.get()
        _ = try world.perform(.start(force: false), on: 0)?.get()
        #expect(world.nodes[0].machine.isOpen)
    }

    @Test("no host is added during an operation, nor by who is no open Primary any more")
    func addWhileBusy() throws {
        var world = try NodeWorld()
        let link = try #require(world.nodes[0].machine.header.links.last)
        _ = try world.perform(.removeLink(link.peer), on: 0)?.get()
        world.mute = [1]
        let attach = world.ask(.startReplication(seattle, how: .identical, consent: true), on: 0)
        world.settle()
        #expect(code(world.perform(.addLink(link), on: 0)) == .operationInProgress)
        world.mute = []
        world.pass(milliseconds: 1_000)
        _ = try world.answers[attach]?.get()
        _ = try world.perform(.migrate(seattle), on: 0)?.get()
        #expect(code(world.perform(.addLink(link), on: 0)) == .notPrimary)
    }

    @Test("a host whose RVG is removed and made again while its sessions last hears from every other host")
    func madeAgain() throws {
        var world = try NodeWorld()
        try world.remake(2)
        world.pass(milliseconds: 1_000)
        for other in 0...1 { #expect(world.nodes[2].machine.peer(NodeWorld.ids[other])?.contact != nil) }
    }

    @Test("a Secondary that knows no RLINK to the Primary that counts it in has one again, and can be attached")
    func unknownPrimary() throws {
        var world = try NodeWorld()
        let london = NodeWorld.ids[0]
        world.nodes[1].machine.header.links.removeAll { $0.peer == london }
        world.restart(0)
        for other in 1...2 { world.connect(0, other) }
        world.pass(milliseconds: 2_000)
        #expect(world.nodes[1].machine.header.links.map(\.peer).sorted() == [london, dublin])
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        #expect(world.nodes[1].machine.header.links.first { $0.peer == london }?.attachID != nil)
    }
}
