import HomewardCore

/// Where a request of an operator goes, and what it comes to on the host that decides it.
extension Request {
    /// The RVG of a request that its Primary decides; nil of a request that the host decides that it is sent to.
    public var decidedByPrimary: RVGReference? {
        switch self {
        case .addSecondary(let reference, _, _, _, _), .deleteSecondary(let reference, _),
            .startReplication(let reference, _, _, _), .stopReplication(let reference, _, _, _),
            .pauseReplication(let reference, _), .resumeReplication(let reference, _),
            .synchronize(let reference, _, _, _, _, _), .verify(let reference, _, _), .migrate(let reference, _, _),
            .setAttributes(let reference, _, _):
            reference
        default: nil
        }
    }

    /// The same request to the Primary, which may have other names for disk group and RVG.
    public func renamed(_ there: RVGReference) -> Request {
        switch self {
        case .addSecondary(_, let primary, let secondary, let group, let attributes):
            .addSecondary(
                there,
                primary: primary,
                secondary: secondary,
                secondaryDiskGroup: group,
                attributes: attributes
            )
        case .deleteSecondary(_, let secondary): .deleteSecondary(there, secondary: secondary)
        case .startReplication(_, let secondary, let how, let consent):
            .startReplication(there, secondary: secondary, how: how, consent: consent)
        case .stopReplication(_, let secondary, let force, let consent):
            .stopReplication(there, secondary: secondary, force: force, consent: consent)
        case .pauseReplication(_, let secondary): .pauseReplication(there, secondary: secondary)
        case .resumeReplication(_, let secondary): .resumeReplication(there, secondary: secondary)
        case .synchronize(_, let secondaries, let checkpoint, let full, let force, let consent):
            .synchronize(
                there,
                secondaries: secondaries,
                checkpoint: checkpoint,
                full: full,
                force: force,
                consent: consent
            )
        case .verify(_, let secondaries, let consent): .verify(there, secondaries: secondaries, consent: consent)
        case .migrate(_, let to, let consent): .migrate(there, to: to, consent: consent)
        case .setAttributes(_, let secondary, let attributes):
            .setAttributes(there, secondary: secondary, attributes: attributes)
        default: self
        }
    }
}

/// A request with its names resolved.
public enum ResolvedRequest: Hashable, Sendable {
    /// For the RVG.
    case ask(RVGRequest)
    /// Nothing is to be done.
    case answered(Answer)
}

extension RVGNode {
    /// What a request comes to on this host, which decides it: names resolved, consent looked for.
    ///
    /// Pure. Requests that concern more than this RVG (`addsec`, `delsec`, `set`, `resumerep`'s other end) are the driver's.
    /// - Returns: nil when the request is none of this RVG alone.
    /// - Throws: `unknown-secondary`, `ambiguous`, `needs-consent`, and why a migrate that has moved the role cannot be used.
    public func resolve(_ request: Request) throws(Refusal) -> ResolvedRequest? {
        switch request {
        case .takeover(_, let force): return .ask(.takeover(force: force))
        case .checkStart(_, let name): return .ask(.checkStart(name))
        case .checkEnd: return .ask(.checkEnd)
        case .checkDelete(_, let name): return .ask(.checkDelete(name))
        case .listCheckpoints: return .answered(.checkpoints(checkpoints()))
        case .startRVG(_, let force): return .ask(.start(force: force))
        case .stopRVG: return .ask(.stop)
        case .startReplication(_, let secondary, let how, let consent):
            return .ask(.startReplication(try secondaryHost(secondary), how: how, consent: consent))
        case .stopReplication(_, let secondary, let force, let consent):
            let peer = try secondaryHost(secondary)
            try requireConsent(
                consent,
                "Replication to \(machine.label(of: peer)) loses its position; to start it again "
                    + "\(machine.label(of: peer)) must be synchronized. Go on?"
            )
            return .ask(.stopReplication(peer, force: force))
        case .pauseReplication(_, let secondary): return .ask(.setPaused(try secondaryHost(secondary), true))
        case .synchronize(_, let secondaries, let checkpoint, let full, let force, let consent):
            let peers = try secondaries.map { name throws(Refusal) in try secondaryHost(name) }
            return .ask(.synchronize(peers, checkpoint: checkpoint, full: full, force: force, consent: consent))
        case .verify(_, let secondaries, let consent):
            let peers = try secondaries.map { name throws(Refusal) in try secondaryHost(name) }
            try requireConsent(
                consent,
                "The comparison has a meaning only while nothing is written. Is the application stopped?"
            )
            return .ask(.verify(peers))
        case .migrate(_, let to, let consent):
            if to == machine.hostName, let outcome = try alreadyPrimary() { return .answered(.done(outcome)) }
            let peer = try secondaryHost(to)
            try requireConsent(
                consent,
                "The Primary role moves to \(to ?? "the Secondary"). Are the applications stopped?"
            )
            return .ask(.migrate(peer))
        default: return nil
        }
    }

    private func requireConsent(_ consent: Bool, _ question: String) throws(Refusal) {
        guard !consent else { return }
        throw machine.refuse(.needsConsent, question, hint: "answer y, or repeat with -s")
    }

    /// A migrate that is repeated after it has moved the role; nil when this host is no Primary.
    private func alreadyPrimary() throws(Refusal) -> Outcome? {
        guard machine.header.isPrimary else { return nil }
        if let closed = machine.closedBecause { throw closed }
        return Outcome(already: true, summary: "\(machine.hostName) is the Primary already")
    }

    /// A member of the RDS by name; the one Secondary when none is named.
    public func secondaryHost(_ name: String?) throws(Refusal) -> HostID {
        let links = machine.header.links
        let all = links.map(\.peerName).sorted().joined(separator: ", ")
        if let name {
            guard let link = links.first(where: { $0.peerName == name }) else {
                throw Refusal(
                    .unknownSecondary,
                    name,
                    (name == machine.hostName ? "is this host itself, and no Secondary of it" : "is not in the RDS")
                        + (all.isEmpty ? "" : "; it has \(all)"),
                    hint: machine.command("printrvg"),
                    host: machine.hostName
                )
            }
            return link.peer
        }
        guard let only = links.first, links.count == 1 else {
            throw machine.refuse(
                links.isEmpty ? .unknownSecondary : .ambiguous,
                links.isEmpty ? "the RDS has no Secondary" : "the RDS has several Secondaries: \(all)",
                hint: links.isEmpty
                    ? "to add one: vradmin -g \(machine.diskGroup) addsec \(machine.name) \(machine.hostName) HOST"
                    : "name one of them behind \(machine.name); how each stands: " + machine.command("repstatus")
            )
        }
        return only.peer
    }

    /// Why a request that the Primary decides cannot be passed on to it.
    public var noPrimary: Refusal {
        let followed = machine.header.follows.map { machine.label(of: $0) }
        return machine.refuse(
            .hostUnreachable,
            "\(machine.hostName) is a Secondary, and "
                + (followed.map { "its Primary \($0) does not answer as one" } ?? "no Primary answers"),
            hint: "start the daemon of \(followed ?? "the Primary"); if that host is gone: "
                + machine.command("takeover", options: "-N", on: machine.hostName)
        )
    }
}
