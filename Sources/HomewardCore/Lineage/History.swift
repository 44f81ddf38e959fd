/// Which epoch gave each update id of a host's data: the lineage of one copy, oldest first.
///
/// Invariants: epochs are distinct, first ids never fall, data counts never fall.
public struct History: Hashable, Sendable, Codable {
    public struct Entry: Hashable, Sendable, Codable {
        public var epoch: Epoch
        /// The first update id of the epoch.
        public var firstID: UpdateID
        /// Data records before it.
        public var dataBefore: UInt64

        public init(epoch: Epoch, firstID: UpdateID, dataBefore: UInt64) {
            self.epoch = epoch
            self.firstID = firstID
            self.dataBefore = dataBefore
        }
    }

    public private(set) var entries: [Entry]

    public init(entries: [Entry] = []) { self.entries = entries }

    /// Epochs kept; a host whose common point is older can only be joined by synchronization.
    public static let limit = 256

    /// The newest epoch; nil only for a host that never had data.
    public var current: Epoch? { entries.last?.epoch }

    public func contains(_ epoch: EpochID) -> Bool { entries.contains { $0.epoch.id == epoch } }

    /// The epoch that numbered `id`, when the history reaches so far back.
    public func epoch(of id: UpdateID) -> Epoch? { entries.last { $0.firstID <= id }?.epoch }

    /// Whether `epoch` may have numbered `id`: the one that is known for it, and any where older epochs were dropped.
    ///
    /// A log may reach further back than ``limit`` epochs, after many unclean starts.
    public func mayNumber(_ id: UpdateID, as epoch: EpochID) -> Bool {
        if let known = self.epoch(of: id) { return known.id == epoch }
        guard let first = entries.first else { return false }
        return first.epoch.kind != .creation
    }

    /// The last id of this history that was logged before, or as, the record that `epoch` numbered `id`; nil where such a
    /// record is of no part of this history.
    ///
    /// A record that was cut, since another epoch began before it, still stands behind all that its epoch numbered up to
    /// there.
    public func lastID(upTo id: UpdateID, as epoch: EpochID) -> UpdateID? {
        if mayNumber(id, as: epoch) { return id }
        guard let place = entries.firstIndex(where: { $0.epoch.id == epoch }), entries[place].firstID <= id,
            place + 1 < entries.count
        else { return nil }
        return entries[place + 1].firstID.previous
    }

    /// Opens an epoch at `firstID`.
    ///
    /// Entries at or above it, that no record ever filled, give way.
    public mutating func open(_ epoch: Epoch, at firstID: UpdateID, dataBefore: UInt64) {
        entries.removeAll { $0.firstID > firstID }
        entries.append(Entry(epoch: epoch, firstID: firstID, dataBefore: dataBefore))
        if entries.count > History.limit { entries.removeFirst(entries.count - History.limit) }
    }

    /// The part of the history that numbered the ids up to `id`.
    public func upTo(_ id: UpdateID) -> History { History(entries: entries.filter { $0.firstID <= id }) }

    /// Where two histories part.
    public struct Fork: Hashable, Sendable {
        /// The first id that is not common; ``UpdateID/never`` when one history continues the other without a further epoch.
        public var firstID: UpdateID
        /// Data records below it, when it is not `never`.
        public var dataBelow: UInt64
    }

    /// The fork of this history and another; nil when they have no epoch in common.
    public func fork(with other: History) -> Fork? {
        guard
            let mine = entries.lastIndex(where: { other.contains($0.epoch.id) }),
            let theirs = other.entries.lastIndex(where: { $0.epoch.id == entries[mine].epoch.id })
        else { return nil }
        let next = [entries.dropFirst(mine + 1).first, other.entries.dropFirst(theirs + 1).first].compactMap(\.self)
        guard let first = next.min(by: { $0.firstID < $1.firstID }) else {
            return Fork(firstID: .never, dataBelow: 0)
        }
        return Fork(firstID: first.firstID, dataBelow: first.dataBefore)
    }

    /// Data records of a copy with this history, ending at `end` with `dataCount` of them, that `other` does not contain.
    ///
    /// The copy may follow the other if and only if this is zero. Nil: the two are of different lineages.
    public func divergence(end: UpdateID, dataCount: UInt64, from other: History) -> UInt64? {
        if entries.isEmpty { return 0 }
        guard let fork = fork(with: other) else { return nil }
        guard end >= fork.firstID else { return 0 }
        return dataCount - min(dataCount, fork.dataBelow)
    }
}

extension History: ByteCodable {
    public func encode(into writer: inout ByteWriter) { writer.put(entries) }
    public init(from reader: inout ByteReader) throws(MalformedBytes) { self.init(entries: try reader.takeArray()) }
}

extension History.Entry: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(epoch)
        writer.put(firstID)
        writer.put(dataBefore)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(epoch: try reader.takeValue(), firstID: try reader.takeValue(), dataBefore: try reader.take())
    }
}
