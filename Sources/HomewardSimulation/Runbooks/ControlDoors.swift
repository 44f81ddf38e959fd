import HomewardAdministration
import HomewardCore
import HomewardRunbooks

/// The control doors of the hosts, as a lab's operator reaches them, in virtual time.
///
/// Carries requests out as the engine of a real host does: here or on the Primary, by the same pure code.
final class ControlDoors {
    let world: World
    let network: SimulatedNetwork
    let hosts: [HostedRVG]
    /// What hosts were asked to change.
    private(set) var changes = 0
    /// Told of each change that a host is asked for, as chaos likes to come then.
    var onChange: (Life) -> Void = { _ in }

    init(world: World, network: SimulatedNetwork, hosts: [HostedRVG]) {
        self.world = world
        self.network = network
        self.hosts = hosts
    }

    /// Sends a request to whichever host the target means.
    @discardableResult
    func send(
        _ request: Request,
        to target: ScriptTarget,
        _ finish: @escaping (Result<Answer, Refusal>) -> Void
    ) -> PendingRequest {
        let pending = PendingRequest(finish)
        travel { [self] in
            guard !pending.isOver else { return }
            do throws(Refusal) {
                let host = try choose(target)
                arrive(request, at: host, pending)
            } catch {
                pending.end(.failure(error))
            }
        }
        return pending
    }

    func travel(_ action: @escaping () -> Void) { world.after(world.pick(50_000...900_000), action) }

    // MARK: Which host

    private func choose(_ target: ScriptTarget) throws(Refusal) -> HostedRVG {
        switch target {
        case .host(let name):
            guard let host = hosts.first(where: { $0.name == name }) else {
                throw Refusal(.unknownHost, name, "no host has that name", hint: "seattle, london or tokyo")
            }
            return host
        case .any: return try choose(rvg: nil, onlyPrimary: false)
        case .rds(let rvg): return try choose(rvg: rvg.rvg, onlyPrimary: false)
        case .primary(let rvg): return try choose(rvg: rvg.rvg, onlyPrimary: true)
        }
    }

    /// An open Primary goes before one that is fenced: it is the one that has the role.
    private func choose(rvg: String?, onlyPrimary: Bool) throws(Refusal) -> HostedRVG {
        let answering = hosts.filter { $0.life != nil || $0.isAbsent }
        guard let first = answering.first else {
            throw Refusal(.daemonUnreachable, rvg ?? "homeward", "no host answers", hint: "start one")
        }
        let primaries = answering.filter { $0.life?.node.machine.header.isPrimary == true }
        if let open = primaries.first(where: { $0.life?.node.machine.isOpen == true }) { return open }
        if let fenced = primaries.first { return fenced }
        guard onlyPrimary else { return first }
        throw Refusal(.hostUnreachable, rvg ?? "", "no Primary answers", hint: "homeward status")
    }

    // MARK: On a host

    private func arrive(_ request: Request, at host: HostedRVG, _ pending: PendingRequest) {
        guard !pending.isLost else { return }
        guard !host.isAbsent else { return carryOut(request, without: host, pending) }
        guard let life = host.life else { return pending.end(.failure(unreachable(host))) }
        watch(life, request, pending, since: host.awake)
        carryOut(request, on: life, relayed: false, pending)
    }

    private func unreachable(_ host: HostedRVG) -> Refusal {
        Refusal(
            .daemonUnreachable,
            host.name,
            "the daemon does not answer",
            hint: "start the daemon: homeward serve --config host.lua (in a lab: homeward lab status)"
        )
    }

    /// A client sees its connection end with the daemon.
    private func watch(_ life: Life, _ request: Request, _ pending: PendingRequest, since began: UInt64) {
        world.after(20_000_000) { [self] in
            guard !pending.isOver else { return }
            guard life.host.life === life else { return pending.lose(unreachable(life.host)) }
            guard life.host.awake - began < 60_000_000_000 else {
                return world.found("invariant 11: \(request) on \(life.host.name) has not answered for 60 s")
            }
            pending.look()
            watch(life, request, pending, since: began)
        }
    }

