/// What can go wrong in a simulated life; each kind is counted where it truly hit.
public enum Fault: String, CaseIterable, Sendable {
    // MARK: Hosts
    /// The process dies; the page cache survives.
    case processCrash
    /// The host loses power.
    case hostCrash
    /// The host dies inside a device call.
    case crashInCall
    /// The host dies as it sends or receives a message.
    case crashAtMessage
    /// The host dies while its log is being read back.
    case crashInRecovery
    /// Several hosts die at the same moment.
    case severalCrashes
    /// The process is stopped for a while, and wakes.
    case pause
    /// The wall clock jumps.
    case clockJump
    // MARK: Disks
    /// A page that was not synchronized is lost with the power.
    case lostPage
    /// Some sectors of such a page are kept and some lost.
    case tornPage
    /// Such a page holds neither its old content nor its new one.
    case garbledPage
    /// A device fails once and for all.
    case deadDevice
    /// `fdatasync` fails once, drops what it should have kept, and succeeds from then on.
    case failedSync
    case readError
    /// A read that ends early.
    case shortRead
    case writeError
    /// A write for which there is no room: a part of it is done.
    case noSpace
    /// A bit of a durable record that is not of the last durable group.
    case bitFlip
    /// The same in the head of such a record.
    case recordHeadFlip
    /// A bit of the copy of the log's header that is older than the one that stands.
    case oldHeaderFlip
    /// A bit of a block of a volume that a synchronization is about to compare.
    case blockFlip
    /// There is no room for the catalog that is to name an RVG.
    case fullCatalog
    /// A read of the log that gives what lies elsewhere.
    case misdirectedRead
    /// A read of the log that gives what lay there before.
    case staleRead
    /// The same while a log is read back after a stop, where a reader can notice it.
    case misdirectedRecovery
    /// A read of a log that is read back gives what lay there before.
    case staleRecovery
    case slowDisk
    // MARK: Links
    /// A connection is lost.
    case cut
    /// A connection is lost at one particular frame.
    case cutAtFrame
    case partition
    /// Frames arrive in one direction only.
    case oneWayPartition
    /// One side still believes in a connection that the other has given up.
    case halfOpen
    /// A second connection while the first is up.
    case duplicateConnection
    /// A frame of an earlier connection arrives under the next one.
    case lateFrame
    // MARK: People
    /// The runner of a runbook dies.
    case runnerKilled
    /// A runbook is interrupted.
    case interrupted
    /// The daemon is stopped in order.
    case orderlyStop
    /// A Primary that is only stopped for a while is taken for dead, and another host takes over.
    case takenForDead
    /// A Secondary is taken out of the RDS.
    case secondaryRemoved
    /// An RVG is to leave its host, and stays.
    case removalAbandoned
    /// Protections of an RLINK are changed, or it is paused to be verified.
    case settingsChanged

    /// Struck by a choice that can be left out, and not a consequence of another one.
    var isChosen: Bool {
        switch self {
        case .lostPage, .tornPage, .garbledPage, .deadDevice, .halfOpen, .severalCrashes, .runnerKilled, .interrupted:
            false
        default: true
        }
    }
}
