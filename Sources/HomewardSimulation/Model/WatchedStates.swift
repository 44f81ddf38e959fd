/// The machines that are watched from outside.
public enum WatchedMachine: String, CaseIterable, Sendable {
    case role, stream, target, promise, removal, takeover, makesec, startrep, migrate, rlink, syncrvg, verify

    /// Every state that it can be seen in; what is never seen in a whole run is never put to the proof.
    public var states: [WatchedState] {
        switch self {
        case .role:
            [
                .failed, .damagedPrimary, .damagedSecondary, .beingSynchronized, .emptySecondary, .inconsistent,
                .secondary,
                .catchingUp, .fenced, .returned, .opening, .stopped, .open,
            ]
        case .stream: [.none, .following, .waitingForLanes]
        case .target:
            [
                .idle, .verifying, .writingBlocks, .attachApplying, .attachSampling, .attachFlushing, .attachReady,
                .applying, .writingLog,
                .salvaging, .quiescing, .readingCursor, .landing, .flushing, .ready,
            ]
        case .promise: [.none, .takeover, .makesec, .startrep, .migrate]
        case .removal: [.none, .draining, .held]
        case .takeover: [.idle, .silence, .preparing, .makingDurable, .opening]
        case .makesec: [.idle, .applying, .salvaging, .preparing, .confirming]
        case .startrep: [.idle, .quiescing, .sampling, .preparing, .committed]
        case .migrate: [.idle, .draining, .preparing, .handing]
        case .rlink: [.ofSecondary, .detached, .paused, .starting, .streaming, .attached]
        case .syncrvg:
            [.marking, .recording, .waiting, .offered, .running, .ending, .confirming, .done, .failed]
        case .verify: [.marking, .waiting, .offered, .running, .done, .failed]
        }
    }
}

/// What a watched machine can be seen in; each is a state of some ``WatchedMachine``, but for `begin`, before the first look.
public enum WatchedState: String, CaseIterable, Sendable {
    case begin, idle, none, done, failed
    // MARK: Roles
    case damagedPrimary = "damaged primary"
    case damagedSecondary = "damaged secondary"
    case beingSynchronized = "being synchronized"
    case emptySecondary = "empty secondary"
    case inconsistent, secondary
    case catchingUp = "catching up"
    case fenced, returned, opening, stopped, open
    // MARK: What a Secondary does
    case following
    case waitingForLanes = "waiting for the lanes"
    case verifying
    case writingBlocks = "writing blocks"
    case attachApplying = "attach: applying"
    case attachSampling = "attach: sampling"
    case attachFlushing = "attach: making durable"
    case attachReady = "attach: ready"
    case writingLog = "writing its log"
    case readingCursor = "reading its cursor"
    case landing = "waiting for blocks to land"
    case flushing, ready
    // MARK: Promises, by what is promised
    case takeover, makesec, startrep, migrate
    // MARK: Phases of operations
    case silence, preparing
    case makingDurable = "making durable"
    case applying, salvaging, confirming, quiescing, sampling, committed, draining, handing, held
    // MARK: RLINKs
    case ofSecondary = "of a secondary"
    case detached, paused, starting, streaming, attached
    // MARK: Synchronizations
    case marking, recording, waiting, offered, running, ending
}
