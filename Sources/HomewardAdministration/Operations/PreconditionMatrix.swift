import HomewardCore

/// Where one RLINK stands, as far as it decides which verbs may begin: computed from positions when asked, never stored.
///
/// The columns of a change map (DCM waiting, DCM replay) and of a failed RLINK come with the change map; a switch over this
/// type then fails to compile until each verb has an answer to them.
package enum LinkCondition: Hashable, Sendable, CaseIterable {
    /// STALE: what the other end holds is not known to fit.
    case detached
    /// Attached, and everything is logged at the other end, which is consistent.
    case upToDate
    /// Attached and flowing, and something is still on its way.
    case behind
    /// Attached, and nothing flows.
    case disconnected
    /// Attached, and held by a command.
    case paused
    /// Both ends are Primary, or a Secondary sees two that count.
    case primaryPrimary
}

/// The verbs whose beginning depends on the condition of an RLINK.
package enum MatrixVerb: Hashable, Sendable, CaseIterable {
    case startrep, stoprep, pauserep, resumerep, syncrvg, verify, migrate, takeover, makesec, checkstart

    /// As people type it.
    package var words: String {
        switch self {
        case .startrep: "startrep"
        case .stoprep: "stoprep"
        case .pauserep: "pauserep"
        case .resumerep: "resumerep"
        case .syncrvg: "syncrvg"
        case .verify: "syncrvg -verify"
        case .migrate: "migrate"
        case .takeover: "takeover"
        case .makesec: "makesec"
        case .checkstart: "checkstart"
        }
    }
}

/// The command that a refusal names as the next one.
package enum NextStep: Hashable, Sendable {
    case startrep, stoprep, pauserep, resumerep, syncrvg, makesec, migrate
    /// Look, and wait until the Secondary is up to date.
    case repstatus
    /// See which host has which role.
    case printrvg
    /// Bring the other host back.
    case reconnect
}

/// What the table says to a verb.
package enum Verdict: Hashable, Sendable {
    /// The verb goes on to its own checks.
    case proceed
    /// Nothing to do.
    case alreadySo
    case refuse(RefusalCode, NextStep)
}

/// Command against state, as VVR has it, but where the articles Lineage and OperationSteps decide otherwise.
package enum PreconditionMatrix {
    package static func verdict(_ verb: MatrixVerb, _ condition: LinkCondition) -> Verdict {
        switch verb {
        case .startrep: startrep(condition)
        case .stoprep: stoprep(condition)
        case .pauserep: pauserep(condition)
        case .resumerep: resumerep(condition)
        case .syncrvg: syncrvg(condition)
        case .verify: verify(condition)
        case .migrate: migrate(condition)
        case .takeover: takeover(condition)
        case .makesec: makesec(condition)
        case .checkstart: checkstart(condition)
        }
    }

    private static func startrep(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached: .proceed
        case .upToDate, .behind, .disconnected: .alreadySo
        case .paused: .refuse(.linkPaused, .resumerep)
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    private static func stoprep(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached: .alreadySo
        // An end that cannot be told needs `-f`, whatever the RLINK's condition: that is the verb's own check.
        case .upToDate, .behind, .disconnected, .paused: .proceed
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    private static func pauserep(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached: .refuse(.linkDetached, .startrep)
        case .upToDate, .behind, .disconnected: .proceed
        case .paused: .alreadySo
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    private static func resumerep(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached: .refuse(.linkDetached, .startrep)
        case .upToDate, .behind, .disconnected: .alreadySo
        case .paused: .proceed
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    private static func syncrvg(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached: .proceed
        case .upToDate, .behind, .disconnected, .paused: .refuse(.linkAttached, .stoprep)
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    private static func verify(_ condition: LinkCondition) -> Verdict {
        switch condition {
        // A stale copy may be compared: what differs is what a synchronization would send.
        case .detached: .proceed
        case .upToDate: .refuse(.linkAttached, .pauserep)
        case .behind: .refuse(.notUpToDate, .repstatus)
        case .disconnected: .refuse(.linkDisconnected, .reconnect)
        // Only what was paused up to date; the verb compares the positions.
        case .paused: .proceed
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    /// Asked of the target and of every other attached RLINK; other Secondaries that are detached do not matter.
    private static func migrate(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached: .refuse(.linkDetached, .syncrvg)
        case .upToDate: .proceed
        // Intake stops and what is on its way is waited for, until the deadline; only then it is refused (section 8, 19).
        case .behind: .proceed
        case .disconnected: .refuse(.linkDisconnected, .reconnect)
        case .paused: .refuse(.linkPaused, .resumerep)
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    /// On the Secondary: the condition of its RLINK to the Primary that it follows.
    private static func takeover(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached, .disconnected: .proceed
        case .upToDate, .behind: .refuse(.primaryReachable, .migrate)
        // Whether the Primary behind the paused RLINK answers is the verb's own check.
        case .paused: .proceed
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }

    /// On the old Primary: the condition of its RLINK to the host that shall be its Primary.
    private static func makesec(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached, .upToDate, .behind, .paused: .refuse(.notPrimary, .printrvg)
        case .disconnected: .refuse(.hostUnreachable, .reconnect)
        case .primaryPrimary: .proceed
        }
    }

    /// Asked of every RLINK of the RVG.
    private static func checkstart(_ condition: LinkCondition) -> Verdict {
        switch condition {
        case .detached, .upToDate, .behind, .disconnected, .paused: .proceed
        case .primaryPrimary: .refuse(.primaryPrimary, .makesec)
        }
    }
}
