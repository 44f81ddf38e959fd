import DequeModule

/// The volumes: replaying what is durable in the log, making it durable there, reading through what is still pending.
extension RVGMachine {
    /// Up to where records may be carried out on the volumes: only what is durable here, and on a Secondary only what its
    /// Primary has durable too, in a session of now.
    package var applyLimit: UpdateID {
        // What lies before the damage may be older than what the volumes hold already.
        if isLogDamaged { return replayed }
        if header.isPrimary {
            // A role taken and not yet durable may still be lost: what it would apply could then not be taken back.
            if case .opening(let generation) = gate, persistedGeneration < generation { return replayed }
            return durable
        }
        guard header.targetJob == nil else { return replayed }
        guard let known = following.provenDurable else { return replayed }
        return min(durable, known)
    }

    /// The next records to be carried out; nil while a batch is under way, held, or nothing may be applied.
    public mutating func nextApplyBatch() -> ApplyBatch? {
        guard applyInFlight == nil, applyHolds == 0, failure == nil, let first = index.first else { return nil }
        let limit = applyLimit
        var records: [Record] = []
        var through = max(replayed, first.id.previous)
        guard through < limit else { return nil }
        let wanted = applyBatchBytes(waiting: logBytes(from: through.next))
        var bytes: UInt64 = 0
        var emptyBytes: UInt64 = 0
        while through < limit, bytes < wanted, emptyBytes < limits.pendingEmptyBytes {
            let record = index[Int(through.next.value - first.id.value)]
            if record.kind.isData { records.append(record) }
            bytes += record.span
            emptyBytes += record.emptyBytes
            through = record.id
        }
        applyInFlight = through
        return ApplyBatch(records: records, through: through, generation: applyGeneration)
    }

    /// Of the next batch: a quarter of what waits, and all that stands before the amount with which writers go on.
    private func applyBatchBytes(waiting: UInt64) -> UInt64 {
        let beforeWriters = waiting - min(waiting, limits.pendingBytes)
        return max(limits.applyBatchBytes, min(limits.applyBatchBytesBehind, max(waiting / 4, beforeWriters)))
    }

    /// A batch is on the volumes (page cache).
    public mutating func replayedBatch(_ batch: ApplyBatch, now: Instant, into effects: inout Effects) {
        guard failure == nil, batch.generation == applyGeneration else { return }
        applyInFlight = nil
        replayed = batch.through
        for record in batch.records { pendingWrites.remove(record) }
        effects.wake.insert([.apply, .volumeSync])
        effects.admissionChanged = true
        secondaryProgressed(now: now, into: &effects)
        progressed(now: now, into: &effects)
    }

    /// Whether the volumes should be synchronized: to free an eighth of the log, or because somebody waits.
    private var wantsVolumeSync: Bool {
        guard replayed > applied else { return false }
        if appliedWanted > applied || roomWanted || stalledForRoom { return true }
        let start = record(max(applied.next, header.tailID))?.position ?? header.tail
        let stop = record(replayed)?.end ?? appendPosition
        return stop.value - min(start.value, stop.value) >= capacity / 8
    }

    /// The id up to which an fdatasync of all volumes shall make records durable there.
    public mutating func nextVolumeSync() -> UpdateID? {
        guard volumeSyncInFlight == nil, applyInFlight == nil, failure == nil, wantsVolumeSync else { return nil }
        volumeSyncInFlight = replayed
        return replayed
    }

    public mutating func volumesSynced(generation: UInt64, now: Instant, into effects: inout Effects) {
        guard failure == nil, generation == applyGeneration, let through = volumeSyncInFlight else { return }
        volumeSyncInFlight = nil
        applied = max(applied, through)
        advanceTail(&effects)
        effects.wake.insert([.volumeSync, .apply, .header])
        progressed(now: now, into: &effects)
    }

    /// Given back with the end of a volume sync, so that one from before a rebase counts for nothing.
    public var volumeGeneration: UInt64 { applyGeneration }

    /// Asks that everything appended so far be durable on the volumes.
    package mutating func wantApplied(_ effects: inout Effects) {
        appliedWanted = max(appliedWanted, end)
        wantDurable(&effects)
        effects.wake.insert([.apply, .volumeSync])
    }

    // MARK: Reading

    /// The parts of a range whose newest bytes are in the log only, oldest first: a later piece covers an earlier one.
    ///
    /// After copying them the reader checks ``reusableTail`` has not passed the lowest position used; if it has, it reads
    /// again, for by then the records are on the volume.
    public func overlay(volume: UInt32, offset: UInt64, length: UInt64) -> [OverlayPiece] {
        let wanted = offset..<offset + length
        var pieces: [OverlayPiece] = []
        for id in pendingWrites.candidates(volume: volume, offset: offset, length: length) {
            guard let record = record(UpdateID(id)), record.id <= written else { continue }
            let range = (record.offset..<record.offset + record.length).clamped(to: wanted)
            guard !range.isEmpty, record.offset < wanted.upperBound, record.offset + record.length > wanted.lowerBound
            else {
                continue
            }
            let source: LogPosition? =
                record.kind == .write
                ? LogPosition(record.position.value + UInt64(Record.headerBytes) + range.lowerBound - record.offset)
                : nil
            pieces.append(
                OverlayPiece(offset: range.lowerBound, length: UInt64(range.count), source: source)
            )
        }
        return pieces
    }

    /// What lies before this position may have been overwritten.
    public var overwrittenBefore: LogPosition { reusableTail }

    /// Holds the applier so that the volumes stay at one position; true once nothing is under way.
    public mutating func holdApplier() { applyHolds += 1 }

    public var isApplierIdle: Bool { applyInFlight == nil }

    public mutating func releaseApplier(_ effects: inout Effects) {
        precondition(applyHolds > 0, "nobody holds the applier")
        applyHolds -= 1
        effects.wake.insert(.apply)
    }

    /// The position that the volumes show; nil while they show none: before the first replay after a start of a Secondary,
    /// while a synchronization writes them, and until all that its copy was made over is applied.
    ///
    /// What is logged does not count here: a takeover applies it first, whoever reads does not.
    public var imagePosition: UpdateID? {
        if header.isPrimary { return replayed }
        guard header.targetJob == nil, header.consistentFrom != .never, replayed >= header.consistentFrom else {
            return nil
        }
        return following.reachedPosition || header.cleanStop || index.isEmpty ? replayed : nil
    }
}
