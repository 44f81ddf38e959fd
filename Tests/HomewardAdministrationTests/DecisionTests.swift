import HomewardAdministration
import HomewardCore
import Testing

/// What a host decides for others, and what it must not.
@Suite("Decisions", .timeLimit(.minutes(1)))
struct DecisionTests {
    private let london = NodeWorld.ids[0]
    private let seattle = NodeWorld.ids[1]
    private let dublin = NodeWorld.ids[2]

    /// The refusal that has to come.
    private func refused(
        _ result: Result<RVGAnswer, Refusal>?,
        _ location: SourceLocation = #_sourceLocation
    ) throws -> Refusal {
        try #require(refusal(of: result), "not refused", sourceLocation: location)
    }

    @Test("a Primary that was taken over removes nobody")
    func fencedDelsec() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.cut(0, 1)
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        let links = world.nodes[0].machine.header.links
        #expect(code(world.perform(.removeLink(seattle), on: 0)) == .fenced)
        #expect(code(world.perform(.removeLink(dublin), on: 0)) == .fenced)
        #expect(world.nodes[0].machine.header.links == links)
    }

    /// Seattle and dublin follow london.
    private func attachedWorld() throws -> NodeWorld {
        var world = try NodeWorld()
        for host in [seattle, dublin] {
            _ = try world.perform(.startReplication(host, how: .identical, consent: true), on: 0)?.get()
        }
        return world
    }

    /// Seattle and dublin have both taken over, apart from each other; london has given way to seattle, and dublin is cut off.
    private func rivalWorld() throws -> NodeWorld {
        var world = try attachedWorld()
        world.write(on: 0)
        world.pass(milliseconds: 500)
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { world.cut(left, right) }
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        _ = try world.perform(.takeover(force: false), on: 2)?.get()
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        _ = try world.perform(.makeSecondary(seattle, force: true), on: 0)?.get()
        return world
    }

    @Test("rivals: the copy of one is not written over by the other without force")
    func rivals() throws {
        var world = try rivalWorld()
        let synchronize = RVGRequest.synchronize([london], checkpoint: "cp", full: false, force: false, consent: true)
        _ = try world.perform(synchronize, on: 1)?.get()
        _ = try world.perform(.startReplication(london, how: .checkpoint("cp"), consent: true), on: 1)?.get()
        world.write(on: 1)
        world.pass(milliseconds: 500)
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        #expect(code(world.perform(synchronize, on: 2)) == .rival)
        #expect(world.nodes[0].machine.isImageConsistent && world.nodes[0].machine.header.follows == seattle)
    }

    @Test("a Primary does not hand its role over while a rival that answers has not given way")
    func migrateBesideRival() throws {
        var world = try rivalWorld()
        _ = try world.perform(.startReplication(london, how: .identical, consent: true), on: 1)?.get()
        world.pass(milliseconds: 500)
        world.connect(1, 2)
        world.pass(milliseconds: 500)
        let before = world.nodes.map { $0.machine.header.lineage }
        #expect(code(world.perform(.migrate(london), on: 1)) == .primaryPrimary)
        #expect(world.nodes.map { $0.machine.header.lineage } == before)
        #expect(world.nodes[1].machine.isOpen && !world.nodes[0].machine.isOpen)
    }

    @Test("nothing but the handed epoch comes behind the id that a migrate tells")
    func marksDuringMigrate() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 500)
        world.mute = [1]
        let token = world.ask(.migrate(seattle), on: 0)
        world.settle()
        #expect(code(world.perform(.checkStart("cp"), on: 0)) == .operationInProgress)
        world.mute = []
        world.pass(milliseconds: 1_000)
        _ = try #require(world.answers[token])
        #expect(world.nodes.count { $0.machine.isOpen } == 1)
    }

    @Test("a takeover that is repeated after a restart of the new Primary is already so")
    func repeatedTakeover() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.cut(0, 1)
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        let claim = try #require(world.nodes[1].machine.header.lineage.history.current)
        world.restart(1)
        world.pass(milliseconds: 5_000)
        #expect(world.nodes[1].machine.header.lineage.history.current?.kind == .uncleanStart)
        let outcome = try carriedOut(world.perform(.takeover(force: false), on: 1))
        #expect(outcome.already && outcome.takeover?.epoch == claim.number, "\(outcome)")
        #expect(code(world.perform(.takeover(force: false), on: 0)) == .alreadyPrimary)
    }

    @Test("a rival that gives way keeps what it gives up, whether it is refused first or not")
    func rivalGivesWay() throws {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { world.cut(left, right) }
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        _ = try world.perform(.takeover(force: false), on: 2)?.get()
        for _ in 0..<3 { world.write(on: 1) }
        world.pass(milliseconds: 500)
        world.connect(1, 2)
        world.pass(milliseconds: 500)
        let refusal = try refused(world.perform(.makeSecondary(dublin, force: false), on: 1))
        #expect(refusal.code == .unsentUpdates && refusal.message.contains("dv01 at 0"), "\(refusal)")
        let outcome = try carriedOut(world.perform(.makeSecondary(dublin, force: true), on: 1))
        #expect(outcome.discarded?.updates == 3 && outcome.discarded?.kept == 3, "\(outcome)")
        #expect(outcome.discarded?.salvageFile != nil)
        #expect(world.nodes[1].machine.pins.isEmpty)
        // What was told is not told again when it is written over.
        let back = RVGRequest.synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true)
        let reports = try synchronized(world.perform(back, on: 2))
        #expect(reports[0].discarded == nil, "\(reports)")
    }

    @Test("what a makesec to one rival had not to tell of is told of when the other rival writes over it")
    func toldOfMore() throws {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        world.cut(0, 2)
        world.cut(1, 2)
        world.write(on: 0)
        world.pass(milliseconds: 500)
        world.cut(0, 1)
        for host in [1, 2] { _ = try world.perform(.takeover(force: false), on: host)?.get() }
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        let outcome = try carriedOut(world.perform(.makeSecondary(seattle, force: true), on: 0))
        #expect(outcome.discarded == nil, "\(outcome)")
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        let back = RVGRequest.synchronize([london], checkpoint: "cp", full: false, force: true, consent: true)
        let reports = try synchronized(world.perform(back, on: 2))
        #expect(reports[0].discarded?.updates == 1, "\(reports)")
    }

    @Test("a damaged log is neither carried out nor counted as if it were whole, also behind a closed reign")
    func damagedLog() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.write(on: 0)
        world.pass(milliseconds: 500)
        world.cut(0, 1)
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        world.restart(0, damage: "log, byte 4096")
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        #expect(world.nodes[0].machine.replayed == world.nodes[0].machine.header.tailID.previous)
        #expect(code(world.perform(.start(force: true), on: 0)) == .logDamaged)
        #expect(!world.nodes[0].machine.isOpen)
        let refusal = try refused(world.perform(.makeSecondary(seattle, force: false), on: 0))
        #expect(refusal.code == .unsentUpdates && refusal.message.contains("unknown"), "\(refusal)")
        _ = try world.perform(.makeSecondary(seattle, force: true), on: 0)?.get()
        world.pass(milliseconds: 500)
        #expect(!world.nodes[0].machine.isImageConsistent)
        let back = RVGRequest.synchronize([london], checkpoint: "cp", full: false, force: false, consent: true)
        _ = try world.perform(back, on: 1)?.get()
        _ = try world.perform(.startReplication(london, how: .checkpoint("cp"), consent: true), on: 1)?.get()
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[0].machine.isImageConsistent)
    }

    /// Seattle took over from london, which is back and shut, and dublin follows seattle, whose log is damaged then.
    private func damagedSuccessorWorld() throws -> NodeWorld {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        world.cut(0, 1)
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        _ = try world.perform(.startReplication(dublin, how: .identical, consent: true), on: 1)?.get()
        world.write(on: 1)
        world.pass(milliseconds: 500)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        world.restart(1, damage: "log, byte 4096")
        world.connect(0, 1)
        world.connect(1, 2)
        world.pass(milliseconds: 500)
        return world
    }

    @Test("an old Primary that has not given way yet does not keep a Secondary from taking over of its successor")
    func takeoverBesideClosedReign() throws {
        var world = try damagedSuccessorWorld()
        #expect(code(world.perform(.makeSecondary(seattle, force: true), on: 0)) == .notPrimary)
        _ = try world.perform(.takeover(force: false), on: 2)?.get()
        #expect(world.nodes[2].machine.isOpen)
        world.pass(milliseconds: 500)
        for host in [0, 1] {
            _ = try world.perform(.makeSecondary(dublin, force: true), on: host)?.get()
            #expect(world.nodes[host].machine.header.follows == dublin)
        }
    }

    @Test("a Secondary of the closed reign does not take over while the successor answers")
    func takeoverOfClosedReign() throws {
        var world = try secludedTakeoverWorld(damaged: true)
        #expect(world.nodes[2].machine.header.follows == london)
        #expect(code(world.perform(.takeover(force: false), on: 2)) == .primaryPrimary)
    }

    // Seattle took over apart from the others, and dublin follows london, whose reign that ended. If seattle's log is
    // damaged then, none of the two Primaries opens any more.
    private func secludedTakeoverWorld(damaged: Bool, failed: Bool = false) throws -> NodeWorld {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { world.cut(left, right) }
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        for _ in 0..<2 { world.write(on: 1) }
        world.pass(milliseconds: 500)
        if damaged { world.restart(1, damage: "log, byte 4096") }
        if failed { world.fail(1) }
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { world.connect(left, right) }
        world.pass(milliseconds: 500)
        return world
    }

    @Test("a Secondary takes over by force beside Primaries of which none can open, and ends the reign of each")
    func takeoverBesideShutRivals() throws {
        var world = try secludedTakeoverWorld(damaged: true)
        let refusal = try refused(world.perform(.takeover(force: false), on: 2))
        #expect(refusal.code == .primaryPrimary)
        #expect(refusal.hint.contains("-f -N takeover"), "\(refusal)")
        let outcome = try carriedOut(world.perform(.takeover(force: true), on: 2))
        #expect(world.nodes[2].machine.isOpen)
        #expect(outcome.notes.contains { $0.contains("london") && $0.contains("seattle") }, "\(outcome.notes)")
        // What seattle took as a Primary.
        #expect((outcome.takeover?.lostAtLeast ?? 0) >= 2, "\(String(describing: outcome.takeover))")
        world.pass(milliseconds: 500)
        // Seattle had closed london before: dublin is whom it is to follow.
        let shut = world.nodes[0].machine.closedBecause
        #expect(shut?.message.contains("dublin took over") == true, "\(String(describing: shut))")
        for host in [0, 1] {
            let mine = world.nodes[host].machine.header.lineage.history
            #expect(world.nodes[2].machine.header.lineage.closing(reignOf: mine)?.host == dublin)
            _ = try world.perform(.makeSecondary(dublin, force: true), on: host)?.get()
            #expect(world.nodes[host].machine.header.follows == dublin)
        }
    }

    @Test("a copy of before a migration takes over beside one of after it, when nothing was written since")
    func takeoverBesideEmptyReign() throws {
        var world = try attachedWorld()
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        _ = try world.perform(.migrate(seattle), on: 0)?.get()
        world.pass(milliseconds: 500)
        for (left, right) in [(0, 1), (1, 2)] { world.cut(left, right) }
        world.pass(milliseconds: 10_000)
        let (london, dublin) = (world.nodes[0].machine, world.nodes[2].machine)
        #expect(london.header.lineage.history != dublin.header.lineage.history)
        #expect(london.dataCount == dublin.dataCount)
        _ = try world.perform(.takeover(force: false), on: 2)?.get()
        #expect(world.nodes[2].machine.isOpen)
    }

    @Test("a copy of before a takeover does not take over beside one of what was written since")
    func takeoverBesideNewerReign() throws {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        // Dublin has more of london's reign than seattle, which takes over.
        world.cut(0, 1)
        world.cut(1, 2)
        for _ in 0..<4 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        world.write(on: 1)
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        _ = try world.perform(.makeSecondary(seattle, force: true), on: 0)?.get()
        let back = RVGRequest.synchronize([london], checkpoint: "cp", full: false, force: false, consent: true)
        _ = try world.perform(back, on: 1)?.get()
        _ = try world.perform(.startReplication(london, how: .checkpoint("cp"), consent: true), on: 1)?.get()
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[0].machine.isImageConsistent)
        world.cut(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        #expect(world.nodes[2].machine.dataCount > world.nodes[0].machine.dataCount)
        let refusal = try refused(world.perform(.takeover(force: false), on: 2))
        #expect(refusal.code == .betterSecondary)
        #expect(refusal.message.contains("since seattle became Primary"), "\(refusal)")
        #expect(refusal.hint.contains("--host london"), "\(refusal)")
        _ = try world.perform(.takeover(force: false), on: 0)?.get()
        #expect(world.nodes[0].machine.isOpen)
    }

    @Test("by force neither, where one of two Primaries is open")
    func takeoverBesideOpenRival() throws {
        var world = try secludedTakeoverWorld(damaged: false)
        #expect(world.nodes[1].machine.isOpen)
        let before = world.nodes[2].machine.header
        #expect(code(world.perform(.takeover(force: true), on: 2)) == .primaryReachable)
        #expect(world.nodes[2].machine.header == before)
    }

    @Test("nor where one of them failed: it may open when its daemon is restarted")
    func takeoverBesideFailedRival() throws {
        var world = try secludedTakeoverWorld(damaged: false, failed: true)
        let before = world.nodes[2].machine.header
        let refusal = try refused(world.perform(.takeover(force: true), on: 2))
        #expect(refusal.code == .primaryPrimary && refusal.hint.contains("restart the daemon of seattle"), "\(refusal)")
        #expect(world.nodes[2].machine.header == before)
    }

    @Test("what a shut Primary holds of the same history counts as lost")
    func lostBesideShutPrimary() throws {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { world.cut(left, right) }
        for _ in 0..<3 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        world.restart(0, damage: "log, byte 4096")
        world.connect(0, 2)
        world.pass(milliseconds: 500)
        let outcome = try carriedOut(world.perform(.takeover(force: false), on: 2))
        #expect((outcome.takeover?.lostAtLeast ?? 0) >= 3, "\(String(describing: outcome.takeover))")
    }

    @Test("a takeover that is taken back at once leaves no promise behind, and the Primary that returns opens")
    func takenBackAtOnce() throws {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        world.cut(0, 1)
        world.cut(0, 2)
        world.pass(milliseconds: 10_000)
        world.listens = true
        let token = world.ask(.takeover(force: false), on: 1)
        world.cancel(token, on: 1)
        world.pass(milliseconds: 1_000)
        #expect(world.heard.contains { if case .prepare = $0.message { $0.to == 2 } else { false } })
        #expect(world.nodes[2].machine.header.pending.isEmpty)
        world.restart(0)
        world.connect(0, 1)
        world.connect(0, 2)
        world.pass(milliseconds: 5_000)
        #expect(world.nodes[0].machine.isOpen)
    }

    /// London has handed its role to seattle, which has promised and does not know yet.
    private func doubtfulWorld() throws -> NodeWorld {
        var world = try attachedWorld()
        world.pass(milliseconds: 500)
        world.mute = [1]
        _ = world.ask(.migrate(seattle), on: 0)
        world.settle()
        world.cut(1, 2)
        world.mute = [0]
        world.settle()
        world.cut(0, 1)
        world.mute = []
        world.pass(milliseconds: 500)
        #expect(!world.nodes[0].machine.header.isPrimary && world.nodes[1].machine.header.pending.count == 1)
        return world
    }

    @Test("a handed epoch whose reign a third host has ended is not opened by a takeover")
    func closedHandedEpoch() throws {
        var world = try doubtfulWorld()
        world.cut(0, 2)
        _ = try world.perform(.takeover(force: false), on: 2)?.get()
        world.connect(1, 2)
        world.pass(milliseconds: 500)
        world.cut(1, 2)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        #expect(world.nodes[1].machine.isOpen && world.nodes[1].machine.header.lineage.closingOwnReign == nil)
        #expect(world.nodes[1].machine.header.lineage.history.current?.kind == .takeover)
    }

    @Test("a host whose log was damaged before it heard that the role is its own does not take it")
    func handedToDamagedLog() throws {
        var world = try doubtfulWorld()
        world.restart(1, damage: "log, byte 4096")
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        #expect(!world.nodes[1].machine.header.isPrimary && world.nodes[1].machine.header.pending.isEmpty)
        _ = try world.perform(.takeover(force: false), on: 0)?.get()
        #expect(world.nodes[0].machine.isOpen && world.nodes[0].machine.header.lineage.closingOwnReign == nil)
        let back = RVGRequest.synchronize([seattle], checkpoint: "cp", full: false, force: false, consent: true)
        _ = try world.perform(back, on: 0)?.get()
        _ = try world.perform(.startReplication(seattle, how: .checkpoint("cp"), consent: true), on: 0)?.get()
        world.pass(milliseconds: 1_000)
        #expect(world.nodes[1].machine.isImageConsistent)
    }

    @Test("a handed epoch that is given up while its host takes over is not opened")
    func handedEpochGivenUp() throws {
        var world = try doubtfulWorld()
        world.cut(0, 2)
        world.pass(milliseconds: 20_000)
        _ = try world.perform(.takeover(force: false), on: 0)?.get()
        world.fail(0)
        world.mute = [0]
        world.connect(0, 1)
        let token = world.ask(.takeover(force: false), on: 1)
        world.settle()
        #expect(world.answers[token] == nil)
        world.mute = []
        world.pass(milliseconds: 20_000)
        #expect(code(world.answers[token]) == .transactionInDoubt)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        #expect(world.nodes[1].machine.isOpen && world.nodes[1].machine.header.lineage.closingOwnReign == nil)
    }

    @Test("a takeover by force beside a better Secondary says how many updates it loses")
    func forcedTakeover() throws {
        var world = try attachedWorld()
        world.write(on: 0)
        world.pass(milliseconds: 500)
        world.cut(0, 1)
        for _ in 0..<7 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        world.cut(0, 2)
        world.pass(milliseconds: 500)
        #expect(code(world.perform(.takeover(force: false), on: 1)) == .betterSecondary)
        let outcome = try carriedOut(world.perform(.takeover(force: true), on: 1))
        #expect(outcome.takeover?.lostAtLeast == 7, "\(outcome)")
    }

    @Test("makesec with a log whose records are gone still tells how many updates it gives up")
    func goneRecords() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.pass(milliseconds: 500)
        world.cut(0, 1)
        world.cut(0, 2)
        _ = try world.perform(.stopReplication(seattle, force: true), on: 0)?.get()
        for _ in 0..<4 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        // Nobody needs them in the log any more.
        _ = try world.perform(.checkStart("cp"), on: 0)?.get()
        _ = try world.perform(.checkDelete("cp"), on: 0)?.get()
        world.pass(milliseconds: 2_000)
        world.write(on: 0)
        _ = try world.perform(.takeover(force: false), on: 1)?.get()
        world.connect(0, 1)
        world.pass(milliseconds: 500)
        let refusal = try refused(world.perform(.makeSecondary(seattle, force: false), on: 0))
        #expect(refusal.code == .unsentUpdates && refusal.message.contains("5 updates"), "\(refusal)")
        let outcome = try carriedOut(world.perform(.makeSecondary(seattle, force: true), on: 0))
        let discarded = try #require(outcome.discarded)
        #expect(discarded.updates == 5 && discarded.kept < 5, "\(discarded)")
        #expect((discarded.salvageFile != nil) == (discarded.kept > 0), "\(discarded)")
    }
}
