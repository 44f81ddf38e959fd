/// A mistake put into the simulated hosts on purpose, to prove that the checks would find one like it.
///
/// Most are made by the drivers, on disks or on the way between hosts; some alter the state of a machine from outside. None
/// is a switch within the product.
public enum PlantedBug: String, CaseIterable, Sendable {
    // MARK: The write path
    /// Records are reported as written before they are.
    case acknowledgeEarly
    /// The log is never synchronized: a flush is acknowledged before it is one.
    case skipLogSync
    /// The volumes are never synchronized.
    case skipVolumeSync
    /// Records are carried out on the volumes before they are in the log.
    case applyBeforeLog
    /// A host carries records out on each volume at its own pace.
    case applyVolumesApart
    /// Log space is used again before the header that frees it is durable.
    case freeEarly
    /// An RVG that failed serves again as soon as its disk does.
    case serveAfterFailedSync
    // MARK: Recovery
    /// Headers are reported as durable and not written.
    case skipHeader
    /// The last record is not read back.
    case loseLastRecord
    /// A damaged record in the middle of the log is believed.
    case acceptDamaged
    /// What was cut away at one start is there again at a later one.
    case tailComesBack
    /// The catalog names an RVG before its log has a header.
    case catalogFirst
    // MARK: Following
    /// A Secondary is told that everything is durable on its Primary.
    case applyUnproven
    /// Frames that were sent under an earlier attachment are taken.
    case takeOlderFrame
    /// A host follows by the list of epochs alone, wherever its own log ends.
    case followByEpochList
    // MARK: Synchronization
    /// Blocks of a synchronization are not written.
    case skipBlocks
    /// One block of each synchronization is not written.
    case skipOneBlock
    /// Blocks are reported as written and durable, and are written a moment later, when the end mark may be made already.
    case endBeforeLastBlock
    /// The source reads what is pending in its log, and may still be lost with it.
    case syncReadsPending
    /// The old log is replayed over synchronized blocks.
    case replayOldLog
    /// A checkpoint that overflowed is attached.
    case attachOverflowed
    /// A copy is attached that another host received.
    case attachForeignCopy
    // MARK: Roles
    /// A Primary whose reign was closed stays open.
    case bothPrimary
    /// makesec while the application has the volumes open.
    case makesecWhileOpen
    /// migrate while the new Primary lacks an update.
    case migrateOutstanding
    // MARK: Several RVGs on a host
    /// Now and then a frame is taken by another RVG than the one it names.
    case frameToOtherRVG
    /// When a host starts again, one RVG is given a volume of another.
    case volumeOfOtherRVG
    // MARK: Runbooks
    /// The journal of runs says that a step is done when it is begun.
    case skipStep
    /// The journal of runs does not know that a step is done, so that the next run repeats it.
    case repeatStep
    /// The site's command that stops the application does nothing, and says that it did.
    case ignoreStop

    /// Shows only where runbooks are run.
    public var isOfRunbooks: Bool { [.skipStep, .repeatStep, .ignoreStop].contains(self) }
    /// Shows only where hosts have several RVGs.
    public var isOfSeveralRVGs: Bool { [.frameToOtherRVG, .volumeOfOtherRVG].contains(self) }
}
