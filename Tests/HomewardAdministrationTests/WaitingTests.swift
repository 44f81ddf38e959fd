import HomewardAdministration
import HomewardCore
import Testing

/// Nobody waits for what will not come.
@Suite("Waiting", .timeLimit(.minutes(1)))
struct WaitingTests {
    private let seattle = NodeWorld.ids[1]

    /// London is Primary, seattle follows it with these settings and is up to date.
    private func world(_ settings: LinkSettings = LinkSettings()) throws -> NodeWorld {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        _ = try world.perform(.setSettings(seattle, settings), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        #expect(try status(world).dataStatus == "up-to-date")
        return world
    }

    private func status(_ world: NodeWorld) throws -> LinkDescription {
        let link = try #require(world.nodes[0].machine.header.links.first { $0.peer == seattle })
        return world.nodes[0].describe(link, now: world.now)
    }

    @Test("a synchronization waits for nothing but its own work: no time has to pass", arguments: [false, true])
    func synchronizationWithoutTicks(verifyOnly: Bool) throws {
        var world = try world()
        if verifyOnly {
            _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        } else {
            _ = try world.perform(.stopReplication(seattle, force: false), on: 0)?.get()
        }
        let token = world.ask(
            verifyOnly
                ? .verify([seattle])
                : .synchronize([seattle], checkpoint: "c1", full: false, force: false, consent: true),
            on: 0
        )
        world.settle()
        let reports = try synchronized(world.answers[token])
        #expect(reports.count == 1)
    }

    @Test("a synchronization goes on from a cursor that stands within an extent")
    func cursorWithinExtent() throws {
        var world = try world()
        _ = try world.perform(.stopReplication(seattle, force: false), on: 0)?.get()
        world.mute = [1]
        let token = world.ask(
            .synchronize([seattle], checkpoint: "c1", full: false, force: false, consent: true),
            on: 0
        )
        world.settle()
        let job = try #require(world.nodes[1].machine.header.targetJob)
        world.cut(0, 1)
        world.mute = []
        world.cursor = HeaderFormat.Cursor(job: job.checkpoint, volume: 0, offset: 512 << 10)
        world.connect(0, 1)
        for _ in 0..<100 where world.answers[token] == nil { world.pass(milliseconds: 100) }
        let reports = try synchronized(world.answers[token])
        #expect(reports.count == 1)
    }

    @Test("a synchronization whose end finds the log kept by a link that stands still fails and names it")
    func noRoomForTheEnd() throws {
        var world = try world(LinkSettings(srlprot: .fail))
        _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        world.write(on: 0)
        world.mute = [2]
        let token = world.ask(
            .synchronize([NodeWorld.ids[2]], checkpoint: "c1", full: false, force: false, consent: true),
            on: 0
        )
        world.settle()
        for _ in 0..<600 {
            world.write(on: 0)
            world.settle()
        }
        // Marks may take what is kept free of writes.
        for _ in 0..<20 {
            for request in [RVGRequest.checkStart("m"), .checkEnd, .checkDelete("m")] {
                _ = world.perform(request, on: 0)
            }
        }
        #expect(world.answers[token] == nil)
        world.mute = []
        for _ in 0..<100 where world.answers[token] == nil { world.pass(milliseconds: 100) }
        let refusal = #expect(throws: Refusal.self) { _ = try world.answers[token]?.get() }
        #expect(refusal?.code == .logFull)
        #expect(refusal?.message.contains("srlprot=fail, paused") == true, "\(String(describing: refusal))")
        let again = RVGRequest.synchronize(
            [NodeWorld.ids[2]],
            checkpoint: "c2",
            full: false,
            force: false,
            consent: true
        )
        let next = #expect(throws: Refusal.self) { _ = try world.perform(again, on: 0)?.get() }
        #expect(next?.hint.contains("resumerep r seattle") == true, "\(String(describing: next))")
        _ = try world.perform(.setPaused(seattle, false), on: 0)?.get()
        world.pass(milliseconds: 2_000)
        _ = try world.perform(again, on: 0)?.get()
    }

    @Test("a synchronization that is taken up after a crash reads nothing before the log is replayed up to its mark")
    func takenUpBeforeReplay() throws {
        var world = try world(LinkSettings())
        world.write(on: 0)
        world.mute = [2]
        let synchronize = RVGRequest.synchronize(
            [NodeWorld.ids[2]],
            checkpoint: "c1",
            full: false,
            force: false,
            consent: true
        )
        _ = world.ask(synchronize, on: 0)
        world.settle()
        #expect(world.nodes[0].machine.header.checkpoints.count == 1)
        world.restart(0)
        world.lazy = [0]
        world.mute = []
        world.listens = true
        for other in [1, 2] { world.connect(0, other) }
        world.pass(milliseconds: 5_000)
        let offers = { (world: NodeWorld) in
            world.heard.count { if case .prepare(.synchronize) = $0.message { true } else { false } }
        }
        #expect(world.nodes[0].machine.isOpen && offers(world) == 0)
        world.lazy = []
        world.pass(milliseconds: 5_000)
        #expect(offers(world) == 1 && world.nodes[0].machine.header.checkpoints.allSatisfy(\.isComplete))
    }

    @Test("a synchronous Secondary whose device fails is left out, and the application goes on")
    func failedSecondary() throws {
        var world = try world(LinkSettings(synchronous: .override))
        world.fail(1)
        let token = world.write(on: 0)
        world.pass(milliseconds: 500)
        #expect(world.replied.contains(token))
        #expect(try status(world).currentMode == "asynchronous")
    }

    @Test(
        "a Secondary that is paused logs nothing more, also where its Primary has not heard of it",
        arguments: [false, true]
    )
    func pauseOvertaken(resumedUnheard: Bool) throws {
        var world = try world()
        let london = NodeWorld.ids[0]
        world.mute = [1]
        _ = try world.perform(.setPaused(london, true), on: 1)?.get()
        let end = world.nodes[1].machine.end
        world.write(on: 0)
        world.settle()
        #expect(world.nodes[1].machine.end == end)
        if !resumedUnheard {
            world.mute = []
            world.pass(milliseconds: 500)
            #expect(world.nodes[1].machine.end == end)
        }
        _ = try world.perform(.setPaused(london, false), on: 1)?.get()
        world.mute = []
        world.write(on: 0)
        world.pass(milliseconds: 500)
        #expect(world.nodes[1].machine.end == world.nodes[0].machine.end)
        #expect(try status(world).dataStatus == "up-to-date")
    }

    @Test("a Primary whose device fails is taken over, whatever was asked of it just before or after", arguments: 0...2)
    func failedPrimary(kind: Int) throws {
        var world = try world()
        _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        if kind == 1 {
            // A header is on its way.
            world.stuck = [0]
            _ = world.ask(.setPaused(seattle, false), on: 0)
            world.settle()
        }
        world.fail(0)
        if kind == 2 { _ = world.ask(.setPaused(seattle, false), on: 0) }
        world.pass(milliseconds: 500)
        let outcome = try carriedOut(world.perform(.takeover(force: false), on: 1))
        #expect(!outcome.already && world.nodes[1].machine.isOpen, "\(outcome)")
    }

    @Test("a takeover waits for silence, but not where nobody listens", arguments: [false, true])
    func silence(refused: Bool) throws {
        var world = try world()
        if refused { world.refusing = [0] }
        world.cut(0, 1)
        world.cut(0, 2)
        let token = world.ask(.takeover(force: false), on: 1)
        world.pass(milliseconds: 100)
        #expect(world.nodes[1].machine.isOpen == refused)
        world.pass(milliseconds: world.nodes[1].machine.limits.primarySilenceMilliseconds)
        #expect(world.nodes[1].machine.isOpen)
        _ = try world.answers[token]?.get()
    }

    @Test("a synchronization to a host whose device fails ends with that host named")
    func failedTarget() throws {
        var world = try NodeWorld()
        world.mute = [1]
        let token = world.ask(
            .synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true),
            on: 0
        )
        world.pass(milliseconds: 500)
        world.fail(1)
        world.mute = []
        world.pass(milliseconds: 500)
        guard case .failure(let refusal)? = world.answers[token] else {
            Issue.record("\(String(describing: world.answers[token]))")
            return
        }
        #expect(refusal.code == .ioError && refusal.message.contains("seattle"), "\(refusal)")
    }

