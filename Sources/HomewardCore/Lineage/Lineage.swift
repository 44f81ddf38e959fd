/// What a host knows of the epochs of one RVG: its own data's history, the epochs it has heard of, those given up.
///
/// Pure bookkeeping with the rules of the article Lineage; who is fenced or refused is asked of it, never stored.
public struct Lineage: Hashable, Sendable, Codable {
    public var history: History
    /// Epochs of other hosts' histories, as far as they are not in the own one.
    ///
    /// Sorted by id, so that equal sets are equal.
    public private(set) var heard: [Epoch]
    /// Epochs that their hosts gave up by makesec, or that never came to be.
    public private(set) var abandoned: [EpochID]

    public init(history: History = History(), heard: [Epoch] = [], abandoned: [EpochID] = []) {
        self.history = history
        self.heard = heard
        self.abandoned = abandoned
    }

    /// Epochs heard of that are kept; the lowest numbers go first.
    public static let heardLimit = 256

    /// All known epochs that still count, own history first.
    private var known: [Epoch] {
        (history.entries.map(\.epoch) + heard).filter { !abandoned.contains($0.id) }
    }

    /// 1 + the highest number heard of.
    public var nextNumber: UInt64 {
        let highest = (history.entries.map(\.epoch.number) + heard.map(\.number)).max() ?? 0
        return highest + 1
    }

    // MARK: Learning

    /// Takes over what a peer knows.
    ///
    /// True when anything was new. What its hosts gave up counts no more for a Secondary that still holds it; a Primary's
    /// own epochs count, whoever else gave them up.
    public mutating func learn(
        history peer: History,
        heard more: [Epoch],
        abandoned given: [EpochID],
        asPrimary: Bool
    ) -> Bool {
        let before = (heard, abandoned)
        for epoch in peer.entries.map(\.epoch) + more { note(epoch) }
        for epoch in given where !asPrimary || !history.contains(epoch) { noteAbandoned(epoch) }
        return before != (heard, abandoned)
    }

    /// Hears of one epoch.
    public mutating func note(_ epoch: Epoch) {
        guard !history.contains(epoch.id), !heard.contains(where: { $0.id == epoch.id }) else { return }
        heard.insert(epoch, at: heard.firstIndex { $0.id > epoch.id } ?? heard.endIndex)
        if heard.count > Lineage.heardLimit,
            let oldest = heard.indices.min(by: { (heard[$0].number, heard[$0].id) < (heard[$1].number, heard[$1].id) })
        {
            heard.remove(at: oldest)
        }
    }

    /// Erases an epoch that was prepared and never committed.
    public mutating func forget(_ epoch: EpochID) { heard.removeAll { $0.id == epoch } }

    /// An epoch was given up by the host that held it.
    public mutating func noteAbandoned(_ epoch: EpochID) {
        guard !abandoned.contains(epoch) else { return }
        abandoned.insert(epoch, at: abandoned.firstIndex { $0 > epoch } ?? abandoned.endIndex)
        guard abandoned.count > Lineage.heardLimit else { return }
        // What nobody here speaks of any more goes first, and never what was just given up.
        let known = Set(history.entries.map(\.epoch.id) + heard.map(\.id))
        let place = abandoned.firstIndex { $0 != epoch && !known.contains($0) } ?? abandoned.firstIndex { $0 != epoch }
        if let place { abandoned.remove(at: place) }
    }

    /// Makes epochs count again: a takeover on a host that still holds their data.
    public mutating func revive(_ epochs: [EpochID]) { abandoned.removeAll { epochs.contains($0) } }

    /// Replaces the history of the data; what was left behind stays heard of.
    public mutating func adopt(_ newHistory: History) {
        let old = history.entries.map(\.epoch)
        history = newHistory
        heard.removeAll { history.contains($0.id) }
        for epoch in old { note(epoch) }
        abandoned.removeAll { history.contains($0) }
    }

    // MARK: Rules

    /// The epoch that ends the reign of `epoch` for whoever holds `senderHistory`; nil while it counts.
    ///
    /// It is in the own history or heard of, is not part of the sender's history, and was not given up. Of several it is
    /// the first whose own reign counts, if there is one: whoever closed the others goes on.
    public func closing(of epoch: Epoch, senderHistory: History) -> Epoch? {
        let closing = known.filter { $0.closes.contains(epoch.reign) && !senderHistory.contains($0.id) }
        let lasting = closing.filter { one in !closing.contains { $0.closes.contains(one.reign) } }
        return (lasting.isEmpty ? closing : lasting).min { ($0.number, $0.id) < ($1.number, $1.id) }
    }

    /// The epoch that ends the reign of whoever holds a history; nil while it counts, and of one that has none.
    public func closing(reignOf other: History) -> Epoch? {
        other.current.flatMap { closing(of: $0, senderHistory: other) }
    }

    /// The epoch that ends the own reign; nil while it counts.
    public var closingOwnReign: Epoch? { closing(reignOf: history) }

    /// A claim of the own data or heard of that competes with the holder of `other`, a Primary's history: neither closes the other.
    public func rival(of other: History) -> Epoch? {
        guard let current = other.current else { return nil }
        let closedByOther = other.entries.flatMap(\.epoch.closes)
        // Its opening epoch may have been dropped from the other's history, which holds later ones of the reign.
        let reigns = other.entries.map(\.epoch.reign)
        return known.first { claim in
            claim.isClaim && !other.contains(claim.id) && !reigns.contains(claim.reign)
                && !claim.closes.contains(current.reign) && !closedByOther.contains(claim.reign)
        }
    }

    /// The reigns that a new claim has to close so that `epochs` and all that they ended are over.
    public func closure(of epochs: [Epoch]) -> [EpochID] {
        var closed: [EpochID] = []
        var queue = epochs.map(\.reign)
        while let reign = queue.first {
            queue.removeFirst()
            guard !closed.contains(reign), closed.count < Epoch.closesLimit else { continue }
            closed.append(reign)
            let opener = (history.entries.map(\.epoch) + heard).first { $0.id == reign }
            queue.append(contentsOf: opener?.closes ?? [])
        }
        return closed.sorted()
    }
}

extension Lineage: ByteCodable {
    public func encode(into writer: inout ByteWriter) {
        writer.put(history)
        writer.put(heard)
        writer.put(abandoned)
    }

    public init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init(history: try reader.takeValue(), heard: try reader.takeArray(), abandoned: try reader.takeArray())
    }
}
