import CPlatform
import Foundation
import Glibc
import HomewardCore
import HomewardNBD
import Testing

/// The process of the tests.
enum ProcessID {
    static var own: Int32 { getpid() }
}

/// A client that says whatever it is told to.
final class RawClient {
    let descriptor: Int32

    init(_ path: String) throws {
        descriptor = homeward_connect_unix(path)
        try #require(descriptor >= 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { _ = homeward_close(descriptor) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { homeward_send_all(descriptor, $0.baseAddress, $0.count) } == 0
    }

    /// The next bytes, fewer at the end of the stream.
    func receive(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while bytes.count < count {
            let got = homeward_receive(descriptor, &piece, min(piece.count, count - bytes.count))
            guard got > 0 else { break }
            bytes += piece.prefix(Int(got))
        }
        return bytes
    }

    /// Ends what this side sends, so that the server sees the end of the stream.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    func greet() {
        _ = receive(18)
        send([0, 0, 0, 3])
    }

    func option(_ code: UInt32, _ payload: [UInt8], length: Int? = nil) {
        var bytes: [UInt8] = []
        NBDOptionHeader(option: code, length: length ?? payload.count).encode(into: &bytes)
        send(bytes + payload)
    }

    func reply() -> (type: UInt32, data: [UInt8])? {
        let head = receive(20)
        guard head.count == 20 else { return nil }
        let (type, length) = head.withUnsafeBytes { ($0.big(12, as: UInt32.self), $0.big(16, as: UInt32.self)) }
        return (type, receive(Int(length)))
    }

    /// Into the transmission phase by EXPORT_NAME.
    func enter(_ export: String) {
        greet()
        option(NBD.Option.exportName, Array(export.utf8))
        _ = receive(10)
    }

    func request(_ header: NBDRequestHeader, _ payload: [UInt8] = []) {
        var bytes: [UInt8] = []
        header.encode(into: &bytes)
        send(bytes + payload)
    }

    func answer() -> (failure: UInt32, cookie: UInt64)? {
        let head = receive(16)
        guard head.count == 16 else { return nil }
        return head.withUnsafeBytes { ($0.big(4, as: UInt32.self), $0.big(8, as: UInt64.self)) }
    }
}

@Suite("NBD: clients that do not mean well")
struct HostileTests {
    static let name = "hrdg/hr_dv01"

    func door(_ replies: MemoryVolumes.Replies = .before) throws -> Door {
        try Door(MemoryVolumes([Self.name: 4 << 20], replies: replies))
    }

    @Test("random bytes at any stage end at most their own connection", .timeLimit(.minutes(1)))
    func fuzz() throws {
        let door = try door(.later)
        var random = SeededGenerator(seed: 42)
        for round in 0..<400 {
            let client = try RawClient(door.socket)
            switch round % 4 {
            case 0: break
            case 1: client.greet()
            case 2:
                client.greet()
                client.option(
                    UInt32.random(in: 0...11, using: &random),
                    random.bytes(Int.random(in: 0...200, using: &random))
                )
            default:
                client.enter(Self.name)
                for _ in 0..<Int.random(in: 0...20, using: &random) {
                    let header = NBDRequestHeader(
                        flags: UInt16.random(in: 0...31, using: &random),
                        command: UInt16.random(in: 0...8, using: &random),
                        cookie: random.next(),
                        offset: UInt64.random(in: 0...8 << 20, using: &random),
                        length: UInt32.random(in: 0...100_000, using: &random)
                    )
                    client.request(header, random.bytes(header.payloadLength))
                }
            }
            client.send(random.bytes(Int.random(in: 0...500, using: &random)))
        }
        door.waitUntilLeft()
        let client = try door.client()
        try client.write(at: 0, [5])
        #expect(try client.read(at: 0, count: 1) == [5])
        client.close()
        door.stop()
    }

