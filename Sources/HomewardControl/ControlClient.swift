import AsyncHTTPClient
import FoundationEssentials
import HomewardAdministration
import HomewardCore
import NIOCore
import NIOHTTP1

/// Passes requests on to the daemon behind a control socket.
///
/// Each request has a connection of its own. Cancelling the task takes the request back in the daemon and waits for what
/// that says, ten seconds at most; in a task that is cancelled already nothing is sent, and a connection that is lost takes
/// nothing back. Connecting is given five seconds; a request may take as long as it takes, but a daemon that lives shows it
/// every five seconds, and one that is silent for half a minute hangs.
public final class ControlClient: RequestHandler {
    /// Longer lines are no answer of a daemon of ours.
    private static let lineLimit = 64 << 20

    /// Several times what the server leaves between two signs of life.
    private static let silence = TimeAmount.seconds(30)

    private let socketPath: String
    private let client: HTTPClient

    /// Makes no connection yet.
    public init(socketPath: String) {
        self.socketPath = socketPath
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(5), read: Self.silence)
        // A missing socket is to be told at once, not after five seconds of trying.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Waits of several requests at once must not hold each other up.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.maximumUsesPerConnection = 1
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Ends the client; requests that run are cut off.
    public func close() async {
        try? await client.shutdown()
    }

    public func perform(
        _ request: HomewardAdministration.Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        // What is taken back before it was sent is not sent: it could be done before the daemon hears of that.
        guard !Task.isCancelled else { throw interrupted }
        try SocketPath.check(socketPath)
        let id = UUID().uuidString
        let body = try JSONEncoder().encode(ControlEnvelope(request: request, host: host, id: id))
        // A task of its own, so that the answer to a cancellation is still heard.
        let asked = Task { try await exchange(body, progress: progress) }
        do {
            let last = try await withTaskCancellationHandler {
                try await asked.value
            } onCancel: {
                Task { await self.takeBack(id, asked) }
            }
            if Task.isCancelled, last == nil { throw CancellationError() }
            switch last {
            case .answer(let answer): return answer
            case .error(let refusal): throw refusal
            case .progress, nil: throw unreachable("the daemon ended before it answered")
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw refusal(for: error)
        }
    }

    private func takeBack(_ id: String, _ asked: Task<ControlLine?, any Error>) async {
        if let url = URL(httpURLWithSocketPath: socketPath, uri: "/v1/cancel"),
            let body = try? JSONEncoder().encode(ControlCancellation(id: id))
        {
            var message = HTTPClientRequest(url: url.absoluteString)
            message.method = .POST
            message.body = .bytes(ByteBuffer(bytes: body))
            // A daemon that does not take this will not answer either.
            let heard = try? await client.execute(message, timeout: .seconds(1))
            if heard != nil { try? await Task.sleep(for: .seconds(10)) }
        }
        asked.cancel()
    }

    /// The last line of the answer; nil when the stream ended without one.
    private func exchange(
        _ body: Data,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> ControlLine? {
        guard let url = URL(httpURLWithSocketPath: socketPath, uri: "/v1/request") else {
            throw unreachable("the path cannot stand in an address")
        }
        var message = HTTPClientRequest(url: url.absoluteString)
        message.method = .POST
        message.headers.add(name: "content-type", value: "application/json")
        message.body = .bytes(ByteBuffer(bytes: body))
        let response = try await client.execute(message, deadline: .distantFuture)
        var pending = ByteBuffer()
        for try await chunk in response.body {
            pending.writeImmutableBuffer(chunk)
            while let line = Self.nextLine(&pending) {
                guard let line = try decoded(line) else { continue }
                guard case .progress(let report) = line else { return line }
                progress(report)
            }
            guard pending.readableBytes <= Self.lineLimit else { throw unreachable("a line of the answer has no end") }
        }
        return try decoded(Array(pending.readableBytesView))
    }

    private func decoded(_ line: [UInt8]) throws -> ControlLine? {
        do {
            return try ControlLine.decoded(line)
        } catch {
            throw unreachable("what answers is no daemon of this release: \(explanation(of: error))")
        }
    }

    private static func nextLine(_ buffer: inout ByteBuffer) -> [UInt8]? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = buffer.readBytes(length: end - buffer.readerIndex)
        buffer.moveReaderIndex(forwardBy: 1)
        return line
    }

    private func refusal(for error: any Error) -> Refusal {
        if Task.isCancelled || error is CancellationError { return interrupted }
        switch error {
        case let error as IOError: return unreachable(reason(error.errnoCode))
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return unreachable("the daemon ended before it answered")
        case let error as HTTPClientError where error == .connectTimeout:
            return unreachable("no connection within five seconds")
        case let error as HTTPClientError where error == .readTimeout:
            return unreachable("the daemon hangs: nothing was heard from it for 30 s")
        default: return unreachable("\(error)")
        }
    }

    private var interrupted: Refusal {
        Refusal(.interrupted, socketPath, "the request was interrupted", hint: "give the command again")
    }

    private func reason(_ code: CInt) -> String {
        switch code {
        case 2: "there is no such socket"
        case 13: "permission denied"
        case 104, 32: "the daemon ended before it answered"
        case 111: "connection refused: the socket is there, but no daemon behind it"
        default: "error \(code)"
        }
    }

    private func unreachable(_ reason: String) -> Refusal {
        Refusal(
            .daemonUnreachable,
            socketPath,
            reason,
            hint: "start the daemon: homeward serve --config host.lua (in a lab: homeward lab status); "
                + "HOMEWARD_SOCKET=DIRECTORY/control.sock names one whose directory is another"
        )
    }
}
