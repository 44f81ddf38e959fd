import DequeModule

/// The log: appending, writing, making durable, freeing.
extension RVGMachine {
    // MARK: Appending

    /// Bytes of the ring that an append may take now.
    package var freeLogBytes: UInt64 {
        let used =
            appendPosition.aligned(to: Record.syncAlignment).value - min(reusableTail.value, appendPosition.value)
        return capacity > used ? capacity - used : 0
    }

    /// Whether a record with this payload fits; control records may use the reserve.
    package func hasRoom(payloadBytes: UInt64, control: Bool) -> Bool {
        let needed = Record.span(payloadBytes: payloadBytes) + Record.syncAlignment
        return freeLogBytes >= needed + (control ? 0 : limits.controlReserve)
    }

    /// Gives a record its id and its place.
    ///
    /// The caller has checked the room.
    @discardableResult
    package mutating func append(
        kind: RecordKind,
        volume: UInt32 = 0,
        offset: UInt64 = 0,
        length: UInt64 = 0,
        payload: PayloadReference = .none,
        payloadCRC: UInt32 = 0,
        wallTime: UInt64,
        now: Instant,
        into effects: inout Effects
    ) -> UpdateID {
        guard let epoch = header.lineage.history.current else { preconditionFailure("an append before any epoch") }
        let record = Record(
            kind: kind,
            epoch: epoch.id,
            id: end.next,
            position: placeForNext(),
            volume: volume,
            offset: offset,
            length: length,
            dataCount: dataCount + (kind.isData ? 1 : 0),
            cumulativeBytes: cumulativeBytes + length,
            durableID: durable,
            wallTime: wallTime,
            logLife: header.logLife,
            payloadCRC: payloadCRC,
            payloadBytes: UInt32(payload.count)
        )
        enter(record, payload: payload, now: now, into: &effects)
        return record.id
    }

    /// Where the next record lies.
    package mutating func placeForNext() -> LogPosition {
        if alignNext {
            appendPosition = appendPosition.aligned(to: Record.syncAlignment)
            alignNext = false
        }
        return appendPosition
    }

    package mutating func enter(_ record: Record, payload: PayloadReference, now: Instant, into effects: inout Effects)
    {
        appendPosition = record.end
        end = record.id
        dataCount = record.dataCount
        cumulativeBytes = record.cumulativeBytes
        if record.kind.isData { lastDataID = record.id }
        index.append(record)
        payloads.append(payload)
        unsyncedBytes += record.span
        if oldestUnsynced == nil { oldestUnsynced = now }
        effects.wake.insert(.log)
    }

    /// The record of an id that is still in the log.
    public func record(_ id: UpdateID) -> Record? {
        guard let first = index.first, id >= first.id, id <= end else { return nil }
        return index[Int(id.value - first.id.value)]
    }

    // MARK: Log lane

    /// The next records to be written to the ring; nil while a batch is under way or nothing waits.
    public mutating func nextLogBatch() -> LogBatch? {
        guard !logWriteInFlight, handedOut < end, failure == nil else { return nil }
        var items: [LogBatch.Item] = []
        var bytes: UInt64 = 0
        while handedOut < end, bytes < limits.sendBatchBytes, items.count < 256 {
            guard let first = index.first else { preconditionFailure("records without an index") }
            let place = Int(handedOut.next.value - first.id.value)
            index[place].durableID = durable
            items.append(LogBatch.Item(record: index[place], payload: payloads.removeFirst()))
            handedOut = handedOut.next
            bytes += index[place].span
        }
        logWriteInFlight = true
        return LogBatch(items: items, through: handedOut)
    }

    /// A batch is in the file: it survives the death of this process, and readers see it.
    ///
    /// To be called also when the write failed, after ``deviceFailed(_:into:)``: only then nothing reads the batch's bytes.
    public mutating func logWritten(_ batch: LogBatch, now: Instant, into effects: inout Effects) {
        logWriteInFlight = false
        guard failure == nil else { return waiters.releaseFailed(written: .never, into: &effects.replies) }
        written = batch.through
        if header.isPrimary {
            for item in batch.items where item.record.kind.isData { pendingWrites.insert(item.record) }
        }
        if handedOut < end { effects.wake.insert(.log) }
        if wantsLogSync(now: now) { effects.wake.insert(.logSync) }
        effects.wake.insert(.peers)
        releaseReplies(&effects)
        secondaryProgressed(now: now, into: &effects)
    }

