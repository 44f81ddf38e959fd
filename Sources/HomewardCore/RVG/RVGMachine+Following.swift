import DequeModule

/// The Secondary's end of replication.
extension RVGMachine {
    /// The Primary begins a stream: its history becomes this host's, what that does not contain is cut, and the end of the
    /// log is told (the article Log).
    package mutating func startReceived(
        _ attach: AttachID,
        number: UInt64,
        history: History,
        durable: UpdateID,
        from host: HostID,
        session: UInt64,
        now: Instant,
        into effects: inout Effects
    ) {
        guard peer(host)?.session == session, failure == nil else { return }
        // A takeover that is not decided changes nothing yet: the Primary begins again until it is.
        if isTakeoverUndecided { return }
        // A log that cannot be read is never continued: the Primary is told, so that people hear of it and synchronize.
        guard !isLogDamaged, isFollowing(host, under: attach), history.current != nil,
            header.lineage.closing(reignOf: history) == nil
        else {
            send(.replication(.notAttached(attach)), to: host, &effects)
            return
        }
        forgetStream()
        following.session = session
        following.deferredStart = .init(
            attach: attach,
            number: number,
            history: history,
            durable: durable,
            session: session
        )
        carryOutStart(now: now, into: &effects)
    }

    /// Whether this host follows `host` under `attach`, with nothing in doubt.
    package func isFollowing(_ host: HostID, under attach: AttachID) -> Bool {
        header.follows == host && !isTakeoverUndecided && header.targetJob == nil
            && header.links.first { $0.peer == host }?.attachID == attach
    }

    /// Carries a start out once nothing of the log is on its way to the device.
    private mutating func carryOutStart(now: Instant, into effects: inout Effects) {
        guard let start = following.deferredStart, isLogIdle, applyInFlight == nil else { return }
        following.deferredStart = nil
        guard
            let fork = header.lineage.history.fork(with: start.history)
                ?? (index.isEmpty
                    ? History.Fork(
                        firstID: .never,
                        dataBelow: 0
                    ) : nil)
        else {
            // Nothing that is common reaches so far back: the Primary is told, so that people hear of it.
            if let host = header.follows { send(.replication(.notAttached(start.attach)), to: host, &effects) }
            return
        }
        if fork.firstID <= end {
            guard replayed < fork.firstID else {
                // What is on the volumes cannot be taken back: this copy is not one of the Primary's history.
                guard let position = header.follows.flatMap({ header.linkIndex($0) }) else { return }
                header.links[position].detach(
                    because: "records from \(fork.firstID) on are applied here and not part of the Primary's history"
                )
                let link = header.links[position]
                effects.note("\(link.name): detached (stale), \(link.detachReason ?? "")")
                headerChanged(&effects)
                return
            }
            cutLog(after: fork.firstID.previous, into: &effects)
        }
        if header.lineage.history != start.history || header.cleanStop {
            header.lineage.adopt(start.history)
            header.cleanStop = false
            headerChanged(&effects)
        }
        following.attach = start.attach
        following.hear(DurabilityMarks(durable: start.durable, wanted: start.durable))
        following.ackedReceived = end
        following.ackedLogged = self.durable
        confirmAttachment(start.attach, &effects)
        if let host = header.follows {
            send(
                .replication(.report(start.attach, number: start.number, loggedEnd: self.durable)),
                to: host,
                &effects
            )
        }
        effects.wake.insert(.apply)
        progressed(now: now, into: &effects)
    }

    /// Nothing more comes under the stream of now.
    package mutating func forgetStream() {
        droppedPayloads.append(contentsOf: following.held.map(\.payload.buffer))
        following.sessionLost()
        // How far this host's data reach is worth telling now that it stands still.
        contactDirty = true
    }

    /// Records of the Primary, in order.
    ///
    /// Their payloads are the driver's until they are written.
    public mutating func recordsReceived(
        _ attach: AttachID,
        epoch: EpochID,
        marks: DurabilityMarks,
        _ records: [(record: Record, payload: PayloadReference)],
        from host: HostID,
        session: UInt64,
        now: Instant,
        into effects: inout Effects
    ) {
        guard peer(host)?.session == session else { return }
        guard following.session == session, following.attach == attach, isFollowing(host, under: attach),
            header.lineage.history.contains(epoch)
        else {
            // While a start of this very attachment waits for the log lane, what an earlier one brought is for nobody.
            if following.deferredStart?.attach != attach {
                send(.replication(.notAttached(attach)), to: host, &effects)
            }
            droppedPayloads.append(contentsOf: records.map(\.payload.buffer))
            return
        }
        var expected = (following.held.last?.record.id ?? end).next
        var count = following.held.last?.record.dataCount ?? dataCount
        for (index, item) in records.enumerated() {
            if item.record.id < expected {
                // Logged before the session began and not yet durable when its end was reported.
                droppedPayloads.append(item.payload.buffer)
                continue
            }
            count += item.record.kind.isData ? 1 : 0
            guard item.record.id == expected, header.lineage.history.mayNumber(expected, as: item.record.epoch),
                item.record.dataCount == count
            else {
                effects.note(
                    "\(objectName): record \(item.record.id) from \(label(of: host)) where \(expected) was expected"
                )
                droppedPayloads.append(contentsOf: records[index...].map(\.payload.buffer))
                break
            }
            following.held.append(item)
            expected = expected.next
        }
        following.hear(marks)
        // What arrives, and what is said to be durable there, the Primary has: a takeover reports it as heard of.
        following.primaryEnd = max(following.primaryEnd ?? .zero, max(expected.previous, marks.durable))
        enterHeld(now: now, into: &effects)
        secondaryProgressed(now: now, into: &effects)
    }

