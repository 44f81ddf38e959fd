import HomewardAdministration
import HomewardCore

/// How an RVG comes to a host that has none, as a daemon makes it: log, catalog, and whoever is connected is met.
struct Recruiting {
    let world: World
    let network: SimulatedNetwork
    let hosts: [HostedRVG]
    /// Of RLINKs that are made.
    var settings = LinkSettings()

    /// Makes the RVG of a host over whatever its volumes and its log hold, and runs it.
    /// - Throws: what its devices refused; a host that died of it is down then, and nothing was made.
    func make(_ header: RVGHeader, on host: HostedRVG) throws(Refusal) {
        do throws(Refusal) { try host.join(header) } catch {
            world.trace("\(host.name): the RVG cannot be made: \(error.message)")
            if host.fuse.blown {
                world.hit(.crashInCall)
                host.shared.crash(power: host.fuseLosesPower)
                host.fuse.blown = false
                host.shared.onDeath?()
            } else if !host.isAiling {
                world.found("\(host.name): the RVG cannot be made: \(error)")
            }
            throw error
        }
        guard let life = host.life else { return }
        world.disasters += 1
        for other in hosts where other !== host {
            guard let session = network.session(toldTo: host.index, with: other.index) else { continue }
            life.connected(to: other.shared, session: session)
        }
    }

    /// Makes a Secondary of a host that has no RVG; one that has it keeps what it is.
    /// - Throws: as ``make(_:on:)``, and where the RVG is there and cannot be opened.
    func makeSecondary(on host: HostedRVG, of primary: HostedRVG, beside links: [LinkRecord]) throws(Refusal) {
        if host.shared.catalog.names(host.rvg) {
            guard host.life == nil else { return }
            throw Refusal(.ioError, host.name, "its RVG is there and cannot be opened", hint: "homeward status")
        }
        let members = [record(of: primary)] + links.map { LinkRecord(Contact.Link($0)) }
        try make(.newSecondary(rvg: host.rvg, host: host.id, of: primary.id, members: members), on: host)
        world.coverage.count("Secondaries made")
    }

    /// An RLINK to a host, as it is when it is made.
    func record(of host: HostedRVG) -> LinkRecord {
        LinkRecord(
            peer: host.id,
            peerName: host.shared.name,
            peerDiskGroup: "dg",
            peerRVG: HostedRVG.rvgName(host.number),
            settings: settings
        )
    }
}

extension HostedRVG {
    /// Its host runs, and has no such RVG.
    var isAbsent: Bool { shared.isRunning && life == nil && !shared.catalog.names(rvg) }

    /// Leaves its host: the catalog does not name it any more, and its log is nobody's.
    func leave() {
        shared.catalog.remove(rvg)
        end(power: false)
        forget()
    }

    fileprivate func join(_ header: RVGHeader) throws(Refusal) {
        // Its devices are opened anew.
        fuse.blown = false
        log.reopen(dropsCleanPages: false)
        try LogRecovery.format(device: log, format: format, header: header)
        // What lay there before is of another life of the RVG, and nobody could tell it from this one's.
        log.keepsOlder = isLiedTo
        try shared.catalog.add(rvg)
        try open(unreadable: false)
    }
}
