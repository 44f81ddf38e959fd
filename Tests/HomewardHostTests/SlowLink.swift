import Foundation
import HomewardWire
import Synchronization

/// A relay before a host of a test, whose bulk connection can be made slow in the direction of that host: it still takes
/// some bytes, as signs of life, and holds next to nothing itself.
final class SlowLink: Sendable {
    private struct State {
        var target: sockaddr_in?
        var isSlow = false
        var sockets: [Int32] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let listener: Int32
    private let port: UInt16

    var isSlow: Bool {
        get { state.withLock { $0.isSlow } }
        set { state.withLock { $0.isSlow = newValue } }
    }

    init() {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Connections inherit it: the kernel would take some MiB else.
        var room: Int32 = 64 << 10
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        var address = SlowLink.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) | getsockname(listener, $0, &length) | listen(listener, 16)
            }
        }
        precondition(code == 0, "a port of loopback can be had")
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in accept() }
    }

    /// The address under which what listens at `address`, of loopback, is dialed by way of this.
    func standing(before address: String) -> String {
        let port = address.split(separator: ":").last.flatMap { UInt16($0) }
        state.withLock { $0.target = SlowLink.loopback(port: port ?? 0) }
        return "127.0.0.1:\(self.port)"
    }

    /// Cuts everything; its threads end.
    func close() {
        let sockets = state.withLock { state in
            state.isClosed = true
            return state.sockets
        }
        for socket in sockets + [listener] { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private func accept() {
        while true {
            let near = Glibc.accept(listener, nil, nil)
            guard near >= 0 else { return }
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let target = state.withLock { state in
                state.sockets += [near, far]
                return state.isClosed ? nil : state.target
            }
            guard var target else { return }
            let code = withUnsafePointer(to: &target) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard code == 0 else {
                shutdown(near, Int32(SHUT_RDWR))
                continue
            }
            Thread.detachNewThread { [self] in pass(from: near, to: far, mayBeSlow: true) }
            Thread.detachNewThread { [self] in pass(from: far, to: near, mayBeSlow: false) }
        }
    }

    /// Byte 7 of the first frame names the channel of a connection.
    private func pass(from source: Int32, to sink: Int32, mayBeSlow: Bool) {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var isBulk: Bool?
        while true {
            let isHeld = mayBeSlow && isBulk == true && isSlow
            let count = recv(source, &buffer, isHeld ? 512 : buffer.count, 0)
            guard count > 0 else { break }
            if isBulk == nil { isBulk = count > 7 && buffer[7] == PeerChannel.bulk.rawValue }
            var sent = 0
            while sent < count {
                let more = buffer[sent..<count].withUnsafeBytes {
                    send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard more > 0 else { break }
                sent += more
            }
            guard sent == count else { break }
            if isHeld { usleep(50_000) }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(sink, Int32(SHUT_RDWR))
    }
}
