import FoundationEssentials
import HomewardAdministration
import HomewardControl
import HomewardCore
import HomewardRunbooks
import Synchronization

/// The hosts as a script reaches them from this place (product, "Where a command acts").
///
/// In a lab without `--host` each host by its own socket; else one daemon, which relays to its peers. Connects to nothing
/// before the first request; connections are kept until ``close()``.
package final class PlaceHosts: ScriptHosts {
    /// A handler for a control socket, and how to end it.
    package typealias Dial = @Sendable (_ socket: String) -> (any RequestHandler, @Sendable () async -> Void)

    private let place: ClientPlace
    private let dial: Dial
    private let display: ScriptProgress?
    private let patience: Duration
    private let clients = Mutex<[String: (handler: any RequestHandler, close: @Sendable () async -> Void)]>([:])
    private let ownName = Mutex<String?>(nil)

    /// - Parameters:
    ///   - place: where requests go.
    ///   - display: where progress is shown beside the script's own callback.
    ///   - patience: how long a host may take to say that it lives.
    ///   - dial: what connects.
    package init(
        _ place: ClientPlace,
        display: ScriptProgress? = nil,
        patience: Duration = .seconds(5),
        dial: @escaping Dial = PlaceHosts.connect
    ) {
        self.place = place
        self.display = display
        self.patience = patience
        self.dial = dial
    }

    /// The daemon behind a socket.
    package static let connect: Dial = { socket in
        let client = ControlClient(socketPath: socket)
        return (client, { await client.close() })
    }

    /// Ends all connections; requests that run are cut off.
    package func close() async {
        let all = clients.withLock { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        for client in all { await client.close() }
    }

    // MARK: ScriptHosts

    package func perform(
        _ request: Request,
        to target: ScriptTarget,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        if case .hostStatus = request, case .host(let host) = target {
            // A daemon answers this at once, or hangs; whoever looks at all hosts has not half a minute for each.
            return try await bounded(patience, host) { try await self.send(request, to: target, progress: progress) }
        }
        return try await send(request, to: target, progress: progress)
    }

    private func send(
        _ request: Request,
        to target: ScriptTarget,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        let way = try await way(to: target)
        guard let display else {
            return try await way.handler.perform(request, on: way.relay, progress: progress)
        }
        display.begin()
        defer { display.end() }
        return try await way.handler.perform(request, on: way.relay) { report in
            display.show(report)
            progress(report)
        }
    }

    package func isHere(_ host: String) async -> Bool {
        if case .lab(let directory, _) = place {
            return (try? Connector.hosts(ofLab: directory).contains { $0.name == host }) ?? false
        }
        return (try? await socketOwner()) == host
    }

    /// The socket of a host's data door.
    /// - Throws: `not-local` where only its own daemon may tell and is not the one that is talked to.
    package func dataSocket(of host: String) async throws -> String {
        switch place {
        case .lab(let directory, nil):
            let control = try Connector.control(of: host, ofLab: directory)
            return try await description(handler(control), object: host).dataSocket
        case .lab(_, let named?):
            guard named == host else { throw notLocal(host, own: named) }
            return try await description(way(to: .any).handler, object: host).dataSocket
        case .socket(let path, _):
            let own = try await description(handler(path), object: host)
            guard own.name == host else { throw notLocal(host, own: own.name) }
            return own.dataSocket
        }
    }

    private func notLocal(_ host: String, own: String) -> Refusal {
        Refusal(
            .notLocal,
            host,
            "the data of \(host) can be reached only through its own socket, and this script talks to \(own)",
            hint: "run it on \(host); in a lab, without --host"
        )
    }

    // MARK: Ways

    /// A daemon, and the peer of it that shall answer instead.
    private struct Way {
        var handler: any RequestHandler
        var relay: String?
    }

    private func way(to target: ScriptTarget) async throws -> Way {
        switch (place, target) {
        case (.lab(let directory, nil), .host(let host)):
            return Way(handler: handler(try Connector.control(of: host, ofLab: directory)))
        case (.lab(let directory, nil), _):
            return Way(handler: handler(try await chosen(target, in: directory)))
        case (.lab(let directory, let named?), .host(let host)):
            // Relayed also where the peer has a socket of its own: a partition cuts this client too.
            return Way(
                handler: handler(try Connector.control(of: named, ofLab: directory)),
                relay: host == named ? nil : host
            )
        case (.lab(let directory, let named?), _):
            return try await only(Way(handler: handler(try Connector.control(of: named, ofLab: directory))), target)
        case (.socket(let path, _), .host(let host)):
            return Way(handler: handler(path), relay: host)
        case (.socket(let path, let relay), _):
            return try await only(Way(handler: handler(path), relay: relay), target)
        }
    }

    private func handler(_ socket: String) -> any RequestHandler {
        clients.withLock { clients in
            if let client = clients[socket] { return client.handler }
            let (handler, close) = dial(socket)
            clients[socket] = (handler, close)
            return handler
        }
    }

    /// One daemon speaks for all: of what only the Primary may answer, it says who that is.
    private func only(_ way: Way, _ target: ScriptTarget) async throws -> Way {
        guard case .primary(let rvg) = target else { return way }
        guard case .rds(let sets) = try await described(rvg, through: way) else { return way }
        let primaries = sets.flatMap(\.members).filter { $0.role == "primary" && $0.reachable }
        guard let primary = primaries.first(where: { $0.state == "enabled" }) ?? primaries.first else {
            throw Refusal(
                .hostUnreachable,
                "\(rvg)",
                "no Primary of \(rvg) answers",
                hint: "homeward status; hw.host(NAME):rvg(…) asks one host whatever its role"
            )
        }
        return primary.isLocal ? way : Way(handler: way.handler, relay: primary.host)
    }

    /// The RDS of an RVG whose disk group is meant as the Primary has it.
    private func described(_ rvg: RVGReference, through way: Way) async throws -> Answer {
        func ask(_ diskGroup: String?) async throws -> Answer {
            let request = Request.describe(diskGroup: diskGroup, rvgs: [rvg.rvg])
            return try await way.handler.perform(request, on: way.relay, progress: { _ in })
        }
        do {
            return try await ask(rvg.diskGroup)
        } catch let refusal as Refusal where refusal.code == .unknownRVG && rvg.diskGroup != nil {
            // On this host it lies in a disk group of another name.
            return try await ask(nil)
        }
    }

    // MARK: A lab's hosts

    /// The control socket of the host that a request without one goes to.
    private func chosen(_ target: ScriptTarget, in lab: String) async throws -> String {
        let hosts = try Connector.hosts(ofLab: lab)
        let (reach, object) =
            switch target {
            case .rds(let rvg): (Reach.rds(rvg), "\(rvg)")
            case .primary(let rvg): (Reach.primary(rvg), "\(rvg)")
            case .any, .host: (Reach.any, "homeward")
            }
        let candidates = await LabProbe.candidates(hosts, reach) { await self.answering(self.handler($0.control)) }
        return hosts[try LabChoice.choose(reach, among: candidates, object: object)].control
    }

    /// What a daemon says of itself; nil when it does not within the client's patience.
    private func answering(_ handler: any RequestHandler) async -> HostDescription? {
        try? await description(handler, object: "homeward")
    }

    private func socketOwner() async throws -> String {
        if let known = ownName.withLock({ $0 }) { return known }
        let name = try await description(way(to: .any).handler, object: "homeward").name
        ownName.withLock { $0 = name }
        return name
    }

    private func description(_ handler: any RequestHandler, object: String) async throws -> HostDescription {
        let answer = try await bounded(patience, object) {
            try await handler.perform(.hostStatus, on: nil, progress: { _ in })
        }
        guard case .host(let description) = answer else {
            throw Refusal(.badFormat, object, "what answers is no daemon of this release", hint: "homeward status")
        }
        return description
    }
}

/// The result of `work`, or `timed-out`; what `work` still does then is cancelled and not waited for.
func bounded<Value: Sendable>(
    _ limit: Duration,
    _ object: String,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let (results, sink) = AsyncStream.makeStream(of: Result<Value, any Error>.self)
    let task = Task {
        do { sink.yield(.success(try await work())) } catch { sink.yield(.failure(error)) }
        sink.finish()
    }
    let timer = Task {
        try await Task.sleep(for: limit)
        sink.yield(
            .failure(
                Refusal(.timedOut, object, "no answer within \(limit / .seconds(1)) s", hint: "homeward status")
            )
        )
        sink.finish()
    }
    defer {
        task.cancel()
        timer.cancel()
    }
    for await result in results { return try result.get() }
    throw Refusal(.interrupted, object, "the request was interrupted", hint: "give it again")
}
