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

    package mutating func advanceShutdown(now: Instant, into effects: inout NodeEffects) {
        guard let ending = shutdown else { return }
        if machine.header.targetJob != nil || target != nil {
            shutdown = nil
            return done(ending.token, Outcome(summary: "stopped; the next start recovers"), &effects)
        }
        guard operation == nil else { return }
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
        let held = operation == nil ? nil : ending
        let verb = Shutdown.Cause.removal.rawValue
        if machine.intakeHeldBy == verb { machine.intakeHeldBy = held?.intakeHeldBy }
        if machine.volumesHeldBy == verb { machine.volumesHeldBy = held?.volumesHeldBy }
        if let ending {
            shutdown = nil
            done(ending.token, Outcome(summary: "the RVG stays"), &effects)
        }
        effects.core.admissionChanged = true
        return Outcome(summary: "the RVG stays")
    }
}