    /// Logs what was received, as far as there is room.
    ///
    /// Nothing while the RLINK is paused here: the Primary may not have heard of it yet, and the pause was answered.
    private mutating func enterHeld(now: Instant, into effects: inout Effects) {
        guard !header.links.contains(where: { $0.peer == header.follows && $0.paused }) else { return }
        while let item = following.held.first {
            guard hasRoom(payloadBytes: UInt64(item.record.payloadBytes), control: true) else {
                stalledForRoom = true
                roomWanted = true
                // What pinned the log while this host was Primary pins it no more, and nothing may be left to be applied
                // that would move the tail.
                advanceTail(&effects)
                durableWanted = max(durableWanted, end)
                effects.wake.insert([.logSync, .apply, .volumeSync, .header])
                return
            }
            following.held.removeFirst()
            var copy = item.record
            copy.position = placeForNext()
            copy.logLife = header.logLife
            enter(copy, payload: item.payload, now: now, into: &effects)
        }
        stalledForRoom = false
    }

    package mutating func heartbeatReceived(
        _ attach: AttachID,
        marks: DurabilityMarks,
        end primaryEnd: UpdateID,
        wallTime: UInt64,
        from host: HostID,
        session: UInt64,
        now: Instant,
        into effects: inout Effects
    ) {
        guard following.session == session, following.attach == attach, isFollowing(host, under: attach),
            let position = peerIndex(host)
        else { return }
        peers[position].lastHeard = now
        following.primaryEnd = primaryEnd
        following.primaryEndTime = wallTime
        following.hear(marks)
        effects.wake.insert(.apply)
        secondaryProgressed(now: now, into: &effects)
    }

    /// Acknowledges, and logs on when there is room again: after any progress of the log.
    package mutating func secondaryProgressed(now: Instant, into effects: inout Effects) {
        if following.deferredStart != nil { carryOutStart(now: now, into: &effects) }
        guard !header.isPrimary, let attach = following.attach, let host = header.follows else { return }
        enterHeld(now: now, into: &effects)
        let received = following.held.last?.record.id ?? end
        if min(following.wantedDurable, end) > durable {
            durableWanted = max(durableWanted, min(following.wantedDurable, end))
            effects.wake.insert(.logSync)
        }
        guard received > following.ackedReceived || durable > following.ackedLogged else { return }
        following.ackedReceived = received
        following.ackedLogged = durable
        send(.replication(.acknowledge(attach, received: received, logged: durable)), to: host, &effects)
        effects.wake.insert(.apply)
    }

    /// A Primary that begins a stream has committed its attachment, whatever its contact says that is still on its way.
    ///
    /// The receipt that it was made with is void before the report leaves, and so before the first record arrives: the
    /// volumes are no longer the copy alone.
    private mutating func confirmAttachment(_ attach: AttachID, _ effects: inout Effects) {
        let pending = header.pending.contains { $0.token == attach.rawValue }
        guard header.receipt != nil || pending else { return }
        header.pending.removeAll { $0.token == attach.rawValue }
        header.receipt = nil
        headerChanged(&effects)
    }

    /// Another host, or this one, may be about to take over; until that is decided no Primary is followed or refused.
    package var isTakeoverUndecided: Bool {
        takingOver || header.pending.contains { if case .takeover = $0 { true } else { false } }
    }

    /// Positions moved: the image may have reached one of the Primary's.
    package mutating func progressed(now: Instant, into effects: inout Effects) {
        if !header.isPrimary, let proven = following.provenDurable, replayed >= min(proven, durable) {
            following.reachedPosition = true
        }
        let consistent = isImageConsistent
        if peers.contains(where: { $0.sentContact.map { $0.consistent != consistent } ?? false }) {
            contactDirty = true
            effects.wake.insert(.peers)
        }
    }

    /// The image that a takeover would open is one that the Primary had: nothing of a synchronization is unfinished, and
    /// what a checkpoint attach still needs is logged.
    ///
    /// What the volumes show at this moment is ``imagePosition``.
    public var isImageConsistent: Bool {
        if header.isPrimary { return failure == nil }
        return failure == nil && header.targetJob == nil && header.consistentFrom != .never
            && durable >= header.consistentFrom && header.fence == nil && !isLogDamaged
    }

    /// A Secondary learns that another host is the open Primary of its lineage, and follows it from now on, detached.
    package mutating func followPrimary(_ host: HostID, _ contact: Contact, _ effects: inout Effects) {
        guard !header.isPrimary, contact.open, header.follows != host, header.pending.isEmpty, !takingOver,
            let theirs = contact.lineage.history.current,
            header.lineage.closing(reignOf: contact.lineage.history) == nil
        else { return }
        if let own = header.lineage.history.current {
            let descends =
                contact.lineage.history.contains(own.id)
                || contact.lineage.history.entries.contains { $0.epoch.closes.contains(own.reign) }
            guard descends else { return }
        }
        if let old = header.follows, let link = header.linkIndex(old), header.links[link].attachID != nil {
            header.links[link].detach(because: "\(label(of: host)) is the Primary now")
        }
        forgetStream()
        following.primaryEnd = nil
        header.role = .secondary(of: host)
        effects.note("\(objectName): \(label(of: host)) is the Primary now (epoch \(theirs.number))")
        headerChanged(&effects)
    }
}
