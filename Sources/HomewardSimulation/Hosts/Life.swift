import HomewardAdministration
import HomewardCore

/// One life of a host's process: the node, and the lanes that serve it.
final class Life {
    let host: HostedRVG
    var node: RVGNode
    let number: Int
    /// When the process was started.
    let began: UInt64
    var payloads: [UInt64: [UInt8]] = [:]
    var nextBuffer: UInt64 = 1
    var nextToken: UInt64 = 1
    var replies: [UInt64: (WriteFailure?) -> Void] = [:]
    var answers: [UInt64: (Result<RVGAnswer, Refusal>) -> Void] = [:]
    /// Called when writers may try again.
    var onAdmission: (() -> Void)?
    /// Lanes that are being drained, and those that were woken meanwhile.
    private var running: Effects.Lanes = []
    private var again: Effects.Lanes = []
    /// Where records lie that were written: id, and from where to where.
    var placed: [(id: UpdateID, start: UInt64, end: UInt64)] = []

    private var watch = StateWatch()
    /// Of a planted bug: records that wait although they were reported as carried out.
    var laggards: [(record: Record, bytes: [UInt8])] = []

    var world: World { host.world }
    var isCurrent: Bool { host.life === self && world.finding == nil }

    init(host: HostedRVG, node: RVGNode, recovered: [Record]) {
        self.host = host
        self.node = node
        number = host.lives
        began = host.world.now
        placed = recovered.map { ($0.id, $0.position.value, $0.end.value) }
    }

    func begin() {
        tick()
        wake([.log, .logSync, .header, .apply, .peers])
    }

    private func tick() {
        guard isCurrent else { return }
        step { node, effects in
            let (now, wall) = (self.world.instant, self.host.wall)
            node.step(now: now, wallTime: wall, into: &effects) { $0.tick(now: now, wallTime: wall, into: &$1) }
        }
        // The drivers of a real host look anyway a few times a second.
        wake([.peers, .header, .apply, .logSync])
        world.after(world.milliseconds(50...100)) { [self] in host.whenAwake { [self] in tick() } }
    }

    // MARK: Stepping

    func step(_ body: (inout RVGNode, inout NodeEffects) -> Void) {
        guard isCurrent else { return }
        var effects = NodeEffects()
        body(&node, &effects)
        for buffer in node.takeDroppedPayloads() { payloads[buffer] = nil }
        if world.planted != nil { alterState() }
        carryOut(effects)
        if isCurrent {
            watch.look(at: node, &world.coverage)
            host.model.observe(self)
            if world.looksAtEachStep {
                host.model.look(at: self, "after a step")
                host.model.checkFollowers()
            }
        }
    }

    func drive(_ body: (inout RVGMachine, inout Effects) -> Void) {
        step { node, effects in
            node.step(now: self.world.instant, wallTime: self.host.wall, into: &effects, body)
        }
    }

    func carryOut(_ effects: NodeEffects) {
        for note in effects.core.notes {
            world.trace("\(host.name): \(note.text)")
            host.model.note(note.text, host)
        }
        for reply in effects.core.replies {
            // The application's memory is its own again with the reply.
            payloads[Life.buffer(of: reply.token)] = nil
            replies.removeValue(forKey: reply.token)?(reply.failure)
        }
        for answer in effects.answers { answers.removeValue(forKey: answer.token)?(answer.result) }
        for task in effects.tasks { begin(task) }
        wake(effects.core.wake)
        if effects.core.admissionChanged { onAdmission?() }
    }

    static func buffer(of token: UInt64) -> UInt64 { token | 1 << 63 }

    // MARK: Lanes

    func wake(_ lanes: Effects.Lanes) {
        var lanes = lanes
        if lanes.contains(.volumeSync) {
            lanes.remove(.volumeSync)
            lanes.insert(.apply)
        }
        again.formUnion(lanes.intersection(running))
        for lane in [Effects.Lanes.log, .logSync, .header, .apply, .peers]
        where lanes.contains(lane) && !running.contains(lane) {
            running.insert(lane)
            later { self.pull(lane) }
        }
    }

    /// A moment later, unless the process has died by then.
    func later(_ range: ClosedRange<UInt64> = 1_000...200_000, _ action: @escaping () -> Void) {
        world.after(world.pick(range)) { [self] in
            guard isCurrent else { return }
            host.whenAwake { [self] in if isCurrent { action() } }
        }
    }

    private func pull(_ lane: Effects.Lanes) {
        again.remove(lane)
        let found =
            switch lane {
            case .log: pullLog()
            case .logSync: pullLogSync()
            case .header: pullHeader()
            case .apply: pullVolumes()
            default: pullPeers()
            }
        guard !found else { return }
        running.remove(lane)
        if again.contains(lane) { wake(lane) }
    }

