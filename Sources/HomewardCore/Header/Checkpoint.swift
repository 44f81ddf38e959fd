/// An RVG checkpoint: the two marks between which a copy was taken, and for which targets.
///
/// Validity is derived, never stored: it holds while the log still has everything from ``start``.
public struct Checkpoint: Hashable, Sendable {
    /// A Secondary that a synchronization under this checkpoint writes to.
    public struct Target: Hashable, Sendable {
        public var host: HostID
        /// The end mark made for this target; nil while it is being written.
        public var end: UpdateID?
        /// It has the receipt durably.
        public var received: Bool

        public init(host: HostID, end: UpdateID? = nil, received: Bool = false) {
            self.host = host
            self.end = end
            self.received = received
        }
    }

    public var id: CheckpointID
    public var name: String
    /// The start mark S.
    public var start: UpdateID
    /// The end mark of a checkpoint ended by hand (`checkend`).
    public var end: UpdateID?
    /// Empty for a checkpoint made by hand.
    public var targets: [Target]
    /// Send every block, whatever the hashes say (`-full`).
    public var full: Bool

    public init(
        id: CheckpointID,
        name: String,
        start: UpdateID,
        end: UpdateID? = nil,
        targets: [Target] = [],
        full: Bool = false
    ) {
        self.id = id
        self.name = name
        self.start = start
        self.end = end
        self.targets = targets
        self.full = full
    }

    /// Longest name, as VVR has it.
    public static let nameLimit = 19
    /// Most checkpoints of one RVG, as VVR has it.
    public static let countLimit = 46

    public var madeByHand: Bool { targets.isEmpty }

    /// Both marks stand, for every target.
    public var isComplete: Bool {
        madeByHand ? end != nil : targets.allSatisfy { $0.end != nil && $0.received }
    }

    /// The end mark for a copy on `host`.
    public func end(for host: HostID) -> UpdateID? {
        madeByHand ? end : targets.first { $0.host == host }?.end
    }
}

extension Checkpoint: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(id)
        writer.put(name)
        writer.put(start)
        writer.put(end)
        writer.put(targets)
        writer.put(full)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(
            id: try reader.takeValue(),
            name: try reader.takeText(),
            start: try reader.takeValue(),
            end: try reader.takeOptional(),
            targets: try reader.takeArray(),
            full: try reader.takeFlag()
        )
    }
}

extension Checkpoint.Target: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(host)
        writer.put(end)
        writer.put(received)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(host: try reader.takeValue(), end: try reader.takeOptional(), received: try reader.takeFlag())
    }
}

/// A Secondary's proof that its volumes are the copy that belongs to a checkpoint.
public struct Receipt: Hashable, Sendable, Codable {
    public var checkpoint: CheckpointID
    public var primary: HostID
    /// The Primary's epoch at the end mark.
    public var epoch: EpochID
    public var start: UpdateID
    public var end: UpdateID

    public init(checkpoint: CheckpointID, primary: HostID, epoch: EpochID, start: UpdateID, end: UpdateID) {
        self.checkpoint = checkpoint
        self.primary = primary
        self.epoch = epoch
        self.start = start
        self.end = end
    }
}

extension Receipt: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(checkpoint)
        writer.put(primary)
        writer.put(epoch)
        writer.put(start)
        writer.put(end)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(
            checkpoint: try reader.takeValue(),
            primary: try reader.takeValue(),
            epoch: try reader.takeValue(),
            start: try reader.takeValue(),
            end: try reader.takeValue()
        )
    }
}

/// A synchronization that writes this host's volumes.
public struct TargetJob: Hashable, Sendable {
    public var checkpoint: CheckpointID
    public var name: String
    public var primary: HostID
    /// What this host gave up for it: told with each answer to the Primary, until the job has ended.
    public var discarded: Discarded?

    public init(checkpoint: CheckpointID, name: String, primary: HostID, discarded: Discarded? = nil) {
        self.checkpoint = checkpoint
        self.name = name
        self.primary = primary
        self.discarded = discarded
    }
}

extension TargetJob: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(checkpoint)
        writer.put(name)
        writer.put(primary)
        writer.put(discarded)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(
            checkpoint: try reader.takeValue(),
            name: try reader.takeText(),
            primary: try reader.takeValue(),
            discarded: try reader.takeOptional()
        )
    }
}
