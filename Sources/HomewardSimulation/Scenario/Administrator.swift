import HomewardAdministration
import HomewardCore

/// The operator: a stubborn human who looks, thinks, types the next verb of Examples 3 and 4, and repeats what failed.
final class Administrator {
    private let world: World
    private let model: Model
    private let network: SimulatedNetwork
    private let application: Application
    private let hosts: [HostedRVG]
    private var chance: SeededGenerator
    /// Where the Primary belongs.
    var home = 0
    private var waiting: (life: Life, since: UInt64, awake: UInt64, verb: String)?
    private var nothingOpenSince: UInt64?
    private var refusals = 0
    /// Where the last takeover was told to be typed with -f.
    private var toForce: Life?
    private var isSetUp = false
    /// Does what is done by runbooks; false: it is to be typed.
    ///
    /// Nil: everything is typed.
    var pilot: (() -> Bool)?
    /// Counts what is changed by others than this operator's verbs.
    var changesByOthers: () -> Int = { 0 }
    /// People do strange things while everything falls apart.
    var mishaps = true
    /// Told of every verb that is typed: disasters like to come then.
    var onVerb: (Life) -> Void = { _ in }
    private var nextName = 1
    private(set) var verbs = 0

    init(world: World, model: Model, network: SimulatedNetwork, application: Application, hosts: [HostedRVG]) {
        self.world = world
        self.model = model
        self.network = network
        self.application = application
        self.hosts = hosts
        chance = SeededGenerator(seed: world.word())
    }

    func run() {
        act()
        world.after(world.milliseconds(30...400)) { [self] in run() }
    }

    /// The home host is the open Primary and every other follows it, up to date.
    var isDone: Bool {
        guard waiting == nil, let life = hosts[home].life, life.node.machine.isOpen else { return false }
        return hosts.allSatisfy { host in
            if host === hosts[home] { return true }
            guard let other = host.life, let peer = life.node.machine.peer(host.id) else { return false }
            // The Primary may believe for a while in a session that ended with the other's process.
            return peer.sending.isStreaming && other.node.machine.isImageConsistent
                && !other.node.machine.header.isPrimary && other.node.machine.imagePosition != nil
        }
    }

    private func act() {
        if let waiting {
            let host = waiting.life.host
            guard !waiting.life.isCurrent || host.awake - waiting.awake > 30_000_000_000 else { return }
            if waiting.life.isCurrent {
                return world.found(
                    "invariant 11: \(waiting.verb) on \(host.name) has not answered for 30 s"
                )
            }
            self.waiting = nil
        }
        if let pilot, pilot() { return }
        let open = hosts.filter { $0.life?.node.machine.isOpen == true }
        guard let primary = open.first(where: { $0.index == home }) ?? open.first, let life = primary.life else {
            let stopped = hosts.compactMap(\.life).first {
                $0.node.machine.header.isPrimary && $0.node.machine.header.stopped
            }
            if let stopped, stopped.node.machine.gate == nil, stopped.node.machine.header.fence == nil {
                return ask(stopped, "start", .start(force: false))
            }
            return findPrimary()
        }
        nothingOpenSince = nil
        if mishaps, isSetUp, meddle(life) { return }
        if !isSetUp { return setUp(life) }
        if resolveOldPrimaries(life) { return }
        if joinSecondaries(life) { return }
        if primary.index != home, pilot == nil { goHome(life) }
    }

    private func ask(
        _ life: Life,
        _ verb: String,
        _ request: RVGRequest,
        _ then: @escaping (Result<RVGAnswer, Refusal>) -> Void = { _ in }
    ) {
        waiting = (life, world.now, life.host.awake, verb)
        verbs += 1
        world.trace("type \(verb) on \(life.host.name)")
        let before = Configuration(hosts, world)
        let isBusy = life.node.operation != nil
        onVerb(life)
        life.request(request) { [self] result in
            waiting = nil
            switch result {
            case .success: world.trace("\(verb): done")
            case .failure(let refusal):
                world.trace("\(verb): \(refusal.code.rawValue): \(refusal.message)")
                world.coverage.count("refused: \(refusal.code.rawValue)")
                refusals += 1
                // An operation that was in progress goes on.
                if refusal.code != .operationInProgress || !isBusy { expectUnchanged(before, verb) }
            }
            then(result)
        }
    }

