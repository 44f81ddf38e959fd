import DequeModule

/// The Primary's end of replication: starting streams, sending records, taking acknowledgements.
extension RVGMachine {
    /// Records that leave for one Secondary; the driver reads them from the log, checks them, and sends them in one frame.
    public struct RecordDeparture: Sendable {
        public var peer: HostID
        public var session: UInt64
        public var attach: AttachID
        public var epoch: EpochID
        public var marks: DurabilityMarks
        public var records: [Record]
    }

    /// Begins the stream to a Secondary that is attached under the same attachment at both ends.
    package mutating func startStream(to host: HostID, _ effects: inout Effects) {
        guard isOpen || (header.isPrimary && header.stopped && gate == nil && header.fence == nil), failure == nil,
            let position = peerIndex(host), let contact = peers[position].contact,
            let link = header.links.first(where: { $0.peer == host }), let attach = link.attachID, !link.paused,
            contact.attach(to: header.host) == attach, contact.follows == header.host, !contact.isPrimary,
            !contact.takingOver, !contact.failed, !contact.isPaused(to: header.host),
            peers[position].sending.phase == .idle
        else { return }
        peers[position].sending = Sending()
        peers[position].sending.phase = .starting
        startsSent += 1
        peers[position].sending.number = startsSent
        send(
            .replication(
                .start(attach, number: startsSent, history: header.lineage.history, durable: durable)
            ),
            to: host,
            &effects
        )
    }

    package mutating func startStreams(_ effects: inout Effects) {
        for host in peers.map(\.host) { startStream(to: host, &effects) }
    }

    /// Begins again where a Secondary has not reported: it may have had a reason not to answer that is over now.
    ///
    /// Safe to repeat: nothing is sent before the report, and starts and records keep their order.
    package mutating func retryStarts(now: Instant, _ effects: inout Effects) {
        for position in peers.indices where peers[position].sending.phase == .starting {
            guard let begun = peers[position].sending.begunAt else {
                peers[position].sending.begunAt = now
                continue
            }
            // On a line that others fill an answer may take long; a start that is repeated too early is never answered.
            guard now.milliseconds(since: begun) >= 1_000 << min(peers[position].unansweredStarts, 5) else { continue }
            peers[position].unansweredStarts += 1
            peers[position].sending = Sending()
        }
        startStreams(&effects)
    }

    /// Moves the cursor of an attached RLINK up to what its Secondary logged and this host has durable.
    package mutating func keepAcknowledged(of host: HostID) {
        guard let position = peerIndex(host), peers[position].sending.isStreaming, let link = header.linkIndex(host),
            case .attached(let attach, let cursor) = header.links[link].attachment
        else { return }
        let safe = max(cursor, min(peers[position].sending.logged, durable))
        header.links[link].attachment = .attached(attach, cursor: safe)
    }

    /// A Secondary that paused, or whose device failed, is sent nothing and waited for by nobody; where it stands is kept.
    package mutating func pauseStream(to host: HostID, _ contact: Contact, _ effects: inout Effects) {
        guard header.isPrimary, contact.failed || contact.isPaused(to: header.host) else { return }
        keepAcknowledged(of: host)
        stopStream(to: host, &effects)
    }

    /// Stops sending to a peer, in this session.
    package mutating func stopStream(to host: HostID, _ effects: inout Effects) {
        guard let position = peerIndex(host) else { return }
        peers[position].sending = Sending()
        leaveSynchronousMode(host, &effects)
    }

    /// The Secondary told where its log ends: it is sent what follows, whatever this host's own cursor says.
    package mutating func reportReceived(
        _ attach: AttachID,
        number: UInt64,
        loggedEnd: UpdateID,
        from host: HostID,
        session: UInt64,
        now: Instant,
        into effects: inout Effects
    ) {
        guard let position = peerIndex(host), peers[position].session == session, let link = header.linkIndex(host),
            header.links[link].attachID == attach, peers[position].sending.phase == .starting,
            peers[position].sending.number == number
        else { return }
        guard loggedEnd <= end, loggedEnd.next >= header.tailID else {
            let reason =
                loggedEnd > end
                ? "it holds records up to \(loggedEnd), this Primary ends at \(end)"
                : "it ends at \(loggedEnd), the log begins at \(header.tailID)"
            header.links[link].detach(because: reason)
            effects.note("\(header.links[link].name): detached (stale): \(reason)")
            peers[position].sending = Sending()
            headerChanged(&effects)
            return
        }
        peers[position].unansweredStarts = 0
        peers[position].sending.phase = .streaming
        peers[position].sending.next = loggedEnd.next
        acknowledged(position, link: link, received: loggedEnd, logged: loggedEnd, &effects)
        effects.admissionChanged = true
        effects.wake.insert(.peers)
    }

