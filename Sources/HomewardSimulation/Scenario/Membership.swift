import HomewardAdministration
import HomewardCore

/// People who take Secondaries out of the RDS and in again, begin to remove RVGs and think better of it, and change the
/// protections of RLINKs.
///
/// One life of three that is wide has them. They draw from a generator of their own, so that they change nothing in the
/// others. What a removed Secondary holds counts for nothing until it is attached again: it comes back empty, and is brought
/// up to date as any other is.
final class Membership {
    private let world: World
    private let network: SimulatedNetwork
    private let hosts: [HostedRVG]
    private let application: Application
    private let recruiting: Recruiting
    private var dice: Dice
    private let isOn: Bool
    private let watches: Bool
    /// Where the Primary belongs: of several that are open this one is asked.
    var home: () -> Int = { 0 }
    /// Nobody is taken out any more; who is out still comes back.
    var isOver = false
    private(set) var verbs = 0
    /// RVGs that were brought to rest to leave.
    private var removals = 0

    /// Nanoseconds after which an RVG that is to leave and does not come to rest is not waited for, as a daemon has it.
    private let patience: UInt64

    init(
        world: World,
        network: SimulatedNetwork,
        hosts: [HostedRVG],
        number: Int,
        application: Application,
        settings: LinkSettings
    ) {
        self.world = world
        self.network = network
        self.hosts = hosts
        self.application = application
        recruiting = Recruiting(world: world, network: network, hosts: hosts, settings: settings)
        dice = Dice(seed: world.seed &* 0xE220_A839_7B1D_CDAF ^ UInt64(number + 1) &* 0x6E78_9E6A_A1B9_65F4)
        let isDrawn = dice.chance(33)
        let kinds: [Fault] = [.secondaryRemoved, .removalAbandoned, .settingsChanged]
        isOn = isDrawn && kinds.contains { world.weather.has($0) }
        watches = world.weather.has(.takenForDead)
        patience = (hosts.first?.shared.limits.operationMilliseconds ?? 2_000) * 1_000_000
    }

    func run() {
        watch()
        guard isOn else { return }
        world.after(dice.milliseconds(400...3_000)) { [self] in
            if let primary { bringBack(to: primary) }
            if !isOver, !world.weather.isOver { act() }
            run()
        }
    }

    /// In every wide life: where a stopped Primary is taken for dead, another host takes over.
    private func watch() {
        guard watches else { return }
        world.after(500_000_000) { [self] in
            if !isOver, !world.weather.isOver { takeOver() }
            watch()
        }
    }

    private func takeOver() {
        guard let dead = hosts.first(where: { $0.shared.isTakenForDead }), primary == nil else { return }
        let heirs = hosts.compactMap(\.life).filter { life in
            !life.host.isPaused && !life.node.machine.header.isPrimary && life.node.machine.isImageConsistent
                && !network.isConnected(life.host.index, dead.index)
        }
        guard let heir = dice.pick(from: heirs) else { return }
        ask(heir, "takeover", .takeover(force: false)) { [world] result in
            if case .success = result { world.hit(.takenForDead) }
        }
    }

    private var primary: Life? {
        let open = hosts.filter { $0.life?.node.machine.isOpen == true && !$0.isPaused }
        return (open.first { $0.index == home() } ?? open.first)?.life
    }

    private func act() {
        switch dice.pick(0...9) {
        case 0...2: removeSecondary()
        case 3...4: set()
        case 5...6: verify()
        default: beginRemoval()
        }
    }

    private func travel(_ action: @escaping () -> Void) {
        world.after(dice.pick(50_000...5_000_000), action)
    }

    /// Asks a host as a person does.
    private func ask(
        _ life: Life,
        _ verb: String,
        _ request: RVGRequest,
        _ then: @escaping (Result<RVGAnswer, Refusal>) -> Void = { _ in }
    ) {
        verbs += 1
        world.trace("\(life.host.name): somebody types \(verb)")
        life.request(request) { [self] result in
            let word = verb.prefix { $0 != " " }
            switch result {
            case .success:
                // What hosts are to each other is another now, and nobody refused a verb by that.
                world.disasters += 1
                world.coverage.count("\(word): done")
            case .failure(let refusal):
                world.coverage.count("\(word): \(refusal.code.rawValue)")
                world.trace("\(life.host.name): \(refusal.code.rawValue): \(refusal.message)")
            }
            then(result)
        }
    }

    // MARK: set

    private func set() {
        guard let life = primary, let link = dice.pick(from: life.node.machine.header.links),
            world.weather.allows(.settingsChanged)
        else { return }
        var changed = link.settings
        if dice.chance(50) {
            changed.srlprot = [LinkSettings.LogProtection.override, .off, .fail][dice.pick(0...2)]
        } else {
            changed.latencyprot = [LinkSettings.LatencyProtection.override, .off, .fail][dice.pick(0...2)]
            changed.latencyHighMark = dice.pick(4...40)
            changed.latencyLowMark = changed.latencyHighMark / 2
        }
        let words = "srlprot=\(changed.srlprot.rawValue) latencyprot=\(changed.latencyprot.rawValue)"
        ask(life, "set \(link.peerName) \(words)", .setSettings(link.peer, changed)) { [self] result in
            guard case .success(.done(let outcome)) = result, !outcome.already else { return }
            world.hit(.settingsChanged)
        }
    }

