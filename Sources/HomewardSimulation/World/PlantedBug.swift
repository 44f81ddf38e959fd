/// A mistake put into the simulator's own driver on purpose, to prove that the checks would find one like it.
public enum PlantedBug: String, CaseIterable, Sendable {
    /// Records are reported as written before they are.
    case acknowledgeEarly
    /// The log is never synchronized.
    case skipLogSync
    /// The volumes are never synchronized.
    case skipVolumeSync
    /// A Secondary is told that everything is durable on its Primary.
    case applyUnproven
    /// Headers are reported as durable and not written.
    case skipHeader
    /// Blocks of a synchronization are not written.
    case skipBlocks
    /// The journal of runs says that a step is done when it is begun.
    case skipStep
    /// The site's command that stops the application does nothing, and says that it did.
    case ignoreStop

    /// Shows only where runbooks are run.
    public var isOfRunbooks: Bool {
        switch self {
        case .skipStep, .ignoreStop: true
        case .acknowledgeEarly, .skipLogSync, .skipVolumeSync, .applyUnproven, .skipHeader, .skipBlocks: false
        }
    }
}
