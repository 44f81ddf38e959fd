import DequeModule

/// What an application's write may do now.
public enum Admission: Hashable, Sendable {
    /// It is in the log's queue; the reply comes by its token.
    case accepted
    /// There is no room, or a limit holds writers back: try again when ``Effects/admissionChanged`` says so.
    case wait
    case refused(WriteFailure)
}

/// One write of the application, as the machine needs to know it.
public struct ApplicationWrite: Sendable {
    public var kind: RecordKind
    public var volume: UInt32
    public var offset: UInt64
    public var length: UInt64
    /// Reply only when durable.
    public var durably: Bool
    /// For a write: pieces of at most ``Record/payloadLimit`` with their checksums, in order.
    public var pieces: [(payload: PayloadReference, crc: UInt32)]
    public var token: UInt64

    public init(
        kind: RecordKind,
        volume: UInt32,
        offset: UInt64,
        length: UInt64,
        durably: Bool,
        pieces: [(payload: PayloadReference, crc: UInt32)],
        token: UInt64
    ) {
        self.kind = kind
        self.volume = volume
        self.offset = offset
        self.length = length
        self.durably = durably
        self.pieces = pieces
        self.token = token
    }

    var weight: UInt64 { PendingMap.weight(payloadBytes: pieces.isEmpty ? 0 : length) }
    /// How long zeroes or a trim is.
    var emptyBytes: UInt64 { pieces.isEmpty ? length : 0 }
}

/// The application: sessions, writes, flushes, and when they are answered.
extension RVGMachine {
    // MARK: Open sessions

    /// Why the RVG takes no writes; nil when it does.
    public var closedBecause: Refusal? {
        if let failure { return failure }
        guard header.isPrimary else {
            return refusal(
                .notPrimary,
                "the RVG is a Secondary on \(hostName)",
                hint: "open the volume on the Primary, or read-only here"
            )
        }
        switch header.fence {
        case .closed(let epoch):
            return refusal(
                .fenced,
                "\(epoch.hostName) took over (epoch \(epoch.number)); this Primary stays shut",
                hint: "to follow it: vradmin -g \(diskGroup) makesec \(name) \(epoch.hostName) --host \(hostName)"
            )
        case .damaged(let text):
            return refusal(
                .logDamaged,
                text,
                hint: "take over on a Secondary: vradmin -g \(diskGroup) -N takeover \(name) --host SECONDARY"
            )
        case nil: break
        }
        if gate != nil {
            let waits = fenceBlockers().joined(separator: "; ")
            let force = "vxrvg -g \(diskGroup) -f start \(name) --host \(hostName)"
            return refusal(
                .fenced,
                "the returned Primary waits to hear that nobody took over: \(waits.isEmpty ? "opening" : waits)",
                hint: holderOfLater.map {
                    "to keep what \($0) holds, end the daemon of \(hostName) and take over there: "
                        + "vradmin -g \(diskGroup) takeover \(name) --host \($0); to go on with this copy: \(force)"
                } ?? "start the hosts named; if they are gone for good: \(force)"
            )
        }
        if header.stopped {
            return refusal(
                .rvgStopped,
                "the RVG is stopped",
                hint: "vxrvg -g \(diskGroup) start \(name) --host \(hostName)"
            )
        }
        return nil
    }

    /// An open Primary takes writes.
    public var isOpen: Bool {
        failure == nil && header.isPrimary && header.fence == nil && gate == nil && !header.stopped
    }

    package func refusal(_ code: RefusalCode, _ message: String, hint: String) -> Refusal {
        Refusal(code, objectName, message, hint: hint, host: hostName)
    }

