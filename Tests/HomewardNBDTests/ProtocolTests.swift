import HomewardCore
import HomewardNBD
import Testing

@Suite("NBD: bytes and rules", .timeLimit(.minutes(1)))
struct ProtocolTests {
    static func information(_ name: [UInt8], _ wanted: [UInt16], count: UInt16? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: UInt32(name.count))
        bytes += name
        bytes.append(big: count ?? UInt16(wanted.count))
        for type in wanted { bytes.append(big: type) }
        return bytes
    }

    func option(_ code: UInt32, _ payload: [UInt8]) -> NBDOption {
        payload.withUnsafeBytes { NBDOption(code, payload: $0) }
    }

    func isMalformed(_ option: NBDOption) -> Bool {
        if case .malformed = option { return true }
        return false
    }

    @Test("GO and INFO carry the whole name and what is wanted")
    func information() {
        let payload = Self.information(Array("hrdg/hr_dv01".utf8), [3, 1])
        #expect(option(7, payload) == .info(name: "hrdg/hr_dv01", wanted: [3, 1], open: true))
        #expect(option(6, payload) == .info(name: "hrdg/hr_dv01", wanted: [3, 1], open: false))
    }

    @Test("every cut of a GO is malformed, and so is one byte too many")
    func cutInformation() {
        let payload = Self.information(Array("hrdg/hr_dv01".utf8), [3])
        for length in 0..<payload.count { #expect(isMalformed(option(7, Array(payload.prefix(length))))) }
        #expect(isMalformed(option(7, payload + [0])))
    }

    @Test("lengths that lie, names that are too long or not UTF-8, are malformed")
    func hostileInformation() {
        #expect(isMalformed(option(7, [0xFF, 0xFF, 0xFF, 0xFF, 0, 0])))
        #expect(isMalformed(option(7, Self.information([UInt8](repeating: 97, count: 4097), []))))
        #expect(isMalformed(option(7, Self.information([0xFF, 0xFE], []))))
        #expect(isMalformed(option(7, Self.information(Array("a".utf8), [3], count: 9))))
        #expect(isMalformed(option(1, [UInt8](repeating: 97, count: 4097))))
        #expect(isMalformed(option(3, [1])))
    }

    @Test(
        "STARTTLS, structured replies and unknown options are not spoken",
        arguments: [4, 5, 8, 9, 10, 11, 999] as [UInt32]
    )
    func unsupported(code: UInt32) { #expect(option(code, []) == .unsupported) }

    @Test("random options never trap")
    func randomOptions() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            _ = option(UInt32.random(in: 0...12, using: &random), random.bytes(Int.random(in: 0...64, using: &random)))
        }
    }

    @Test("a request's head reads back as it was written, and needs its magic")
    func requestHeader() {
        let header = NBDRequestHeader(
            flags: 1,
            command: 1,
            cookie: 0x0102_0304_0506_0708,
            offset: 1 << 40,
            length: 4096
        )
        var bytes: [UInt8] = []
        header.encode(into: &bytes)
        #expect(bytes.count == 28)
        #expect(bytes.withUnsafeBytes { NBDRequestHeader($0) } == header)
        bytes[0] ^= 1
        #expect(bytes.withUnsafeBytes { NBDRequestHeader($0) } == nil)
    }

    @Test("each command is judged by its flags, its range and the session")
    func admission() {
        func judge(
            _ command: UInt16,
            _ flags: UInt16 = 0,
            _ offset: UInt64 = 0,
            _ length: UInt32 = 4096,
            readOnly: Bool = false
        ) -> NBDRequestHeader.Admission {
            NBDRequestHeader(flags: flags, command: command, cookie: 1, offset: offset, length: length)
                .admission(size: 64 << 20, isReadOnly: readOnly)
        }
        #expect(judge(0) == .read)
        #expect(judge(0, 1) == .read)
        #expect(judge(0, 4) == .answer(.invalid))
        #expect(judge(0, 0, 64 << 20) == .answer(.invalid))
        #expect(judge(0, 0, .max) == .answer(.invalid))
        #expect(judge(0, 0, 0, (32 << 20) + 1) == .answer(.invalid))
        #expect(judge(0, 0, 64 << 20, 0) == .answer(.success))
        #expect(judge(1) == .change(.write, forceUnitAccess: false))
        #expect(judge(1, 1) == .change(.write, forceUnitAccess: true))
        #expect(judge(1, 0, 64 << 20) == .answer(.noSpace))
        #expect(judge(1, 0, .max - 4) == .answer(.noSpace))
        #expect(judge(1, 0, 0, .max) == .answer(.invalid))
        #expect(judge(1, readOnly: true) == .answer(.notPermitted))
        #expect(judge(2) == .disconnect)
        #expect(judge(3, 0, 0, 0, readOnly: true) == .change(.flush, forceUnitAccess: false))
        #expect(judge(4, 1) == .change(.trim, forceUnitAccess: true))
        #expect(judge(4, 2) == .answer(.invalid))
        #expect(judge(6) == .change(.zeroes(keepAllocated: false), forceUnitAccess: false))
        #expect(judge(6, 3) == .change(.zeroes(keepAllocated: true), forceUnitAccess: true))
        #expect(judge(6, 16) == .answer(.notSupported))
        #expect(judge(6, 0, 0, 64 << 20) == .change(.zeroes(keepAllocated: false), forceUnitAccess: false))
        #expect(judge(5) == .answer(.invalid))
        #expect(judge(7) == .answer(.invalid))
        #expect(judge(.max) == .answer(.invalid))
    }

    @Test("flags of an export: nothing that writes on one that is read only")
    func flags() {
        #expect(NBDExportDescription(size: 1, isReadOnly: false).transmissionFlags == 0b1_0110_1101)
        #expect(NBDExportDescription(size: 1, isReadOnly: true).transmissionFlags == 0b1_0000_0111)
    }

    @Test("the answer to EXPORT_NAME is padded unless both ends agreed to do without")
    func exportName() {
        let export = NBDExportDescription(size: 1 << 20, isReadOnly: false)
        #expect(NBDAnswer.exportName(export, noZeroes: true).count == 10)
        #expect(NBDAnswer.exportName(export, noZeroes: false).count == 134)
    }

    @Test("block sizes are answered when asked for, and only then")
    func blockSizes() {
        let export = NBDExportDescription(size: 1, isReadOnly: false)
        #expect(NBDAnswer.information(export, name: "a", wanted: [], option: 7).count == 20 + 12 + 20)
        #expect(NBDAnswer.information(export, name: "a", wanted: [3], option: 7).count == 20 + 12 + 20 + 14 + 20)
    }

    @Test("a text that is too long is cut to valid UTF-8 within the limit")
    func longText() {
        let bytes = NBDAnswer.refusal(NBD.OptionReply.policy, to: 7, String(repeating: "ü", count: 5000))
        #expect(bytes.count <= 20 + NBDLimits.name)
        #expect(String(validating: bytes.dropFirst(20), as: UTF8.self) != nil)
    }

    @Test("a refusal survives the handshake's one line of text")
    func refusalText() {
        let refusal = Refusal(
            .fenced,
            "hrdg/hr_dv01",
            "the RVG [hr_rvg] is fenced (since 3 s)",
            hint: "homeward vradmin -g hrdg (x)"
        )
        #expect(RefusalText.decode(RefusalText.encode(refusal), object: "hrdg/hr_dv01") == refusal)
        #expect(RefusalText.decode("", object: "") == nil)
        #expect(RefusalText.decode("no such export", object: "") == nil)
        #expect(RefusalText.decode("x [what-is-this] (hint: y)", object: "") == nil)
    }

    @Test("failures of a session become the errno that a block device has")
    func failures() {
        let refusal = Refusal(.ioError, "a", "b", hint: "c")
        #expect(NBD.Failure(.outOfRange, isWrite: true).rawValue == 28)
        #expect(NBD.Failure(.outOfRange, isWrite: false).rawValue == 22)
        #expect(NBD.Failure(.readOnly, isWrite: true).rawValue == 1)
        #expect(NBD.Failure(.io(refusal), isWrite: true).rawValue == 5)
        #expect(NBD.Failure(.shuttingDown, isWrite: true).rawValue == 108)
    }
}
