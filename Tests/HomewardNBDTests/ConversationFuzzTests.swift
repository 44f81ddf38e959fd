import FuzzSupport
import HomewardCore
import HomewardNBD
import Testing

/// Whole conversations over the data door, valid but for what was changed in them.
///
/// Goal: a client ends at most its own connection; no session and no memory is left; and a client beside it reads what it
/// wrote, whatever the other says.
/// Method: greeting, options and requests are built as a client builds them, then changed in a few bytes, cut short, sent in
/// pieces, or followed by an abrupt end.
@Suite("NBD: forged conversations", .timeLimit(.minutes(20)))
struct ConversationFuzzTests {
    private static let name = "hrdg/hr_dv01"
    /// The stretch that only the honest client writes; the others stay below it.
    private static let own: UInt64 = 3 << 20

    private func option(_ code: UInt32, _ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        NBDOptionHeader(option: code, length: payload.count).encode(into: &bytes)
        return bytes + payload
    }

    private func handshake(_ random: inout FuzzGenerator) -> [UInt8] {
        let information = ProtocolTests.information(Array(Self.name.utf8), [0, 3])
        var bytes: [UInt8] = [0, 0, 0, random.chance(8) ? 1 : 3]
        for _ in 0..<random.below(4) {
            let code = random.pick([
                NBD.Option.list, NBD.Option.info, NBD.Option.startTLS, NBD.Option.structuredReply,
                UInt32(random.below(16)),
            ])
            let payload = code == NBD.Option.info ? information : random.bytes(random.below(40))
            bytes += option(code, payload)
        }
        return bytes + option(NBD.Option.go, information)
    }

    private func requests(_ random: inout FuzzGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for cookie in 0..<UInt64(random.below(12)) {
            let header = NBDRequestHeader(
                flags: random.chance(3) ? UInt16(truncatingIfNeeded: random.word()) : 0,
                command: random.chance(6) ? UInt16(truncatingIfNeeded: random.word()) : UInt16(random.below(8)),
                cookie: cookie,
                offset: random.chance(5) ? random.word() : UInt64(random.below(2 << 20)),
                length: random.chance(5) ? UInt32(truncatingIfNeeded: random.word()) : UInt32(random.below(70_000))
            )
            // What is announced, or less: a length that lies takes what follows for its payload.
            let count = random.chance(8) ? random.below(2_000) : min(header.payloadLength, 70_000)
            header.encode(into: &bytes)
            if header.payloadLength > 0 { bytes += [UInt8](repeating: 0xEE, count: count) }
        }
        return bytes
    }

    @Test("a conversation that is not quite valid ends at most its own connection")
    func conversations() throws {
        let door = try Door(MemoryVolumes([Self.name: 4 << 20], replies: .later))
        let honest = try door.client()
        var written: UInt8 = 1
        try Fuzz.run("conversations", 250, cost: 10) { random in
            let client = try RawClient(door.socket)
            var bytes = handshake(&random)
            if random.chance(3) { bytes = random.mutate(bytes) }
            let talk = requests(&random)
            bytes += random.chance(2) ? random.mutate(talk) : talk
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(random.chance(3) ? 1 + random.below(50) : rest.count)
                rest = rest.dropFirst(piece.count)
                guard client.send(Array(piece)) else { break }
            }
            if random.chance(3) { client.finish() }

            written = written == 250 ? 1 : written + 1
            try honest.write(at: Self.own, [UInt8](repeating: written, count: 4096))
            let read = try honest.read(at: Self.own, count: 4096)
            // A changed offset may have hit it; what is read is one of the two, and never a mixture from elsewhere.
            #expect(read.allSatisfy { $0 == written || $0 == 0xEE || $0 == 0 }, "seed \(random.seed)")
        }
        honest.close()
        door.waitUntilLeft()
        door.stop()
    }
}
