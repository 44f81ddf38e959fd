import HomewardAdministration
import HomewardCore

/// Holds what hosts say of themselves against what is so (invariant 12).
///
/// It sees the disks and the processes of all hosts at once, which no host does: whatever a status claims and cannot know is
/// found here.
final class StatusJudge {
    private let world: World
    private let model: Model
    private let hosts: [HostedRVG]

    init(world: World, model: Model, hosts: [HostedRVG]) {
        self.world = world
        self.model = model
        self.hosts = hosts
    }

    private func found(_ host: HostedRVG, _ text: String) { world.found("invariant 12: \(host.name) says \(text)") }

    /// Asks every host, as a person would.
    func look() {
        guard world.weather.isWide else { return }
        for host in hosts {
            guard let life = host.life, !host.isPaused, life.isCurrent else { continue }
            let own = life.node.describe(now: world.instant, volumes: [], log: "srl", logSize: host.log.size)
            check(own, life)
            for (record, link) in zip(life.node.machine.header.links, own.links) { check(record, link, life) }
        }
    }

    private func check(_ own: MemberDescription, _ life: Life) {
        let machine = life.node.machine
        if own.state == "enabled", own.role == "primary", !machine.isOpen {
            found(life.host, "that it is an enabled Primary, and takes no writes")
        }
        if own.state != "enabled", machine.isOpen { found(life.host, "\(own.state), and takes writes") }
        if own.logUsed > own.logSize { found(life.host, "that \(own.logUsed) of \(own.logSize) bytes of log are used") }
        if own.consistent, own.role == "secondary", machine.header.targetJob != nil {
            found(life.host, "consistent, while a synchronization writes its volumes")
        }
    }

    private func check(_ record: LinkRecord, _ link: LinkDescription, _ life: Life) {
        let machine = life.node.machine
        guard let other = hosts.first(where: { $0.id == record.peer }) else { return }
        if link.dataStatus == "up-to-date" {
            if link.behindUpdates != 0 {
                found(life.host, "\(link.name) up-to-date and behind by \(link.behindUpdates)")
            }
            if link.state == "STALE" { found(life.host, "\(link.name) up-to-date and stale") }
        }
        if link.behindPercent > 100.5 { found(life.host, "\(link.name) behind by \(link.behindPercent) % of the log") }
        if let seconds = link.lastContactAge, seconds < 0 { found(life.host, "\(link.name) heard in the future") }
        if link.behindSeconds < 0 { found(life.host, "\(link.name) behind by \(link.behindSeconds) seconds") }
        guard machine.isOpen, let theirs = other.life?.node.machine, theirs.failure == nil, !theirs.isLogDamaged else {
            return
        }
        guard theirs.header.links.contains(where: { $0.peer == life.host.id && $0.attachID == record.attachID }),
            record.attachID != nil, theirs.header.follows == life.host.id
        else { return }
        // What the Primary counts as logged there is durable there, whatever happened since.
        if link.dataStatus == "up-to-date", theirs.durable < machine.end {
            found(life.host, "\(link.name) up-to-date at \(machine.end); \(other.name) has \(theirs.durable) durable")
        }
        if link.dataStatus == "up-to-date", !theirs.isImageConsistent {
            found(life.host, "\(link.name) up-to-date; \(other.name) is inconsistent")
        }
    }
}