    @Test("what waits for a host's own device ends when that fails", arguments: [0, 1, 2])
    func failedHere(kind: Int) throws {
        var world = try world()
        world.slow = [0]
        world.write(on: 0)
        let request: RVGRequest =
            switch kind {
            case 0: .checkStart("cp")
            case 1: .migrate(seattle)
            default: .synchronize([NodeWorld.ids[2]], checkpoint: "cp", full: false, force: false, consent: true)
            }
        let token = world.ask(request, on: 0)
        world.settle()
        #expect(world.answers[token] == nil)
        world.fail(0)
        world.pass(milliseconds: 200)
        guard case .failure(let refusal)? = world.answers[token] else {
            Issue.record("\(String(describing: world.answers[token]))")
            return
        }
        #expect(refusal.code == .ioError, "\(refusal)")
    }

    @Test(
        "writers held back by latencyprot go on once the slower disk, the Primary's own, has caught up",
        arguments: [2, 0]
    )
    func ownDiskSlower(lowMark: UInt64) throws {
        var world = try world(LinkSettings(latencyprot: .override, latencyHighMark: 6, latencyLowMark: lowMark))
        world.slow = [0]
        for _ in 0..<8 { world.write(on: 0) }
        world.settle()
        #expect(world.nodes[0].machine.durable < world.nodes[0].machine.end)
        world.slow = []
        world.pass(milliseconds: 500)
        let token = world.write(on: 0)
        world.pass(milliseconds: 200)
        #expect(world.replied.contains(token))
    }

