/// What the header keeps of one RLINK: the peer, the settings, and where replication to it stands.
public struct LinkRecord: Hashable, Sendable {
    /// Whether records flow, or will when the peer is there.
    public enum Attachment: Hashable, Sendable {
        /// STALE: the peer's content is unknown to this log.
        case detached
        /// The peer's content fits: on the Primary everything up to `cursor` is durable there.
        case attached(AttachID, cursor: UpdateID)
    }

    /// Most RLINKs of one RVG, as VVR has it.
    public static let countLimit = 32

    public var peer: HostID
    public var peerName: String
    public var peerDiskGroup: String
    public var peerRVG: String
    public var settings: LinkSettings
    public var attachment: Attachment
    /// Paused from this side, by a command.
    public var paused: Bool
    /// Of a synchronous RLINK: it left synchronous mode, and this id may be missing there.
    public var asynchronousSince: UpdateID?
    /// Why it was detached by the host itself: `the log overflowed`; nil when a command did.
    public var detachReason: String?

    public init(
        peer: HostID,
        peerName: String,
        peerDiskGroup: String,
        peerRVG: String,
        settings: LinkSettings = LinkSettings(),
        attachment: Attachment = .detached,
        paused: Bool = false,
        asynchronousSince: UpdateID? = nil,
        detachReason: String? = nil
    ) {
        self.peer = peer
        self.peerName = peerName
        self.peerDiskGroup = peerDiskGroup
        self.peerRVG = peerRVG
        self.settings = settings
        self.attachment = attachment
        self.paused = paused
        self.asynchronousSince = asynchronousSince
        self.detachReason = detachReason
    }

    /// The detached RLINK to a host that another host of the RDS tells of, with its settings there.
    public init(_ told: Contact.Link) {
        self.init(
            peer: told.peer,
            peerName: told.peerName,
            peerDiskGroup: told.peerDiskGroup,
            peerRVG: told.peerRVG,
            settings: told.settings
        )
    }

    /// The name that commands use: `rlk_<remote host>_<remote rvg>`.
    public var name: String { LinkRecord.name(host: peerName, rvg: peerRVG) }

    public static func name(host: String, rvg: String) -> String { "rlk_\(host)_\(rvg)" }

    public var attachID: AttachID? {
        switch attachment {
        case .detached: nil
        case .attached(let attach, _): attach
        }
    }

    public var cursor: UpdateID? {
        switch attachment {
        case .detached: nil
        case .attached(_, let cursor): cursor
        }
    }

    /// Forgets the position: a detach is not a pause.
    public mutating func detach(because reason: String? = nil) {
        attachment = .detached
        detachReason = reason
        asynchronousSince = nil
        paused = false
    }
}

extension LinkRecord: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(peer)
        writer.put(peerName)
        writer.put(peerDiskGroup)
        writer.put(peerRVG)
        writer.put(settings)
        writer.put(attachID)
        writer.put(cursor ?? .zero)
        writer.put(paused)
        writer.put(asynchronousSince)
        writer.put(detachReason)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        let peer = try reader.takeValue(HostID.self)
        let name = try reader.takeText()
        let group = try reader.takeText()
        let rvg = try reader.takeText()
        let settings = try reader.takeValue(LinkSettings.self)
        let attach = try reader.takeOptional(AttachID.self)
        let cursor = try reader.takeValue(UpdateID.self)
        self.init(
            peer: peer,
            peerName: name,
            peerDiskGroup: group,
            peerRVG: rvg,
            settings: settings,
            attachment: attach.map { .attached($0, cursor: cursor) } ?? .detached,
            paused: try reader.takeFlag(),
            asynchronousSince: try reader.takeOptional(),
            detachReason: try reader.takeOptional()
        )
    }
}

extension LinkSettings: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(synchronous.rawValue)
        writer.put(srlprot.rawValue)
        writer.put(latencyprot.rawValue)
        writer.put(latencyHighMark)
        writer.put(latencyLowMark)
        writer.put(bandwidthLimit)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        guard let synchronous = Synchronous(rawValue: try reader.takeText()),
            let srlprot = LogProtection(rawValue: try reader.takeText()),
            let latencyprot = LatencyProtection(rawValue: try reader.takeText())
        else { throw MalformedBytes("unknown link setting") }
        self.init(
            synchronous: synchronous,
            srlprot: srlprot,
            latencyprot: latencyprot,
            latencyHighMark: try reader.take(),
            latencyLowMark: try reader.take(),
            bandwidthLimit: try reader.takeOptional()
        )
    }
}
