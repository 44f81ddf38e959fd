import HomewardAdministration
import HomewardCore
import Testing

/// What a stopped Primary, and an end in order, leave behind.
@Suite("Shutdown", .timeLimit(.minutes(1)))
struct ShutdownTests {
    private let seattle = NodeWorld.ids[1]

    /// Seattle follows london, which is stopped.
    private func stoppedWorld() throws -> NodeWorld {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        _ = try world.perform(.stop, on: 0)?.get()
        return world
    }

    @Test("a stopped Primary that ends behind its fence is not marked clean: it still owes an epoch")
    func stoppedBehindFence() throws {
        var world = try stoppedWorld()
        let epochs = world.nodes[0].machine.header.lineage.history.entries.count
        world.restart(0)
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[0].machine.gate == .starting && world.nodes[0].machine.header.stopped)
        _ = try world.perform(.prepareShutdown, on: 0)?.get()
        #expect(!world.nodes[0].machine.header.cleanStop)
        world.restart(0)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 5_000)
        #expect(world.nodes[0].machine.gate == nil)
        #expect(world.nodes[0].machine.header.lineage.history.entries.count == epochs + 1)
    }

    @Test("a stopped Primary that is past its fence is marked clean when it ends")
    func stoppedInOrder() throws {
        var world = try stoppedWorld()
        _ = try world.perform(.prepareShutdown, on: 0)?.get()
        #expect(world.nodes[0].machine.header.cleanStop)
    }

    @Test("a Primary that is stopped while it opens ends in order too")
    func stoppedWhileOpening() throws {
        var world = try NodeWorld()
        _ = try world.perform(.prepareShutdown, on: 0)?.get()
        let epochs = world.nodes[0].machine.header.lineage.history.entries.count
        world.restart(0)
        world.connect(0, 1)
        world.connect(0, 2)
        world.stuck = [0]
        world.pass(milliseconds: 5_000)
        let stop = world.ask(.prepareShutdown, on: 0)
        world.settle()
        #expect(world.answers[stop] == nil && !world.nodes[0].machine.header.cleanStop)
        world.stuck = []
        world.pass(milliseconds: 1_000)
        _ = try #require(world.answers[stop]).get()
        let header = world.nodes[0].machine.header
        #expect(header.cleanStop && header.lineage.history.entries.count == epochs)
    }

    /// London was stopped in order, ran on, and was put back as it was at that stop; one update since then is on seattle.
    private func restoredWorld(attached: Bool) throws -> NodeWorld {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        _ = try world.perform(.prepareShutdown, on: 0)?.get()
        let backup = world.log(of: 0)
        #expect(backup.header.cleanStop)
        world.restart(0)
        for other in [1, 2] { world.connect(0, other) }
        world.pass(milliseconds: 5_000)
        #expect(world.nodes[0].machine.gate == nil)
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        if !attached { _ = try world.perform(.stopReplication(seattle, force: false), on: 0)?.get() }
        world.restart(0, from: backup)
        for other in [1, 2] { world.connect(0, other) }
        world.pass(milliseconds: 5_000)
        return world
    }

    @Test(
        "a Primary that comes back older than a Secondary knows it does not open by itself",
        arguments: [false, true]
    )
    func olderCopy(attached: Bool) throws {
        var world = try restoredWorld(attached: attached)
        #expect(world.nodes[0].machine.gate == .starting)
        let closed = world.nodes[0].machine.closedBecause
        let refusal = try #require(closed)
        #expect(refusal.code == .fenced && refusal.message.contains("seattle holds"), "\(refusal)")
        // By force it opens an epoch of its own: what seattle holds beyond it is counted, and never called common.
        _ = try world.perform(.start(force: true), on: 0)?.get()
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[0].machine.isOpen)
        #expect(world.nodes[0].machine.header.lineage.history.current?.kind == .uncleanStart)
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        let synchronize = RVGRequest.synchronize([seattle], checkpoint: "cp", full: false, force: true, consent: true)
        let reports = try synchronized(world.perform(synchronize, on: 0))
        #expect(reports[0].discarded?.updates == 1, "\(reports)")
    }

    @Test("what an older copy of a Primary lacks is kept by a takeover of the Secondary that holds it")
    func olderCopyTakenOver() throws {
        var world = try restoredWorld(attached: true)
        for other in [1, 2] { world.cut(0, other) }
        world.pass(milliseconds: 5_000)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        for other in [1, 2] { world.connect(0, other) }
        world.pass(milliseconds: 5_000)
        guard case .closed? = world.nodes[0].machine.header.fence else {
            return #expect(Bool(false), "\(String(describing: world.nodes[0].machine.header.fence))")
        }
        #expect(world.nodes[1].machine.isOpen)
    }

    @Test("start says why a Primary that was taken over stays shut", arguments: [false, true])
    func startOfFenced(force: Bool) throws {
        var world = try stoppedWorld()
        for other in [1, 2] { world.cut(0, other) }
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        for other in [1, 2] { world.connect(0, other) }
        world.pass(milliseconds: 1_000)
        let outcome = try carriedOut(world.perform(.start(force: force), on: 0))
        #expect(!world.nodes[0].machine.isOpen && !world.nodes[0].machine.header.stopped)
        #expect(outcome.notes.contains { $0.contains("stay shut") && $0.contains("seattle took over") }, "\(outcome)")
    }

    @Test("start of a Primary or a Secondary that nothing else keeps shut has nothing to add")
    func startOfOpen() throws {
        var world = try stoppedWorld()
        _ = try world.perform(.stop, on: 1)?.get()
        for host in [0, 1] {
            let outcome = try carriedOut(world.perform(.start(force: false), on: host))
            #expect(outcome.notes.isEmpty && outcome.summary == "the RVG is started")
        }
    }

    /// Nothing of a removal is left, and the application writes.
    private func expectGoesOn(_ world: inout NodeWorld, at place: SourceLocation = #_sourceLocation) {
        #expect(world.nodes[0].shutdown == nil, sourceLocation: place)
        let machine = world.nodes[0].machine
        #expect(machine.intakeHeldBy == nil && machine.volumesHeldBy == nil, sourceLocation: place)
        let write = world.write(on: 0)
        world.pass(milliseconds: 1_000)
        #expect(world.replied.contains(write), sourceLocation: place)
    }

    @Test("a removal that waited for a startrep is refused, for a Secondary is attached now, and the RVG goes on")
    func removalDuringAttach() throws {
        var world = try NodeWorld()
        world.mute = [1]
        let attach = world.ask(.startReplication(seattle, how: .identical, consent: true), on: 0)
        world.settle()
        let removal = world.ask(.prepareRemoval, on: 0)
        world.settle()
        #expect(world.answers[attach] == nil && world.answers[removal] == nil)
        world.mute = []
        world.pass(milliseconds: 1_000)
        _ = try world.answers[attach]?.get()
        #expect(code(world.answers[removal]) == .linkAttached)
        expectGoesOn(&world)
    }

    @Test("a removal after a startrep that came to nothing goes on")
    func removalDuringLostAttach() throws {
        var world = try NodeWorld()
        world.mute = [1]
        let attach = world.ask(.startReplication(seattle, how: .identical, consent: true), on: 0)
        world.settle()
        let removal = world.ask(.prepareRemoval, on: 0)
        world.cut(0, 1)
        world.pass(milliseconds: 1_000)
        #expect(code(world.answers[attach]) == .hostUnreachable)
        _ = try #require(world.answers[removal]).get()
    }

    @Test("an RVG on which a session was opened meanwhile is not removed")
    func removalUnderSession() throws {
        var world = try NodeWorld()
        let holder = SessionHolder(process: 1, label: "test")
        try world.nodes[0].openSession(id: 1, volume: 0, readOnly: false, holder: holder)
        #expect(code(world.perform(.prepareRemoval, on: 0)) == .volumeOpen)
        expectGoesOn(&world)
    }

    @Test("a second removal, or one while the daemon stops, is refused and leaves the first alone")
    func removalTwice() throws {
        for first in [RVGRequest.prepareRemoval, .prepareShutdown] {
            var world = try NodeWorld()
            world.lazy = [0]
            world.write(on: 0)
            world.settle()
            let token = world.ask(first, on: 0)
            #expect(code(world.perform(.prepareRemoval, on: 0)) == .operationInProgress)
            #expect(world.answers[token] == nil && world.nodes[0].shutdown != nil)
            world.lazy = []
            world.pass(milliseconds: 1_000)
            _ = try #require(world.answers[token]).get()
        }
    }

    @Test("an RVG whose removal is given up goes on, and nowhere says that it had ended")
    func removalGivenUp() throws {
        var world = try NodeWorld()
        _ = try world.perform(.prepareRemoval, on: 0)?.get()
        // Until the catalog is told.
        let attach = RVGRequest.startReplication(seattle, how: .identical, consent: true)
        for request in [attach, .prepareRemoval] {
            #expect(code(world.perform(request, on: 0)) == .operationInProgress)
        }
        let write = world.write(on: 0)
        world.pass(milliseconds: 500)
        #expect(!world.nodes[0].machine.header.cleanStop && !world.replied.contains(write))
        _ = try world.perform(.abandonRemoval, on: 0)?.get()
        let next = world.write(on: 0)
        world.pass(milliseconds: 500)
        #expect(world.replied.contains(next) && world.nodes[0].machine.volumesHeldBy == nil)
    }

    @Test("a removal that is given up while it waits for an operation leaves that what it held")
    func removalDuringMigrate() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.mute = [1]
        let migrate = world.ask(.migrate(seattle), on: 0)
        world.settle()
        let held = (world.nodes[0].machine.intakeHeldBy, world.nodes[0].machine.volumesHeldBy)
        #expect(held == ("migrate", "migrate"))
        let removal = world.ask(.prepareRemoval, on: 0)
        _ = world.ask(.abandonRemoval, on: 0)
        #expect(world.answers[removal] != nil && world.nodes[0].shutdown == nil)
        #expect((world.nodes[0].machine.intakeHeldBy, world.nodes[0].machine.volumesHeldBy) == held)
        world.mute = []
        world.pass(milliseconds: 5_000)
        #expect(world.answers[migrate] != nil && world.nodes[0].machine.intakeHeldBy == nil)
    }
}
