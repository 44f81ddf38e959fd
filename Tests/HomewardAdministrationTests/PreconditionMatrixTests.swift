import HomewardAdministration
import HomewardCore
import Testing

/// How a verb ends on a real node in a condition, written out by hand from the reference.
private enum End: Hashable {
    /// It is carried out, or begins.
    case done
    case already
    /// Refused by the table, nothing changed.
    case refused(RefusalCode)
    /// The table lets it go on; a check of the verb's own refuses it here.
    case stopped(RefusalCode)
}

private let columns: [LinkCondition] = [.detached, .upToDate, .behind, .disconnected, .paused, .primaryPrimary]

private let expected: [(MatrixVerb, [End])] = [
    (
        .startrep,
        [.done, .already, .already, .already, .refused(.linkPaused), .refused(.primaryPrimary)]
    ),
    (.stoprep, [.already, .done, .done, .stopped(.hostUnreachable), .done, .refused(.primaryPrimary)]),
    (.pauserep, [.refused(.linkDetached), .done, .done, .done, .already, .refused(.primaryPrimary)]),
    (.resumerep, [.refused(.linkDetached), .already, .already, .already, .done, .refused(.primaryPrimary)]),
    (
        .syncrvg,
        [
            .done, .refused(.linkAttached), .refused(.linkAttached), .refused(.linkAttached), .refused(.linkAttached),
            .refused(.primaryPrimary),
        ]
    ),
    (
        .verify,
        [
            .done, .refused(.linkAttached), .refused(.notUpToDate), .refused(.linkDisconnected), .done,
            .refused(.primaryPrimary),
        ]
    ),
    (
        .migrate,
        [
            .refused(.linkDetached), .done, .done, .refused(.linkDisconnected), .refused(.linkPaused),
            .refused(.primaryPrimary),
        ]
    ),
    (
        .takeover,
        [
            .stopped(.primaryReachable), .refused(.primaryReachable), .refused(.primaryReachable), .done,
            .stopped(.primaryReachable), .refused(.primaryPrimary),
        ]
    ),
    (
        .makesec,
        [
            .refused(.notPrimary), .refused(.notPrimary), .refused(.notPrimary), .refused(.hostUnreachable),
            .refused(.notPrimary), .done,
        ]
    ),
    (.checkstart, [.done, .done, .done, .done, .done, .refused(.primaryPrimary)]),
]

@Suite(.timeLimit(.minutes(1)))
struct PreconditionMatrixTests {
    @Test("the table has a row for each verb and a column for each condition")
    func complete() {
        #expect(Set(expected.map(\.0)) == Set(MatrixVerb.allCases))
        #expect(expected.allSatisfy { $0.1.count == columns.count })
        #expect(Set(columns) == Set(LinkCondition.allCases))
    }

    @Test("a real node in each condition ends each verb as the table says", arguments: MatrixVerb.allCases)
    func row(_ verb: MatrixVerb) throws {
        let row = try #require(expected.first { $0.0 == verb }).1
        for (condition, end) in zip(columns, row) { try check(verb, condition, end) }
    }

