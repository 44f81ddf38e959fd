import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardWire
import Testing

/// A synchronization of far more than may wait in memory, over a link whose bulk connection takes next to nothing.
@Suite("Blocks for a slow link", .serialized, .timeLimit(.minutes(3)))
struct SlowLinkTests {
    private static let differing = 64 << 20
    /// What may wait for the network, and two windows of blocks with their frames.
    private static let bound = (4 << 20) + 2 * 64 * ((64 << 10) + 256)

    private func run(_ body: (Trio, SlowLink) async throws -> Void) async throws {
        let link = SlowLink()
        defer { link.close() }
        try await Trio.run(volumeSize: UInt64(Self.differing), over: link) { trio in
            let handle = try #require(FileHandle(forUpdatingAtPath: trio.path("london", "dv01")))
            for _ in 0..<Self.differing >> 20 { try handle.write(contentsOf: Data(repeating: 0x5A, count: 1 << 20)) }
            try handle.close()
            try await trio.makeSet()
            try await body(trio, link)
        }
    }

    /// Bytes that wait on london for the bulk connection to seattle; nil while there is none.
    private func queued(_ trio: Trio) throws -> Int? {
        let runtime = try #require(try trio.engine("london").runtimes.first)
        guard let number = runtime.session(with: try trio.engine("seattle").id) else { return nil }
        return runtime.network.queuedBytes(PeerSession(peer: "seattle", number: number), channel: .bulk)
    }

    /// The most that waits until it has long been no more.
    private func mostQueued(_ trio: Trio) async throws -> Int {
        try await trio.waitUntil("the link is full") { try queued(trio) ?? 0 >= 4 << 20 }
        var most = 0
        var looks = 0
        while looks < 60 {
            let now = try queued(trio) ?? 0
            looks = now > most ? 0 : looks + 1
            most = max(most, now)
            try await Task.sleep(for: .milliseconds(20))
        }
        return most
    }

    /// The files of both hosts are the same, now that nobody writes.
    private func expectCopies(_ trio: Trio) throws {
        for volume in ["dv01", "dv02"] {
            let files = ["london", "seattle"].map { trio.path($0, volume) }
            #expect(FileManager.default.contentsEqual(atPath: files[0], andPath: files[1]), "\(volume)")
        }
    }

    @Test("no more blocks are read than a slow link may have waiting, and all of them arrive once it takes them")
    func bounded() async throws {
        try await run { trio, link in
            link.isSlow = true
            let synchronization = Task { try await trio.ask("london", Trio.synchronize("seattle")) }
            let most = try await mostQueued(trio)
            #expect(most <= Self.bound, "of \(Self.differing) bytes")
            link.isSlow = false
            guard case .synchronized(let reports) = try await synchronization.value else {
                throw Refusal(.strangePeer, "london", "no report", hint: "none")
            }
            #expect(reports.first?.volumes.first?.differing == UInt64(Self.differing), "\(reports)")
            try expectCopies(trio)
        }
    }

    @Test(
        "a session that is lost while blocks wait to be read takes them with it, and the next one goes on within the bound"
    )
    func lost() async throws {
        try await run { trio, link in
            link.isSlow = true
            let synchronization = Task { try await trio.ask("london", Trio.synchronize("seattle")) }
            #expect(try await mostQueued(trio) <= Self.bound)
            try await trio.partition("london", "seattle")
            try await trio.waitUntil("the RVG hears of it") { try queued(trio) == nil }
            try await trio.partition("london", "seattle", false)
            #expect(try await mostQueued(trio) <= Self.bound)
            link.isSlow = false
            _ = try await synchronization.value
            try expectCopies(trio)
        }
    }
}
