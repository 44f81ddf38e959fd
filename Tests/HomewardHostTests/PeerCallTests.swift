import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardWire
import Logging
import Synchronization
import Testing

/// Calls from one host to another, whose end the test holds.
@Suite("Calls between hosts", .timeLimit(.minutes(2)))
struct PeerCallTests {
    /// Kinds of frames.
    private enum Kind {
        static let call: UInt8 = 6
        static let answer: UInt8 = 8
        static let cancel: UInt8 = 9
        static let forget: UInt8 = 10
    }

    /// A peer that notes what it is asked.
    private final class Peer: PeerEvents {
        struct Frame: Decodable {
            var call: UInt64
        }

        private struct State {
            var session: PeerSession?
            var frames: [(kind: UInt8, call: UInt64)] = []
        }

        private let state = Mutex(State())
        var session: PeerSession? { state.withLock { $0.session } }
        var frames: [(kind: UInt8, call: UInt64)] { state.withLock { $0.frames } }

        func peerConnected(_ session: PeerSession, hello: PeerHello) { state.withLock { $0.session = session } }
        func peerDisconnected(_ session: PeerSession, reason: String) { state.withLock { $0.session = nil } }

        func peerFrame(_ session: PeerSession, channel: PeerChannel, kind: UInt8, payload: [UInt8]) {
            guard let frame = try? JSONDecoder().decode(Frame.self, from: Data(payload)) else { return }
            state.withLock { $0.frames.append((kind, frame.call)) }
        }
    }

    /// London beside a host that the test plays.
    private func run(
        _ body: (_ london: HostEngine, _ seattle: Peer, _ network: PeerNetwork) async throws -> Void
    ) async throws {
        let folder = "/tmp/hc\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let network = PeerNetwork(
            identity: Identity(high: 7, low: 7),
            name: "seattle",
            listen: "127.0.0.1:0",
            peers: ["london": "127.0.0.1:1"],
            logger: Logger(label: "seattle") { _ in SwiftLogNoOpLogHandler() }
        )
        let seattle = Peer()
        try await network.start(events: seattle)
        let london = try HostEngine(
            settings: HostSettings(
                name: "london",
                directory: "\(folder)/london",
                listen: "127.0.0.1:0",
                peers: ["seattle": try #require(network.localAddress)]
            ),
            logger: Logger(label: "london") { _ in SwiftLogNoOpLogHandler() }
        )
        try await london.start()
        try await wait("the hosts meet") {
            guard case .host(let host) = try await london.perform(.hostStatus, on: nil, progress: { _ in }) else {
                return false
            }
            return host.peers.allSatisfy(\.connected) && seattle.session != nil
        }
        do { try await body(london, seattle, network) } catch { Issue.record(error) }
        await london.stop()
        await network.stop()
    }

    private func wait(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<1_000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("waited in vain until \(what)")
    }

    private func answer(_ text: String, to call: UInt64) -> [UInt8] {
        Array(#"{"call":\#(call),"body":\#(text)}"#.utf8)
    }

    private static let refused =
        #"{"refused":{"_0":{"code":"operation-in-progress","object":"x","message":"so seattle says","hint":"wait"}}}"#

    @Test("a request whose asker is gone before it is sent goes on there, one that was cancelled is taken back")
    func goneEarly() async throws {
        try await run { london, seattle, network in
            for (leaves, last) in [(true, Kind.forget), (false, Kind.cancel)] {
                let asker = Asker()
                if leaves { asker.leave() }
                let before = seattle.frames.count
                let task = Asker.$current.withValue(asker) {
                    Task {
                        withUnsafeCurrentTask { $0?.cancel() }
                        return try await london.perform(.hostStatus, on: "seattle") { _ in }
                    }
                }
                try await wait("seattle is asked and told") {
                    seattle.frames.dropFirst(before).map(\.kind).suffix(2) == [Kind.call, last]
                        || seattle.frames.count >= before + 3
                }
                #expect(seattle.frames.dropFirst(before).map(\.kind) == [last, Kind.call, last])
                let call = try #require(seattle.frames.last?.call)
                let session = try #require(seattle.session)
                network.send(session, channel: .control, kind: Kind.answer, payload: answer(Self.refused, to: call))
                _ = await task.result
            }
        }
    }

    @Test("only the host that was asked answers")
    func otherAnswers() async throws {
        try await run { london, seattle, network in
            let task = Task { try await london.perform(.hostStatus, on: "seattle") { _ in } }
            try await wait("seattle is asked") { !seattle.frames.isEmpty }
            let call = try #require(seattle.frames.first?.call)
            let session = try #require(seattle.session)
            london.peerFrame(
                PeerSession(peer: "dublin", number: 9),
                channel: .control,
                kind: Kind.answer,
                payload: answer(#"{"created":{"diskGroup":"hrdg"}}"#, to: call)
            )
            network.send(session, channel: .control, kind: Kind.answer, payload: answer(Self.refused, to: call))
            let refusal = await #expect(throws: Refusal.self) { try await task.value }
            #expect(refusal?.message == "so seattle says")
        }
    }
}
