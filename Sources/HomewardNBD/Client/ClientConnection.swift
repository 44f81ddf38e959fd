import CPlatform
import Glibc
import HomewardCore

/// The transmission phase of a client, one caller at a time.
struct ClientConnection {
    private var descriptor: Int32
    private let export: String
    private var cookie: UInt64 = 0
    private var loss: Refusal?
    /// Requests sent before replies are read: few enough that neither end's socket can fill with replies.
    private static let depth = 32

    init(descriptor: Int32, export: String) {
        self.descriptor = descriptor
        self.export = export
    }

    /// One request, one reply; the data of a read.
    mutating func exchange(
        _ command: UInt16,
        at offset: UInt64,
        length: UInt32,
        flags: UInt16
    ) throws(Refusal) -> [UInt8] {
        try checkOpen()
        cookie += 1
        var head: [UInt8] = []
        NBDRequestHeader(flags: flags, command: command, cookie: cookie, offset: offset, length: length).encode(
            into: &head
        )
        guard sendBytes(descriptor, head) else { throw lose("the connection was lost while sending") }
        let (failure, _) = try receiveReply(cookie...cookie)
        guard failure == 0 else { throw refusal(failure, at: offset, length) }
        guard command == NBD.Command.read else { return [] }
        guard let bytes = receiveBytes(descriptor, Int(length)) else {
            throw lose("the connection was lost while receiving")
        }
        return bytes
    }

    /// Sends pieces of all writes with some ahead of their replies.
    mutating func write(_ writes: [ClientWrite], flags: UInt16, piece: Int) throws(Refusal) {
        try checkOpen()
        let first = cookie + 1
        var places: [Place] = []
        var replied = 0
        var failure: Refusal?
        for write in writes {
            for begin in stride(from: 0, to: write.bytes.count, by: piece) {
                if places.count - replied == Self.depth {
                    try receiveOne(first, &places, &failure)
                    replied += 1
                }
                let range = begin..<min(begin + piece, write.bytes.count)
                cookie += 1
                let offset = write.offset + UInt64(begin)
                let header = NBDRequestHeader(
                    flags: flags,
                    command: NBD.Command.write,
                    cookie: cookie,
                    offset: offset,
                    length: UInt32(range.count)
                )
                guard send(header, write.bytes, range) else { throw lose("the connection was lost while sending") }
                places.append(Place(offset: offset, length: UInt32(range.count)))
            }
        }
        while replied < places.count {
            try receiveOne(first, &places, &failure)
            replied += 1
        }
        if let failure { throw failure }
    }

    /// Where a request writes, and whether it was replied to.
    private struct Place {
        var offset: UInt64
        var length: UInt32
        var isReplied = false
    }

    /// Takes the reply of any request on its way, noting the first failure.
    private mutating func receiveOne(
        _ first: UInt64,
        _ places: inout [Place],
        _ failure: inout Refusal?
    ) throws(Refusal) {
        let (code, answered) = try receiveReply(first...cookie)
        let index = Int(answered - first)
        let place = places[index]
        // Counted twice, it would stand for a write that nobody has replied to.
        guard !place.isReplied else { throw lose("the server replied twice to one request") }
        places[index].isReplied = true
        if code != 0, failure == nil { failure = refusal(code, at: place.offset, place.length) }
    }

    private func send(_ header: NBDRequestHeader, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        var head: [UInt8] = []
        header.encode(into: &head)
        return head.withUnsafeBytes { head in
            bytes.withUnsafeBytes { bytes in
                var vectors = [head, UnsafeRawBufferPointer(rebasing: bytes[range])].map {
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                }
                return homeward_send_vectors(descriptor, &vectors, 2) == 0
            }
        }
    }

    private mutating func receiveReply(_ cookies: ClosedRange<UInt64>) throws(Refusal) -> (UInt32, UInt64) {
        guard let head = receiveBytes(descriptor, NBD.replyHeaderLength) else {
            throw lose("the connection was lost before the reply")
        }
        let (magic, failure, cookie) = head.withUnsafeBytes {
            ($0.big(0, as: UInt32.self), $0.big(4, as: UInt32.self), $0.big(8, as: UInt64.self))
        }
        guard magic == NBD.replyMagic, cookies.contains(cookie) else { throw lose("the server's reply makes no sense") }
        return (failure, cookie)
    }

    mutating func close() {
        guard descriptor >= 0 else { return }
        var head: [UInt8] = []
        NBDRequestHeader(command: NBD.Command.disconnect, cookie: 0).encode(into: &head)
        if loss == nil { _ = sendBytes(descriptor, head) }
        _ = homeward_close(descriptor)
        descriptor = -1
        if loss == nil { loss = Refusal(.ioError, export, "the session is closed", hint: "open the volume again") }
    }

    private func checkOpen() throws(Refusal) {
        if let loss { throw loss }
    }

    private mutating func lose(_ message: String) -> Refusal {
        let refusal = Refusal(
            .ioError,
            export,
            message,
            hint: "see whether the daemon runs, then open the volume again"
        )
        loss = refusal
        close()
        return refusal
    }

    private func refusal(_ failure: UInt32, at offset: UInt64, _ length: UInt32) -> Refusal {
        let place = "\(length) bytes at \(offset)"
        switch NBD.Failure(rawValue: failure) {
        case .notPermitted:
            return Refusal(.notPrimary, export, "\(place): the volume takes no writes", hint: "homeward status")
        case .shutdown:
            return Refusal(
                .ioError,
                export,
                "\(place): the host is stopping",
                hint: "open the volume again when it runs"
            )
        case .success, .io, .invalid, .noSpace, .notSupported, nil:
            return Refusal(
                .ioError,
                export,
                "\(place): \(systemText(failure))",
                hint: "see the daemon's log, and homeward status"
            )
        }
    }
}