    /// Replication is started before the application is.
    private func setUp(_ primary: Life) {
        let detached = primary.node.machine.header.links.first {
            $0.attachID == nil && primary.node.machine.peer($0.peer)?.contact != nil
        }
        guard world.now < 1_500_000_000, world.disasters == 0, primary.node.machine.dataCount == 0 else {
            isSetUp = true
            application.isWanted = true
            return
        }
        if let detached {
            ask(
                primary,
                "startrep -f \(detached.peerName)",
                .startReplication(detached.peer, how: .identical, consent: true)
            )
        } else if primary.node.machine.header.links.allSatisfy({ $0.attachID != nil }) {
            isSetUp = true
            application.isWanted = true
        }
    }

    /// Something that nobody had to do.
    ///
    /// False: nothing this time.
    private func meddle(_ primary: Life) -> Bool {
        for host in hosts where host !== primary.host {
            guard let life = host.life, !life.node.machine.header.isPrimary,
                !network.isConnected(host.index, primary.host.index), world.chance(4)
            else { continue }
            // Whoever sees only this side of a partition takes over.
            askOnWhim(life, "takeover", .takeover(force: world.chance(20)))
            return true
        }
        for host in hosts where host !== primary.host {
            guard let life = host.life, life.node.machine.header.isPrimary, !life.node.machine.isOpen, world.chance(2)
            else {
                continue
            }
            askOnWhim(life, "start -f", .start(force: true))
            return true
        }
        guard world.chance(4), let link = primary.node.machine.header.links.randomElement(using: &chance) else {
            return false
        }
        switch world.pick(0...7) {
        case 0: askOnWhim(primary, "pauserep \(link.peerName)", .setPaused(link.peer, true))
        case 1: askOnWhim(primary, "stoprep \(link.peerName)", .stopReplication(link.peer, force: world.chance(50)))
        case 2:
            var settings = link.settings
            settings.synchronous = settings.synchronous == .off ? .override : .off
            askOnWhim(primary, "set \(link.peerName)", .setSettings(link.peer, settings))
        case 3:
            if primary.node.machine.header.checkpoints.contains(where: { $0.madeByHand && $0.end == nil }) {
                askOnWhim(primary, "checkend", .checkEnd)
            } else {
                nextName += 1
                askOnWhim(primary, "checkstart h\(nextName)", .checkStart("h\(nextName)"))
            }
        case 4:
            askOnWhim(primary, "syncrvg -verify \(link.peerName)", .verify([link.peer]))
        case 5:
            guard application.host !== primary.host else { return false }
            askOnWhim(primary, "stop", .stop)
        case 6:
            guard let made = primary.node.machine.header.checkpoints.first(where: { $0.madeByHand }) else {
                return false
            }
            askOnWhim(primary, "checkdelete \(made.name)", .checkDelete(made.name))
        default:
            guard let target = link.attachID == nil ? nil : hosts.first(where: { $0.id == link.peer }) else {
                return false
            }
            home = target.index
            return false
        }
        return true
    }

    private func askOnWhim(_ life: Life, _ verb: String, _ request: RVGRequest) {
        if world.whims.take() { ask(life, verb, request) }
    }

    // MARK: No Primary

    private func findPrimary() {
        let since = nothingOpenSince ?? world.now
        nothingOpenSince = since
        let patience = world.now - since
        guard patience > 1_500_000_000, world.chance(30) else { return }
        let secondaries = hosts.filter { $0.life?.node.machine.header.isPrimary == false }
        let primaries = hosts.filter { $0.life?.node.machine.header.isPrimary == true }
        if let candidate = secondaries.isEmpty ? nil : secondaries[world.pick(0...secondaries.count - 1)],
            let life = candidate.life, primaries.isEmpty || world.chance(85)
        {
            let isDesperate = patience > 8_000_000_000 && world.chance(25)
            return ask(life, "takeover", .takeover(force: isDesperate || toForce === life)) { [self] result in
                toForce = nil
                guard case .failure(let refusal) = result else { return }
                // What the hint says is done the next time.
                if refusal.code == .primaryPrimary, refusal.hint.contains("-f -N takeover") { toForce = life }
            }
        }
        let whole = primaries.first { $0.life?.node.machine.isLogDamaged == false }
        guard patience > 12_000_000_000, let life = (whole ?? primaries.first)?.life else { return }
        ask(life, "start -f", .start(force: true))
    }

