import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import HomewardHost
import HomewardNBD
import HomewardRunbooks
import HomewardStorage
import Logging
import LuaHost
import Synchronization
import Testing

/// The module homeward over engines of this process: requests go to them without a socket, data through their NBD door.
@Suite("The module homeward over engines", .timeLimit(.minutes(2)))
struct ModuleTests {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
    private static let spec = "\(tests)/LuaTests/on_hosts.lua"

    @Test("the spec in Lua holds")
    func spec() async throws {
        try await Trio.run(["london", "seattle", "dublin"]) { trio in
            try await trio.makeSet(["seattle", "dublin"])
            for secondary in ["seattle", "dublin"] {
                try await trio.startReplication(secondary)
                try await trio.upToDate("london", secondary)
            }
            let doors = try Trio.names.map { name in
                let engine = try trio.engine(name)
                let logger = Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
                return NBDServer(socketPath: engine.directory.dataSocketPath, service: engine, logger: logger)
            }
            for door in doors { try door.start() }
            defer { for door in doors { door.stop() } }
            try writeLabFile(trio)
            let (values, printed) = try await run(trio)
            #expect(values == [.integer(14)], "\(printed)")
        }
    }

    /// How a script finds the hosts of a lab.
    private func writeLabFile(_ trio: Trio) throws {
        let hosts = try Trio.names.map { name in
            ["name": name, "control": try trio.engine(name).directory.controlSocketPath]
        }
        let data = try JSONSerialization.data(withJSONObject: ["hosts": hosts])
        try data.write(to: URL(filePath: "\(trio.folder)/lab.json"))
    }

    private func run(_ trio: Trio) async throws -> ([LuaValue], String) {
        let engines = try Trio.names.map { try trio.engine($0) }
        let hosts = PlaceHosts(.lab(directory: trio.folder, host: nil)) { socket in
            let engine = engines.first { $0.directory.controlSocketPath == socket }
            return (engine.map { $0 as any RequestHandler } ?? Nobody(), {})
        }
        let volumes = DoorVolumes { try await hosts.dataSocket(of: $0) }
        let performer = ScriptPerformer(hosts: hosts, volumes: volumes, asker: Nobody(), journal: MemoryJournal())
        let printed = Mutex("")
        let world = ScriptWorld.make(ScriptState { _ in }, folder: "\(Self.tests)/LuaTests") { bytes in
            printed.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
        }
        let driver = try LuaDriver(world) { verb, progress throws(LuaError) in
            try await performer.perform(verb, progress: progress)
        }
        let text = try String(contentsOfFile: Self.spec, encoding: .utf8)
        do {
            let values = try await driver.run(LuaSource(name: "on_hosts.lua", text: Array(text.utf8)))
            await driver.close()
            return (values, printed.withLock { $0 })
        } catch {
            await driver.close()
            Issue.record("\(error)\n\(printed.withLock { $0 })")
            return ([], "")
        }
    }
}

/// A host that is not there, and somebody who answers nothing.
private struct Nobody: RequestHandler, ScriptAsker {
    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        throw Refusal(.hostUnreachable, "test", "there is no such host", hint: "none")
    }

    func ask(_ question: ScriptQuestion) async -> String? { nil }
}
