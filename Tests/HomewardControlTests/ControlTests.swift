import Glibc
import HomewardAdministration
import HomewardControl
import HomewardCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ControlTests {
    @Test("every request arrives as it was sent, with the host it is for")
    func requestsRoundTrip() async throws {
        let handler = FakeHandler { _, _ in .done(Outcome(summary: "ok")) }
        try await withDoor(handler) { socket, _ in
            try await withClient(socket) { client in
                for (index, request) in Samples.requests.enumerated() {
                    _ = try await client.perform(request, on: index % 2 == 0 ? nil : "tokyo") { _ in }
                }
            }
        }
        let expected = Samples.requests.enumerated().map {
            FakeHandler.Call(request: $1, host: $0 % 2 == 0 ? nil : "tokyo")
        }
        let calls = handler.calls.withLock { $0 }
        #expect(calls == expected)
    }

    @Test("a server that ends removes its own socket, and not what another put in its place")
    func replacedSocket() async throws {
        try await withDoor(FakeHandler { _, _ in .done(Outcome(summary: "ok")) }) { socket, server in
            server.cancel()
            try await server.value
            #expect(access(socket, F_OK) != 0)
        }
        try await withDoor(FakeHandler { _, _ in .done(Outcome(summary: "ok")) }) { socket, server in
            defer { unlink(socket) }
            unlink(socket)
            let successor = creat(socket, 0o600)
            close(successor)
            server.cancel()
            try await server.value
            #expect(access(socket, F_OK) == 0)
        }
    }

    @Test("every answer arrives as it was given", arguments: Samples.answers)
    func answersRoundTrip(_ answer: Answer) async throws {
        let heard = try await withDoor(FakeHandler { _, _ in answer }) { socket, _ in
            try await withClient(socket) { try await $0.perform(.hostStatus, on: nil) { _ in } }
        }
        #expect(heard == answer)
    }

    @Test("progress arrives in order and before the answer")
    func progressInOrder() async throws {
        let phases = (0..<100).map { "phase \($0)" }
        let handler = FakeHandler { _, progress in
            for phase in phases { progress(Progress(phase: phase, host: "h", volumes: [], secondsLeft: 1.5)) }
            return .done(Outcome(summary: "ok"))
        }
        let heard = Mutex<[String]>([])
        try await withDoor(handler) { socket, _ in
            try await withClient(socket) { client in
                _ = try await client.perform(.shutDown, on: nil) { report in heard.withLock { $0.append(report.phase) }
                }
            }
        }
        let order = heard.withLock { $0 }
        #expect(order == phases)
    }

    @Test("a refusal keeps all its fields")
    func refusalKeepsFields() async throws {
        let refusal = Refusal(
            .checkpointNameInUse,
            "hrdg/hr_rvg",
            "a \"quoted\"\nmessage ü",
            hint: "vxrvg checkdelete",
            host: "london"
        )
        await #expect(throws: refusal) {
            try await withDoor(FakeHandler { _, _ in throw refusal }) { socket, _ in
                try await withClient(socket) { try await $0.perform(.hostStatus, on: nil) { _ in } }
            }
        }
    }

    @Test("cancelling the client cancels the request in the daemon, and the client says interrupted")
    func cancelReachesHandler() async throws {
        let (cancelled, sink) = AsyncStream.makeStream(of: Void.self)
        let (started, startSink) = AsyncStream.makeStream(of: Void.self)
        let handler = FakeHandler { _, _ in
            startSink.yield()
            do {
                try await Task.sleep(for: .seconds(600))
            } catch {
                sink.yield()
                throw error
            }
            return .done(Outcome(summary: "never"))
        }
        try await withDoor(handler) { socket, _ in
            let request = Task {
                try await withClient(socket) { try await $0.perform(.hostStatus, on: nil) { _ in } }
            }
            for await _ in started { break }
            request.cancel()
            for await _ in cancelled { break }
            let refusal = await #expect(throws: Refusal.self) { try await request.value }
            #expect(refusal?.code == .interrupted)
        }
    }

    @Test("in a task that is cancelled already nobody is connected to")
    func cancelledBefore() async throws {
        let path = "/tmp/hwc-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
        // It takes connections, which wait to be accepted.
        let listener = listening(path)
        defer {
            close(listener)
            unlink(path)
        }
        let request = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await withClient(path) { try await $0.perform(.hostStatus, on: nil) { _ in } }
        }
        let refusal = await #expect(throws: Refusal.self) { try await request.value }
        #expect(refusal?.code == .interrupted)
        #expect(accept(listener, nil, nil) == -1 && errno == EAGAIN)
    }

    @Test("a cancellation that arrives before its request takes it back, and no other")
    func cancellationFirst() async throws {
        let handler = FakeHandler { _, _ in .done(Outcome(summary: "ok")) }
        try await withDoor(handler) { socket, _ in
            let heard = await post(socket, #"{"id":"one"}"#, to: "cancel")
            #expect(heard.hasPrefix("HTTP/1.1 200"))
            let answer = await post(socket, #"{"id":"one","request":{"hostStatus":{}}}"#)
            #expect(answer.contains(#""code":"interrupted""#), "\(answer)")
            #expect(handler.calls.withLock { $0 }.isEmpty)
            _ = await post(socket, #"{"id":"two","request":{"hostStatus":{}}}"#)
            #expect(handler.calls.withLock { $0 }.count == 1)
        }
    }

    @Test("cancellations of what is not known are kept, the newest 256 and each for one request")
    func earlyCancellations() {
        let running = RunningRequests()
        func isCancelled(_ id: String?) -> Bool {
            let cancelled = Mutex(false)
            _ = running.add(id, cancel: { cancelled.withLock { $0 = true } }, abandon: {})
            return cancelled.withLock { $0 }
        }
        running.cancel("x")
        #expect(!isCancelled("y") && !isCancelled(nil))
        #expect(isCancelled("x"))
        #expect(!isCancelled("x"))
        for number in 0...256 { running.cancel("\(number)") }
        #expect(!isCancelled("0"))
        #expect(isCancelled("1") && isCancelled("256"))
        let long = String(repeating: "x", count: 65)
        running.cancel(long)
        #expect(!isCancelled(long))
    }

    @Test("a server that ends answers for what still runs without cancelling it, and removes its socket")
    func endOfServer() async throws {
        let (started, startSink) = AsyncStream.makeStream(of: Void.self)
        let handler = FakeHandler { _, _ in
            startSink.yield()
            do { try await Task.sleep(for: .seconds(600)) } catch { Issue.record("it was cancelled") }
            return .done(Outcome(summary: "never"))
        }
        try await withDoor(handler) { socket, server in
            let request = Task {
                try await withClient(socket) { try await $0.perform(.hostStatus, on: nil) { _ in } }
            }
            for await _ in started { break }
            server.cancel()
            let refusal = await #expect(throws: Refusal.self) { try await request.value }
            #expect(refusal?.code == .daemonUnreachable)
            try await server.value
            #expect(access(socket, F_OK) != 0)
        }
    }

    @Test("blank lines come while nothing is told, and are no answer")
    func keepAlive() async throws {
        let handler = FakeHandler { _, _ in
            try await Task.sleep(for: .milliseconds(300))
            return .done(Outcome(summary: "ok"))
        }
        try await withDoor(handler, keepAlive: .milliseconds(20)) { socket, _ in
            let answer = try await withClient(socket) { try await $0.perform(.hostStatus, on: nil) { _ in } }
            #expect(answer == .done(Outcome(summary: "ok")))
            let text = await post(socket, #"{"request":{"hostStatus":{}}}"#)
            #expect(text.contains("\r\n\n\r\n"))
        }
    }

    @Test(
        "a body that is no request gets 400 and a usage refusal, and the handler never hears of it",
        arguments: ["", "garbage", "{}", #"{"request":{"unheardOf":{}}}"#, #"{"request":{"checkEnd":{"_0":7}}}"#, "[1"]
    )
    func garbage(_ body: String) async throws {
        let handler = FakeHandler { _, _ in .done(Outcome(summary: "ok")) }
        try await withDoor(handler) { socket, _ in
            let answer = await post(socket, body)
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.contains(#""code":"usage""#))
        }
        let calls = handler.calls.withLock { $0 }
        #expect(calls.isEmpty)
    }

    @Test("a body over one megabyte is refused")
    func oversized() async throws {
        try await withDoor(FakeHandler { _, _ in .done(Outcome(summary: "ok")) }) { socket, _ in
            let answer = await post(socket, #"{"host":""# + String(repeating: "a", count: (1 << 20) + 4096))
            #expect(answer.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test("health names the host and its process")
    func health() async throws {
        try await withDoor(FakeHandler { _, _ in .host(Samples.host) }) { socket, _ in
            let answer = await exchange(socket, "GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            #expect(answer.contains(#""name":"london""#) && answer.contains(#""pid":42"#))
        }
    }

    @Test("the socket is for its owner alone")
    func modes() async throws {
        try await withDoor(FakeHandler { _, _ in .done(Outcome(summary: "ok")) }) { socket, _ in
            var status = stat()
            #expect(stat(socket, &status) == 0 && status.st_mode & 0o777 == 0o600)
            let folder = String(socket.prefix(upTo: socket.lastIndex(of: "/") ?? socket.endIndex))
            #expect(stat(folder, &status) == 0 && status.st_mode & 0o777 == 0o700)
        }
    }

    @Test("no daemon, no socket, or too long a path: each says so with the path")
    func unreachable() async throws {
        for (path, code) in [
            ("/tmp/hwc-no-such/control.sock", RefusalCode.daemonUnreachable),
            ("/tmp/" + String(repeating: "x", count: 200), .socketPathTooLong),
        ] {
            let refusal = await #expect(throws: Refusal.self) {
                try await withClient(path) { try await $0.perform(.hostStatus, on: nil) { _ in } }
            }
            #expect(refusal?.code == code)
            #expect(refusal?.object == path)
        }
    }
}