    // MARK: Primary-Primary

    private func resolveOldPrimaries(_ primary: Life) -> Bool {
        for host in hosts where host !== primary.host {
            guard let life = host.life, life.node.machine.header.isPrimary,
                network.isConnected(host.index, primary.host.index),
                life.node.machine.header.fence != nil || life.node.machine.isOpen || world.chance(3)
            else { continue }
            // Now and then it is forgotten that the application still has the volumes open.
            let isForgotten = world.weather.isWide && world.weather.dice.chance(25)
            if application.host === host, !isForgotten { application.close() }
            let force = world.chance(60)
            ask(life, "makesec\(force ? " -f" : "")", .makeSecondary(primary.host.id, force: force)) { [self] result in
                guard case .success = result, isForgotten, application.host === host else { return }
                world.found("makesec on \(host.name) was carried out while the application had the volumes open")
            }
            return true
        }
        return false
    }

    // MARK: Secondaries

    /// One that is paused may hold the log that the others' synchronization needs.
    private func resumePaused(_ primary: Life) -> Bool {
        for host in hosts where host !== primary.host {
            guard let life = host.life, !life.node.machine.header.isPrimary,
                network.isConnected(host.index, primary.host.index),
                let link = primary.node.machine.header.links.first(where: { $0.peer == host.id }), link.attachID != nil
            else { continue }
            if link.paused {
                ask(primary, "resumerep", .setPaused(host.id, false))
                return true
            }
            if life.node.machine.header.links.contains(where: { $0.peer == primary.host.id && $0.paused }) {
                ask(life, "resumerep on \(host.name)", .setPaused(primary.host.id, false))
                return true
            }
        }
        return false
    }

    private func joinSecondaries(_ primary: Life) -> Bool {
        if world.weather.isWide, mishaps, world.weather.dice.chance(15), takeWrongCopy(primary) { return true }
        if resumePaused(primary) { return true }
        for host in hosts where host !== primary.host {
            let machine = primary.node.machine
            guard let life = host.life, !life.node.machine.header.isPrimary,
                network.isConnected(host.index, primary.host.index),
                let link = machine.header.links.first(where: { $0.peer == host.id })
            else { continue }
            if link.attachID == nil, join(host, primary) { return true }
        }
        return false
    }

    /// `startrep -c` with a copy that another host received, or whose log was overwritten: to be refused.
    private func takeWrongCopy(_ primary: Life) -> Bool {
        let machine = primary.node.machine
        for host in hosts where host !== primary.host {
            guard machine.header.links.contains(where: { $0.peer == host.id && $0.attachID == nil }) else { continue }
            let foreign = machine.header.checkpoints.first { made in
                made.isComplete && !made.madeByHand && !made.targets.contains { $0.host == host.id }
            }
            let dead = machine.overflowed.last { dead in
                dead.checkpoint.targets.contains { $0.host == host.id }
                    && !machine.header.checkpoints.contains { $0.name == dead.checkpoint.name }
            }
            guard let name = foreign?.name ?? dead?.checkpoint.name else { continue }
            let request = RVGRequest.startReplication(host.id, how: .checkpoint(name), consent: true)
            ask(primary, "startrep -c \(name) \(host.name), a copy that is none", request) { [self] result in
                guard case .success(.done(let outcome)) = result, !outcome.already else { return }
                world.found("invariant 6: \(name) was attached to \(host.name): it overflowed, or is another host's")
            }
            return true
        }
        return false
    }

