import FuzzSupport
import HomewardCore
import HomewardNBD
import Testing

/// The client and servers that do not mean well, or that are none.
///
/// Goal: whatever a server says, a client ends with a refusal that names the volume, or with what it asked for; it never
/// traps, and no server keeps it for ever or makes it take in without end.
/// Method: greeting, answers and replies are built as a server builds them, then changed in a few bytes, cut short, put out
/// of order, or repeated; the client goes through the same calls each time.
@Suite("NBD: forged servers", .timeLimit(.minutes(10)))
struct ForgedServerFuzzTests {
    private static let name = "hrdg/hr_dv01"

    private static func reply(_ failure: UInt32, _ cookie: UInt64, _ data: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: NBD.replyMagic)
        bytes.append(big: failure)
        bytes.append(big: cookie)
        return bytes + data
    }

    private static func export(_ size: UInt64, _ flags: UInt16 = 1, option: UInt32 = NBD.Option.go) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: NBD.Info.export)
        bytes.append(big: size)
        bytes.append(big: flags)
        return NBDAnswer.reply(NBD.OptionReply.info, to: option, bytes)
    }

    private static func server(_ name: [UInt8], length: Int? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: UInt32(length ?? name.count))
        return NBDAnswer.reply(NBD.OptionReply.server, to: NBD.Option.list, bytes + name)
    }

    /// An answer to GO or LIST that is not quite the right one.
    private func strangeAnswer(_ random: inout FuzzGenerator, to option: UInt32) -> [UInt8] {
        switch random.below(8) {
        case 0: return Self.export(random.word(), UInt16(truncatingIfNeeded: random.word()), option: option)
        case 1: return NBDAnswer.reply(UInt32(truncatingIfNeeded: random.word()), to: option, random.bytes(20))
        case 2: return NBDAnswer.reply(NBD.OptionReply.info, to: option, random.bytes(random.below(14)))
        case 3: return Self.server(random.bytes(random.below(30)), length: random.chance(2) ? random.below(99) : nil)
        case 4:
            let text = ["no", "[", "x [fenced] (hint: y)", "x] (hint: )", " [io-error] (hint: ", "[fenced] (hint: )"]
            let type = random.pick([NBD.OptionReply.unknown, NBD.OptionReply.policy, NBD.OptionReply.unsupported])
            let rest = random.chance(4) ? random.bytes(random.below(3)) : []
            return NBDAnswer.reply(type, to: option, Array(random.pick(text).utf8) + rest)
        case 5: return NBDAnswer.reply(NBD.OptionReply.info, to: random.chance(2) ? 3 : 7, [0, 2] + random.bytes(9))
        case 6: return NBDAnswer.reply(NBD.OptionReply.info, to: option, [UInt8](repeating: 0, count: 65_536))
        default:
            // The length lies.
            var bytes: [UInt8] = []
            bytes.append(big: NBD.optionReplyMagic)
            for word in [option, NBD.OptionReply.info, UInt32(truncatingIfNeeded: random.word())] {
                bytes.append(big: word)
            }
            return bytes + random.bytes(random.below(40))
        }
    }

    private func handshake(_ random: inout FuzzGenerator, lists: Bool) -> [UInt8] {
        var bytes = NBDAnswer.greeting()
        if random.chance(12) { bytes = random.mutate(bytes) }
        let option = lists ? NBD.Option.list : NBD.Option.go
        if lists {
            for _ in 0..<random.below(4) { bytes += Self.server(Array(Self.name.utf8)) }
        } else {
            bytes += Self.export(1 << 20, random.chance(6) ? 3 : 1)
        }
        if random.chance(4) { bytes += strangeAnswer(&random, to: option) }
        return bytes + NBDAnswer.reply(NBD.OptionReply.ack, to: option)
    }

    /// Replies to what ``talk(_:)`` asks for, in the order of its cookies but for what was changed.
    private func replies(_ random: inout FuzzGenerator) -> [UInt8] {
        var list = (1...8 as ClosedRange<UInt64>).map { cookie in
            let failure = random.chance(12) ? UInt32(truncatingIfNeeded: random.word()) : 0
            return Self.reply(failure, cookie, cookie == 1 && failure == 0 ? random.bytes(4096) : [])
        }
        switch random.below(6) {
        case 0: list.swapAt(random.below(list.count), random.below(list.count))
        case 1: list.insert(random.pick(list), at: random.below(list.count))
        case 2: list.remove(at: random.below(list.count))
        case 3: list.insert(Self.reply(0, random.word()), at: random.below(list.count))
        default: break
        }
        let bytes = list.flatMap { $0 }
        return random.chance(3) ? random.mutate(bytes) : bytes
    }

    /// Every call of a client once; how many of them were answered.
    private func talk(_ client: NBDClient) throws -> Int {
        var answered = 0
        func call(_ body: () throws -> Void) throws {
            do {
                try body()
                answered += 1
            } catch let refusal as Refusal {
                try expect(refusal)
            }
        }
        try call {
            let bytes = try client.read(at: 0, count: 4096)
            #expect(bytes.count == 4096)
        }
        try call { try client.write(at: 0, [1, 2, 3]) }
        try call {
            try client.submit((0..<3).map { ClientWrite(offset: $0 << 12, bytes: [UInt8](repeating: 1, count: 4096)) })
        }
        try call { try client.zero(at: 0, count: 4096) }
        try call { try client.trim(at: 0, count: 4096) }
        try call { try client.flush() }
        client.close()
        return answered
    }

    private func expect(_ refusal: Refusal) throws {
        #expect(!refusal.object.isEmpty, "\(refusal)")
        #expect(refusal.message.utf8.count <= 1 << 18, "\(refusal.code)")
    }

    @Test("a server that is not quite one ends at most the session of its client, with a refusal")
    func conversations() throws {
        let server = try FakeServer()
        var codes: Set<RefusalCode> = []
        var answered: Set<Int> = []
        var (listed, opened) = (0, 0)
        try Fuzz.run("forged-servers", 600, cost: 4) { random in
            let lists = random.chance(4)
            var bytes = handshake(&random, lists: lists)
            if random.chance(8) { bytes = random.mutate(bytes) }
            if !lists { bytes += replies(&random) }
            if random.chance(6) { bytes = Array(bytes.prefix(random.below(bytes.count))) }
            let readOnly = random.chance(3)
            _ = try server.serve(Speech(bytes: bytes)) {
                do {
                    if lists {
                        let names = try NBDClient.exports(socketPath: server.socket, handshakeSeconds: 10)
                        #expect(names.count < 100, "seed \(random.seed)")
                        listed += 1
                    } else {
                        let client = try NBDClient.connect(
                            socketPath: server.socket,
                            export: Self.name,
                            readOnly: readOnly,
                            handshakeSeconds: 10
                        )
                        opened += 1
                        answered.insert(try talk(client))
                    }
                } catch let refusal as Refusal {
                    try expect(refusal)
                    codes.insert(refusal.code)
                }
            }
        }
        // That the rounds were not all turned away at the first byte.
        guard Fuzz.rounds(600, cost: 4) >= 300 else { return }
        #expect(listed > 30 && opened > 100, "\(listed) \(opened)")
        #expect(answered.isSuperset(of: [0, 1, 2, 6]), "\(answered)")
        #expect(codes.isSuperset(of: [.ioError, .badFormat, .unknownVolume, .fenced]), "\(codes)")
    }

    @Test("a server whose answers have no end is hung up on, and what was taken from it is bounded")
    func endless() throws {
        let server = try FakeServer()
        let note = NBDAnswer.reply(NBD.OptionReply.info, to: NBD.Option.go, [0, 2] + Array("note".utf8))
        let refrains = [
            note, NBDAnswer.reply(NBD.OptionReply.info, to: NBD.Option.go),
            NBDAnswer.reply(NBD.OptionReply.info, to: NBD.Option.go, [UInt8](repeating: 0, count: 60_000)),
        ]
        for refrain in refrains {
            // Some at once, so that the server is not what is slow.
            let many = Array(repeatElement(refrain, count: 1 + 65_536 / refrain.count).joined())
            let said = try server.serve(Speech(bytes: NBDAnswer.greeting() + Self.export(1 << 20), refrain: many)) {
                let refusal = #expect(throws: Refusal.self) {
                    try NBDClient.connect(socketPath: server.socket, export: Self.name)
                }
                #expect(refusal?.code == .badFormat, "\(String(describing: refusal))")
            }
            #expect(said < Speech.longest / 4, "\(said)")
        }
        for name in [[], Array(Self.name.utf8)] {
            let many = Array(repeatElement(Self.server(name), count: 1000).joined())
            let said = try server.serve(Speech(bytes: NBDAnswer.greeting(), refrain: many)) {
                let refusal = #expect(throws: Refusal.self) { try NBDClient.exports(socketPath: server.socket) }
                #expect(refusal?.code == .badFormat, "\(String(describing: refusal))")
            }
            #expect(said < Speech.longest / 4, "\(said)")
        }
    }

    @Test("a server that falls silent before a volume is open, or says a byte now and then, is given up")
    func silent() throws {
        let server = try FakeServer()
        let greeting = NBDAnswer.greeting()
        let answer = Self.export(1 << 20) + NBDAnswer.reply(NBD.OptionReply.ack, to: NBD.Option.go)
        var speeches = [
            0, 9, greeting.count, greeting.count + 12, greeting.count + 20, greeting.count + answer.count - 1,
        ]
        .map { Speech(bytes: Array((greeting + answer).prefix($0)), stays: true) }
        speeches.append(Speech(bytes: greeting + answer.prefix(16) + [0, 0, 0xFF, 0], refrain: [0], pause: 20_000))
        for speech in speeches {
            _ = try server.serve(speech) {
                let refusal = #expect(throws: Refusal.self) {
                    try NBDClient.connect(
                        socketPath: server.socket,
                        export: Self.name,
                        readOnly: false,
                        handshakeSeconds: 1
                    )
                }
                #expect(refusal?.code == .timedOut, "\(speech.bytes.count): \(String(describing: refusal))")
                #expect(refusal?.message.contains("1 s") == true && refusal?.object == Self.name)
            }
        }
        _ = try server.serve(Speech(bytes: greeting, stays: true)) {
            let refusal = #expect(throws: Refusal.self) {
                try NBDClient.exports(socketPath: server.socket, handshakeSeconds: 1)
            }
            #expect(refusal?.code == .timedOut, "\(String(describing: refusal))")
        }
    }

    @Test("a volume longer than any file is not opened")
    func tooLong() throws {
        let server = try FakeServer()
        for size in [UInt64(Int64.max) + 1, .max] {
            let answer = Self.export(size) + NBDAnswer.reply(NBD.OptionReply.ack, to: NBD.Option.go)
            _ = try server.serve(Speech(bytes: NBDAnswer.greeting() + answer)) {
                let refusal = #expect(throws: Refusal.self) {
                    try NBDClient.connect(socketPath: server.socket, export: Self.name)
                }
                #expect(refusal?.code == .badFormat, "\(String(describing: refusal))")
            }
        }
    }

    @Test("a failure that is no errno is told like one", arguments: [.max, 1 << 31, 4096] as [UInt32])
    func strangeFailure(code: UInt32) throws {
        let server = try FakeServer()
        let answer = Self.export(1 << 20) + NBDAnswer.reply(NBD.OptionReply.ack, to: NBD.Option.go)
        let replies = Self.reply(code, 1) + Self.reply(code, 2)
        _ = try server.serve(Speech(bytes: NBDAnswer.greeting() + answer + replies)) {
            let client = try NBDClient.connect(socketPath: server.socket, export: Self.name)
            defer { client.close() }
            for call in [{ try client.write(at: 0, [1]) }, { try client.flush() }] {
                let refusal = #expect(throws: Refusal.self) { try call() }
                #expect(refusal?.code == .ioError, "\(String(describing: refusal))")
            }
        }
    }

    @Test("one reply does not count for two writes, whichever order they come in")
    func repliedTwice() throws {
        let server = try FakeServer()
        let answer = Self.export(1 << 20) + NBDAnswer.reply(NBD.OptionReply.ack, to: NBD.Option.go)
        let writes = (0..<2).map { ClientWrite(offset: $0 << 12, bytes: [1]) }
        for (cookies, isTaken) in [([1, 1], false), ([2, 2], false), ([2, 1], true), ([1, 2], true)] {
            let replies = cookies.flatMap { Self.reply(0, UInt64($0)) }
            _ = try server.serve(Speech(bytes: NBDAnswer.greeting() + answer + replies)) {
                let client = try NBDClient.connect(socketPath: server.socket, export: Self.name)
                defer { client.close() }
                if isTaken { return try client.submit(writes) }
                let refusal = #expect(throws: Refusal.self) { try client.submit(writes) }
                #expect(refusal?.code == .ioError && refusal?.message.contains("twice") == true)
            }
        }
    }
}
