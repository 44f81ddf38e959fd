import Dispatch
import Foundation
import HomewardCore
import HomewardNBD
import Testing

@Suite("NBD: server and client")
struct RoundTripTests {
    static let size = 8 << 20

    func door(_ replies: MemoryVolumes.Replies = .before) throws -> Door {
        try Door(MemoryVolumes(["hrdg/hr_dv01": Self.size, "hrdg/hr_dv02": 1 << 20], replies: replies))
    }

    @Test(
        "random writes, zeroes and trims read back as a model has them",
        .timeLimit(.minutes(1)),
        arguments: [false, true]
    )
    func model(late: Bool) throws {
        let door = try door(late ? .later : .before)
        let client = try door.client()
        var random = SeededGenerator(seed: 7)
        var model = [UInt8](repeating: 0, count: Self.size)
        for step in 0..<300 {
            let length = Int.random(in: 1...(step % 10 == 0 ? 3 << 20 : 100_000), using: &random)
            let offset = Int.random(in: 0...Self.size - length, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                try client.zero(at: UInt64(offset), count: UInt64(length), keepAllocated: step % 2 == 0)
                model.replaceSubrange(offset..<offset + length, with: repeatElement(0, count: length))
            case 1:
                try client.trim(at: UInt64(offset), count: UInt64(length))
                model.replaceSubrange(offset..<offset + length, with: repeatElement(0, count: length))
            case 2:
                #expect(try client.read(at: UInt64(offset), count: length) == Array(model[offset..<offset + length]))
            case 3: try client.flush()
            default:
                let bytes = random.bytes(length)
                try client.write(at: UInt64(offset), bytes, forceUnitAccess: step % 3 == 0)
                model.replaceSubrange(offset..<offset + length, with: bytes)
            }
        }
        #expect(try client.read(at: 0, count: Self.size) == model)
        client.close()
        door.stop()
    }

    @Test("a server that ends removes its own socket, and not what another put in its place", .timeLimit(.minutes(1)))
    func replacedSocket() throws {
        let own = try door()
        own.server.stop()
        #expect(!FileManager.default.fileExists(atPath: own.socket))
        own.stop()
        let replaced = try door()
        try FileManager.default.removeItem(atPath: replaced.socket)
        try Data("successor".utf8).write(to: URL(fileURLWithPath: replaced.socket))
        replaced.server.stop()
        #expect(FileManager.default.fileExists(atPath: replaced.socket))
        replaced.stop()
    }

    @Test(
        "writes that travel together arrive as batches and are all replied to",
        .timeLimit(.minutes(1)),
        arguments: [false, true]
    )
    func pipelined(late: Bool) throws {
        let door = try door(late ? .later : .before)
        let client = try door.client()
        let writes = (0..<1500).map {
            ClientWrite(offset: UInt64($0 * 4096), bytes: [UInt8](repeating: UInt8($0 % 251), count: 4096))
        }
        try client.submit(writes)
        for number in stride(from: 0, to: 1500, by: 97) {
            #expect(door.volumes.bytes("hrdg/hr_dv01", number * 4096..<number * 4096 + 4096) == writes[number].bytes)
        }
        #expect(door.volumes.count(.write) == 1500)
        client.close()
        door.stop()
    }

    @Test("FUA reaches the session, and a flush is a request of its own", .timeLimit(.minutes(1)))
    func durability() throws {
        let door = try door()
        let client = try door.client()
        try client.write(at: 0, [1], forceUnitAccess: true)
        try client.write(at: 0, [2])
        try client.flush()
        #expect(door.volumes.forced == 1)
        #expect(door.volumes.count(.flush) == 1)
        client.close()
        door.stop()
    }

    @Test("exports are listed by their full names", .timeLimit(.minutes(1)))
    func list() throws {
        let door = try door()
        #expect(try NBDClient.exports(socketPath: door.socket) == ["hrdg/hr_dv01", "hrdg/hr_dv02"])
        door.waitUntilLeft()
        #expect(door.volumes.opened == 0)
        door.stop()
    }

