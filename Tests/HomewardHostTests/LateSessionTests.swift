import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardWire
import Testing

@Suite("Sessions that are told late", .timeLimit(.minutes(2)))
struct LateSessionTests {
    @Test("a session told after a later one, or after its end, takes the place of none")
    func late() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            let london = try trio.engine("london").id
            let runtime = try #require(try trio.engine("seattle").runtimes.first)
            runtime.peerConnected(PeerSession(peer: "london", number: 0), host: london, name: "london")
            try await trio.write("london", at: 0, 5)
            try await trio.upToDate("london", "seattle")
            let over = PeerSession(peer: "london", number: 1_000)
            runtime.peerDisconnected(over, host: london, reason: "lost")
            runtime.peerConnected(over, host: london, name: "london")
            try await trio.write("london", at: 4096, 6)
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }
}