    // MARK: Sync lane

    private func wantsLogSync(now: Instant) -> Bool {
        guard end > durable, failure == nil else { return false }
        if durableWanted > durable || (waiters.durableNeeded ?? .zero) > durable { return true }
        if unsyncedBytes >= limits.syncBytes || pendingWrites.bytes * 2 >= limits.pendingBytes { return true }
        return oldestUnsynced.map { now.milliseconds(since: $0) >= limits.syncMilliseconds } ?? false
    }

    /// Milliseconds until the log wants to be synchronized because of its age; nil when nothing waits for that.
    public func millisecondsUntilLogSync(now: Instant) -> UInt64? {
        guard let oldest = oldestUnsynced, end > durable, logSyncInFlight == nil else { return nil }
        let age = now.milliseconds(since: oldest)
        return age >= limits.syncMilliseconds ? 0 : limits.syncMilliseconds - age
    }

    /// The id that an fdatasync of the log shall cover; nil while one is under way, nothing is wanted, or what it must cover
    /// is not written yet.
    public mutating func nextLogSync(now: Instant) -> UpdateID? {
        guard logSyncInFlight == nil, failure == nil else { return nil }
        if syncBoundary == nil {
            guard wantsLogSync(now: now) else { return nil }
            // What this fdatasync makes durable is never written again: later records begin on a fresh page.
            syncBoundary = end
            alignNext = true
        }
        guard let boundary = syncBoundary, written >= boundary else { return nil }
        logSyncInFlight = boundary
        unsyncedBytes = 0
        oldestUnsynced = end > boundary ? now : nil
        return boundary
    }

    /// The log is durable up to the id that was asked for.
    public mutating func logSynced(now: Instant, into effects: inout Effects) {
        guard failure == nil else { return }
        guard let boundary = logSyncInFlight else { preconditionFailure("no fdatasync was under way") }
        logSyncInFlight = nil
        syncBoundary = nil
        durable = max(durable, boundary)
        moveCursors(&effects)
        if wantsLogSync(now: now) { effects.wake.insert(.logSync) }
        effects.wake.insert([.apply, .peers])
        releaseReplies(&effects)
        secondaryProgressed(now: now, into: &effects)
    }

    /// Asks that everything appended so far become durable soon.
    package mutating func wantDurable(_ effects: inout Effects) {
        durableWanted = max(durableWanted, end)
        effects.wake.insert([.log, .logSync])
    }

    // MARK: Freeing

    /// The lowest id that somebody still needs in the log.
    package var neededFrom: UpdateID {
        var needed = applied.next
        if header.isPrimary {
            for link in header.links {
                if let cursor = link.cursor { needed = min(needed, cursor.next) }
            }
            for checkpoint in header.checkpoints { needed = min(needed, checkpoint.start) }
        }
        for pin in pins { needed = min(needed, pin) }
        return needed
    }

    /// A Primary that was taken over: its log may be the only place that has what never left it, and nothing comes to
    /// need the room before makesec has counted and kept that, or `start -f` opens the RVG again.
    private var isReignClosed: Bool { header.isPrimary && header.fence != nil }

    /// Moves the tail of the header over what nobody needs; it may be overwritten once that header is durable.
    package mutating func advanceTail(_ effects: inout Effects) {
        let needed = neededFrom
        guard header.tailID < needed, failure == nil, !isReignClosed else { return }
        while let first = index.first, first.id < needed {
            header.dataCountBelowTail = first.dataCount
            header.cumulativeBytesBelowTail = first.cumulativeBytes
            if first.kind.isData { header.lastDataIDBelowTail = first.id }
            header.tailID = first.id.next
            index.removeFirst()
        }
        if let first = index.first {
            header.tail = first.position
        } else {
            appendPosition = appendPosition.aligned(to: Record.syncAlignment)
            alignNext = false
            header.tail = appendPosition
        }
        headerDrifted(&effects)
    }

