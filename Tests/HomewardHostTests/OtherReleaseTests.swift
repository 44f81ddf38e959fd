import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardWire
import Logging
import Testing

/// Hosts and files of another release beside a host of this one.
@Suite("Other releases", .timeLimit(.minutes(2)))
struct OtherReleaseTests {
    /// Nothing is to reach it.
    private final class Deaf: PeerEvents {
        func peerConnected(_ session: PeerSession, hello: PeerHello) { Issue.record("connected") }
        func peerDisconnected(_ session: PeerSession, reason: String) {}
        func peerFrame(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8]) {}
    }

    @Test("a peer whose release speaks other versions is named with them at both ends, and the right one comes back in")
    func protocolVersion() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            await trio.stop("seattle")
            let settings = trio.settings("seattle")
            let later = PeerNetwork(
                identity: Identity(high: 7, low: 7),
                name: "seattle",
                listen: settings.listen,
                peers: settings.peers,
                versions: 7...9,
                logger: Logger(label: "later") { _ in SwiftLogNoOpLogHandler() }
            )
            let events = Deaf()
            try await later.start(events: events)
            try await trio.waitUntil("london knows why") {
                let peer = try await trio.ask("london", .hostStatus).host?.peers.first { $0.name == "seattle" }
                return peer?.connected == false && peer?.reason?.contains("7 to 9") == true
                    && peer?.reason?.contains("bad-format") == true
            }
            try await trio.waitUntil("the other knows why") {
                later.status().contains { $0.lastReason?.contains("7 to 9") == true }
            }
            try await trio.write("london", at: 0, 5)
            await later.stop()
            try await trio.start("seattle")
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }

    @Test("a log of another release is refused by its version and left as it is, and the host serves what else it has")
    func logVersion() async throws {
        try await Trio.run(["london"]) { trio in
            try await trio.makeSet([])
            try await trio.write("london", at: 0, 5)
            await trio.stop("london")
            let url = URL(fileURLWithPath: trio.path("london", "srl"))
            let old = try Data(contentsOf: url)
            var new = [UInt8](old)
            for place in [0, 512 << 10] {
                new[place + 4] = UInt8(HeaderFormat.version + 1)
                withUnsafeBytes(of: checksum(Array(new[place..<place + 16])).littleEndian) {
                    new.replaceSubrange(place + 16..<place + 20, with: $0)
                }
            }
            try Data(new).write(to: url)
            try await trio.start("london")
            let found = try await trio.refused("london", .startRVG(Trio.rvg, force: true), .badFormat)
            #expect(found.message.contains("version \(HeaderFormat.version + 1)") && found.message.contains(url.path))
            _ = try await trio.done("london", .createDiskGroup(name: "other"))
            await trio.stop("london")
            #expect(try Data(contentsOf: url) == Data(new))
            try old.write(to: url)
            try await trio.start("london")
            try await trio.waitUntil("it opens") { (try? trio.read("london", at: 0)) == 5 }
        }
    }
}