    @Test(
        "options that are not spoken are refused, their payload read over, and the handshake goes on",
        .timeLimit(.minutes(1))
    )
    func unknownOptions() throws {
        let door = try door()
        let client = try RawClient(door.socket)
        client.greet()
        for code in [NBD.Option.startTLS, NBD.Option.structuredReply, 10, 77] as [UInt32] {
            client.option(code, [1, 2, 3])
            #expect(client.reply()?.type == NBD.OptionReply.unsupported)
        }
        client.option(NBD.Option.go, [UInt8](repeating: 0, count: 100_000))
        #expect(client.reply()?.type == NBD.OptionReply.tooBig)
        client.option(NBD.Option.list, [0])
        #expect(client.reply()?.type == NBD.OptionReply.invalid)
        client.option(NBD.Option.go, ProtocolTests.information(Array("nowhere".utf8), []))
        let unknown = client.reply()
        #expect(unknown?.type == NBD.OptionReply.unknown)
        let text = String(decoding: unknown?.data ?? [], as: UTF8.self)
        #expect(text.contains("no volume of that name"))
        client.option(NBD.Option.go, ProtocolTests.information(Array(Self.name.utf8), [3]))
        #expect(client.reply()?.type == NBD.OptionReply.info)
        let blocks = client.reply()?.data
        #expect(blocks == [0, 3, 0, 0, 0, 1, 0, 0, 16, 0, 2, 0, 0, 0])
        #expect(client.reply()?.type == NBD.OptionReply.ack)
        door.stop()
    }

    @Test("lengths beyond every limit and wrong magics end the connection", .timeLimit(.minutes(1)))
    func dropped() throws {
        let door = try door()
        let huge = try RawClient(door.socket)
        huge.greet()
        huge.option(NBD.Option.go, [], length: 0xFFFF_FFFF)
        #expect(huge.reply() == nil)
        let flags = try RawClient(door.socket)
        _ = flags.receive(18)
        flags.send([0, 0, 0x80, 3])
        #expect(flags.receive(1).isEmpty)
        let magic = try RawClient(door.socket)
        magic.enter(Self.name)
        magic.send([UInt8](repeating: 0xAA, count: 28))
        #expect(magic.answer() == nil)
        let name = try RawClient(door.socket)
        name.greet()
        name.option(NBD.Option.exportName, Array("nowhere".utf8))
        #expect(name.receive(1).isEmpty)
        door.waitUntilLeft()
        door.stop()
    }

