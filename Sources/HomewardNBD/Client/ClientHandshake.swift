import CPlatform
import Glibc
import HomewardCore

/// Carries a client from the socket to the transmission phase, or to the list of exports.
///
/// Whatever listens at the socket, all of it is over by a deadline, and takes no more than so many bytes from the server.
struct ClientHandshake {
    let descriptor: Int32
    private let export: String
    private let seconds: Int
    /// When it has to be over, on the monotonic clock.
    private let end: UInt64
    /// What the server may still say.
    private var room = NBDLimits.answers

    /// Connects and exchanges greetings.
    init(socketPath: String, export: String, seconds: Int) throws(Refusal) {
        self.export = export
        self.seconds = seconds
        end = homeward_monotonic_nanoseconds() + UInt64(seconds) * 1_000_000_000
        let code = homeward_connect_unix(socketPath)
        guard code != -ENAMETOOLONG else {
            throw Refusal(
                .socketPathTooLong,
                socketPath,
                "the socket's path has \(socketPath.utf8.count) bytes, and the system allows "
                    + "\(homeward_unix_path_limit())",
                hint: "use a host directory with a shorter path"
            )
        }
        guard code >= 0 else {
            throw Refusal(
                .daemonUnreachable,
                socketPath,
                "connecting failed: \(systemText(code))",
                hint: "start the daemon: homeward serve --config host.lua"
            )
        }
        descriptor = code
        var flags: [UInt8] = []
        flags.append(big: UInt32(NBD.fixedNewstyle | NBD.noZeroes))
        let greeting = try receive(18)
        guard sendBytes(descriptor, flags) else { throw lost() }
        let needed = NBD.fixedNewstyle | NBD.noZeroes
        let isSpoken = greeting.withUnsafeBytes {
            $0.big(0, as: UInt64.self) == NBD.greetingMagic && $0.big(8, as: UInt64.self) == NBD.optionMagic
                && $0.big(16, as: UInt16.self) & needed == needed
        }
        guard isSpoken else { throw senseless() }
    }

    func close() { _ = homeward_close(descriptor) }

    /// GO: the export's description, or what the server refuses it with.
    ///
    /// Closes the socket when it throws.
    mutating func open() throws(Refusal) -> NBDExportDescription {
        var payload: [UInt8] = []
        payload.append(big: UInt32(export.utf8.count))
        payload.append(contentsOf: export.utf8)
        payload.append(big: UInt16(1))
        payload.append(big: NBD.Info.description)
        try send(NBD.Option.go, payload)
        var description: NBDExportDescription?
        var note = ""
        while true {
            let (type, data) = try receiveReply(NBD.Option.go)
            if NBD.OptionReply.isError(type) { throw refused(type, data) }
            if type == NBD.OptionReply.ack { break }
            let found: NBDExportDescription? = data.withUnsafeBytes { bytes in
                guard type == NBD.OptionReply.info, bytes.count >= 2 else { return nil }
                switch bytes.big(0, as: UInt16.self) {
                case NBD.Info.export where bytes.count == 12:
                    let flags = bytes.big(10, as: UInt16.self)
                    let isReadOnly = flags & NBD.TransmissionFlag.readOnly != 0
                    return NBDExportDescription(size: bytes.big(2, as: UInt64.self), isReadOnly: isReadOnly)
                case NBD.Info.description:
                    note = bytes.text(2..<bytes.count) ?? ""
                    return nil
                default: return nil
                }
            }
            description = found ?? description
        }
        // No volume is longer than a file can be.
        guard var description, description.size <= UInt64(Int64.max) else { throw senseless() }
        description.note = note
        // With a volume open a server may be silent for as long as a write is held back.
        setPatience(descriptor, milliseconds: 0)
        return description
    }

    /// LIST.
    ///
    /// Closes the socket in any case.
    mutating func list() throws(Refusal) -> [String] {
        try send(NBD.Option.list, [])
        var names: [String] = []
        while true {
            let (type, data) = try receiveReply(NBD.Option.list)
            if type == NBD.OptionReply.ack { break }
            let name = data.withUnsafeBytes { bytes -> String? in
                guard type == NBD.OptionReply.server, bytes.count >= 4 else { return nil }
                let length = Int(bytes.big(0, as: UInt32.self))
                return length <= bytes.count - 4 ? bytes.text(4..<4 + length) : nil
            }
            guard let name else { throw senseless() }
            names.append(name)
        }
        var farewell: [UInt8] = []
        NBDOptionHeader(option: NBD.Option.abort, length: 0).encode(into: &farewell)
        _ = sendBytes(descriptor, farewell)
        close()
        return names
    }

    private func send(_ option: UInt32, _ payload: [UInt8]) throws(Refusal) {
        var bytes: [UInt8] = []
        NBDOptionHeader(option: option, length: payload.count).encode(into: &bytes)
        guard sendBytes(descriptor, bytes + payload) else { throw lost() }
    }

    private mutating func receiveReply(_ option: UInt32) throws(Refusal) -> (type: UInt32, data: [UInt8]) {
        let head = try receive(NBD.optionReplyHeaderLength)
        let (magic, echoed, type, length) = head.withUnsafeBytes {
            (
                $0.big(0, as: UInt64.self), $0.big(8, as: UInt32.self), $0.big(12, as: UInt32.self),
                $0.big(16, as: UInt32.self)
            )
        }
        guard magic == NBD.optionReplyMagic, echoed == option, length <= 1 << 16 else { throw senseless() }
        return (type, try receive(Int(length)))
    }

    /// The next bytes, which come before the deadline however slowly they do, and within what the server may say.
    private mutating func receive(_ count: Int) throws(Refusal) -> [UInt8] {
        room -= count
        guard room >= 0 else { throw senseless() }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let now = homeward_monotonic_nanoseconds()
            guard now < end else { throw late() }
            setPatience(descriptor, milliseconds: Int((end - now) / 1_000_000) + 1)
            let got = bytes.withUnsafeMutableBytes { buffer in
                homeward_receive(descriptor, buffer.baseAddress.map { $0 + done }, count - done)
            }
            if got == Int64(-EAGAIN) { continue }
            guard got > 0 else { throw lost() }
            done += Int(got)
        }
        return bytes
    }

    private func refused(_ type: UInt32, _ data: [UInt8]) -> Refusal {
        close()
        let text = String(decoding: data, as: UTF8.self)
        if let refusal = RefusalText.decode(text, object: export) { return refusal }
        let code: RefusalCode = type == NBD.OptionReply.unknown ? .unknownVolume : .ioError
        return Refusal(code, export, text.isEmpty ? "the server refused the export" : text, hint: "homeward vol list")
    }

    private func lost() -> Refusal {
        close()
        return Refusal(
            .ioError,
            export,
            "the connection was lost during the handshake",
            hint: "see whether the daemon runs"
        )
    }

    private func late() -> Refusal {
        close()
        return Refusal(
            .timedOut,
            export,
            "the server did not end the handshake within \(seconds) s",
            hint: "see whether the daemon runs, or is halted: homeward status"
        )
    }

    private func senseless() -> Refusal {
        close()
        return Refusal(
            .badFormat,
            export,
            "the server does not speak NBD as this client does",
            hint: "name the socket of a host"
        )
    }
}
