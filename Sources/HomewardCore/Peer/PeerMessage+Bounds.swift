/// What a message of a peer must keep to before anything is done with it.
///
/// Decoding proves that the fields are there; this, that they can be reckoned with: a number near the end of its range
/// would overflow in the next sum, a name or a list without end would outgrow the header that keeps it, a block outside of
/// the volumes would be read or written elsewhere. A host of this release never sends such a message, so it is refused
/// whole, and nothing changes.
extension PeerMessage {
    /// - Throws: what the message breaks.
    public func checkBounds(volumes: [VolumeShape]) throws(MalformedBytes) {
        switch self {
        case .contact(let contact): try contact.checkBounds()
        case .prepare(let prepare): try prepare.checkBounds(volumes)
        case .vote(_, let vote): try vote.checkBounds(volumes)
        case .replication(let message): try message.checkBounds(volumes)
        case .sync(let message): try message.checkBounds(volumes)
        }
    }
}

/// Bounds that all messages share.
enum Bounds {
    /// Ids, counts and sums below this can be added to each other without overflow; no log lives to see it.
    static let counter: UInt64 = 1 << 62
    /// Names of hosts, groups, RVGs and checkpoints.
    static let name = 255
    /// Refusals of a peer, which are shown and not kept.
    static let text = 64 << 10

    static func check(_ counter: UInt64, _ what: @autoclosure () -> String) throws(MalformedBytes) {
        guard counter < Bounds.counter else { throw MalformedBytes("\(what()) of \(counter)") }
    }

    static func check(_ id: UpdateID, _ what: @autoclosure () -> String) throws(MalformedBytes) {
        try check(id.value, what())
    }

    static func check(
        name: String,
        _ what: @autoclosure () -> String,
        limit: Int = Bounds.name
    ) throws(MalformedBytes) {
        guard name.utf8.count <= limit else { throw MalformedBytes("\(what()) of \(name.utf8.count) bytes") }
    }

    static func check(count: Int, _ limit: Int, _ what: @autoclosure () -> String) throws(MalformedBytes) {
        guard count <= limit else { throw MalformedBytes("\(count) \(what()), at most \(limit) are kept") }
    }
}

/// Whether a range lies within one of the volumes.
private func check(
    volume: UInt32,
    offset: UInt64,
    length: UInt64,
    in volumes: [VolumeShape]
) throws(MalformedBytes) {
    guard Int(volume) < volumes.count else { throw MalformedBytes("volume \(volume) of \(volumes.count)") }
    let size = volumes[Int(volume)].size
    guard offset <= size, length <= size - offset else {
        throw MalformedBytes("\(length) bytes at \(offset) of a volume of \(size)")
    }
}

extension Epoch {
    func checkBounds() throws(MalformedBytes) {
        try Bounds.check(number, "an epoch's number")
        try Bounds.check(name: hostName, "a host's name")
        try Bounds.check(count: closes.count, Epoch.closesLimit, "closed reigns")
    }
}

extension History {
    /// Epochs distinct, first ids and data counts never falling: what every comparison of two histories relies on.
    func checkBounds() throws(MalformedBytes) {
        try Bounds.check(count: entries.count, History.limit, "epochs")
        var seen: Set<EpochID> = []
        var before: Entry?
        for entry in entries {
            try entry.epoch.checkBounds()
            try Bounds.check(entry.firstID, "an epoch's first id")
            try Bounds.check(entry.dataBefore, "a data count")
            guard seen.insert(entry.epoch.id).inserted else { throw MalformedBytes("an epoch stands twice") }
            if let before, entry.firstID < before.firstID || entry.dataBefore < before.dataBefore {
                throw MalformedBytes("a history that goes back at \(entry.firstID)")
            }
            before = entry
        }
    }
}

extension Lineage {
    func checkBounds() throws(MalformedBytes) {
        try history.checkBounds()
        try Bounds.check(count: heard.count, Lineage.heardLimit, "epochs heard of")
        try Bounds.check(count: abandoned.count, Lineage.heardLimit, "epochs given up")
        for epoch in heard { try epoch.checkBounds() }
    }
}

