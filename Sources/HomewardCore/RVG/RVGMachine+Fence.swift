import DequeModule

/// How a Primary comes back: fenced, until it is known that nobody took over (the article Lineage).
extension RVGMachine {
    /// Time passes: to be called several times a second.
    public mutating func tick(now: Instant, wallTime: UInt64, into effects: inout Effects) {
        if startedAt == nil { startedAt = now }
        sendHeartbeats(now: now, wallTime: wallTime, &effects)
        if wantsAttention(now: now) { effects.wake.insert([.logSync, .header]) }
        liftFenceIfKnown(now: now, into: &effects)
        retryStarts(now: now, &effects)
    }

    private func wantsAttention(now: Instant) -> Bool {
        headerDirty || millisecondsUntilLogSync(now: now) == 0
    }

    /// What a returned Primary still waits for, one sentence each; empty when it may open.
    public func fenceBlockers(now: Instant? = nil) -> [String] {
        guard header.isPrimary, gate == .starting else { return [] }
        var blockers: [String] = []
        for link in header.links {
            if let blocker = blocker(link, now: now) { blockers.append(blocker) }
        }
        for peer in peers where header.linkIndex(peer.host) == nil {
            if peer.contact?.open == true { blockers.append("\(peer.name) is an open Primary of this RVG") }
        }
        for pending in header.pending {
            if case .takeover(_, let by, let epoch, _) = pending {
                blockers.append("\(label(of: by)) announced a takeover (epoch \(epoch.number)) and does not answer")
            }
        }
        for token in undecided { blockers.append("operation \(String(token, radix: 16)) is not decided") }
        return blockers
    }

    private func blocker(_ link: LinkRecord, now: Instant?) -> String? {
        guard let peer = peer(link.peer), let contact = peer.contact else {
            if link.attachID != nil {
                return "\(link.peerName), a Secondary that could have taken over, does not answer"
            }
            // Nobody has to be waited for who could not have taken over; but whoever is reachable is heard first.
            let graceIsOver = startedAt.flatMap { start in
                now.map { $0.milliseconds(since: start) >= limits.returnGraceMilliseconds }
            }
            return graceIsOver ?? true ? nil : "\(link.peerName) may answer yet"
        }
        if contact.open { return "\(link.peerName) is an open Primary of this RVG" }
        if contact.isPrimary {
            // Of two returned Primaries that may open the one with the lower host id goes first.
            return contact.mayOpen && link.peer < header.host
                ? "\(link.peerName) is a returned Primary too, and goes first" : nil
        }
        if knowsLater(contact) {
            return
                "\(link.peerName) holds updates up to \(contact.reach.end), and this log, stopped in order at \(end), is an older"
                + " copy that lacks them"
        }
        guard let attach = link.attachID else {
            return contact.takingOver ? "\(link.peerName) is taking over" : nil
        }
        if contact.takingOver { return "\(link.peerName) is taking over, or promised to let another host do so" }
        if contact.attach(to: header.host) != attach {
            // It let go: it counts as detached unless it opened an epoch, which would have closed this reign.
            return nil
        }
        guard let newest = contact.lineage.history.current, header.lineage.history.contains(newest.id) else {
            return "\(link.peerName) holds an epoch that is not part of this Primary's history"
        }
        return nil
    }

    /// A log that ends with a stop in order holds all that was ever sent of it: whoever holds more has it from a later life of
    /// this Primary, which was then put back as it was at that stop, from a backup or by a rollback of its disk.
    ///
    /// To go on in the same epoch would number other updates with the same ids.
    private func knowsLater(_ contact: Contact) -> Bool {
        guard header.cleanStop, contact.reach.end > end,
            let fork = header.lineage.history.fork(with: contact.lineage.history)
        else { return false }
        return fork.firstID > end
    }

    /// A Secondary that shows this Primary to be an older copy of itself.
    var holderOfLater: String? {
        header.links.first { peer($0.peer)?.contact.map(knowsLater) ?? false }?.peerName
    }

