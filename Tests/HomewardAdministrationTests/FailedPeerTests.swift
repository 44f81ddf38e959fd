import HomewardAdministration
import HomewardCore
import Testing

/// A host whose device failed is connected, and promises nothing.
@Suite("Hosts whose device failed", .timeLimit(.minutes(1)))
struct FailedPeerTests {
    private let seattle = NodeWorld.ids[1]

    @Test("keep no takeover on another from going on", arguments: [true, false])
    func takeover(meanwhile: Bool) throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(seattle, how: .identical, consent: true), on: 0)?.get()
        world.refusing = [0]
        world.cut(0, 1)
        world.cut(0, 2)
        if !meanwhile { world.fail(2) } else { world.mute = [2] }
        world.pass(milliseconds: 1_000)
        let token = world.ask(.takeover(force: false), on: 1)
        world.pass(milliseconds: 4_000)
        if meanwhile {
            #expect(world.answers[token] == nil)
            world.fail(2)
            world.mute = []
        }
        world.pass(milliseconds: 4_000)
        _ = try #require(world.answers[token]).get()
        #expect(world.nodes[1].machine.isOpen)
    }

    @Test("end a startrep of a copy made by hand, which has no bound of time")
    func startrep() throws {
        var world = try NodeWorld()
        for request in [RVGRequest.checkStart("hand"), .checkEnd] { _ = try world.perform(request, on: 0)?.get() }
        world.holds = { host, work in
            guard host == 1, case .synchronizeVolumes = work else { return false }
            return true
        }
        let token = world.ask(.startReplication(seattle, how: .checkpoint("hand"), consent: true), on: 0)
        world.pass(milliseconds: 60_000)
        #expect(world.answers[token] == nil)
        world.fail(1)
        world.pass(milliseconds: 1_000)
        #expect(code(world.answers[token]) == .ioError)
        #expect(world.nodes[0].operation == nil)
    }

    @Test("settings that no other host would take are refused")
    func settings() throws {
        var world = try NodeWorld()
        var settings = try #require(world.nodes[0].machine.header.links.first { $0.peer == seattle }).settings
        settings.latencyHighMark = 1 << 63
        #expect(code(world.perform(.setSettings(seattle, settings), on: 0)) == .badAttribute)
        settings.latencyHighMark = 1 << 40
        _ = try world.perform(.setSettings(seattle, settings), on: 0)?.get()
        world.pass(milliseconds: 1_000)
        let heard = world.nodes[1].machine.peer(NodeWorld.ids[0])?.contact?.links.first { $0.peer == seattle }
        #expect(heard?.settings.latencyHighMark == 1 << 40)
    }
}