    /// Opens a session.
    /// - Throws: why it cannot be opened; nothing has changed then.
    public mutating func openSession(id: UInt64, volume: UInt32, readOnly: Bool, holder: SessionHolder) throws(Refusal)
    {
        if let held = volumesHeldBy {
            throw refusal(
                .operationInProgress,
                "\(held) holds the volumes",
                hint: "try again when it has ended: homeward status"
            )
        }
        if let closed = closedBecause {
            guard readOnly, !header.isPrimary, failure == nil else { throw closed }
            guard isImageConsistent else {
                throw refusal(
                    .inconsistent,
                    "the Secondary on \(hostName) is inconsistent",
                    hint: "synchronize it from the Primary: vradmin -g \(diskGroup) -c NAME syncrvg \(name) \(hostName)"
                )
            }
            guard replayed >= header.consistentFrom else {
                let missing = counted(header.consistentFrom.value - replayed.value, "update")
                throw refusal(
                    .inconsistent,
                    "the volumes of the Secondary on \(hostName) lack \(missing) that their copy was made over, which the log"
                        + " here holds",
                    hint: "let its Primary go on with replication, or take over here: "
                        + "vradmin -g \(diskGroup) -N takeover \(name) --host \(hostName)"
                )
            }
            // Part of a batch may be on them, of which records that others overwrite were left out.
            guard imagePosition != nil else {
                throw refusal(
                    .inconsistent,
                    "the Secondary on \(hostName) ended while its volumes were written, and how far they are is not known"
                        + " before its Primary answers",
                    hint: "start the Primary, or take over here: "
                        + "vradmin -g \(diskGroup) -N takeover \(name) --host \(hostName)"
                )
            }
        }
        sessions.append(OpenSession(id: id, volume: volume, holder: holder, readOnly: readOnly))
    }

    /// Who has a volume open.
    public func openSessions(volume: UInt32) -> [SessionHolder] {
        sessions.filter { $0.volume == volume }.map(\.holder)
    }

    /// The host that decides what a Primary decides: this one when it is Primary, else the Primary that it follows and that
    /// answers as one; nil when nobody does.
    public var decidingPrimary: HostID? {
        if header.isPrimary { return header.host }
        let open = peers.filter { $0.contact?.open == true }
        if let followed = header.follows, open.contains(where: { $0.host == followed }) { return followed }
        return open.count == 1 ? open.first?.host : nil
    }

    public mutating func closeSession(id: UInt64) { sessions.removeAll { $0.id == id } }

    /// Refuses while a session is open, naming its holder.
    package func requireClosed(for verb: String) throws(Refusal) {
        guard let session = sessions.first else { return }
        throw refusal(
            .volumeOpen,
            "volume \(volumes[Int(session.volume)].name) is open on \(hostName) by \(session.holder.label); "
                + "\(verb) needs all volumes closed (-f does not change that)",
            hint: "stop the application or close that session, then repeat \(verb)"
        )
    }

    // MARK: Writes

    /// Takes a write, or says why not.
    ///
    /// A write that is accepted has its place in the order of all writes of the RVG.
    public mutating func admit(
        _ write: ApplicationWrite,
        wallTime: UInt64,
        now: Instant,
        into effects: inout Effects
    ) -> Admission {
        let admission = admitted(write, wallTime: wallTime, now: now, into: &effects)
        if admission != .wait {
            pendingRoom.leaves(write.weight)
            emptyRoom.leaves(write.emptyBytes)
        }
        return admission
    }

    private mutating func admitted(
        _ write: ApplicationWrite,
        wallTime: UInt64,
        now: Instant,
        into effects: inout Effects
    ) -> Admission {
        if let closed = closedBecause { return .refused(.closed(closed)) }
        if intakeHeldBy != nil { return .wait }
        if let failure = protectionFailure() { return .refused(.protection(failure)) }
        let span =
            write.pieces.isEmpty
            ? Record.span(payloadBytes: 0)
            : write.pieces.reduce(0) { $0 + Record.span(payloadBytes: UInt64($1.payload.count)) }
        let hasRoom =
            pendingRoom.admits(write.weight, used: pendingWrites.bytes, limit: limits.pendingBytes)
            && emptyRoom.admits(write.emptyBytes, used: pendingWrites.emptyBytes, limit: limits.pendingEmptyBytes)
        guard hasRoom else {
            effects.wake.insert([.logSync, .apply])
            durableWanted = max(durableWanted, end)
            return .wait
        }
        if let refused = makeRoom(for: span, now: now, into: &effects) { return refused }
        if let held = latencyVerdict() { return held }

        if write.pieces.isEmpty {
            append(
                kind: write.kind,
                volume: write.volume,
                offset: write.offset,
                length: write.length,
                wallTime: wallTime,
                now: now,
                into: &effects
            )
        } else {
            var offset = write.offset
            for piece in write.pieces {
                append(
                    kind: .write,
                    volume: write.volume,
                    offset: offset,
                    length: UInt64(piece.payload.count),
                    payload: piece.payload,
                    payloadCRC: piece.crc,
                    wallTime: wallTime,
                    now: now,
                    into: &effects
                )
                offset += UInt64(piece.payload.count)
            }
        }
        waiters.wait(for: end, durably: write.durably, token: write.token)
        if write.durably { wantDurable(&effects) }
        return .accepted
    }