    private func join(_ host: HostedRVG, _ primary: Life) -> Bool {
        let machine = primary.node.machine
        let made = machine.header.checkpoints.last { $0.targets.contains { $0.host == host.id } }
        if let made {
            if made.isComplete {
                ask(
                    primary,
                    "startrep -c \(made.name) \(host.name)",
                    .startReplication(
                        host.id,
                        how: .checkpoint(made.name),
                        consent: true
                    )
                ) { [self] result in afterStart(result, made.name, primary) }
                return true
            }
            // Its job goes on by itself.
            return false
        }
        // Said to be identical only where it is so: before the first write, or where lineage decides.
        let hasHistory = host.life?.node.machine.header.lineage.history.current != nil
        let isEmpty = machine.dataCount == 0 && !application.isWanted && !host.wasRemoved
        if isEmpty || hasHistory && world.chance(15) {
            ask(primary, "startrep -f \(host.name)", .startReplication(host.id, how: .identical, consent: true))
            return true
        }
        let name = "c\(nextName)"
        nextName += 1
        let both = hosts.filter { other in
            other !== primary.host && other !== host && network.isConnected(other.index, primary.host.index)
                && other.life?.node.machine.header.isPrimary == false
                && machine.header.links.contains { $0.peer == other.id && $0.attachID == nil }
        }
        let targets = [host.id] + (world.chance(50) ? both.map(\.id) : [])
        let force = refusals > 12 && world.chance(30)
        ask(
            primary,
            "syncrvg -c \(name) \(host.name)\(force ? " -f" : "")",
            .synchronize(
                targets,
                checkpoint: name,
                full: world.chance(10),
                force: force,
                consent: true
            )
        )
        return true
    }

    private func afterStart(_ result: Result<RVGAnswer, Refusal>, _ name: String, _ primary: Life) {
        switch result {
        case .success:
            refusals = 0
        case .failure(let refusal):
            // A copy that is no good is made again.
            let hopeless: [RefusalCode] = [.noReceipt, .checkpointOverflowed, .copyDiffers, .rival]
            guard hopeless.contains(refusal.code), world.chance(60), primary.isCurrent else { return }
        }
        guard primary.isCurrent else { return }
        world.after(world.milliseconds(1...50)) { [self] in
            guard primary.isCurrent, waiting == nil else { return }
            ask(primary, "checkdelete \(name)", .checkDelete(name))
        }
    }

    // MARK: Home

    private func goHome(_ primary: Life) {
        guard let life = hosts[home].life, !life.node.machine.header.isPrimary,
            primary.node.machine.peer(life.host.id)?.sending.isStreaming == true
        else { return }
        application.isWanted = false
        application.close()
        ask(primary, "migrate \(life.host.name)", .migrate(life.host.id)) { [self] _ in application.isWanted = true }
        wantApplication(after: waiting?.since)
    }

    /// An answer may be lost with its host.
    private func wantApplication(after asked: UInt64?) {
        world.after(31_000_000_000) { [self] in
            if waiting?.since == asked { wantApplication(after: asked) } else { application.isWanted = true }
        }
    }

    // MARK: What failed changed nothing

    private func expectUnchanged(_ before: Configuration, _ verb: String) {
        guard !verb.hasPrefix("syncrvg"), !verb.hasPrefix("checkdelete") else { return }
        let count = verbs + changesByOthers()
        world.after(1_200_000_000) { [self] in
            guard verbs + changesByOthers() == count, before.isComplete else { return }
            let now = Configuration(hosts, world)
            guard now.disasters == before.disasters, now.isComplete, now.lines != before.lines else { return }
            let changed = zip(before.lines, now.lines).first { $0 != $1 }
            world.found(
                "invariant 7: \(verb) was refused, and yet \(changed?.0 ?? "") became \(changed?.1 ?? "")"
            )
        }
    }
}

/// Who is what, and attached to whom.
private struct Configuration {
    var lines: [String] = []
    var disasters: Int
    var isComplete = true

    init(_ hosts: [HostedRVG], _ world: World) {
        disasters = world.disasters
        for host in hosts {
            guard let life = host.life else {
                isComplete = false
                continue
            }
            let header = life.node.machine.header
            let attached = header.links.map { "\($0.peerName):\($0.attachID?.description ?? "-")" }
            lines.append(
                "\(host.name) \(header.isPrimary ? "primary" : "secondary") \(attached.joined(separator: " ")) "
                    + "\(header.pending.count) pending"
            )
            if header.isPrimary, !life.node.machine.isOpen, header.fence == nil { isComplete = false }
            if !header.pending.isEmpty { isComplete = false }
        }
    }
}