extension LinkSettings {
    /// What peers take; a contact with other settings is dropped whole.
    package func checkBounds() throws(MalformedBytes) {
        try Bounds.check(latencyHighMark, "a latency mark")
        try Bounds.check(latencyLowMark, "a latency mark")
        try Bounds.check(bandwidthLimit ?? 0, "a bandwidth limit")
    }
}

extension Contact {
    func checkBounds() throws(MalformedBytes) {
        try Bounds.check(name: diskGroup, "a disk group's name")
        try Bounds.check(name: name, "an RVG's name")
        try lineage.checkBounds()
        if consistentFrom != .never { try Bounds.check(consistentFrom, "an id") }
        try Bounds.check(reach.end, "an end of log")
        try Bounds.check(reach.dataCount, "a data count")
        try Bounds.check(count: links.count, LinkRecord.countLimit, "hosts")
        for link in links { try link.checkBounds() }
        if let receipt {
            try Bounds.check(receipt.start, "a receipt's id")
            try Bounds.check(receipt.end, "a receipt's id")
        }
    }
}

extension Contact.Link {
    /// What another host says of a member of the RDS, as far as it is kept in the header.
    public func checkBounds() throws(MalformedBytes) {
        try Bounds.check(name: peerName, "a host's name")
        try Bounds.check(name: peerDiskGroup, "a disk group's name")
        try Bounds.check(name: peerRVG, "an RVG's name")
        try settings.checkBounds()
    }
}

extension Prepare {
    func checkBounds(_ volumes: [VolumeShape]) throws(MalformedBytes) {
        switch self {
        case .takeover(_, let epoch, let firstID, let history, let dataCount):
            try epoch.checkBounds()
            try Bounds.check(firstID, "a first id")
            try history.checkBounds()
            if dataCount != Prepare.overruling { try Bounds.check(dataCount, "a data count") }
        case .makesec(_, let history, let end, let dataCount):
            try history.checkBounds()
            try Bounds.check(end, "an end of log")
            try Bounds.check(dataCount, "a data count")
        case .attach(let offer): try offer.checkBounds(volumes)
        case .migrate(_, let epoch, let firstID):
            try epoch.checkBounds()
            try Bounds.check(firstID, "a first id")
        case .synchronize(let offer): try offer.checkBounds()
        }
    }
}

extension AttachOffer {
    /// Of the longest block that a sample has.
    private static let blockLimit: UInt64 = 16 << 20
    /// Of blocks in a sample, of all volumes together.
    package static let sampleLimit = 4096

    func checkBounds(_ own: [VolumeShape]) throws(MalformedBytes) {
        try Bounds.check(name: checkpointName ?? "", "a checkpoint's name")
        for id in [start, end ?? .zero, lastDataID] { try Bounds.check(id, "an id") }
        try Bounds.check(dataCount, "a data count")
        try Bounds.check(cumulativeBytes, "a sum of bytes")
        try history.checkBounds()
        try historyAtStart.checkBounds()
        try Bounds.check(count: sample.count, AttachOffer.sampleLimit, "sampled blocks")
        // Other volumes than the own ones are refused with words that name both; only of equal ones is a sample read.
        guard volumes == own else { return }
        for block in sample {
            try Bounds.check(count: Int(clamping: block.length), Int(AttachOffer.blockLimit), "bytes of a block")
            try check(volume: block.volume, offset: block.offset, length: block.length, in: own)
        }
    }
}

extension SyncOffer {
    private static let extentLimit: UInt64 = 1 << 30

    func checkBounds() throws(MalformedBytes) {
        try Bounds.check(name: name, "a checkpoint's name")
        try history.checkBounds()
        guard blockBytes > 0, blockBytes <= UInt64(FrameFormat.maximumPayload), extentBytes >= blockBytes,
            extentBytes <= SyncOffer.extentLimit, extentBytes % blockBytes == 0
        else { throw MalformedBytes("blocks of \(blockBytes) bytes in extents of \(extentBytes)") }
    }
}

extension Vote {
    func checkBounds(_ volumes: [VolumeShape]) throws(MalformedBytes) {
        switch self {
        case .yes: return
        case .begin(let volume, let offset, let discarded):
            // At the very end of the last volume everything is done: the cursor stands behind it.
            guard Int(volume) != volumes.count || offset != 0 else { return try checkDiscarded(discarded) }
            try check(volume: volume, offset: offset, length: 0, in: volumes)
            try checkDiscarded(discarded)
        case .no(let refusal):
            for text in [refusal.object, refusal.message, refusal.hint] {
                try Bounds.check(name: text, "a refusal's text", limit: Bounds.text)
            }
        }
    }

