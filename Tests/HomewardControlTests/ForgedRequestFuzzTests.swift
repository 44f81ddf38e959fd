import Foundation
import FuzzSupport
import HomewardAdministration
import HomewardControl
import HomewardCore
import Testing

/// Bodies and whole HTTP messages that are not quite what a client sends.
///
/// Goal: each gets an answer or an end, the daemon goes on, and what reaches the handler is a request that could have been
/// sent as it stands.
@Suite("Forged requests", .timeLimit(.minutes(20)))
struct ForgedRequestFuzzTests {
    @Test("bodies changed in a field or a byte are carried out as valid requests, or refused")
    func bodies() throws {
        let bodies = try Samples.requests.map { request in
            [UInt8](try JSONEncoder().encode(ControlEnvelope(request: request, host: "tokyo", id: "a")))
        }
        try Fuzz.run("request-bodies", 3_000) { random in
            let body = random.pick(bodies)
            let changed = random.chance(3) ? random.mutate(body) : random.mutateJSON(body)
            guard let envelope = try? JSONDecoder().decode(ControlEnvelope.self, from: Data(changed)) else { return }
            let again = try JSONDecoder().decode(ControlEnvelope.self, from: try JSONEncoder().encode(envelope))
            #expect(again == envelope, "seed \(random.seed)")
        }
    }

    @Test("lines of an answer changed anywhere are read, or refused by the client")
    func lines() throws {
        let lines = try Samples.answers.map { try ControlLine.answer($0).encoded() }
        try Fuzz.run("answer-lines", 2_000) { random in
            let line = random.pick(lines)
            let changed = random.chance(3) ? random.mutate(line) : random.mutateJSON(line)
            _ = try? ControlLine.decoded(changed)
        }
    }

    @Test("HTTP that is none, and bodies that lie about their length, get an answer or an end; the door goes on")
    func messages() async throws {
        let rounds = Fuzz.rounds(100, cost: 50)
        try await withDoor(FakeHandler { _, _ in .done(Outcome(summary: "ok")) }) { socket, _ in
            for round in 0..<rounds {
                var random = FuzzGenerator(seed: Fuzz.base &+ UInt64(round))
                let envelope = ControlEnvelope(request: random.pick(Samples.requests), host: nil)
                let body = String(decoding: try JSONEncoder().encode(envelope), as: UTF8.self)
                let length = random.chance(3) ? Int(random.word() >> 1) : body.utf8.count
                let path = random.pick(["/v1/request", "/v1/cancel", "/v1/health", "/v1/none", "/"])
                let method = random.chance(3) ? random.pick(["GET", "DELETE", "X"]) : "POST"
                let message =
                    "\(method) \(path) HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \(length)\r\n\r\n\(body)"
                let changed = random.chance(2) ? random.mutate(Array(message.utf8)) : Array(message.utf8)
                // Answered at once or not at all: whoever waits for a body that does not come is not waited for here.
                await shout(socket, changed)
            }
            for path in ["/v1/request", "/v1/cancel"] {
                let head = "POST \(path) HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                for body in ["{}", "[]", "", "{\"request\":7}"] {
                    let answer = await exchange(socket, head + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
                    #expect(answer.contains("HTTP/1.1 400"), "\(path) \(body): \(answer)")
                }
            }
            let health = await exchange(socket, "GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            // The handler's answer is no description of a host: an answer all the same.
            #expect(health.contains("HTTP/1.1 500"), "\(health)")
        }
    }
}