    /// Waits until everything appended so far is durable.
    public mutating func flush(token: UInt64, into effects: inout Effects) -> Admission {
        if let closed = closedBecause { return .refused(.closed(closed)) }
        waiters.wait(for: end, durably: true, token: token)
        wantDurable(&effects)
        effects.wake.insert(.peers)
        releaseReplies(&effects)
        return .accepted
    }

    /// Answers the requests whose position has been reached: here, and on the links that are in synchronous mode.
    package mutating func releaseReplies(_ effects: inout Effects) {
        guard !waiters.isEmpty else { return }
        waiters.releaseFailed(written: written, into: &effects.replies)
        // Whoever waits for a link that was dropped is released only after the header says so.
        if !isSettledOnDisk, header.links.contains(where: { $0.settings.synchronous != .off }) { return }
        var plain = written
        var durably = durable
        for link in header.links where isSynchronous(link) {
            let sending = peer(link.peer)?.sending ?? Sending()
            plain = min(plain, sending.received)
            durably = min(durably, sending.logged)
        }
        waiters.release(plainThrough: plain, durableThrough: durably, into: &effects.replies)
    }

    /// Fails everything that waits: the host gave its role up, or was fenced.
    package mutating func failWaiters(_ effects: inout Effects) {
        guard let closed = closedBecause else { return }
        waiters.fail(with: .closed(closed), written: written, into: &effects.replies)
        effects.admissionChanged = true
    }

    /// Whether acknowledgements wait for this link at this moment.
    package func isSynchronous(_ link: LinkRecord) -> Bool {
        link.settings.synchronous != .off && link.attachID != nil && link.asynchronousSince == nil
    }

    // MARK: Protection

    private func protectionFailure() -> Refusal? {
        for link in header.links where link.attachID != nil && link.settings.synchronous == .fail {
            guard let peer = peer(link.peer), peer.sending.isStreaming, !link.paused else {
                return refusal(
                    .linkDisconnected,
                    "\(link.name) is synchronous=fail and not connected",
                    hint: "vradmin -g \(diskGroup) set \(name) \(link.peerName) synchronous=override"
                )
            }
        }
        return nil
    }

    /// Makes room in the log by the rules: what is applied is freed, checkpoints die oldest first, then `srlprot`
    /// decides.
    ///
    /// Nil: there is room.
    private mutating func makeRoom(for span: UInt64, now: Instant, into effects: inout Effects) -> Admission? {
        let needed = span + Record.syncAlignment + limits.controlReserve
        let resume = needed + min(capacity / 20, 20 << 20)
        if freeLogBytes >= (stalledForRoom ? min(resume, capacity / 2) : needed) {
            stalledForRoom = false
            return nil
        }
        stalledForRoom = true
        return reclaim(now: now, into: &effects)
    }

    /// Makes room for a control record that no writer may come to make room for: the application may be stopped.
    ///
    /// - Returns: why no room comes by itself; nil where there is some, or will be.
    package mutating func makeControlRoom(now: Instant, into effects: inout Effects) -> Refusal? {
        guard !hasRoom(payloadBytes: 0, control: true), isOpen,
            case .refused(.protection(let refusal))? = reclaim(now: now, into: &effects)
        else { return nil }
        return refusal
    }

    /// Frees what can be freed; whoever needs the room tries again when the header says so.
    private mutating func reclaim(now: Instant, into effects: inout Effects) -> Admission? {
        advanceTail(&effects)
        if reusableTail < header.tail || headerInFlight != nil {
            roomWanted = true
            effects.wake.insert(.header)
            return .wait
        }
        if applied < end, neededFrom == applied.next || neededFrom > applied {
            appliedWanted = max(appliedWanted, end)
            durableWanted = max(durableWanted, end)
            effects.wake.insert([.log, .logSync, .apply, .volumeSync])
            return .wait
        }
        if dropOldestCheckpoint(&effects) { return .wait }
        return protectLog(now: now, into: &effects)
    }

