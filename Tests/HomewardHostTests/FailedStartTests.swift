import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Logging
import Testing

/// A host that cannot be started, although its RVGs can be opened.
@Suite("Failed starts", .timeLimit(.minutes(2)))
struct FailedStartTests {
    /// The header of the log, of a host that is down.
    private func header(_ host: String, _ trio: Trio) async throws -> RVGHeader {
        var device: FileDevice?
        // The engine's last thread may still hold it.
        try await trio.waitUntil("the log is closed") {
            device = try? FileDevice.open(path: trio.path(host, "srl"))
            return device != nil
        }
        let format = trio.settings(host).limits.headerFormat
        return try LogRecovery(device: try #require(device), format: format).recover().header
    }

    @Test("a start that fails because the port is taken lets go of everything, and costs no epoch")
    func portTaken() async throws {
        try await Trio.run { trio in
            try await trio.makeSet([])
            try await trio.write("london", at: 0, 4)
            await trio.stop("london")
            let before = try await header("london", trio)
            #expect(before.cleanStop)
            for _ in 0..<2 {
                try await trio.failToStart("london", listeningOn: trio.settings("seattle").listen)
                let after = try await header("london", trio)
                #expect(after.cleanStop)
                #expect(after.lineage.history.entries.count == before.lineage.history.entries.count)
            }
            try await trio.start("london")
            try await trio.waitUntil("it opens") { (try? trio.read("london", at: 0)) == 4 }
        }
    }
}

extension Trio {
    /// Starts a host at an address that is not free, and lets go of it.
    fileprivate func failToStart(_ name: String, listeningOn address: String) async throws {
        var settings = settings(name)
        settings.listen = address
        var made: HostEngine?
        try await waitUntil("the directory is free") {
            made = try? HostEngine(settings: settings, logger: Logger(label: name) { _ in SwiftLogNoOpLogHandler() })
            return made != nil
        }
        let engine = try #require(made)
        let refusal = await #expect(throws: Refusal.self) { try await engine.start() }
        #expect(
            refusal?.code == .ioError && refusal?.message.contains(address) == true,
            "\(String(describing: refusal))"
        )
    }
}
