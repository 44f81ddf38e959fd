import FoundationEssentials
import HomewardAdministration
import HomewardControl
import HomewardCore

/// A host that answers the requests of one line.
public struct Connection: Sendable {
    public var handler: any RequestHandler
    /// Given to the handler with each request.
    public var host: String?
    public var close: @Sendable () async -> Void

    public init(handler: any RequestHandler, host: String?, close: @escaping @Sendable () async -> Void) {
        self.handler = handler
        self.host = host
        self.close = close
    }
}

/// Finds the host that a line is for and connects to it through control sockets.
public struct Connector: Sendable {
    public init() {}

    /// - Throws: ``Refusal`` when the place names no host, or none that answers.
    public func connect(_ place: ClientPlace, reach: Reach, object: String) async throws -> Connection {
        switch place {
        case .socket(let path, let relay): return connection(path, relay: relay)
        case .lab(let directory, let host): return try await connect(lab: directory, host: host, reach, object)
        }
    }

    private func connect(
        lab directory: String,
        host: String?,
        _ reach: Reach,
        _ object: String
    ) async throws -> Connection {
        if let host { return connection(try Self.control(of: host, ofLab: directory), relay: nil) }
        let hosts = try Self.hosts(ofLab: directory)
        let candidates = await LabProbe.candidates(hosts, reach) { await Self.describe($0.control) }
        return connection(hosts[try LabChoice.choose(reach, among: candidates, object: object)].control, relay: nil)
    }

    /// What a daemon says of itself; nil when it does not within five seconds.
    private static func describe(_ socket: String) async -> HostDescription? {
        let client = ControlClient(socketPath: socket)
        let description = await withTaskGroup(of: HostDescription?.self) { group in
            group.addTask {
                guard case .host(let host)? = try? await client.perform(.hostStatus, on: nil, progress: { _ in }) else {
                    return nil
                }
                return host
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(5))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        await client.close()
        return description
    }

    private func connection(_ socket: String, relay: String?) -> Connection {
        let client = ControlClient(socketPath: socket)
        return Connection(handler: client, host: relay) { await client.close() }
    }

    /// The control socket of a host of a lab.
    /// - Throws: `unknown-host`, and as ``hosts(ofLab:)``.
    static func control(of host: String, ofLab directory: String) throws -> String {
        let hosts = try hosts(ofLab: directory)
        if let found = hosts.first(where: { $0.name == host }) { return found.control }
        throw Refusal(
            .unknownHost,
            host,
            "the lab \(directory) has no host of that name",
            hint: "its hosts are \(hosts.map(\.name).joined(separator: ", ")); their states: homeward lab status"
        )
    }

    /// The hosts that a lab's record names.
    /// - Throws: `lab-not-running`, `bad-format`, `lab-moved`.
    static func hosts(ofLab directory: String) throws -> [LabFile.Host] {
        let path = "\(directory)/lab.json"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Refusal(
                .labNotRunning,
                directory,
                "\(path) cannot be read: there is no lab in that folder",
                hint: "homeward lab up; or name another folder with --lab=DIR"
            )
        }
        let hosts: [LabFile.Host]
        do {
            hosts = try JSONDecoder().decode(LabFile.self, from: data).hosts
        } catch {
            throw Refusal(
                .badFormat,
                directory,
                "\(path) is not a list of hosts: \(explanation(of: error))",
                hint: "to remove this lab: homeward lab down --erase --lab=\(directory)"
            )
        }
        let folder = LabFolder(directory)
        for host in hosts { try folder.checkHolds(host.name, controlSocket: host.control) }
        return hosts
    }
}