    /// `srlprot` of the link that needs the oldest record.
    private mutating func protectLog(now: Instant, into effects: inout Effects) -> Admission {
        guard let position = linkThatNeedsOldest else {
            effects.wake.insert([.log, .logSync, .apply, .volumeSync])
            appliedWanted = max(appliedWanted, end)
            return .wait
        }
        let link = header.links[position]
        let connected = peer(link.peer)?.sending.isStreaming == true && !link.paused
        switch link.settings.srlprot {
        case .off:
            overflow(position, &effects)
            return .wait
        case .override, .dcm, .autodcm:
            if !connected { overflow(position, &effects) }
            return .wait
        case .fail:
            if connected { return .wait }
            return .refused(.protection(keptFull(by: link)))
        }
    }

    private var linkThatNeedsOldest: Int? {
        let needed = neededFrom
        return header.links.firstIndex { $0.cursor.map { $0.next <= needed } ?? false }
    }

    /// The other end of an attached link says that it is paused from its side.
    package func isPausedThere(_ link: LinkRecord) -> Bool {
        link.attachID != nil && peer(link.peer)?.contact?.isPaused(to: header.host) == true
    }

    /// Whether the link that needs the oldest record stands still: it is paused, or was lost for as long as an operation
    /// may take.
    package func isLogKept(now: Instant) -> Bool {
        guard let link = linkThatNeedsOldest.map({ header.links[$0] }) else { return false }
        if link.paused || isPausedThere(link) { return true }
        let peer = peer(link.peer)
        guard peer?.session == nil else { return false }
        return now.milliseconds(since: peer?.lostAt ?? startedAt ?? now) >= limits.operationMilliseconds
    }

    private func keptFull(by link: LinkRecord) -> Refusal {
        let isPaused = link.paused || isPausedThere(link)
        let verb = { (words: String) in "vradmin -g \(diskGroup) \(words) \(name) \(link.peerName)" }
        return refusal(
            .logFull,
            "the log is full of records that \(link.name) needs (srlprot=fail, \(isPaused ? "paused" : "not connected"))",
            hint: (isPaused ? verb("resumerep") : "reconnect \(link.peerName)") + ", or: " + verb("-f stoprep")
        )
    }

    private mutating func overflow(_ position: Int, _ effects: inout Effects) {
        let link = header.links[position]
        header.links[position].detach(because: "the log overflowed before \(link.peerName) had logged it")
        stopStream(to: link.peer, &effects)
        effects.note("\(link.name): detached (stale), the log overflowed; it needs synchronization")
        headerChanged(&effects)
        advanceTail(&effects)
        roomWanted = true
    }

    /// Kills the oldest checkpoint so that its log can be used; whoever uses it is told.
    private mutating func dropOldestCheckpoint(_ effects: inout Effects) -> Bool {
        guard let oldest = header.checkpoints.min(by: { $0.start < $1.start }), oldest.start <= neededFrom else {
            return false
        }
        header.checkpoints.removeAll { $0.id == oldest.id }
        overflowed.append(OverflowedCheckpoint(checkpoint: oldest, bytesNeeded: logBytes(from: oldest.start)))
        if overflowed.count > Checkpoint.countLimit { overflowed.removeFirst() }
        effects.note("checkpoint \(oldest.name) overflowed: its log was needed for new writes")
        headerChanged(&effects)
        advanceTail(&effects)
        roomWanted = true
        return true
    }

    /// Holds writers back between the high and the low mark, as `latencyprot` says.
    ///
    /// Nil: nothing holds them.
    private mutating func latencyVerdict() -> Admission? {
        var over = false
        for link in header.links where link.settings.latencyprot != .off {
            guard let cursor = link.cursor else { continue }
            let connected = peer(link.peer)?.sending.isStreaming == true && !link.paused
            let mark = stalledForLatency ? link.settings.latencyLowMark : link.settings.latencyHighMark
            let waiting = end.value - min(cursor.value, end.value)
            // A low mark of 0 lets writes go on once nothing waits.
            guard waiting >= max(mark, 1) else { continue }
            switch link.settings.latencyprot {
            case .override where !connected, .off: continue
            case .fail where !connected:
                return .refused(
                    .protection(
                        refusal(
                            .linkDisconnected,
                            "\(counted(waiting, "update")) \(waiting == 1 ? "waits" : "wait") for \(link.name) (latencyprot=fail, high mark \(mark)), not connected",
                            hint:
                                "reconnect \(link.peerName), or: vradmin -g \(diskGroup) set \(name) \(link.peerName) "
                                + "latencyprot=override"
                        )
                    )
                )
            case .override, .fail: over = true
            }
        }
        stalledForLatency = over
        return over ? .wait : nil
    }
}