    private func carryOut(_ request: Request, on life: Life, relayed: Bool, _ pending: PendingRequest) {
        do throws(Refusal) {
            switch request {
            case .describe(let group, let names): describe(life, group, names, pending)
            case .hostStatus: answer(.success(.host(describeHost(life.host))), pending)
            case .listVolumes: answer(.success(.volumes(life.volumeDescriptions + [life.host.logDescription])), pending)
            case .createPrimary: answer(.success(.done(Outcome(already: true, summary: "the RVG exists"))), pending)
            case .makeSecondary(let reference, let primary, let force):
                try requireKnown(reference, life)
                guard let peer = hosts.first(where: { $0.name == primary && $0 !== life.host }) else {
                    throw Refusal(.unknownHost, primary, "is not a host of this RDS that answers", hint: "printrvg -l")
                }
                ask(.makeSecondary(peer.id, force: force), life, pending)
            default:
                if let reference = request.decidedByPrimary {
                    try requireKnown(reference, life)
                    try passToPrimary(request, life, relayed: relayed, pending)
                } else {
                    try decideHere(request, life, pending)
                }
            }
        } catch {
            answer(.failure(error.from(life.host.name)), pending)
        }
    }

    /// The simulated hosts know one RVG.
    private func requireKnown(_ reference: RVGReference, _ life: Life) throws(Refusal) {
        let machine = life.node.machine
        guard reference.rvg == machine.name, reference.diskGroup ?? machine.diskGroup == machine.diskGroup else {
            throw Refusal(.unknownRVG, reference.rvg, "\(life.host.name) has no such RVG", hint: "vradmin printrvg")
        }
    }

    private func decideHere(_ request: Request, _ life: Life, _ pending: PendingRequest) throws(Refusal) {
        switch try life.node.resolve(request) {
        case .ask(let asked): ask(asked, life, pending)
        case .answered(let value): answer(.success(value), pending)
        case nil:
            if case .resumeReplication(_, let secondary) = request {
                return ask(.setPaused(try life.node.secondaryHost(secondary), false), life, pending)
            }
            if case .addSecondary(_, _, let secondary, _, _) = request {
                return try addSecondary(secondary, life, pending)
            }
            throw Refusal(.usage, "request", "the simulated hosts do not have it", hint: "leave it out")
        }
    }

    func ask(_ request: RVGRequest, _ life: Life, _ pending: PendingRequest) {
        changes += 1
        onChange(life)
        guard life.isCurrent else { return }
        world.trace("asked on \(life.host.name): \(request)")
        var token: UInt64?
        token = life.request(request) { [self] result in
            switch result {
            case .success(let value): answer(.success(Answer(value)), pending)
            case .failure(let refusal): answer(.failure(refusal), pending)
            }
        }
        if let token { pending.began(on: life, token: token) }
    }

    func answer(_ result: Result<Answer, Refusal>, _ pending: PendingRequest) {
        travel { pending.end(result) }
    }

    // MARK: What the Primary decides

    private func passToPrimary(
        _ request: Request,
        _ life: Life,
        relayed: Bool,
        _ pending: PendingRequest
    ) throws(Refusal) {
        guard let primary = life.node.machine.decidingPrimary else { throw life.node.noPrimary }
        guard primary != life.host.id else { return try decideHere(request, life, pending) }
        guard !relayed else {
            throw life.node.machine.refusal(
                notPrimary: "\(life.node.machine.label(of: primary)) is the Primary, not \(life.host.name)"
            )
        }
        guard let peer = hosts.first(where: { $0.id == primary }) else { throw life.node.noPrimary }
        try relay(request, from: life, to: peer, pending)
    }

