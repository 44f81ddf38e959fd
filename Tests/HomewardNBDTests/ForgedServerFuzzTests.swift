import HomewardCore
import HomewardNBD
import Testing

/// The client and servers that do not mean well, or that are none.
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
}