    /// Bytes of log from a record on, for "pins" and "behind".
    package func logBytes(from id: UpdateID) -> UInt64 {
        guard let record = record(max(id, header.tailID)) else { return 0 }
        return appendPosition.value - record.position.value
    }

    /// Starts over with an empty log that continues after `start`: nothing older is ever replayed over what lies on the
    /// volumes.
    ///
    /// The header change is the caller's to note.
    package mutating func rebaseLog(
        after start: UpdateID,
        dataCount count: UInt64,
        lastData: UpdateID,
        cumulative: UInt64
    ) {
        precondition(!logWriteInFlight && logSyncInFlight == nil, "the log lane must be idle")
        // Further on in the ring may lie whole records, behind a damage or a cut, which recovery would take as proof of what
        // is given up here. A lap further on none of them is where its position says.
        appendPosition.value += capacity
        index.removeAll()
        droppedPayloads.append(contentsOf: payloads.map(\.buffer))
        payloads.removeAll()
        pendingWrites.removeAll()
        applyGeneration += 1
        applyInFlight = nil
        volumeSyncInFlight = nil
        syncBoundary = nil
        alignNext = false
        oldestUnsynced = nil
        unsyncedBytes = 0
        appendPosition = appendPosition.aligned(to: Record.syncAlignment)
        end = start
        dataCount = count
        lastDataID = lastData
        cumulativeBytes = cumulative
        handedOut = start
        written = start
        durable = start
        replayed = start
        applied = start
        durableWanted = .zero
        appliedWanted = .zero
        header.tail = appendPosition
        header.tailID = start.next
        header.dataCountBelowTail = count
        header.lastDataIDBelowTail = lastData
        header.cumulativeBytesBelowTail = cumulative
        // What was damaged is not part of the log any more.
        damage = nil
        if case .damaged? = header.fence { header.fence = nil }
        header.cleanStop = false
        header.divergenceTold = 0
    }

    /// Whether nothing of the log is on its way to the device.
    package var isLogIdle: Bool { !logWriteInFlight && logSyncInFlight == nil }

    /// Drops the records after `last`: they are of a history that this host gives up.
    ///
    /// Nothing of them was applied. The header must be durable before anything is appended behind the cut.
    package mutating func cutLog(after last: UpdateID, into effects: inout Effects) {
        precondition(isLogIdle && replayed <= last, "records under way or applied cannot be cut")
        header.logLife += 1
        headerChanged(&effects)
        while let record = index.last, record.id > last {
            index.removeLast()
            if record.id > handedOut { droppedPayloads.append(payloads.removeLast().buffer) }
        }
        let kept = index.last
        appendPosition = (kept?.end ?? header.tail).aligned(to: Record.syncAlignment)
        alignNext = false
        end = last
        dataCount = kept?.dataCount ?? header.dataCountBelowTail
        cumulativeBytes = kept?.cumulativeBytes ?? header.cumulativeBytesBelowTail
        lastDataID = index.last { $0.kind.isData }?.id ?? header.lastDataIDBelowTail
        handedOut = min(handedOut, last)
        written = min(written, last)
        durable = min(durable, last)
        syncBoundary = nil
        durableWanted = min(durableWanted, last)
    }

    /// Data records of this host that a history does not contain, as far as the log still has them.
    package func divergedRecords(from other: History) -> [Record] {
        guard let fork = header.lineage.history.fork(with: other) else { return index.filter(\.kind.isData) }
        return index.filter { $0.id >= fork.firstID && $0.kind.isData }
    }

    /// Data records after an id that the log still has.
    package func dataRecords(after id: UpdateID) -> [Record] { index.filter { $0.id > id && $0.kind.isData } }

    /// The last data record at or before an id that the log still has.
    package func lastData(upTo id: UpdateID) -> UpdateID {
        index.last { $0.id <= id && $0.kind.isData }?.id ?? header.lastDataIDBelowTail
    }
}
