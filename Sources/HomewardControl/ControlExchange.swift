import FoundationEssentials
import HomewardAdministration
import HomewardCore
import Hummingbird
import NIOCore

/// One request of one client, from its body to the last line of the answer.
struct ControlExchange: Sendable {
    let handler: any RequestHandler
    let running: RunningRequests
    /// How long nothing may be said before a blank line shows that both ends live.
    let keepAlive: Duration

    func response(to request: Hummingbird.Request) async -> Response {
        var request = request
        let envelope: ControlEnvelope
        do {
            let body = try await request.collectBody(upTo: ControlServer.bodyLimit)
            envelope = try JSONDecoder().decode(ControlEnvelope.self, from: Data(body.readableBytesView))
        } catch let error as DecodingError {
            return Self.refused(.badRequest, "the body is no request: \(explanation(of: error))")
        } catch {
            return Self.refused(
                .contentTooLarge,
                "the body could not be read, or has over \(ControlServer.bodyLimit) bytes"
            )
        }
        let body = request.body
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { writer in
                try await body.consumeWithCancellationOnInboundClose { _ in
                    try await carryOut(envelope, into: &writer)
                }
                try await writer.finish(nil)
            }
        )
    }

    private func carryOut(_ envelope: ControlEnvelope, into writer: inout any ResponseBodyWriter) async throws {
        // Progress may come faster than the client reads: the oldest lines are dropped, and the last is never one.
        let (lines, sink) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingNewest(256))
        let asker = Asker()
        let (admitted, admit) = AsyncStream.makeStream(of: Void.self)
        let work = Asker.$current.withValue(asker) {
            Task { [handler] in
                let last: ControlLine
                do {
                    // What was taken back before it arrived is not begun; that its client is gone takes nothing back.
                    for await _ in admitted {}
                    if !asker.isGone { try Task.checkCancellation() }
                    let answer = try await handler.perform(envelope.request, on: envelope.host) { progress in
                        if let line = try? ControlLine.progress(progress).encoded() { sink.yield(line) }
                    }
                    last = .answer(answer)
                } catch {
                    last = .error(Self.refusal(for: error))
                }
                sink.yield(Self.bytes(of: last))
                sink.finish()
            }
        }
        let pulse = Task { [keepAlive] in
            while !Task.isCancelled {
                try await Task.sleep(for: keepAlive)
                sink.yield([UInt8(ascii: "\n")])
            }
        }
        let number = running.add(envelope.id) {
            work.cancel()
        } abandon: {
            sink.yield(Self.bytes(of: .error(Self.stopping)))
            sink.finish()
        }
        admit.finish()
        defer {
            pulse.cancel()
            running.remove(number)
        }
        do {
            for await line in lines { try await writer.write(ByteBuffer(bytes: line)) }
            try Task.checkCancellation()
        } catch {
            // The client is gone, which is no wish of its: what it asked for goes on without it.
            asker.leave()
            work.cancel()
            throw error
        }
    }

    private static let stopping = Refusal(
        .daemonUnreachable,
        "homeward",
        "the daemon stopped before it had answered",
        hint: "start it and repeat the command: what was done is not done twice"
    )

    /// A client takes a request back; what is not known, not yet or no longer, is no error.
    func cancel(_ request: Hummingbird.Request) async -> Response {
        var request = request
        do {
            let body = try await request.collectBody(upTo: ControlServer.bodyLimit)
            let cancellation = try JSONDecoder().decode(ControlCancellation.self, from: Data(body.readableBytesView))
            running.cancel(cancellation.id)
            return Response(status: .ok)
        } catch {
            return Self.refused(.badRequest, "the body is no cancellation: \(error)")
        }
    }

    static func health(of handler: any RequestHandler) async -> Response {
        struct Health: Encodable {
            var name: String
            var pid: Int32
        }
        do {
            let answer = try await handler.perform(.hostStatus, on: nil) { _ in }
            guard case .host(let host) = answer else {
                return refused(.internalServerError, "the engine gave another answer than asked for")
            }
            let data = try JSONEncoder().encode(Health(name: host.name, pid: host.process))
            return Response(
                status: .ok,
                headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: data))
            )
        } catch {
            return lastLine(.serviceUnavailable, refusal(for: error))
        }
    }

    private static func refused(_ status: HTTPResponse.Status, _ message: String) -> Response {
        lastLine(
            status,
            Refusal(.usage, "request", message, hint: "send {\"request\": …}; client and daemon may be of two releases")
        )
    }

    private static func lastLine(_ status: HTTPResponse.Status, _ refusal: Refusal) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes(of: .error(refusal))))
        )
    }

    private static func refusal(for error: any Error) -> Refusal {
        if let refusal = error as? Refusal { return refusal }
        if error is CancellationError {
            return Refusal(.interrupted, "request", "the request was cancelled", hint: "send it again")
        }
        return Refusal(.ioError, "request", "\(error)", hint: "see the daemon's log")
    }

    private static func bytes(of line: ControlLine) -> [UInt8] {
        do {
            return try line.encoded()
        } catch {
            let refusal = Refusal(
                .badFormat,
                "request",
                "the answer cannot be written as JSON: \(error)",
                hint: "see the daemon's log"
            )
            return (try? ControlLine.error(refusal).encoded()) ?? []
        }
    }
}