    // MARK: syncrvg -verify

    /// RLINKs that flow are paused, verified together, and resumed.
    private func verify() {
        guard let life = primary, world.weather.allows(.settingsChanged) else { return }
        let flowing = life.node.machine.header.links.filter { link in
            !link.paused && life.node.machine.peer(link.peer)?.sending.isStreaming == true
        }
        let chosen = flowing.filter { _ in dice.chance(80) }.map(\.peer)
        guard !chosen.isEmpty else { return }
        for peer in chosen { ask(life, "pauserep \(life.node.machine.label(of: peer))", .setPaused(peer, true)) }
        world.after(dice.milliseconds(1...300)) { [self] in
            guard life.isCurrent else { return }
            var isAsked = true
            ask(life, "syncrvg -verify of \(chosen.count)", .verify(chosen)) { [self] result in
                if case .success = result { world.coverage.count("verified") }
                isAsked = false
            }
            resume(chosen, life, unless: { isAsked })
        }
    }

    /// As soon as nothing is verified any more.
    private func resume(_ peers: [HostID], _ life: Life, unless isBusy: @escaping () -> Bool) {
        world.after(dice.milliseconds(20...200)) { [self] in
            guard life.isCurrent else { return }
            guard !isBusy() || isOver else { return resume(peers, life, unless: isBusy) }
            for peer in peers where life.node.machine.header.links.contains(where: { $0.peer == peer && $0.paused }) {
                ask(life, "resumerep \(life.node.machine.label(of: peer))", .setPaused(peer, false))
            }
        }
    }

    // MARK: delsec

    /// Of a Secondary that is detached, or after stoprep.
    private func removeSecondary() {
        guard let life = primary, life.host.flipped == nil, life.host.belied == nil,
            let link = dice.pick(from: life.node.machine.header.links),
            link.attachID == nil || dice.chance(35), world.weather.allows(.secondaryRemoved),
            let host = hosts.first(where: { $0.id == link.peer }), leaves(host, life.host)
        else { return }
        delsec(link, life)
    }

    /// Whether a host that is removed gives its RVG up: one that keeps it may become Primary of an RDS of its own, and the
    /// people here know no way back from there.
    private func leaves(_ host: HostedRVG, _ primary: HostedRVG) -> Bool {
        guard network.isConnected(host.index, primary.index) else { return false }
        guard let header = host.life?.node.machine.header else { return true }
        return !header.isPrimary && (header.follows == nil || header.follows == primary.id)
    }

    private func delsec(_ link: LinkRecord, _ life: Life) {
        guard let host = hosts.first(where: { $0.id == link.peer }) else { return }
        guard link.attachID == nil else {
            return ask(life, "stoprep \(link.peerName)", .stopReplication(link.peer, force: true)) { [self] result in
                guard case .success = result else { return }
                travel { [self] in
                    let stopped = life.node.machine.header.links.first { $0.peer == link.peer }
                    if life.isCurrent, let stopped, stopped.attachID == nil { delsec(stopped, life) }
                }
            }
        }
        ask(life, "delsec \(link.peerName)", .removeLink(link.peer)) { [self] result in
            guard case .success = result else { return }
            world.disasters += 1
            world.hit(.secondaryRemoved)
            travel { [self] in deleteSecondary(host, of: life.host) }
        }
    }

    /// On the host that was removed, if the Primary reaches it.
    private func deleteSecondary(_ host: HostedRVG, of primary: HostedRVG) {
        guard network.isConnected(host.index, primary.index) else {
            return world.trace("\(primary.name): \(host.name) still has its RVG, it does not answer")
        }
        guard let life = host.life else { return host.shared.catalog.remove(host.rvg) }
        guard leaves(host, primary) else {
            return world.trace("\(primary.name): \(host.name) still has its RVG, it follows another Primary, or is one")
        }
        leave(life)
    }

    /// Comes to rest and is gone, as a daemon does it; where the catalog cannot be written it stays.
    private func leave(_ life: Life) {
        guard life.node.machine.refusalOfOpen == nil else { return }
        rest(life) { [self] result in
            let machine = life.node.machine
            if machine.failure == nil, case .failure? = result { return }
            let isBusy = machine.failure == nil && result == nil && life.node.operation != nil
            guard !isBusy, !dice.chance(15) else { return abandon(life) }
            world.trace("\(life.host.name): the RVG is removed; its volumes keep what they hold")
            world.disasters += 1
            world.coverage.count("Secondaries removed")
            let sessions = hosts.map { network.session($0.index, life.host.index) }
            life.host.leave()
            for (other, session) in zip(hosts, sessions) {
                guard let session else { continue }
                network.tell(from: life.host.index, to: other.index, session: session) { [world] in
                    other.life?.drive { $0.contactLost(with: life.host.id, now: world.instant, into: &$1) }
                }
            }
        }
    }