    @Test("who chooses no export loses its connection, who has one may be silent for longer", .timeLimit(.minutes(1)))
    func silent() async throws {
        let door = try Door(MemoryVolumes([Self.name: 4 << 20]), handshakeSeconds: 1)
        let quiet = try door.client()
        nonisolated(unsafe) let mute = try RawClient(door.socket)
        nonisolated(unsafe) let asking = try RawClient(door.socket)
        asking.greet()
        asking.option(NBD.Option.list, [])
        // To the end of the stream, or of this client's own patience; not on a thread of the pool, which others need.
        let greeting = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let greeting = mute.receive(100).count
                _ = asking.receive(1000)
                continuation.resume(returning: greeting)
            }
        }
        #expect(greeting == 18)
        #expect(door.server.connectionCount == 1)
        try quiet.write(at: 0, [5])
        #expect(try quiet.read(at: 0, count: 1) == [5])
        quiet.close()
        door.stop()
    }

    @Test("requests that are refused are answered, and the stream stays in step", .timeLimit(.minutes(1)))
    func refusedRequests() throws {
        let door = try door()
        let client = try RawClient(door.socket)
        client.enter(Self.name)
        let tooLong = (32 << 20) + 4096
        client.request(
            NBDRequestHeader(command: 1, cookie: 1, length: UInt32(tooLong)),
            [UInt8](repeating: 1, count: tooLong)
        )
        #expect(client.answer() ?? (0, 0) == (22, 1))
        client.request(
            NBDRequestHeader(command: 1, cookie: 2, offset: 4 << 20, length: 70_000),
            [UInt8](repeating: 1, count: 70_000)
        )
        #expect(client.answer() ?? (0, 0) == (28, 2))
        client.request(NBDRequestHeader(command: 0, cookie: 3, length: .max))
        #expect(client.answer() ?? (0, 0) == (22, 3))
        client.request(NBDRequestHeader(command: 99, cookie: 4, length: 4096))
        #expect(client.answer() ?? (0, 0) == (22, 4))
        client.request(NBDRequestHeader(flags: 16, command: 6, cookie: 5, length: 4096))
        #expect(client.answer() ?? (0, 0) == (95, 5))
        client.request(NBDRequestHeader(command: 1, cookie: 6, length: 3), [7, 8, 9])
        #expect(client.answer() ?? (1, 0) == (0, 6))
        #expect(door.volumes.bytes(Self.name, 0..<3) == [7, 8, 9])
        door.stop()
    }

    @Test("a request that comes byte by byte is carried out once, when it is whole", .timeLimit(.minutes(1)))
    func slow() throws {
        let door = try door()
        let client = try RawClient(door.socket)
        client.enter(Self.name)
        var bytes: [UInt8] = []
        NBDRequestHeader(command: 1, cookie: 9, offset: 5, length: 6).encode(into: &bytes)
        for byte in bytes + Array("abcdef".utf8) { client.send([byte]) }
        #expect(client.answer() ?? (1, 0) == (0, 9))
        #expect(door.volumes.bytes(Self.name, 5..<11) == Array("abcdef".utf8))
        door.stop()
    }

    @Test("a client that stalls in a large payload does not keep back what came before", .timeLimit(.minutes(1)))
    func stalled() throws {
        let door = try door()
        let client = try RawClient(door.socket)
        client.enter(Self.name)
        client.request(NBDRequestHeader(command: 1, cookie: 1, length: 1), [3])
        client.request(NBDRequestHeader(command: 1, cookie: 2, length: 1 << 20), [1, 2, 3])
        #expect(client.answer() ?? (1, 0) == (0, 1))
        #expect(door.volumes.bytes(Self.name, 0..<1) == [3])
        door.stop()
        #expect(door.volumes.count(.write) == 1)
    }

    @Test(
        "clients that vanish in mid-request leave no session and no memory",
        .timeLimit(.minutes(1)),
        arguments: [false, true]
    )
    func vanished(late: Bool) throws {
        let door = try door(late ? .later : .before)
        for length in [0, 1, 27, 28, 29, 5000, 100_000, 900_000] {
            let client = try RawClient(door.socket)
            client.enter(Self.name)
            for cookie in 0..<50 as Range<UInt64> {
                client.request(
                    NBDRequestHeader(command: 1, cookie: cookie, offset: cookie * 4096, length: 4096),
                    [UInt8](repeating: 1, count: 4096)
                )
                client.request(NBDRequestHeader(command: 0, cookie: 1000 + cookie, length: 512))
                if cookie % 8 == 7 { break }
            }
            var bytes: [UInt8] = []
            NBDRequestHeader(command: 1, cookie: 7, length: 1 << 20).encode(into: &bytes)
            client.send(Array((bytes + [UInt8](repeating: 1, count: 1 << 20)).prefix(length)))
        }
        door.waitUntilLeft()
        #expect(door.volumes.open == 0)
        door.stop()
    }

    @Test("a client that reads no replies holds up neither others nor the end", .timeLimit(.minutes(1)))
    func unread() throws {
        let door = try door(.later)
        let deaf = try RawClient(door.socket)
        deaf.enter(Self.name)
        _ = fcntl(deaf.descriptor, F_SETFL, O_NONBLOCK)
        var bytes: [UInt8] = []
        for cookie in 0..<4000 as Range<UInt64> {
            NBDRequestHeader(command: 1, cookie: cookie, length: 1).encode(into: &bytes)
            bytes.append(1)
            NBDRequestHeader(command: 0, cookie: cookie, length: 65536).encode(into: &bytes)
        }
        deaf.send(bytes)
        let client = try door.client()
        for number in 0..<200 as Range<UInt64> { try client.write(at: number, [1]) }
        try client.flush()
        client.close()
        door.stop()
    }

    @Test("every reply comes once when sessions answer from another thread", .timeLimit(.minutes(1)))
    func late() throws {
        let door = try door(.later)
        let client = try RawClient(door.socket)
        client.enter(Self.name)
        var expected: Set<UInt64> = []
        for cookie in 0..<3000 as Range<UInt64> {
            client.request(
                NBDRequestHeader(command: 1, cookie: cookie, offset: cookie * 512, length: 512),
                [UInt8](repeating: 1, count: 512)
            )
            expected.insert(cookie)
        }
        for _ in 0..<3000 {
            let (failure, cookie) = try #require(client.answer())
            #expect(failure == 0)
            #expect(expected.remove(cookie) != nil)
        }
        #expect(expected.isEmpty)
        door.stop()
    }
}