    /// Device work of a lane, then its report, then the lane's next piece.
    private func work(
        _ lane: Effects.Lanes,
        _ io: @escaping () throws(Refusal) -> Void,
        then report: @escaping (inout RVGMachine, inout Effects) -> Void
    ) {
        later(5_000...host.slowestWork) { [self] in
            do throws(Refusal) { try io() } catch {
                host.deviceFailed(error)
                guard isCurrent else { return }
                return drive(report)
            }
            later(1_000...100_000) { [self] in
                drive(report)
                later { self.pull(lane) }
            }
        }
    }

    private func pullLog() -> Bool {
        guard let batch = node.nextLogBatch() else { return false }
        let early = world.planted == .acknowledgeEarly
        if early { drive { $0.logWritten(batch, now: self.world.instant, into: &$1) } }
        work(.log) { () throws(Refusal) in
            try self.write(batch)
        } then: { machine, effects in
            for item in batch.items where item.payload.buffer >> 63 == 0 { self.payloads[item.payload.buffer] = nil }
            if !early { machine.logWritten(batch, now: self.world.instant, into: &effects) }
        }
        return true
    }

    private func write(_ batch: LogBatch) throws(Refusal) {
        alter(before: batch)
        for item in batch.items {
            var bytes = item.record.encodeHeader(rvgTag: node.machine.header.rvg.low)
            if item.payload.count > 0 {
                guard let payload = payloads[item.payload.buffer] else {
                    if world.planted == .acknowledgeEarly { continue }
                    return world.found(
                        "\(host.name): the bytes of record \(item.record.id) were given back before it was written"
                    )
                }
                bytes += payload[item.payload.offset..<item.payload.offset + item.payload.count]
            }
            bytes += [UInt8](repeating: 0, count: Int(item.record.span) - bytes.count)
            host.model.willOverwrite(self, item.record)
            host.willOverwrite(item.record)
            placed.append((item.record.id, item.record.position.value, item.record.end.value))
            var failure: Refusal?
            bytes.withUnsafeBytes { raw in
                do throws(Refusal) { try host.ring.write(at: item.record.position, [raw]) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    private func pullLogSync() -> Bool {
        guard node.nextLogSync(now: world.instant) != nil else {
            if let pause = node.machine.millisecondsUntilLogSync(now: world.instant) {
                world.after((pause + 1) * 1_000_000) { [self] in
                    host.whenAwake { [self] in if isCurrent { wake(.logSync) } }
                }
            }
            return false
        }
        work(.logSync) { () throws(Refusal) in
            try self.host.log.synchronize()
        } then: {
            $0.logSynced(now: self.world.instant, into: &$1)
        }
        return true
    }

    private func pullHeader() -> Bool {
        guard let header = node.nextHeader(now: world.instant) else { return false }
        work(.header) { () throws(Refusal) in
            guard self.world.planted != .skipHeader else { return }
            try self.host.log.write(
                at: self.host.format.offset(generation: header.generation),
                bytes: self.host.format.encode(header)
            )
            try self.host.log.synchronize()
            self.host.persist(header)
        } then: {
            $0.headerWritten(now: self.world.instant, into: &$1)
        }
        return true
    }

    private func pullVolumes() -> Bool {
        if let batch = node.nextApplyBatch() {
            work(.apply) { () throws(Refusal) in
                try self.apply(batch)
            } then: {
                $0.replayedBatch(batch, now: self.world.instant, into: &$1)
            }
            return true
        }
        let generation = node.machine.volumeGeneration
        guard node.nextVolumeSync() != nil else { return false }
        work(.apply) { () throws(Refusal) in
            for volume in self.host.volumes { try volume.synchronize() }
        } then: {
            $0.volumesSynced(generation: generation, now: self.world.instant, into: &$1)
        }
        return true
    }

    private func apply(_ batch: ApplyBatch) throws(Refusal) {
        for record in batch.lasting {
            let volume = host.volumes[Int(record.volume)]
            switch record.kind {
            case .write:
                guard let bytes = try intactPayload(of: record, for: "applied") else { return }
                if alter(record, bytes) { continue }
                try volume.write(at: record.offset, bytes: bytes)
            case .zeroes, .trim: try volume.zero(at: record.offset, length: record.length)
            case .mark, .role: continue
            }
        }
    }

    /// The payload of a record, as its checksum says that it is; nil where it should be and is not, which is a finding.
    ///
    /// Drivers of a real host check it wherever they read one.
    func intactPayload(of record: Record, for what: String) throws(Refusal) -> [UInt8]? {
        let lie = host.misread
        let bytes = try payload(of: record)
        guard !bytes.isEmpty, checksum(bytes) != record.payloadCRC else { return bytes }
        guard host.flipped?.position == record.position || lie != nil else {
            world.found("\(host.name): record \(record.id) to be \(what) is not in the log any more")
            return nil
        }
        world.trace("\(host.name): record \(record.id) to be \(what) does not match its checksum")
        host.ail(lie ?? .bitFlip)
        throw Refusal(.logDamaged, host.log.name, "record \(record.id) does not match its checksum", hint: "dmesg")
    }

    private func payload(of record: Record) throws(Refusal) -> [UInt8] {
        guard record.payloadBytes > 0 else { return [] }
        if let lie = host.misread {
            host.misread = nil
            let away = lie == .misdirectedRead ? UInt64(Sectors.bytes) : host.ring.capacity / 2
            return try host.ring.bytes(at: LogPosition(record.position.value + away), count: Int(record.payloadBytes))
        }
        return try host.ring.bytes(
            at: LogPosition(record.position.value + UInt64(Record.headerBytes)),
            count: Int(record.payloadBytes)
        )
    }

    // MARK: Peers

    private func pullPeers() -> Bool {
        var effects = NodeEffects()
        let (messages, records) = node.pullForPeers(now: world.instant, into: &effects) { _ in true }
        for message in messages {
            host.network.send(
                message.message,
                of: host.rvg,
                from: host.index,
                to: message.peer,
                session: message.session
            )
        }
        carryOut(effects)
        guard !messages.isEmpty || !records.isEmpty else { return false }
        let go = { [self] in
            for departure in records where isCurrent { send(departure) }
            if isCurrent { later { self.pull(.peers) } }
        }
        // Reading takes its time, and the log goes on meanwhile.
        if !records.isEmpty, world.pick(1...8) == 1 { later(5_000...host.slowestWork, go) } else { go() }
        return true
    }

    private func send(_ departure: RVGMachine.RecordDeparture) {
        world.detail("\(host.name) sends \(departure.records.first?.id ?? .zero)… under \(departure.attach)")
        var sent: [SentRecord] = []
        for record in departure.records {
            do throws(Refusal) {
                guard node.machine.mustHold(record, of: departure) else {
                    world.trace("\(host.name): record \(record.id) is not sent, it was given up meanwhile")
                    return drive { $0.recordsNotSent(departure, into: &$1) }
                }
                guard let bytes = try intactPayload(of: record, for: "sent") else { return }
                sent.append(SentRecord(record: record, payload: bytes))
            } catch {
                return host.deviceFailed(error)
            }
        }
        host.network.send(
            .replication(.records(departure.attach, epoch: departure.epoch, marks: departure.marks, sent)),
            of: host.rvg,
            from: host.index,
            to: departure.peer,
            session: departure.session
        )
    }

    func connected(to peer: SimulatedHost, session: UInt64) {
        world.disasters += 1
        drive { $0.peerConnected(peer.id, name: peer.name, session: session, now: self.world.instant, into: &$1) }
    }

    func ended(with peer: SimulatedHost, session: UInt64) {
        step { node, effects in
            node.sessionEnded(
                peer.id,
                session: session,
                reason: "lost",
                now: self.world.instant,
                wallTime: self.host.wall,
                into: &effects
            )
        }
    }

    func received(_ message: PeerMessage, from peer: SimulatedHost, session: UInt64) {
        world.detail("\(host.name) ← \(peer.name): \(summary(message))")
        let message = world.planted == nil ? message : alter(message, from: peer)
        step { node, effects in
            var kept: [(UInt64, [UInt8])] = []
            var next = self.nextBuffer
            node.received(
                message,
                from: peer.id,
                session: session,
                now: self.world.instant,
                wallTime: self.host.wall,
                into: &effects
            ) { bytes in
                kept.append((next, bytes))
                defer { next += 1 }
                return PayloadReference(buffer: next, offset: 0, count: bytes.count)
            }
            self.nextBuffer = next
            for (key, bytes) in kept { self.payloads[key] = bytes }
        }
    }

    private func summary(_ message: PeerMessage) -> String {
        switch message {
        case .contact(let contact):
            "contact \(contact.isPrimary ? "P" : "S")\(contact.open ? " open" : "") links "
                + contact.links.map { "\($0.peerName):\($0.attach?.description ?? "-")" }.joined(separator: " ")
        case .prepare(let prepare): "prepare \(String("\(prepare)".prefix(80)))"
        case .vote(_, let vote): "vote \(String("\(vote)".prefix(200)))"
        case .replication(.records(_, _, let durable, let records)):
            "records \(records.first?.record.id ?? .zero)…\(records.last?.record.id ?? .zero) durable \(durable)"
        case .replication(.start(let attach, _, _, let durable)): "start \(attach) durable \(durable)"
        case .replication(let message): "\(String("\(message)".prefix(160)))"
        case .sync(let message): "sync \(String("\(message)".prefix(60)))"
        }
    }
}
