import HomewardCore

/// An RVG comes to rest: with its daemon, or because it leaves this host.
extension RVGNode {
    package struct Shutdown: Sendable {
        package enum Cause: String, Sendable {
            case daemon = "shutdown"
            /// The log goes with the RVG, and is not marked clean: where the removal fails it goes on.
            case removal
        }

        var cause: Cause
        var token: UInt64
        /// What the operation that is still under way held, and holds again where the removal is given up.
        var intakeHeldBy: String?
        var volumesHeldBy: String?
    }

    mutating func beginShutdown(_ cause: Shutdown.Cause, _ token: UInt64, _ effects: inout NodeEffects) {
        if let obstacle = obstacle(to: cause) { return answer(token, .failure(obstacle), &effects) }
        guard shutdown == nil else { return done(token, Outcome(already: true, summary: "stopping already"), &effects) }
        shutdown = Shutdown(
            cause: cause,
            token: token,
            intakeHeldBy: machine.intakeHeldBy,
            volumesHeldBy: machine.volumesHeldBy
        )
        machine.intakeHeldBy = cause.rawValue
        machine.volumesHeldBy = cause.rawValue
    }

    /// From when a removal is asked for until it is given up, also when it has drained and only the catalog has to be told.
    var isBeingRemoved: Bool { machine.volumesHeldBy == Shutdown.Cause.removal.rawValue }

    /// Why an RVG may not leave this host now.
    ///
    /// Whoever asked for the removal looked before; a session may have been opened since, and none can be once the removal
    /// holds the volumes.
    private func obstacle(to cause: Shutdown.Cause) -> Refusal? {
        guard cause == .removal else { return nil }
        if shutdown != nil || isBeingRemoved {
            return machine.refuse(
                .operationInProgress,
                "it is being removed already, or the daemon is stopping",
                hint: "see whether it is gone: homeward status"
            )
        }
        return machine.refusalOfOpen
    }

    package mutating func advanceShutdown(now: Instant, into effects: inout NodeEffects) {
        guard let ending = shutdown else { return }
        if machine.header.targetJob != nil || target != nil {
            shutdown = nil
            return done(ending.token, Outcome(summary: "stopped; the next start recovers"), &effects)
        }
        guard operation == nil else { return }
        // An operation that was under way when the removal began may have attached a link.
        if ending.cause == .removal, let attached = machine.refusalOfAttached {
            release(ending)
            effects.core.admissionChanged = true
            return answer(ending.token, .failure(attached), &effects)
        }
        // The header that opens says that it was not stopped, and is on its way to the disk.
        if case .opening = machine.gate { return }
        // A Secondary leaves in its log what its Primary has not proven durable.
        let drained =
            machine.header.isPrimary
            ? machine.applied == machine.end : machine.durable == machine.end && machine.applied == machine.replayed
        guard drained, machine.isLogIdle, machine.applyInFlight == nil else {
            return machine.wantApplied(&effects.core)
        }
        if ending.cause == .daemon { markClean(&effects) }
        shutdown = nil
        done(ending.token, Outcome(summary: "stopped in order"), &effects)
    }

    private mutating func markClean(_ effects: inout NodeEffects) {
        // Behind its fence it still owes the epoch of an unclean start, also one that is stopped.
        let owesNothing = machine.header.isPrimary && machine.header.fence == nil && machine.gate == nil
        guard !machine.header.cleanStop, owesNothing else { return }
        machine.header.cleanStop = true
        machine.header.endAtCleanStop = machine.end
        machine.advanceTail(&effects.core)
        machine.headerChanged(&effects.core)
    }

    /// The RVG stays: it goes on where the removal found it.
    mutating func abandonRemoval(_ effects: inout NodeEffects) -> Outcome {
        let ending = shutdown?.cause == .removal ? shutdown : nil
        release(ending)
        if let ending {
            done(ending.token, Outcome(summary: "the RVG stays"), &effects)
        }
        effects.core.admissionChanged = true
        return Outcome(summary: "the RVG stays")
    }

    /// Ends a removal, which may have drained already, and gives back what it held.
    private mutating func release(_ ending: Shutdown?) {
        let held = operation == nil ? nil : ending
        let verb = Shutdown.Cause.removal.rawValue
        if machine.intakeHeldBy == verb { machine.intakeHeldBy = held?.intakeHeldBy }
        if machine.volumesHeldBy == verb { machine.volumesHeldBy = held?.volumesHeldBy }
        if ending != nil { shutdown = nil }
    }
}

extension RVGMachine {
    /// Why an RVG stays where it is while a volume of it is open.
    package var refusalOfOpen: Refusal? {
        sessions.first.map { session in
            refuse(.volumeOpen, "a volume is open by \(session.holder.label)", hint: "close that session first")
        }
    }

    /// Why delpri does not begin: a Secondary is attached or counted in, the RVG is a Secondary, or is started.
    ///
    /// `force` is its `-f`, to which neither an attached Secondary nor a Primary that answers yields.
    package func refusalOfRemoval(force: Bool) -> Refusal? {
        if let attached = refusalOfAttached { return attached }
        if header.isPrimary, !force, let link = header.links.first {
            return refuse(
                .limitReached,
                "the RDS still has \(header.links.count) Secondaries, \(link.peerName) among them",
                hint: command("delsec", link.peerName)
            )
        }
        if !header.isPrimary, failure == nil, let primary = header.follows,
            let link = header.links.first(where: { $0.peer == primary }),
            let contact = peer(primary)?.contact, contact.isPrimary,
            contact.links.contains(where: { $0.peer == header.host })
        {
            return refuse(
                .notPrimary,
                "\(link.peerName) is its Primary, answers, and counts it in (-f does not change that)",
                hint: (link.attachID == nil ? "" : command("stoprep", hostName) + "; then ")
                    + command("delsec", hostName)
            )
        }
        if !header.isPrimary, !force {
            return refuse(
                .notPrimary,
                "is a Secondary on \(hostName)",
                hint: "on the Primary: " + command("delsec", hostName) + "; if that host is gone: "
                    + command("delpri", options: "-f", on: hostName)
            )
        }
        guard !header.stopped, isOpen, !force else { return nil }
        return refuse(
            .volumeInUse,
            "is started",
            hint: "vxrvg -g \(diskGroup) stop \(name) --host \(hostName)"
        )
    }

    /// Why a Primary stays where it is while a Secondary is attached to it; one that is shut for good holds nobody by that.
    package var refusalOfAttached: Refusal? {
        guard header.isPrimary, header.fence == nil,
            let link = header.links.first(where: { $0.attachID != nil })
        else { return nil }
        return refuse(
            .linkAttached,
            "\(link.peerName) is attached to it (-f does not change that)",
            hint: command("stoprep", link.peerName, options: "-s")
        )
    }
}
