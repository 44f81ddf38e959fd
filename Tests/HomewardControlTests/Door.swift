import Foundation
import Glibc
import HomewardAdministration
import HomewardControl
import HomewardCore
import Logging
import Synchronization

/// Answers with whatever the test says, and notes what it was asked.
final class FakeHandler: RequestHandler {
    typealias Script =
        @Sendable (Request, @escaping @Sendable (HomewardAdministration.Progress) -> Void) async throws -> Answer

    struct Call: Hashable {
        var request: Request
        var host: String?
    }

    let calls = Mutex<[Call]>([])
    let script: Script

    init(_ script: @escaping Script) { self.script = script }

    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        calls.withLock { $0.append(Call(request: request, host: host)) }
        return try await script(request, progress)
    }
}

/// A server on a socket of its own for as long as the body runs; its folder is removed afterwards.
func withDoor<Value: Sendable>(
    _ handler: FakeHandler,
    keepAlive: Duration = .seconds(5),
    _ body: @Sendable (_ socket: String, _ server: Task<Void, any Error>) async throws -> Value
) async throws -> Value {
    let folder = "/tmp/hwc-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let socket = "\(folder)/control.sock"
    let (bound, sink) = AsyncStream.makeStream(of: Void.self)
    let server = Task {
        defer { sink.finish() }
        try await ControlServer(
            socketPath: socket,
            handler: handler,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            keepAlive: keepAlive,
            onBound: { sink.yield() }
        ).run()
    }
    for await _ in bound { break }
    defer { rmdir(folder) }
    do {
        let value = try await body(socket, server)
        server.cancel()
        try await server.value
        return value
    } catch {
        server.cancel()
        _ = try? await server.value
        throw error
    }
}

func withClient<Value: Sendable>(
    _ socket: String,
    _ body: @Sendable (ControlClient) async throws -> Value
) async throws -> Value {
    let client = ControlClient(socketPath: socket)
    do {
        let value = try await body(client)
        await client.close()
        return value
    } catch {
        await client.close()
        throw error
    }
}

/// Sends bytes as they stand and returns everything up to the end of the connection, or five silent seconds.
///
/// On a thread of its own: the server needs those of the tasks.
func exchange(_ path: String, _ text: String) async -> String {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: blockingExchange(path, text)) }
    }
}

/// Sends bytes as they stand, ends what it sends, and takes what comes back at once.
func shout(_ path: String, _ bytes: [UInt8]) async {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            _ = blockingExchange(path, bytes, seconds: 1, ends: true)
            continuation.resume()
        }
    }
}

/// A socket that connections can be made to; accepting one never waits.
func listening(_ path: String) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0)
    precondition(withAddress(path) { bind(descriptor, $0, $1) } == 0 && listen(descriptor, 8) == 0)
    return descriptor
}

private func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}

private func blockingExchange(_ path: String, _ text: String) -> String {
    blockingExchange(path, Array(text.utf8), seconds: 5, ends: false)
}

private func blockingExchange(_ path: String, _ bytes: [UInt8], seconds: Int, ends: Bool) -> String {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard withAddress(path, { connect(descriptor, $0, $1) }) == 0 else { return "not connected: \(errno)" }
    var sent = 0
    while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { break }
        sent += count
    }
    if ends { shutdown(descriptor, Int32(SHUT_WR)) }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        answer += buffer.prefix(count)
    }
    return String(decoding: answer, as: UTF8.self)
}

func post(_ path: String, _ body: String, to door: String = "request") async -> String {
    await exchange(
        path,
        "POST /v1/\(door) HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    )
}