    @Test("a takeover that is taken back leaves the Secondary a Secondary, to which records flow again")
    func takeoverTakenBack() throws {
        var world = try world()
        world.cut(0, 1)
        world.cut(0, 2)
        let token = world.ask(.takeover(force: false), on: 1)
        world.cancel(token, on: 1)
        guard case .failure(let refusal)? = world.answers[token] else {
            Issue.record("\(String(describing: world.answers[token]))")
            return
        }
        #expect(refusal.code == .interrupted)
        world.connect(0, 1)
        world.write(on: 0)
        world.pass(milliseconds: 2_000)
        #expect(try status(world).dataStatus == "up-to-date")
    }

    @Test("a startrep that is taken back leaves no pin in the log")
    func attachTakenBack() throws {
        var world = try NodeWorld()
        _ = try world.perform(
            .synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true),
            on: 0
        )?.get()
        world.mute = [1]
        let pins = world.nodes[0].machine.pins
        let token = world.ask(.startReplication(seattle, how: .checkpoint("cp"), consent: true), on: 0)
        world.settle()
        #expect(world.nodes[0].machine.pins.count == pins.count + 1)
        world.cancel(token, on: 0)
        #expect(world.nodes[0].machine.pins == pins)
        world.mute = []
        world.pass(milliseconds: 1_000)
        let left = world.nodes[1].machine.header
        #expect(left.pending.isEmpty && left.links.allSatisfy { $0.attachID == nil })
        _ = try world.perform(.startReplication(seattle, how: .checkpoint("cp"), consent: true), on: 0)?.get()
    }

    @Test("a second command that waits for a synchronization is taken back without ending it for the first")
    func oneOfTwo() throws {
        var world = try NodeWorld()
        world.mute = [1]
        let request = RVGRequest.synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true)
        let (first, second) = (world.ask(request, on: 0), world.ask(request, on: 0))
        world.pass(milliseconds: 200)
        world.cancel(second, on: 0)
        guard case .failure? = world.answers[second] else { return #expect(Bool(false), "it was not taken back") }
        #expect(world.answers[first] == nil)
        world.mute = []
        world.pass(milliseconds: 1_000)
        #expect(try world.answers[first]?.get() != nil)
    }

    @Test("a former Primary that is gone for good keeps the others from nothing")
    func deadHost() throws {
        var world = try world()
        world.cut(0, 1)
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        let dublin = NodeWorld.ids[2]
        _ = try world.perform(.startReplication(dublin, how: .identical, consent: true), on: 1)?.get()
        world.pass(milliseconds: 1_000)
        _ = try world.perform(.checkStart("cp"), on: 1)?.get()
        _ = try world.perform(.checkEnd, on: 1)?.get()
        let outcome = try carriedOut(world.perform(.migrate(dublin), on: 1))
        #expect(outcome.notes.contains { $0.contains("cp") }, "\(outcome)")
        #expect(world.nodes[2].machine.isOpen)
    }

    @Test("a receipt that is told to a returned Primary before it opens is not lost")
    func earlyReceipt() throws {
        var world = try NodeWorld()
        world.silentWithReceipt = [1]
        let token = world.ask(
            .synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true),
            on: 0
        )
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[1].machine.header.receipt != nil && world.answers[token] == nil)
        world.restart(0)
        world.cut(1, 2)
        world.silentWithReceipt = []
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        #expect(!world.nodes[0].machine.isOpen, "it still has to hear of dublin")
        // Seattle says nothing new by itself.
        world.mute = [1]
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        #expect(world.nodes[0].machine.isOpen && world.nodes[0].jobs.isEmpty)
        world.mute = []
        _ = try world.perform(.startReplication(seattle, how: .checkpoint("cp"), consent: true), on: 0)?.get()
        #expect(try status(world).dataStatus == "up-to-date")
    }

    @Test("a mark finds room in a full log, also where nobody writes")
    func roomForMarks() throws {
        var world = try world()
        _ = try world.perform(.setPaused(seattle, true), on: 0)?.get()
        // The marks of checkpoints fill what writes have to leave for them.
        var refused = 0
        for round in 0..<2_000 where refused < 3 {
            for request in [RVGRequest.checkStart("cp\(round)"), .checkEnd, .checkDelete("cp\(round)")] {
                guard case .failure(let refusal)? = world.perform(request, on: 0) else { continue }
                #expect(refusal.code == .logFull)
                refused += 1
                world.pass(milliseconds: 500)
                _ = try world.perform(request, on: 0)?.get()
            }
        }
        #expect(refused > 0, "the log was never full")
    }

    @Test("a synchronization that nobody waits for and whose target is gone ends by checkdelete, or with its target")
    func orphan() throws {
        for byDelete in [true, false] {
            var world = try NodeWorld()
            let dublin = NodeWorld.ids[2]
            let token = world.ask(
                .synchronize([seattle, dublin], checkpoint: "cp", full: false, force: false, consent: true),
                on: 0
            )
            world.cut(0, 2)
            world.pass(milliseconds: 1_000)
            #expect(world.answers[token] == nil)
            if byDelete {
                world.nodes[0].jobs[0].tokens = []
                _ = try world.perform(.checkDelete("cp"), on: 0)?.get()
                #expect(world.nodes[0].machine.header.checkpoints.isEmpty)
            } else {
                _ = try world.perform(.removeLink(dublin), on: 0)?.get()
                guard case .failure? = world.answers[token] else { return #expect(Bool(false), "it did not end") }
                let checkpoint = try #require(world.nodes[0].machine.header.checkpoints.first)
                #expect(checkpoint.targets.map(\.host) == [seattle] && checkpoint.isComplete)
            }
            #expect(world.nodes[0].jobs.isEmpty)
        }
    }
}
