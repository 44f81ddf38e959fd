import HomewardAdministration
import HomewardCore

/// People who type what is wrong, at the wrong host, at the wrong moment, twice, or while another command runs.
///
/// They tell no lies: what a command takes on trust is never claimed where it is not so. Whatever is refused at once must
/// have changed nothing, and some of it must be refused.
final class Meddler {
    private let world: World
    private let hosts: [HostedRVG]
    private let application: Application
    private var dice: Dice
    private let interval: ClosedRange<UInt64>
    private(set) var verbs = 0
    /// Nobody meddles any more.
    var isOver = false

    init(world: World, hosts: [HostedRVG], application: Application) {
        self.world = world
        self.hosts = hosts
        self.application = application
        dice = Dice(seed: world.weather.dice.word())
        interval = [200...1_500, 1_500...8_000][dice.pick(0...1)]
    }

    func run() {
        guard world.weather.isWide else { return }
        world.after(dice.milliseconds(interval)) { [self] in
            guard !isOver else { return }
            if let life = hosts[dice.pick(0...hosts.count - 1)].life, !life.host.isPaused { type(on: life) }
            run()
        }
    }

    private func type(on life: Life) {
        let others = hosts.filter { $0 !== life.host }
        let other = others[dice.pick(0...others.count - 1)]
        guard let (verb, request) = choose(life, other) else { return }
        ask(life, verb, request)
        // A command is easily typed twice.
        if dice.chance(10) { ask(life, verb, request) }
    }

    private typealias Command = (verb: String, request: RVGRequest)

    private func choose(_ life: Life, _ other: HostedRVG) -> Command? {
        let machine = life.node.machine
        let link = machine.header.links.first { $0.peer == other.id }
        switch dice.pick(0...17) {
        case 0: return ("takeover", .takeover(force: false))
        case 1, 2: return ("makesec \(other.name)", .makeSecondary(other.id, force: false))
        case 3, 4: return ("migrate \(other.name)", .migrate(other.id))
        case 5: return ("start", .start(force: false))
        case 6: return application.host === life.host ? ("stop", .stop) : nil
        case 7: return ("checkend", .checkEnd)
        case 8: return ("checkstart m", .checkStart("m"))
        case 9: return ("checkdelete nothing", .checkDelete("nothing"))
        case 10:
            guard link?.attachID != nil else { return nil }
            return ("delsec \(other.name)", .removeLink(other.id))
        case 11: return ("pauserep \(other.name)", .setPaused(other.id, true))
        case 12:
            guard link?.attachID != nil else { return nil }
            return (
                "syncrvg -c m \(other.name)",
                .synchronize([other.id], checkpoint: "m", full: false, force: false, consent: true)
            )
        case 13, 16: return wrongCopy(life, other)
        case 17: return overflowedCopy(life, other)
        case 14:
            guard var settings = link?.settings else { return nil }
            settings.latencyHighMark = settings.latencyLowMark
            return ("set \(other.name) with marks that do not fit", .setSettings(other.id, settings))
        default: return ("syncrvg -verify \(other.name)", .verify([other.id]))
        }
    }

    /// `startrep -c` with a copy that another host has.
    private func wrongCopy(_ life: Life, _ other: HostedRVG) -> Command? {
        let made = life.node.machine.header.checkpoints.first { checkpoint in
            !checkpoint.madeByHand && !checkpoint.targets.contains { $0.host == other.id }
        }
        guard let made else { return nil }
        return (
            "startrep -c \(made.name) \(other.name), whose copy it is not",
            .startReplication(other.id, how: .checkpoint(made.name), consent: true)
        )
    }

    /// `startrep -c` with a copy whose log was overwritten.
    private func overflowedCopy(_ life: Life, _ other: HostedRVG) -> Command? {
        let dead = life.node.machine.overflowed.last { $0.checkpoint.targets.contains { $0.host == other.id } }
        guard let name = dead?.checkpoint.name,
            !life.node.machine.header.checkpoints.contains(where: { $0.name == name })
        else { return nil }
        return (
            "startrep -c \(name) \(other.name), which overflowed",
            .startReplication(other.id, how: .checkpoint(name), consent: true)
        )
    }

    private func ask(_ life: Life, _ verb: String, _ request: RVGRequest) {
        guard life.isCurrent, world.whims.take() else { return }
        verbs += 1
        world.trace("\(life.host.name): somebody types \(verb)")
        let began = world.now
        let wasOpen = application.host === life.host
        let before = Standing(life)
        var isOver = false
        life.request(request) { [self] result in
            isOver = true
            switch result {
            case .success(.done(let outcome)) where outcome.already: world.coverage.count("meddled: already so")
            case .success:
                world.coverage.count("meddled: done")
                judge(request, on: life, wasOpen: wasOpen)
            case .failure(let refusal):
                world.coverage.count("meddled: \(refusal.code.rawValue)")
                world.trace("\(life.host.name): \(refusal.code.rawValue): \(refusal.message)")
                // What is refused in the step that it came with can have had no reason to change anything.
                guard world.now == began, let before, life.isCurrent, let after = Standing(life) else { return }
                if let what = before.difference(after) {
                    world.found("invariant 7: \(verb) on \(life.host.name) was refused at once, and \(what) changed")
                }
            }
        }
        let deadline = life.host.awake + 40_000_000_000
        func expectAnswer() {
            // A host that was stopped right before the end is looked at again only now and then.
            world.after(max(deadline - life.host.awake, 20_000_000)) { [self] in
                guard !isOver, life.isCurrent, world.finding == nil else { return }
                // A synchronization lasts as long as its target is away.
                if case .verify = request { return }
                if case .synchronize = request { return }
                guard life.host.awake >= deadline else { return expectAnswer() }
                world.found("invariant 11: \(verb) on \(life.host.name) has not answered for 40 s")
            }
        }
        expectAnswer()
    }

    /// What must have been refused.
    private func judge(_ request: RVGRequest, on life: Life, wasOpen: Bool) {
        switch request {
        case .makeSecondary, .migrate, .stop:
            guard wasOpen, application.host === life.host,
                life.node.machine.header.stopped || !life.node.machine.header.isPrimary
            else { return }
            world.found("\(life.host.name): \(request) was carried out while the application had the volumes open")
        case .startReplication(_, .checkpoint(let name), _):
            world.found("invariant 6: \(name) was attached: it overflowed, or that host never received it")
        default: return
        }
    }
}

/// What a refusal must leave as it was; nil while something else is under way that may change it.
private struct Standing {
    private var header: RVGHeader

    init?(_ life: Life) {
        let node = life.node
        guard node.operation == nil, node.participants.isEmpty, node.jobs.isEmpty, node.target == nil,
            node.marks.isEmpty,
            node.shutdown == nil
        else { return nil }
        header = node.machine.header
    }

    /// The first thing that differs, in words.
    func difference(_ other: Standing) -> String? {
        let (mine, theirs) = (header, other.header)
        if mine.role != theirs.role { return "the role" }
        if mine.fence != theirs.fence { return "the fence" }
        if mine.stopped != theirs.stopped { return "the stop flag" }
        if mine.lineage != theirs.lineage { return "the lineage" }
        if mine.checkpoints != theirs.checkpoints { return "the checkpoints" }
        if mine.receipt != theirs.receipt { return "the receipt" }
        if mine.targetJob != theirs.targetJob { return "the synchronization" }
        if mine.pending != theirs.pending { return "a promise" }
        if mine.links != theirs.links { return "an RLINK" }
        return nil
    }
}