    @Test("a refused open brings code, message and hint to the client", .timeLimit(.minutes(1)))
    func refusals() throws {
        let door = try door()
        let fenced = Refusal(.fenced, "hrdg/hr_dv01", "the RVG is fenced", hint: "homeward status")
        door.volumes.change("hrdg/hr_dv01") {
            $0.writing = fenced
            $0.reading = fenced
        }
        #expect(throws: fenced) { try door.client() }
        #expect(throws: Refusal.self) { try door.client("hr_dv01") }
        do { _ = try door.client("hr_dv01") } catch let refusal as Refusal { #expect(refusal.code == .unknownVolume) }
        door.stop()
    }

    @Test("a Secondary opens for reading, and who wanted to write learns why not", .timeLimit(.minutes(1)))
    func secondary() throws {
        let door = try door()
        let refusal = Refusal(.notPrimary, "hrdg/hr_dv01", "the RVG is a Secondary here", hint: "write on london")
        door.volumes.change("hrdg/hr_dv01") { $0.writing = refusal }
        #expect(throws: refusal) { try door.client() }
        let client = try door.client(readOnly: true)
        #expect(client.isReadOnly)
        #expect(try client.read(at: 0, count: 4096).count == 4096)
        #expect(throws: Refusal.self) { try client.write(at: 0, [1]) }
        client.close()
        door.stop()
    }

    @Test("a failing volume gives io-error, and the session goes on", .timeLimit(.minutes(1)))
    func failures() throws {
        let door = try door()
        let client = try door.client()
        door.volumes.change("hrdg/hr_dv01") { $0.failure = .io(Refusal(.ioError, "a", "b", hint: "c")) }
        #expect(throws: Refusal.self) { try client.write(at: 0, [1]) }
        #expect(throws: Refusal.self) { try client.read(at: 0, count: 1 << 20) }
        door.volumes.change("hrdg/hr_dv01") { $0.failure = nil }
        try client.write(at: 0, [9])
        #expect(try client.read(at: 0, count: 1) == [9])
        #expect(throws: Refusal.self) { try client.read(at: UInt64(Self.size), count: 1) }
        client.close()
        door.stop()
    }

    @Test("the holder of a session is the process at the other end", .timeLimit(.minutes(1)))
    func holder() throws {
        let door = try door()
        let client = try door.client()
        let own = ProcessID.own
        let holder = try #require(door.volumes.holders.first)
        #expect(holder.process == own)
        #expect(holder.label.hasSuffix("(pid \(own))"))
        client.close()
        door.stop()
    }

    @Test("forty connections write side by side and find their own bytes", .timeLimit(.minutes(2)))
    func manyConnections() throws {
        let door = try door(.later)
        DispatchQueue.concurrentPerform(iterations: 40) { number in
            do {
                let client = try door.client()
                let bytes = [UInt8](repeating: UInt8(number + 1), count: 4096)
                let base = UInt64(number * 160 << 10)
                for block in 0..<40 { try client.write(at: base + UInt64(block * 4096), bytes) }
                try client.flush()
                #expect(try client.read(at: base, count: 160 << 10).allSatisfy { $0 == UInt8(number + 1) })
                client.close()
            } catch { Issue.record(error) }
        }
        door.waitUntilLeft()
        door.stop()
    }

    @Test("stop closes all sessions, and a client then gets io-error", .timeLimit(.minutes(1)))
    func stop() throws {
        let door = try door()
        let clients = try (0..<5).map { _ in try door.client() }
        #expect(door.volumes.open == 5)
        door.stop()
        for client in clients {
            do {
                try client.flush()
                Issue.record("the server is gone, and a flush succeeded")
            } catch { #expect(error.code == .ioError) }
        }
        do {
            _ = try door.client()
            Issue.record("the server is gone, and a client connected")
        } catch let refusal as Refusal { #expect(refusal.code == .daemonUnreachable) }
    }

    @Test("a socket path that is too long is refused with its length and the limit", .timeLimit(.minutes(1)))
    func longPath() throws {
        let path = "/tmp/" + String(repeating: "x", count: 120)
        do {
            _ = try NBDClient.connect(socketPath: path, export: "a")
            Issue.record("connected to a path that is too long")
        } catch {
            #expect(error.code == .socketPathTooLong)
            #expect(error.message.contains("125"))
            #expect(error.message.contains("107"))
        }
    }
}