    /// The next records for each Secondary that is ready for some, at most one batch each.
    public mutating func nextRecords(now: Instant, mayTake: (HostID) -> Bool = { _ in true }) -> [RecordDeparture] {
        guard header.isPrimary, failure == nil, isSettledOnDisk, let epoch = header.lineage.history.current else {
            return []
        }
        var departures: [RecordDeparture] = []
        for position in peers.indices where peers[position].sending.isStreaming && mayTake(peers[position].host) {
            guard let session = peers[position].session,
                let attach = header.links.first(where: {
                    $0.peer == peers[position].host
                })?.attachID
            else { continue }
            let records = takeRecords(position)
            guard !records.isEmpty else { continue }
            peers[position].sending.lastSent = now
            let marks = marks(for: peers[position].host)
            peers[position].sending.told = marks
            departures.append(
                RecordDeparture(
                    peer: peers[position].host,
                    session: session,
                    attach: attach,
                    epoch: epoch.id,
                    marks: marks,
                    records: records
                )
            )
        }
        return departures
    }

    /// Whether a record that was pulled must still be in the log.
    ///
    /// If so, one that cannot be read there is damage. Else it was given up meanwhile, and its place may be used for another.
    public func mustHold(_ record: Record, of departure: RecordDeparture) -> Bool {
        reusableTail <= record.position && isAttached(as: departure)
    }

    private func isAttached(as departure: RecordDeparture) -> Bool {
        header.links.contains { $0.peer == departure.peer && $0.attachID == departure.attach }
    }

    /// Records that were pulled are not sent: the place of one was used for another while they were read.
    ///
    /// That one is acknowledged by now, else its place would not have been free; those behind it are sent again, as the
    /// Secondary takes nothing behind a gap.
    public mutating func recordsNotSent(_ departure: RecordDeparture, into effects: inout Effects) {
        guard let position = peerIndex(departure.peer), peers[position].session == departure.session,
            peers[position].sending.isStreaming, isAttached(as: departure), let first = departure.records.first?.id
        else { return }
        let wanted = max(first, peers[position].sending.received.next)
        peers[position].sending.next = min(peers[position].sending.next, wanted)
        effects.wake.insert(.peers)
    }

    private mutating func takeRecords(_ position: Int) -> [Record] {
        var next = peers[position].sending.next
        guard next <= written, let first = record(next) else { return [] }
        let oldestInFlight = record(peers[position].sending.logged.next)?.position ?? first.position
        var records: [Record] = []
        var bytes: UInt64 = 0
        while next <= written, bytes < limits.sendBatchBytes, let record = record(next),
            record.end.value - min(oldestInFlight.value, record.position.value) <= limits.sendWindow
                || next == peers[position].sending.logged.next
        {
            records.append(record)
            bytes += record.span
            next = next.next
        }
        peers[position].sending.next = next
        return records
    }

    /// A few times a second, whatever else goes.
    package mutating func sendHeartbeats(now: Instant, wallTime: UInt64, _ effects: inout Effects) {
        lastWallTime = wallTime
        guard header.isPrimary else { return }
        for position in peers.indices where peers[position].sending.isStreaming {
            let last = peers[position].sending.lastSent
            guard last.map({ now.milliseconds(since: $0) >= limits.heartbeatMilliseconds }) ?? true else { continue }
            sendHeartbeat(position, now: now, &effects)
        }
        for link in header.links.indices { returnToSynchronousMode(link, &effects) }
    }

    /// What a Secondary is told of durability now.
    private func marks(for host: HostID) -> DurabilityMarks {
        let flushed = header.links.contains { $0.peer == host && isSynchronous($0) } ? waiters.durableNeeded : nil
        return DurabilityMarks(durable: durable, wanted: max(durable, flushed ?? .zero))
    }

    /// Tells Secondaries at once what has changed of the marks, when no record is left to carry it.
    package mutating func tellDurable(now: Instant, _ effects: inout Effects) {
        guard header.isPrimary else { return }
        for position in peers.indices where peers[position].sending.isStreaming {
            guard peers[position].sending.told != marks(for: peers[position].host),
                peers[position].sending.next > written
            else {
                continue
            }
            sendHeartbeat(position, now: now, &effects)
        }
    }