    private func relay(
        _ request: Request,
        from life: Life,
        to peer: HostedRVG,
        _ pending: PendingRequest
    ) throws(Refusal) {
        guard let session = network.session(life.host.index, peer.index) else {
            throw Refusal(.hostUnreachable, peer.name, "does not answer", hint: "mend the network, then repeat it")
        }
        travel { [self] in
            guard !pending.isOver else { return }
            guard network.session(life.host.index, peer.index) == session, let other = peer.life else {
                return pending.end(.failure(lost(peer)))
            }
            watchSession(life.host, peer, session, pending)
            carryOut(request, on: other, relayed: true, pending)
        }
    }

    private func lost(_ peer: HostedRVG) -> Refusal {
        Refusal(
            .hostUnreachable,
            peer.name,
            "was lost before it had answered",
            hint: "see `homeward status` there; repeat the command: what was done is not done twice"
        )
    }

    /// What the peer carries out goes on: it belongs to the host, not to whoever asked.
    private func watchSession(
        _ host: HostedRVG,
        _ peer: HostedRVG,
        _ session: UInt64,
        _ pending: PendingRequest
    ) {
        world.after(20_000_000) { [self] in
            guard !pending.isOver else { return }
            guard network.session(host.index, peer.index) == session else { return pending.lose(lost(peer)) }
            watchSession(host, peer, session, pending)
        }
    }

    // MARK: Status

    private func describe(_ life: Life, _ group: String?, _ names: [String], _ pending: PendingRequest) {
        let machine = life.node.machine
        if let name = names.first(where: { $0 != machine.name }) ?? (group == machine.diskGroup ? nil : group) {
            let refusal = Refusal(.unknownRVG, name, "\(life.host.name) has no such RVG", hint: "vradmin printrvg")
            return answer(.failure(refusal.from(life.host.name)), pending)
        }
        let own = life.description
        let contacts = life.node.lastContacts(now: world.instant)
        var others: [MemberDescription] = []
        let links = machine.header.links
        let finish = { [self] in
            guard life.isCurrent else { return }
            let errors = life.node.configErrors()
            let set = RDSDescription(id: machine.header.rvg, own: own, others: others, errors: errors)
            answer(.success(.rds([set])), pending)
        }
        guard !links.isEmpty else { return finish() }
        for link in links {
            askMember(link, life) { member in
                others.append(
                    member ?? .silent(link, last: contacts.first { $0.host == link.peer })
                )
                if others.count == links.count { finish() }
            }
        }
    }

    private func askMember(_ link: LinkRecord, _ life: Life, _ then: @escaping (MemberDescription?) -> Void) {
        guard let peer = hosts.first(where: { $0.id == link.peer }),
            let session = network.session(life.host.index, peer.index)
        else { return then(nil) }
        travel { [self] in
            guard network.session(life.host.index, peer.index) == session, let other = peer.life else {
                return then(nil)
            }
            var member = other.description
            member.isLocal = false
            travel { then(member) }
        }
    }
}

extension Answer {
    init(_ answer: RVGAnswer) {
        switch answer {
        case .done(let outcome): self = .done(outcome)
        case .synchronized(let reports): self = .synchronized(reports)
        }
    }
}

extension Refusal {
    fileprivate func from(_ host: String) -> Refusal {
        var refusal = self
        refusal.host = refusal.host ?? host
        return refusal
    }
}

extension RVGMachine {
    fileprivate func refusal(notPrimary text: String) -> Refusal {
        Refusal(.notPrimary, objectName, text, hint: "repeat the command: the role moved meanwhile", host: hostName)
    }
}

extension Life {
    /// This host's own part of the RDS.
    var description: MemberDescription {
        node.describe(now: world.instant, volumes: volumeDescriptions, log: "srl", logSize: host.log.size)
    }

    var volumeDescriptions: [VolumeDescription] {
        node.machine.volumes.indices.map {
            host.describe(volume: $0, openBy: node.machine.openSessions(volume: UInt32($0)))
        }
    }
}
