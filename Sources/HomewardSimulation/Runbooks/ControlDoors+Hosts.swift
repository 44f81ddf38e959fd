import HomewardAdministration
import HomewardCore

/// What hosts are asked that have no RVG yet, and how they come to one.
extension ControlDoors {
    /// On a host that runs and has no RVG.
    func carryOut(_ request: Request, without host: HostedRVG, _ pending: PendingRequest) {
        switch request {
        case .hostStatus: answer(.success(.host(describeHost(host))), pending)
        case .listVolumes:
            let volumes = host.volumes.indices.map { host.describe(volume: $0, openBy: []) }
            answer(.success(.volumes(volumes + [host.logDescription])), pending)
        case .describe(_, let names) where names.isEmpty: answer(.success(.rds([])), pending)
        case .createPrimary(_, let name, let volumes, let log): createPrimary(name, volumes, log, on: host, pending)
        default:
            let refusal = Refusal(.unknownRVG, "rvg", "\(host.name) has no such RVG", hint: "vradmin printrvg")
            answer(.failure(refusal), pending)
        }
    }

    private func createPrimary(
        _ name: String,
        _ volumes: [String],
        _ log: String,
        on host: HostedRVG,
        _ pending: PendingRequest
    ) {
        guard name == HostedRVG.rvgName(host.number), volumes == host.volumes.indices.map({ "dv\($0)" }), log == "srl"
        else { return world.found("createpri \(name) \(volumes.joined(separator: ",")) \(log) on \(host.name)") }
        world.trace("asked on \(host.name): createpri")
        var generator = SeededGenerator(seed: world.word())
        let header = RVGHeader.newPrimary(
            rvg: host.rvg,
            host: host.id,
            hostName: host.shared.name,
            generator: &generator
        )
        do throws(Refusal) {
            try Recruiting(world: world, network: network, hosts: hosts).make(header, on: host)
        } catch {
            return answer(.failure(error), pending)
        }
        let isOpen = { host.life?.node.machine.isOpen == true }
        let made = Outcome(summary: "the RVG is made")
        wait(isOpen, patience: 30_000_000_000, then: { [self] in answer(.success(.done(made)), pending) })
    }

    /// On the Primary, which has the other host make its RVG first.
    func addSecondary(_ name: String, _ life: Life, _ pending: PendingRequest) throws(Refusal) {
        if let closed = life.node.machine.closedBecause { throw closed }
        guard let host = hosts.first(where: { $0.name == name && $0 !== life.host }) else {
            throw Refusal(.unknownHost, name, "no host has that name", hint: "vradmin printrvg")
        }
        guard network.session(life.host.index, host.index) != nil, host.shared.isRunning else {
            throw Refusal(.hostUnreachable, name, "does not answer", hint: "start its daemon or mend the network")
        }
        let recruiting = Recruiting(world: world, network: network, hosts: hosts)
        let links = life.node.machine.header.links
        guard !links.contains(where: { $0.peer == host.id }) else {
            return answer(.success(.done(Outcome(already: true, summary: "\(name) is in the RDS already"))), pending)
        }
        world.trace("asked on \(life.host.name): addsec \(name)")
        travel { [self] in
            do throws(Refusal) {
                try recruiting.makeSecondary(on: host, of: life.host, beside: links)
            } catch {
                return answer(.failure(error), pending)
            }
            travel { [self] in
                guard life.isCurrent else { return }
                life.request(.addLink(recruiting.record(of: host))) { [self] result in
                    guard case .success = result else { return answer(result.map { Answer($0) }, pending) }
                    // Whoever adds a Secondary starts replication to it next.
                    let hasMet = { life.node.machine.peer(host.id)?.contact != nil }
                    wait(
                        hasMet,
                        patience: 5_000_000_000,
                        then: { [self] in answer(result.map { Answer($0) }, pending) }
                    )
                }
            }
        }
    }

    private func wait(_ condition: @escaping () -> Bool, patience: UInt64, then: @escaping () -> Void) {
        guard !condition(), patience > 10_000_000 else { return then() }
        world.after(10_000_000) { [self] in wait(condition, patience: patience - 10_000_000, then: then) }
    }

    // MARK: Status

    func describeHost(_ host: HostedRVG) -> HostDescription {
        let age = (world.now - (host.life?.began ?? 0)) / 1_000_000
        let grace = host.shared.limits.returnGraceMilliseconds
        let peers = hosts.filter { $0 !== host }
        let reached = peers.map { network.session(host.index, $0.index) != nil }
        let hasMetAll = host.life?.node.hasMetAllConnected ?? true
        return HostDescription(
            name: host.name,
            id: host.id,
            version: Release.version,
            process: Int32(host.life?.number ?? host.shared.starts),
            directory: "/\(host.name)",
            controlSocket: "/\(host.name)/control.sock",
            dataSocket: "/\(host.name)/data.sock",
            listen: "127.0.0.1:\(7110 + host.index)",
            peers: zip(peers, reached).map { peer, isReached in
                HostDescription.PeerDescription(
                    name: peer.name,
                    address: "127.0.0.1:\(7110 + peer.index)",
                    connected: isReached,
                    blocked: network.isBlocked(host.index, peer.index),
                    reason: isReached ? nil : "does not answer"
                )
            },
            diskGroups: ["dg"],
            rvgs: host.life.map { [describeSet($0)] } ?? [],
            settled: (age >= grace || !reached.contains(false)) && (age >= 2 * grace || hasMetAll)
        )
    }

    private func describeSet(_ life: Life) -> RDSDescription {
        let own = life.description
        return RDSDescription(
            rvg: own.rvg,
            id: life.node.machine.header.rvg,
            primary: own.role == "primary" ? own.host : own.follows,
            members: [own],
            links: own.links,
            configErrors: life.node.configErrors()
        )
    }
}

extension HostedRVG {
    func describe(volume index: Int, openBy: [SessionHolder]) -> VolumeDescription {
        describe("dv\(index)", volumes[index].size, isLog: false, openBy: openBy)
    }

    var logDescription: VolumeDescription { describe("srl", log.size, isLog: true, openBy: []) }

    private func describe(_ name: String, _ size: UInt64, isLog: Bool, openBy: [SessionHolder]) -> VolumeDescription {
        VolumeDescription(
            diskGroup: "dg",
            name: name,
            size: size,
            path: "/\(self.name)/\(name)",
            isDevice: false,
            rvg: life.map { $0.node.machine.name },
            isLog: isLog,
            openBy: openBy
        )
    }
}
