import HomewardAdministration
import HomewardCore

/// What planted bugs keep from one life of a host to the next.
struct PlantMemory {
    /// Records received under earlier attachments.
    var olderFrames: [(attach: AttachID, record: SentRecord)] = []
    /// What was cut away when power was lost.
    var cutTail: [SentRecord] = []
    /// How often the host has started since.
    var startsSinceCut = 0
    /// What was carried out last.
    var carriedOut: [(record: Record, bytes: [UInt8])] = []
    var skippedBlockOf: CheckpointID?
}

/// Mistakes made by the driver of a life.
extension Life {
    private var planted: PlantedBug? { world.planted }

    /// After each step.
    func alterState() {
        switch planted {
        case .freeEarly: node.machine.reusableTail = max(node.machine.reusableTail, node.machine.header.tail)
        case .bothPrimary:
            if case .closed? = node.machine.header.fence, node.machine.gate == nil { node.machine.header.fence = nil }
        case .serveAfterFailedSync:
            guard node.machine.failure != nil, !host.fuse.blown else { return }
            node.machine.failure = nil
            node.machine.isHeaderInDoubt = false
        case .attachOverflowed:
            // It stood for the step that looked for it.
            let dead = Set(node.machine.overflowed.map(\.checkpoint.id))
            node.machine.header.checkpoints.removeAll { dead.contains($0.id) }
        default: return
        }
    }

    /// Before a request.
    ///
    /// Gives what is to be done after it.
    func alter(before request: RVGRequest) -> () -> Void {
        switch (planted, request) {
        case (.attachOverflowed, .startReplication(_, .checkpoint(let name), _)):
            if !node.machine.header.checkpoints.contains(where: { $0.name == name }) { raise { $0.name == name } }
        case (.attachForeignCopy, .startReplication(let peer, .checkpoint(let name), _)):
            guard let place = node.machine.header.checkpoints.firstIndex(where: { $0.name == name }),
                let end = node.machine.header.checkpoints[place].targets.first?.end
            else { break }
            let targets = node.machine.header.checkpoints[place].targets
            guard !targets.contains(where: { $0.host == peer }) else { break }
            let forged = Checkpoint.Target(host: peer, end: end, received: true)
            node.machine.header.checkpoints[place].targets.append(forged)
        case (.makesecWhileOpen, .makeSecondary):
            let sessions = node.machine.sessions
            node.machine.sessions = []
            return { [self] in node.machine.sessions = sessions }
        case (.migrateOutstanding, .migrate):
            return { [self] in
                for peer in node.machine.peers.indices where node.machine.peers[peer].sending.isStreaming {
                    node.machine.peers[peer].sending.logged = node.machine.end
                }
            }
        default: break
        }
        return {}
    }

    /// A checkpoint that overflowed stands again for a step.
    private func raise(_ isMeant: (Checkpoint) -> Bool) {
        guard let dead = node.machine.overflowed.last(where: { isMeant($0.checkpoint) }) else { return }
        node.machine.header.checkpoints.append(dead.checkpoint)
    }

    /// A message before the machine hears of it.
    func alter(_ message: PeerMessage, from peer: SimulatedHost) -> PeerMessage {
        switch (planted, message) {
        case (.migrateOutstanding, .prepare(.migrate(let transaction, let epoch, _))):
            return .prepare(.migrate(transaction, epoch: epoch, firstID: node.machine.end.next))
        case (.attachOverflowed, .vote):
            guard case .attach(let state)? = node.operation else { break }
            raise { $0.id == state.checkpoint?.id }
        case (.attachForeignCopy, .prepare(.attach(let offer))):
            guard let checkpoint = offer.checkpoint, let end = offer.end, let epoch = offer.history.current?.id else {
                break
            }
            node.machine.header.receipt = Receipt(
                checkpoint: checkpoint,
                primary: peer.id,
                epoch: epoch,
                start: offer.start,
                end: end
            )
        case (.followByEpochList, .replication(.start(let attach, let number, let history, let durable))):
            let own = node.machine.header.lineage.history
            let entries = history.entries.map { entry in
                var entry = entry
                if !own.contains(entry.epoch.id) { entry.firstID = max(entry.firstID, node.machine.end.next) }
                return entry
            }
            return .replication(.start(attach, number: number, history: History(entries: entries), durable: durable))
        case (.takeOlderFrame, .replication(.records(let attach, _, _, let records))):
            host.memory.olderFrames += records.map { (attach, $0) }
            host.memory.olderFrames.removeFirst(max(0, host.memory.olderFrames.count - 60))
        case (.takeOlderFrame, .replication(.start(let attach, _, _, let durable))):
            later(2_000_000...20_000_000) { [self] in replayFrames(attach, durable, peer) }
        case (.replayOldLog, .sync(.finished)):
            later(1_000...2_000) { [self] in
                for item in host.memory.carriedOut {
                    try? host.volumes[Int(item.record.volume)].write(
                        at: item.record.offset,
                        bytes: item.bytes
                    )
                }
            }
        default: break
        }
        return message
    }

