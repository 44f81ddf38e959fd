import HomewardCore

/// The condition of each RLINK, and what the table says to a verb in it.
extension RVGNode {
    /// The condition of the RLINK to `host`; one that does not exist counts as detached.
    package func condition(of host: HostID) -> LinkCondition {
        if isRival(host) { return .primaryPrimary }
        guard let link = machine.header.links.first(where: { $0.peer == host }), link.attachID != nil else {
            return .detached
        }
        let peer = machine.peer(host)
        if link.paused || machine.header.isPrimary && machine.isPausedThere(link) { return .paused }
        guard flows(link, peer), machine.header.isPrimary || peer?.contact?.open == true else { return .disconnected }
        return dataStatus(link, peer) == "up-to-date" ? .upToDate : .behind
    }

    /// Two Primaries where one may be: this host and the other, or, on a Secondary, two that count.
    private func isRival(_ host: HostID) -> Bool {
        machine.header.isPrimary ? primariesThatCount.contains { $0.host == host } : primariesThatCount.count > 1
    }

    /// The peers that are Primaries and answer; what was last heard of a host that is gone for good must not block the others.
    ///
    /// To a Secondary one does not count whose reign is closed by an epoch that the Secondary knows, unless it follows that
    /// very one. Else the successor, should it be lost, could not be succeeded before the old Primary gives way, which
    /// only gives way to one that is open.
    private var primariesThatCount: [Peer] {
        machine.peers.filter { peer in
            guard let contact = peer.contact, contact.isPrimary else { return false }
            guard !machine.header.isPrimary, peer.host != machine.header.follows else { return true }
            return machine.header.lineage.closing(reignOf: contact.lineage.history) == nil
        }
    }

    /// On a Secondary: the Primaries that count, where there are several and none of them is open or opens by itself.
    ///
    /// One may be closed by another, and that one's log be damaged: then nobody goes on but who takes over of them all.
    /// One that failed is none of them: what it holds, and whether it opens, is known when its daemon was restarted.
    package var shutRivals: [Peer] {
        let rivals = primariesThatCount
        guard !machine.header.isPrimary, rivals.count > 1, rivals.allSatisfy({ $0.contact?.isShut == true }) else {
            return []
        }
        return rivals
    }

    /// Asks the table about the RLINK to `host`.
    ///
    /// True: the state asked for is there already.
    package func isAlreadySo(_ verb: MatrixVerb, _ host: HostID) throws(Refusal) -> Bool {
        let condition = condition(of: host)
        switch PreconditionMatrix.verdict(verb, condition) {
        case .proceed: return false
        case .alreadySo: return true
        case .refuse(let code, let next): throw refusal(code, verb, condition, host, next)
        }
    }

    /// The same for verbs that are never "already so" by the condition of an RLINK.
    package func requireAllowed(_ verb: MatrixVerb, _ host: HostID) throws(Refusal) {
        _ = try isAlreadySo(verb, host)
    }

    private func refusal(
        _ code: RefusalCode,
        _ verb: MatrixVerb,
        _ condition: LinkCondition,
        _ host: HostID,
        _ next: NextStep
    ) -> Refusal {
        // What keeps makesec back is not the RLINK: nobody took the role away.
        let message =
            verb == .makesec && code == .notPrimary
            ? "\(machine.label(of: host)) has not taken over (\(words(condition, host))), so nothing is to be given up"
            : "\(words(condition, host)): \(verb.words) is not possible"
        return machine.refuse(code, message, hint: hint(next, verb, host))
    }

    private func words(_ condition: LinkCondition, _ host: HostID) -> String {
        let link = machine.header.links.first { $0.peer == host }
        let name = link?.name ?? "the RLINK to \(machine.label(of: host))"
        let answers = machine.peer(host)?.contact == nil ? ", and \(machine.label(of: host)) does not answer" : ""
        switch condition {
        case .detached: return "\(name) is detached (stale)" + answers
        case .upToDate: return "\(name) is attached and up-to-date"
        case .behind:
            guard machine.header.isPrimary, let sending = machine.peer(host)?.sending else {
                return "\(name) is attached and connected"
            }
            let waiting = machine.end.value - min(sending.logged.value, machine.end.value)
            return "\(name) is attached and behind by \(counted(waiting, "update"))"
        case .disconnected: return "\(name) is attached and not connected" + answers
        case .paused: return "\(name) is paused" + answers
        case .primaryPrimary:
            let others = primariesThatCount.map(\.name).sorted()
            let all = machine.header.isPrimary ? [machine.hostName] + others : others
            let shut = shutRivals.isEmpty ? "" : ", and none of them is open"
            return "\(all.joined(separator: " and ")) are \(all.count == 2 ? "both" : "all") Primary\(shut)"
        }
    }

    private func hint(_ next: NextStep, _ verb: MatrixVerb, _ host: HostID) -> String {
        let other = machine.label(of: host)
        // The Secondary's name stands in commands, whichever end refuses.
        let secondary = machine.header.isPrimary ? other : machine.hostName
        switch next {
        case .startrep: return machine.command("startrep", secondary, options: "-c NAME")
        case .stoprep: return "stop it first: " + machine.command("stoprep", secondary)
        case .pauserep: return "pause it first: " + machine.command("pauserep", secondary)
        case .resumerep: return machine.command("resumerep", secondary)
        case .syncrvg:
            return "bring \(secondary) up to date first: " + machine.command("syncrvg", secondary, options: "-c NAME")
        case .makesec: return verb == .takeover ? takeoverHint ?? makesecHint(other) : makesecHint(other)
        case .migrate:
            return "to change roles with both hosts up: " + machine.command("migrate", secondary)
        case .repstatus:
            return "wait until it is up-to-date: vradmin -g \(machine.diskGroup) repstatus \(machine.name); "
                + "then repeat \(verb.words)"
        case .printrvg:
            return "name the host that took over, as shown by: " + machine.command("printrvg", options: "-l")
        case .reconnect:
            guard verb == .migrate, machine.header.isPrimary else {
                return "start the daemon of \(other) or mend the network, then repeat \(verb.words); what is known: "
                    + "homeward status"
            }
            return "bring \(other) back, or leave it out: " + machine.command("stoprep", other, options: "-f")
        }
    }

    /// Among shut Primaries and this copy one is to be chosen, as soon as none has failed; nil where one may open.
    private var takeoverHint: String? {
        let failed = primariesThatCount.filter { $0.contact?.failed == true }.map(\.name).sorted()
        if !failed.isEmpty, primariesThatCount.allSatisfy({ $0.contact?.mayOpen == false }) {
            let names = failed.joined(separator: " and ")
            return "restart the daemon of \(names), whose device failed; then repeat takeover"
        }
        guard !shutRivals.isEmpty else { return nil }
        let start = "vxrvg -g \(machine.diskGroup) -f start \(machine.name) --host HOST"
        return "open one of them: \(start); or go on with this copy, without what only they hold: "
            + machine.command("takeover", options: "-f -N", on: machine.hostName)
    }

    /// Whose reign was closed gives way; where neither was, it is to be chosen.
    private func makesecHint(_ other: String) -> String {
        guard machine.header.isPrimary else {
            return "make one a Secondary of the other: " + machine.command("makesec", "NEWPRIMARY", on: "HOST")
        }
        if case .closed? = machine.header.fence {
            return machine.command("makesec", other, on: machine.hostName)
        }
        return "make one a Secondary of the other; to keep this one: "
            + machine.command("makesec", machine.hostName, on: other)
    }
}
