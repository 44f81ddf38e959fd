import Dispatch
import Foundation
import HomewardCore
import HomewardNBD
import Logging
import Testing

/// Carries out what it is given on one thread of its own, in order.
final class Replier: Sendable {
    private let queue = DispatchQueue(label: "replies")

    func enqueue(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

    func drain() { queue.sync {} }
}

/// A server on a socket in a folder of its own; ended by ``stop()``.
final class Door: Sendable {
    let server: NBDServer
    let volumes: MemoryVolumes
    let folder: String
    var socket: String { server.socketPath }

    init(_ volumes: MemoryVolumes, handshakeSeconds: Int = 30) throws {
        folder = "/tmp/hw-nbd-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        self.volumes = volumes
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        server = NBDServer(
            socketPath: "\(folder)/nbd.sock",
            service: volumes,
            logger: logger,
            handshakeSeconds: handshakeSeconds
        )
        try server.start()
    }

    /// Stops the server; afterwards no session is open and no memory is lent, whatever clients did.
    func stop() {
        server.stop()
        #expect(volumes.open == 0)
        #expect(server.lentBytes == 0)
        try? FileManager.default.removeItem(atPath: folder)
    }

    func client(_ export: String = "hrdg/hr_dv01", readOnly: Bool = false) throws -> NBDClient {
        try NBDClient.connect(socketPath: socket, export: export, readOnly: readOnly)
    }

    /// Waits until no connection is left; the bound of the test ends a wait that has no end.
    func waitUntilLeft() { while server.connectionCount > 0 { usleep(1000) } }
}

extension SeededGenerator {
    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(count))
    }
}

/// What a program printed and how it ended; nil when it is not installed.
func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String)? {
    guard
        let path = ["/usr/bin/", "/usr/sbin/"].map({ $0 + program }).first(where: FileManager.default.isExecutableFile)
    else {
        print("skipped: \(program) is not installed")
        return nil
    }
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["60", path] + arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
}
