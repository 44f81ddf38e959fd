import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardControl
import HomewardCore
import Logging
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LabConnectionTests {
    /// A lab of an open Primary `birch`, a Secondary `alder` and a dead host `cedar`.
    private func withLab(_ body: @Sendable (_ directory: String) async throws -> Void) async throws {
        let folder = "/tmp/hwl-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (bound, sink) = AsyncStream.makeStream(of: Void.self)
        let servers = [("birch", "primary"), ("alder", "secondary")].map { name, role in
            let status = Answer.host(Samples.host(name, [Samples.member(name, role, local: true, links: [])]))
            let handler = FakeHandler(Array(repeating: .success(status), count: 100))
            return Task {
                try await ControlServer(
                    socketPath: "\(folder)/\(name)/c.sock",
                    handler: handler,
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                    onBound: { sink.yield() }
                ).run()
            }
        }
        var up = 0
        for await _ in bound {
            up += 1
            if up == servers.count { break }
        }
        let hosts = ["cedar", "alder", "birch"].map {
            #"{"name":"\#($0)","control":"\#(folder)/\#($0)/c.sock","directory":"/d","nbd":"/n"}"#
        }
        try Data(#"{"hosts":[\#(hosts.joined(separator: ","))]}"#.utf8).write(to: URL(filePath: "\(folder)/lab.json"))
        let result = await Result { try await body(folder) }
        for server in servers { server.cancel() }
        for server in servers { _ = try? await server.value }
        try result.get()
    }

    private func name(_ place: ClientPlace, _ reach: Reach) async throws -> String? {
        let connection = try await Connector().connect(place, reach: reach, object: "o")
        let answer = try? await connection.handler.perform(.hostStatus, on: connection.host) { _ in }
        await connection.close()
        guard case .host(let host)? = answer else { return nil }
        return host.name
    }

    @Test("in a lab the Primary answers for the RDS, and a named host for itself")
    func choosesThroughSockets() async throws {
        try await withLab { lab in
            let primary = try await name(.lab(directory: lab, host: nil), .rds(RVGReference(rvg: "pay_rvg")))
            #expect(primary == "birch")
            let named = try await name(.lab(directory: lab, host: "alder"), .local)
            #expect(named == "alder")
            let unknown = await #expect(throws: Refusal.self) {
                try await name(.lab(directory: lab, host: "oslo"), .local)
            }
            #expect(unknown?.code == .unknownHost)
            let local = await #expect(throws: Refusal.self) { try await name(.lab(directory: lab, host: nil), .local) }
            #expect(local?.code == .ambiguous && local?.hint.contains("alder, birch") == true)
        }
    }

    @Test("a folder without a lab says so")
    func noLab() async {
        let refusal = await #expect(throws: Refusal.self) {
            try await name(.lab(directory: "/tmp/hwl-none", host: nil), .any)
        }
        #expect(refusal?.code == .labNotRunning)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