    private func checkDiscarded(_ discarded: Discarded?) throws(MalformedBytes) {
        guard let discarded else { return }
        try Bounds.check(count: discarded.ranges.count, Discarded.rangeLimit, "ranges")
        try Bounds.check(name: discarded.salvageFile ?? "", "a path", limit: 4096)
    }
}

extension ReplicationMessage {
    func checkBounds(_ volumes: [VolumeShape]) throws(MalformedBytes) {
        switch self {
        case .start(_, _, let history, let durable):
            try history.checkBounds()
            try Bounds.check(durable, "a durable id")
        case .report(_, _, let end): try Bounds.check(end, "an end of log")
        case .records(_, _, let marks, let records):
            try marks.checkBounds()
            for item in records { try item.record.checkBounds(volumes) }
        case .acknowledge(_, let received, let logged):
            try Bounds.check(received, "a received id")
            try Bounds.check(logged, "a logged id")
        case .heartbeat(_, let marks, let end, _):
            try marks.checkBounds()
            try Bounds.check(end, "an end of log")
        case .notAttached: return
        }
    }
}

extension DurabilityMarks {
    func checkBounds() throws(MalformedBytes) {
        try Bounds.check(durable, "a durable id")
        try Bounds.check(wanted, "a wanted id")
    }
}

extension Record {
    /// Whether the record can be carried out on these volumes.
    ///
    /// Also of one that was read from the log: its checksum proves that somebody wrote it, not that it belongs to them.
    public func checkBounds(_ volumes: [VolumeShape]) throws(MalformedBytes) {
        try Bounds.check(id, "a record's id")
        try Bounds.check(dataCount, "a data count")
        try Bounds.check(cumulativeBytes, "a sum of bytes")
        switch kind {
        case .write:
            guard UInt64(payloadBytes) == length else {
                throw MalformedBytes("record \(id) writes \(length) bytes and has \(payloadBytes)")
            }
            try check(volume: volume, offset: offset, length: length, in: volumes)
        case .zeroes, .trim:
            guard payloadBytes == 0 else { throw MalformedBytes("record \(id) has bytes and needs none") }
            try check(volume: volume, offset: offset, length: length, in: volumes)
        case .mark, .role: return
        }
    }
}

extension RVGHeader {
    /// Whether the header's numbers can be reckoned with; its checksum proves only that somebody wrote them.
    func checkBounds() throws(MalformedBytes) {
        try Bounds.check(generation, "a generation")
        for id in [tailID, endAtCleanStop, lastDataIDBelowTail] { try Bounds.check(id, "an id") }
        if consistentFrom != .never { try Bounds.check(consistentFrom, "an id") }
        for number in [tail.value, dataCountBelowTail, cumulativeBytesBelowTail, logLife] {
            try Bounds.check(number, "a position or count")
        }
        try lineage.checkBounds()
        for link in links { try Bounds.check(link.cursor ?? .zero, "a cursor") }
        for checkpoint in checkpoints {
            try Bounds.check(checkpoint.start, "a mark")
            for end in checkpoint.targets.map(\.end) + [checkpoint.end] { try Bounds.check(end ?? .zero, "a mark") }
        }
    }
}

extension SyncMessage {
    func checkBounds(_ volumes: [VolumeShape]) throws(MalformedBytes) {
        switch self {
        case .hashes(_, let volume, let offset, _), .differing(_, let volume, let offset, _),
            .written(_, let volume, let offset):
            try check(volume: volume, offset: offset, length: 0, in: volumes)
        case .block(_, let volume, let offset, let length, _, _):
            try check(volume: volume, offset: offset, length: length, in: volumes)
        case .finished(_, let start, let end, _):
            try Bounds.check(start, "an id")
            try Bounds.check(end, "an id")
        case .cancelled(_, let reason):
            for text in [reason.object, reason.message, reason.hint] {
                try Bounds.check(name: text, "a refusal's text", limit: Bounds.text)
            }
        }
    }
}
