/// The replication settings of an RLINK, the same on both of its ends.
public struct LinkSettings: Hashable, Sendable, Codable {
    /// What happens to writes when a synchronous link is down.
    public enum Synchronous: String, Hashable, Sendable, Codable, CaseIterable {
        case off, override, fail
    }

    /// What happens when the log is full of records that the link needs.
    public enum LogProtection: String, Hashable, Sendable, Codable, CaseIterable {
        case override, off, fail
        /// Need the DCM, which this release does not have.
        case dcm, autodcm
    }

    /// What happens when too many updates wait.
    public enum LatencyProtection: String, Hashable, Sendable, Codable, CaseIterable {
        case off, override, fail
    }

    public var synchronous: Synchronous
    public var srlprot: LogProtection
    public var latencyprot: LatencyProtection
    /// Updates that may wait before writes are held back.
    public var latencyHighMark: UInt64
    /// Updates that may still wait when writes go on again.
    public var latencyLowMark: UInt64
    /// Bytes a second from Primary to Secondary, replication and synchronization together; nil: no limit.
    public var bandwidthLimit: UInt64?

    public init(
        synchronous: Synchronous = .off,
        srlprot: LogProtection = .override,
        latencyprot: LatencyProtection = .off,
        latencyHighMark: UInt64 = 10_000,
        latencyLowMark: UInt64 = 9_950,
        bandwidthLimit: UInt64? = nil
    ) {
        self.synchronous = synchronous
        self.srlprot = srlprot
        self.latencyprot = latencyprot
        self.latencyHighMark = latencyHighMark
        self.latencyLowMark = latencyLowMark
        self.bandwidthLimit = bandwidthLimit
    }
}
