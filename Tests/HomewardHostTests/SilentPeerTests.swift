import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardWire
import Logging
import Testing

/// A peer whose connections stand and which answers nothing, as the daemon of a stopped process.
@Suite("Silent peers", .timeLimit(.minutes(2)))
struct SilentPeerTests {
    private final class Mute: PeerEvents {
        func peerConnected(_ session: PeerSession, hello: PeerHello) {}
        func peerDisconnected(_ session: PeerSession, reason: String) {}
        func peerFrame(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8]) {}
    }

    @Test("describe shows a peer that never answers as last known, while its connections stand")
    func describe() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            let identity = try trio.engine("seattle").id
            await trio.stop("seattle")
            let settings = trio.settings("seattle")
            let network = PeerNetwork(
                identity: identity,
                name: "seattle",
                listen: settings.listen,
                peers: settings.peers,
                logger: Logger(label: "mute") { _ in SwiftLogNoOpLogHandler() }
            )
            let events = Mute()
            try await network.start(events: events)
            try await trio.waitUntil("london meets it") {
                try await trio.ask("london", .hostStatus).host?.peers.first?.connected == true
            }
            guard case .rds(let sets) = try await trio.ask("london", .describe(diskGroup: nil, rvgs: [])) else {
                throw Refusal(.strangePeer, "london", "no description", hint: "none")
            }
            let member = sets.first?.members.first { $0.host == "seattle" }
            #expect(member?.reachable == false, "\(sets)")
            #expect(try await trio.ask("london", .hostStatus).host?.peers.first?.connected == true)
            await network.stop()
        }
    }
}