    private mutating func sendHeartbeat(_ position: Int, now: Instant, _ effects: inout Effects) {
        let host = peers[position].host
        guard let attach = header.links.first(where: { $0.peer == host })?.attachID else { return }
        peers[position].sending.lastSent = now
        let marks = marks(for: host)
        peers[position].sending.told = marks
        send(
            .replication(.heartbeat(attach, marks: marks, end: end, wallTime: lastWallTime)),
            to: host,
            &effects
        )
    }

    /// A link that left synchronous mode, or never was in it, enters it when nothing is outstanding.
    private mutating func returnToSynchronousMode(_ link: Int, _ effects: inout Effects) {
        guard header.links[link].asynchronousSince != nil, header.links[link].settings.synchronous != .off,
            let sending = peer(header.links[link].peer)?.sending, sending.isStreaming, sending.logged == end
        else { return }
        header.links[link].asynchronousSince = nil
        headerChanged(&effects)
    }

    package mutating func acknowledgeReceived(
        _ attach: AttachID,
        received: UpdateID,
        logged: UpdateID,
        from host: HostID,
        session: UInt64,
        into effects: inout Effects
    ) {
        guard let position = peerIndex(host), peers[position].session == session, peers[position].sending.isStreaming,
            let link = header.linkIndex(host), header.links[link].attachID == attach, received <= end,
            logged <= received
        else { return }
        acknowledged(position, link: link, received: received, logged: logged, &effects)
    }

    private mutating func acknowledged(
        _ position: Int,
        link: Int,
        received: UpdateID,
        logged: UpdateID,
        _ effects: inout Effects
    ) {
        peers[position].sending.received = max(peers[position].sending.received, received)
        peers[position].sending.logged = max(peers[position].sending.logged, logged)
        // It may hold more than it reported, logged before this session and durable since: that is not sent again, and
        // the log may lose it.
        peers[position].sending.next = max(peers[position].sending.next, received.next)
        guard header.links[link].attachID != nil else { return }
        moveCursors(&effects)
        returnToSynchronousMode(link, &effects)
        releaseReplies(&effects)
        effects.admissionChanged = true
        effects.wake.insert(.peers)
    }

    /// Cursors follow what their Secondaries logged, as far as it is durable here: what this host itself may still lose must
    /// not be counted as done with.
    package mutating func moveCursors(_ effects: inout Effects) {
        guard header.isPrimary else { return }
        var moved = false
        for position in peers.indices where peers[position].sending.isStreaming {
            guard let link = header.linkIndex(peers[position].host),
                case .attached(let attach, let cursor) = header.links[link].attachment
            else { continue }
            let safe = min(peers[position].sending.logged, durable)
            guard safe > cursor else { continue }
            header.links[link].attachment = .attached(attach, cursor: safe)
            moved = true
        }
        guard moved else { return }
        headerDrifted(&effects)
        advanceTail(&effects)
        effects.admissionChanged = true
    }

    /// A synchronous link that is gone: with `override` writes go on without it, with `fail` those that wait for it fail.
    package mutating func leaveSynchronousMode(_ host: HostID, _ effects: inout Effects) {
        guard let link = header.linkIndex(host), isSynchronous(header.links[link]) else { return }
        header.links[link].asynchronousSince = (header.links[link].cursor ?? .zero).next
        headerChanged(&effects)
        guard header.links[link].settings.synchronous == .fail else { return }
        let refused = refusal(
            .linkDisconnected,
            "\(header.links[link].name) is synchronous=fail and was lost; the write is in the log",
            hint: "reconnect \(header.links[link].peerName), or set synchronous=override"
        )
        waiters.fail(with: .protection(refused), written: written, into: &effects.replies)
    }

    /// The other end says that it is not attached under this attachment.
    package mutating func notAttachedReceived(
        _ attach: AttachID,
        from host: HostID,
        session: UInt64,
        into effects: inout Effects
    ) {
        guard header.isPrimary, let link = header.linkIndex(host), header.links[link].attachID == attach,
            peer(host)?.session == session
        else { return }
        header.links[link].detach(because: "\(label(of: host)) is not attached under it")
        stopStream(to: host, &effects)
        headerChanged(&effects)
        advanceTail(&effects)
        releaseReplies(&effects)
    }
}