    /// Opens a returned Primary as soon as nothing blocks it.
    package mutating func liftFenceIfKnown(now: Instant, into effects: inout Effects) {
        guard header.isPrimary, header.fence == nil, failure == nil, gate == .starting, startedAt != nil,
            headerInFlight == nil || isSettledOnDisk, fenceBlockers(now: now).isEmpty
        else { return }
        beginOpening(forced: false, now: now, into: &effects)
    }

    /// Opens although it is not known that nobody took over (`vxrvg -f start`).
    ///
    /// Where this reign was closed it claims it back by a takeover's epoch that closes the closing one.
    public mutating func forceOpen(now: Instant, into effects: inout Effects) {
        guard header.isPrimary, failure == nil else { return }
        header.pending.removeAll { if case .takeover = $0 { true } else { false } }
        switch header.fence {
        case .damaged: return
        case .closed(let closing):
            header.fence = nil
            advanceTail(&effects)
            openEpoch(.takeover, closing: [closing])
            effects.note("\(objectName): opened by force against epoch \(closing.number) of \(closing.hostName)")
            finishOpening(&effects)
        case nil:
            guard gate == .starting else { return }
            effects.note("\(objectName): opened by force; not heard: \(fenceBlockers().joined(separator: "; "))")
            beginOpening(forced: true, now: now, into: &effects)
        }
    }

    private mutating func beginOpening(forced: Bool, now: Instant, into effects: inout Effects) {
        if !header.cleanStop || forced { openEpoch(.uncleanStart, closing: []) }
        finishOpening(&effects)
    }

    private mutating func finishOpening(_ effects: inout Effects) {
        header.cleanStop = false
        // No link flows yet. Whoever does not come to flow is waited for by nobody, and the header says so before the first
        // write; who has caught up is in synchronous mode again at once.
        for link in header.links { leaveSynchronousMode(link.peer, &effects) }
        headerChanged(&effects)
        gate = .opening(since: criticalGeneration)
    }

    /// Opens an epoch at the end of the log.
    ///
    /// Its role record follows when the header is durable.
    package mutating func openEpoch(_ kind: Epoch.Kind, closing ended: [Epoch]) {
        let id: EpochID = random.name()
        let current = header.lineage.history.current
        let reign = kind == .uncleanStart ? current?.reign ?? id : id
        let epoch = Epoch(
            number: header.lineage.nextNumber,
            id: id,
            host: header.host,
            hostName: hostName,
            kind: kind,
            reign: reign,
            // An unclean start goes on with its reign and all that this ended: the opening epoch may be dropped one day.
            closes: kind == .uncleanStart ? current?.closes ?? [] : header.lineage.closure(of: ended)
        )
        header.lineage.history.open(epoch, at: end.next, dataBefore: dataCount)
        openingEpoch = epoch
    }

    /// The header with the new epoch, or without the stop flag, is durable: the role record goes first, then everybody.
    package mutating func continueOpening(now: Instant, into effects: inout Effects) {
        guard case .opening(let generation) = gate, persistedGeneration >= generation, header.isPrimary else { return }
        appendRoleRecord(now: now, into: &effects)
        gate = nil
        effects.wake.insert(.apply)
        contactDirty = true
        effects.admissionChanged = true
        effects.note("\(objectName): open as Primary in epoch \(header.lineage.history.current?.number ?? 0)")
        startStreams(&effects)
    }

    /// The first record of the epoch just opened; without room in the log the header alone says it.
    package mutating func appendRoleRecord(now: Instant, into effects: inout Effects) {
        guard openingEpoch != nil else { return }
        openingEpoch = nil
        guard hasRoom(payloadBytes: 0, control: true) else { return }
        append(kind: .role, wallTime: 0, now: now, into: &effects)
        wantDurable(&effects)
    }
}