    private func rest(_ life: Life, _ then: @escaping (Result<RVGAnswer, Refusal>?) -> Void) {
        var isAnswered = false
        removals += 1
        life.request(.prepareRemoval) { [self] result in
            guard !isAnswered else { return }
            isAnswered = true
            travel { if life.isCurrent { then(result) } }
        }
        world.after(patience) {
            life.host.whenAwake {
                guard !isAnswered, life.isCurrent else { return }
                isAnswered = true
                then(nil)
            }
        }
    }

    // MARK: delpri

    /// `delpri`, which most states refuse, and which is given up where it is not refused.
    ///
    /// Whoever types it looked before: now and then the state is another one by the time that the RVG is to come to rest.
    private func beginRemoval() {
        guard let life = dice.pick(from: hosts)?.life, !life.host.isPaused,
            world.weather.allows(.removalAbandoned)
        else { return }
        let force = dice.chance(60)
        let refusal = refusalOfRemoval(life.node.machine, force: force)
        let isLate = dice.chance(40)
        verbs += 1
        world.trace("\(life.host.name): somebody types delpri\(force ? " -f" : "")")
        if let refusal, !isLate {
            world.trace("\(life.host.name): \(refusal.rawValue)")
            return world.coverage.count("delpri: \(refusal.rawValue)")
        }
        let isOut = !life.node.machine.header.isPrimary && refusal == nil && isOutOfTheRDS(life.host)
        guard !isOut || dice.chance(50) else { return leave(life) }
        rest(life) { [self] result in
            if life.node.machine.failure == nil, case .failure(let refusal)? = result {
                world.trace("\(life.host.name): \(refusal.code.rawValue): \(refusal.message)")
                return world.coverage.count("delpri at rest: \(refusal.code.rawValue)")
            }
            world.coverage.count("delpri: at rest \(result == nil ? "never" : "and held")")
            world.after(dice.milliseconds(1...1_500)) { [self] in if life.isCurrent { abandon(life) } }
        }
    }

    /// It stays, and goes on: nothing that the removal held is held any more.
    private func abandon(_ life: Life) {
        let count = removals
        life.request(.abandonRemoval) { [self] result in
            world.trace("\(life.host.name): the RVG stays: \(result)")
            world.hit(.removalAbandoned)
            guard life.node.machine.failure == nil, removals == count else { return }
            let held = [life.node.machine.volumesHeldBy, life.node.machine.intakeHeldBy]
            if held.contains("removal") { world.found("\(life.host.name): a removal that was given up holds the RVG") }
        }
    }

    /// A Primary that answers does not count it in.
    private func isOutOfTheRDS(_ host: HostedRVG) -> Bool {
        guard let primary, primary.host !== host else { return false }
        return network.isConnected(host.index, primary.host.index)
            && !primary.node.machine.header.links.contains { $0.peer == host.id }
    }

    /// What a daemon says before it brings anything to rest.
    private func refusalOfRemoval(_ machine: RVGMachine, force: Bool) -> RefusalCode? {
        (machine.refusalOfRemoval(force: force) ?? machine.refusalOfOpen)?.code
    }

    // MARK: addsec

    /// Who is out of the RDS comes back; who has no RVG any more and is still counted in goes out first.
    private func bringBack(to primary: Life) {
        for host in hosts where host !== primary.host {
            guard host.shared.isRunning, !host.isPaused, network.isConnected(host.index, primary.host.index),
                dice.chance(60)
            else { continue }
            if let life = host.life, !life.node.machine.header.links.contains(where: { $0.peer == primary.host.id }) {
                giveUp(life)
                continue
            }
            let link = primary.node.machine.header.links.first { $0.peer == host.id }
            if let link {
                if host.isAbsent { delsec(link, primary) }
            } else {
                addsec(host, primary)
            }
        }
    }

    /// It was told that this Primary is no part of the RDS, and takes nothing of it: its RVG is removed, and made anew.
    private func giveUp(_ life: Life) {
        if application.host === life.host { application.close() }
        guard refusalOfRemoval(life.node.machine, force: true) == nil else { return }
        verbs += 1
        world.trace("\(life.host.name): somebody types delpri -f, since it does not know the Primary")
        world.coverage.count("delpri: done")
        leave(life)
    }

    private func addsec(_ host: HostedRVG, _ primary: Life) {
        guard primary.node.machine.closedBecause == nil else { return }
        verbs += 1
        world.trace("\(primary.host.name): somebody types addsec \(host.name)")
        let links = primary.node.machine.header.links
        travel { [self] in
            guard network.isConnected(host.index, primary.host.index), host.shared.isRunning, !host.isPaused,
                (try? recruiting.makeSecondary(on: host, of: primary.host, beside: links)) != nil
            else { return }
            travel { [self] in
                guard primary.isCurrent else { return }
                ask(primary, "addsec \(host.name), which has its RVG now", .addLink(recruiting.record(of: host)))
            }
        }
    }
}