    private func check(_ verb: MatrixVerb, _ condition: LinkCondition, _ end: End) throws {
        let host = verb == .takeover && condition != .primaryPrimary ? 1 : 0
        let peer = host == 0 ? 1 : 0
        var world = try world(in: condition, forTakeover: verb == .takeover)
        let place = "\(verb) in \(condition)"
        #expect(
            world.nodes[host].condition(of: NodeWorld.ids[peer])
                == (verb == .takeover && condition == .behind ? .upToDate : condition),
            "\(place)"
        )
        let before = world.nodes[host].machine.header
        let token = world.ask(request(verb, peer), on: host)
        let after = world.nodes[host].machine.header
        if case .refused = end { #expect(before == after, "\(place)") }
        if case .already = end { #expect(before == after, "\(place)") }
        world.mute = []
        for _ in 0..<200 where world.answers[token] == nil { world.pass(milliseconds: 100) }
        let answer = world.answers[token]
        switch (end, answer) {
        case (.done, .success(.done(let outcome))?): #expect(!outcome.already, "\(place)")
        case (.done, .success(.synchronized)?): break
        case (.already, .success(.done(let outcome))?): #expect(outcome.already, "\(place)")
        case (.refused(let code), .failure(let refusal)?), (.stopped(let code), .failure(let refusal)?):
            #expect(refusal.code == code, "\(place): \(refusal)")
            #expect(!refusal.hint.isEmpty && refusal.host != nil, "\(place): \(refusal)")
            #expect(state(before) == state(world.nodes[host].machine.header), "\(place)")
        // A stale Secondary without a position has nothing to be compared: the table lets it go on all the same.
        default: Issue.record("\(place) ended as \(String(describing: answer))")
        }
        if case .refused(let code) = end {
            guard case .refuse(code, _) = PreconditionMatrix.verdict(verb, condition) else {
                Issue.record("\(place): not refused by the table")
                return
            }
        }
    }

    /// What a refusal must leave alone; positions and generations drift by themselves.
    private func state(_ header: RVGHeader) -> [String] {
        [
            "\(header.role)", "\(String(describing: header.fence))", "\(header.lineage.history)",
            "\(header.checkpoints)", "\(header.pending)", "\(header.stopped)",
        ] + header.links.map { "\($0.name) \(String(describing: $0.attachID)) \($0.paused) \($0.settings)" }
    }

    private func request(_ verb: MatrixVerb, _ peer: Int) -> RVGRequest {
        let peer = NodeWorld.ids[peer]
        switch verb {
        case .startrep: return .startReplication(peer, how: .identical, consent: true)
        case .stoprep: return .stopReplication(peer, force: false)
        case .pauserep: return .setPaused(peer, true)
        case .resumerep: return .setPaused(peer, false)
        case .syncrvg: return .synchronize([peer], checkpoint: "cp", full: false, force: false, consent: true)
        case .verify: return .verify([peer])
        case .migrate: return .migrate(peer)
        case .takeover: return .takeover(force: false)
        case .makesec: return .makeSecondary(peer, force: true)
        case .checkstart: return .checkStart("cp")
        }
    }

    /// London is Primary, seattle is brought into the condition; dublin is detached, or a rival of seattle.
    private func world(in condition: LinkCondition, forTakeover: Bool) throws -> NodeWorld {
        var world = try NodeWorld()
        let seattle = NodeWorld.ids[1]
        #expect(try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get() != nil)
        if forTakeover, condition == .primaryPrimary {
            _ = try world.perform(.startReplication(NodeWorld.ids[2], how: .identical, consent: true), on: 0)?.get()
        }
        world.write(on: 0)
        world.pass(milliseconds: 1_000)
        switch condition {
        case .upToDate: break
        case .detached: _ = try world.perform(.stopReplication(seattle, force: false), on: 0)?.get()
        case .behind:
            world.mute = [1]
            world.write(on: 0)
            world.settle()
        case .disconnected:
            world.cut(0, 1)
            // A takeover needs that no other host tells of the Primary.
            if forTakeover { world.cut(0, 2) }
        case .paused:
            _ = try world.perform(.setPaused(forTakeover ? NodeWorld.ids[0] : seattle, true), on: forTakeover ? 1 : 0)?
                .get()
        case .primaryPrimary:
            for (left, right) in [(0, 1), (0, 2)] + (forTakeover ? [(1, 2)] : []) { world.cut(left, right) }
            #expect(try world.perform(.takeover(force: false), on: 1)?.get() != nil)
            world.connect(0, 1)
            if forTakeover {
                try bringRival(to: &world)
            } else {
                world.connect(0, 2)
            }
        }
        world.settle()
        return world
    }

    /// Dublin takes over beside seattle, and london gives way to seattle before it hears of that.
    private func bringRival(to world: inout NodeWorld) throws {
        _ = try world.perform(.takeover(force: false), on: 2)?.get()
        world.pass(milliseconds: 500)
        _ = try world.perform(.makeSecondary(NodeWorld.ids[1], force: true), on: 0)?.get()
        world.connect(0, 2)
        world.connect(1, 2)
    }
}