    /// Hands frames of an earlier attachment to the machine as if they were of this one.
    private func replayFrames(_ attach: AttachID, _ durable: UpdateID, _ peer: SimulatedHost) {
        guard node.machine.following.attach == attach, let session = node.machine.peer(peer.id)?.session else { return }
        let next = node.machine.end.next
        guard let frame = host.memory.olderFrames.last(where: { $0.record.record.id == next && $0.attach != attach }),
            let epoch = node.machine.header.lineage.history.epoch(of: next)?.id
        else { return }
        var record = frame.record
        record.record.epoch = epoch
        record.record.dataCount = node.machine.dataCount + (record.record.kind.isData ? 1 : 0)
        let marks = DurabilityMarks(durable: durable, wanted: durable)
        received(.replication(.records(attach, epoch: epoch, marks: marks, [record])), from: peer, session: session)
    }

    /// Before a batch is written to the log.
    func alter(before batch: LogBatch) {
        guard planted == .applyBeforeLog else { return }
        for item in batch.items where item.record.kind == .write {
            guard let payload = payloads[item.payload.buffer] else { continue }
            let bytes = Array(payload[item.payload.offset..<item.payload.offset + item.payload.count])
            try? host.volumes[Int(item.record.volume)].write(at: item.record.offset, bytes: bytes)
        }
    }

    /// A record that is to be carried out; true: it is not, now.
    func alter(_ record: Record, _ bytes: [UInt8]) -> Bool {
        switch planted {
        case .replayOldLog:
            host.memory.carriedOut.append((record, bytes))
            host.memory.carriedOut.removeFirst(max(0, host.memory.carriedOut.count - 12))
            return false
        case .applyVolumesApart:
            guard record.volume > 0 else { return false }
            laggards.append((record, bytes))
            guard laggards.count > 3 else { return true }
            let first = laggards.removeFirst()
            try? host.volumes[Int(first.record.volume)].write(at: first.record.offset, bytes: first.bytes)
            return true
        default: return false
        }
    }

    /// A block that is to be written; true: it is not, now.
    func alter(_ range: BlockRange, _ write: @escaping () -> Void) -> Bool {
        switch planted {
        case .skipBlocks: return true
        case .skipOneBlock:
            guard let job = node.machine.header.targetJob?.checkpoint, host.memory.skippedBlockOf != job else {
                return false
            }
            host.memory.skippedBlockOf = job
            return true
        case .endBeforeLastBlock:
            world.after(world.milliseconds(100...900)) { write() }
            return true
        default: return false
        }
    }
}

/// Mistakes made when a host dies and starts.
extension HostedRVG {
    /// Power is about to be lost.
    func rememberTail() {
        guard world.planted == .tailComesBack, let life else { return }
        let machine = life.node.machine
        let first = machine.durable.value + 1
        guard first <= machine.written.value else { return }
        memory.startsSinceCut = 0
        memory.cutTail = (first...machine.written.value).compactMap { id in
            guard let record = machine.record(UpdateID(id)) else { return nil }
            let place = LogPosition(record.position.value + UInt64(Record.headerBytes))
            guard let bytes = try? ring.bytes(at: place, count: Int(record.payloadBytes)) else { return nil }
            return SentRecord(record: record, payload: bytes)
        }
    }

    /// What recovery read, altered.
    func alter(_ recovered: RecoveredLog) -> RecoveredLog {
        var recovered = recovered
        switch world.planted {
        case .loseLastRecord:
            if let last = recovered.records.popLast() { recovered.appendPosition = last.position }
        case .tailComesBack:
            memory.startsSinceCut += 1
            guard memory.startsSinceCut > 1, let back = memory.cutTail.first(where: { $0.record.kind.isData }) else {
                break
            }
            memory.cutTail = []
            let last = recovered.records.last
            var record = back.record
            record.id = (last?.id ?? recovered.header.tailID.previous).next
            record.position = recovered.appendPosition
            record.epoch = recovered.header.lineage.history.epoch(of: record.id)?.id ?? record.epoch
            record.logLife = recovered.header.logLife
            record.dataCount = (last?.dataCount ?? recovered.header.dataCountBelowTail) + 1
            let bytes = record.encodeHeader(rvgTag: recovered.header.rvg.low) + back.payload
            bytes.withUnsafeBytes { raw in try? ring.write(at: record.position, [raw]) }
            recovered.records.append(record)
            recovered.appendPosition = record.end.aligned(to: Record.syncAlignment)
        default: break
        }
        return recovered
    }

    /// A bit of a record was turned over: its checksums are made to agree.
    func whitewash(_ record: Record) {
        guard world.planted == .acceptDamaged else { return }
        let place = LogPosition(record.position.value + UInt64(Record.headerBytes))
        guard let payload = try? ring.bytes(at: place, count: Int(record.payloadBytes)),
            let tag = persisted?.rvg.low
        else { return }
        var record = record
        record.payloadCRC = checksum(payload)
        let header = record.encodeHeader(rvgTag: tag)
        header.withUnsafeBytes { raw in try? ring.write(at: record.position, [raw]) }
    }
}

/// Mistakes that mix up the RVGs of a host.
extension SimulatedHost {
    /// Who takes a frame that names an RVG.
    func alterTaker(_ named: HostedRVG) -> HostedRVG {
        guard world.planted == .frameToOtherRVG, rvgs.count > 1, world.chance(2) else { return named }
        return rvgs.first { $0 !== named } ?? named
    }
}

extension HostedRVG {
    /// The volumes that it opens.
    func alterVolumes(_ own: [SimulatedDisk]) -> [SimulatedDisk] {
        guard world.planted == .volumeOfOtherRVG, lives > 0, number > 0,
            let other = shared.rvgs.first(where: { $0 !== self })?.volumes.first, other.size == own[0].size
        else { return own }
        return [other] + own.dropFirst()
    }
}
