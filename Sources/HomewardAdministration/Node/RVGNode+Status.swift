import HomewardCore

/// What is shown of an RVG: computed from positions when asked, never stored (the article Lineage).
extension RVGNode {
    /// This host's part of the RDS.
    ///
    /// Paths of volumes are the host's to fill in.
    public func describe(now: Instant, volumes: [VolumeDescription], log: String, logSize: UInt64) -> MemberDescription
    {
        MemberDescription(
            host: machine.hostName,
            isLocal: true,
            reachable: true,
            age: nil,
            diskGroup: machine.diskGroup,
            rvg: machine.name,
            role: machine.header.isPrimary ? "primary" : "secondary",
            state: state,
            reason: reason,
            isShut: machine.header.isPrimary && machine.header.fence != nil ? true : nil,
            volumes: volumes,
            log: log,
            logSize: logSize,
            logUsed: machine.capacity - machine.freeLogBytes,
            endID: machine.end,
            consistent: machine.isImageConsistent,
            follows: machine.header.follows.map { machine.label(of: $0) },
            links: machine.header.links.map { describe($0, now: now) },
            activity: activity(now: now),
            history: machine.header.lineage.history.entries.map(describe)
        )
    }

    private func describe(_ entry: History.Entry) -> EpochDescription {
        let kind =
            switch entry.epoch.kind {
            case .creation: "created"
            case .takeover: "takeover"
            case .migrate: "migrate"
            case .uncleanStart: "restart"
            }
        return EpochDescription(
            number: entry.epoch.number,
            id: Identity(high: 0, low: entry.epoch.id.rawValue),
            kind: kind,
            firstID: entry.firstID,
            host: entry.epoch.hostName
        )
    }

    private var state: String {
        if machine.failure != nil || isDamagedSecondary { return "failed" }
        if machine.header.stopped { return "stopped" }
        guard machine.header.isPrimary else { return "enabled" }
        return machine.header.fence != nil || machine.gate != nil ? "fenced" : "enabled"
    }

    private var isDamagedSecondary: Bool { !machine.header.isPrimary && machine.isLogDamaged }

    private var reason: String? {
        if isDamagedSecondary {
            return "its log is damaged (\(machine.damage ?? "as found at an earlier start")); synchronize it: "
                + machine.command("syncrvg", machine.hostName, options: "-c NAME")
        }
        if machine.header.isPrimary || machine.failure != nil { return machine.closedBecause?.message }
        return nil
    }

    private func activity(now: Instant) -> [String] {
        var lines: [String] = []
        if let operation { lines.append("\(operation.verb) is under way") }
        for job in jobs where job.phase != .over {
            for target in job.targets {
                let compared = target.source?.compared.reduce(0, +) ?? 0
                let total = machine.volumes.reduce(0) { $0 + $1.size }
                let percent = total == 0 ? 100 : compared * 100 / total
                lines.append(
                    "\(job.name): \(machine.label(of: target.host)) \(words(target.phase, of: job)), \(percent)% compared"
                )
            }
        }
        if let job = machine.header.targetJob {
            lines.append("synchronization \(job.name) from \(machine.label(of: job.primary)) writes these volumes")
        }
        for doubt in machine.doubts { lines.append("in doubt: \(doubt)") }
        return lines
    }

    /// How a synchronization is ended that nothing else ends.
    private func end(of job: SyncJob) -> String {
        job.tokens.isEmpty && !job.verifyOnly
            ? "vxrvg -g \(machine.diskGroup) -c \(job.name) checkdelete \(machine.name)"
            : "interrupt the command that waits for it"
    }

    private func words(_ phase: SyncJob.Target.Phase, of job: SyncJob) -> String {
        switch phase {
        case .waiting: "waits until it answers"
        case .offered: "was asked and makes its volumes ready (to end it: \(end(of: job)))"
        case .running: "is synchronized"
        case .ending, .confirming: "is complete, its receipt is awaited"
        case .done: "is done"
        case .failed(let refusal): "failed: \(refusal.message)"
        }
    }

    // MARK: RLINKs

    /// One RLINK as this host sees it.
    public func describe(_ link: LinkRecord, now: Instant) -> LinkDescription {
        let peer = machine.peer(link.peer)
        let contact = peer?.contact ?? peer?.lastContact
        let data = dataStatus(link, peer)
        let behind = behind(link, peer)
        return LinkDescription(
            name: link.name,
            remoteHost: link.peerName,
            remoteRVG: link.peerRVG,
            remoteDiskGroup: link.peerDiskGroup,
            state: link.attachID == nil ? "STALE" : link.paused || machine.isPausedThere(link) ? "PAUSE" : "ACTIVE",
            kstate: kstate(link, peer),
            flags: flags(link, peer, consistent: contact?.consistent ?? false),
            dataStatus: data,
            consistent: machine.header.isPrimary ? contact?.consistent ?? false : machine.isImageConsistent,
            diverged: diverged(contact),
            replicationStatus: replicationStatus(link, peer),
            behindUpdates: behind.updates,
            behindBytes: behind.bytes,
            behindSeconds: behind.seconds,
            behindPercent: Double(behind.log) * 100 / Double(max(machine.capacity, 1)),
            settings: link.settings,
            currentMode: machine.isSynchronous(link) ? "synchronous" : "asynchronous",
            disconnectReason: peer?.contact == nil ? link.detachReason ?? peer?.lostReason : link.detachReason,
            lastContactAge: peer?.contact != nil
                ? 0 : (peer?.lastHeard).map { Double(now.milliseconds(since: $0)) / 1000 },
            untilConsistent: untilConsistent(link, peer)
        )
    }

    /// Data records that the Secondary holds outside the Primary's history.
    ///
    /// Nil while that is unknown, and of hosts without a common epoch. A rival that writes may hold more by now.
    private func diverged(_ contact: Contact?) -> UInt64? {
        guard let contact else { return nil }
        let own = machine.header.lineage.history
        let theirs = contact.lineage.history
        if machine.header.isPrimary {
            return theirs.divergence(end: contact.reach.end, dataCount: contact.reach.dataCount, from: own)
        }
        guard contact.isPrimary else { return nil }
        return own.divergence(end: machine.end, dataCount: machine.dataCount, from: theirs)
    }

    /// Update ids that the Secondary lacks until its image is consistent; nil unless a checkpoint attach is under way.
    private func untilConsistent(_ link: LinkRecord, _ peer: Peer?) -> UInt64? {
        guard link.attachID != nil else { return nil }
        let needed: UpdateID
        let reached: UpdateID
        if machine.header.isPrimary {
            guard let peer, let contact = peer.contact, peer.sending.isStreaming else { return nil }
            (needed, reached) = (contact.consistentFrom, peer.sending.logged)
        } else {
            (needed, reached) = (machine.header.consistentFrom, machine.durable)
        }
        return needed != .never && needed > reached ? needed.value - reached.value : nil
    }

    package func flows(_ link: LinkRecord, _ peer: Peer?) -> Bool {
        guard let attach = link.attachID, !link.paused, let peer, peer.contact != nil else { return false }
        return machine.header.isPrimary ? peer.sending.isStreaming : machine.following.attach == attach
    }

    private func kstate(_ link: LinkRecord, _ peer: Peer?) -> String {
        link.attachID == nil ? "DETACHED" : flows(link, peer) ? "CONNECT" : "ENABLED"
    }

    private func flags(_ link: LinkRecord, _ peer: Peer?, consistent: Bool) -> [String] {
        let attached = link.attachID != nil
        let secondaryConsistent = machine.header.isPrimary ? consistent : machine.isImageConsistent
        var flags = [attached ? "attached" : "detached", secondaryConsistent ? "consistent" : "inconsistent"]
        if attached {
            flags.append(flows(link, peer) ? "connected" : "disconnected")
            if !secondaryConsistent { flags.append("can_sync") }
        } else if !secondaryConsistent {
            flags.append("cant_sync")
        }
        flags.append(machine.isSynchronous(link) ? "synchronous" : "asynchronous")
        let (primary, secondary) =
            machine.header.isPrimary
            ? (link.paused, machine.isPausedThere(link)) : (machine.isPausedThere(link), link.paused)
        if primary { flags.append("primary_paused") }
        if secondary { flags.append("secondary_paused") }
        return flags
    }

    /// up-to-date, behind, inconsistent or unknown.
    ///
    /// What is not proven at this moment is unknown.
    package func dataStatus(_ link: LinkRecord, _ peer: Peer?) -> String {
        guard link.attachID != nil, let peer, let contact = peer.contact else { return "unknown" }
        if machine.header.isPrimary {
            guard peer.sending.isStreaming else { return contact.consistent ? "behind" : "inconsistent" }
            guard contact.consistent else { return "inconsistent" }
            return peer.sending.logged == machine.end ? "up-to-date" : "behind"
        }
        guard machine.header.follows == link.peer, machine.following.attach == link.attachID else { return "unknown" }
        guard machine.isImageConsistent else { return "inconsistent" }
        guard let theirs = machine.following.primaryEnd else { return "unknown" }
        return machine.durable >= theirs ? "up-to-date" : "behind"
    }

    private func behind(
        _ link: LinkRecord,
        _ peer: Peer?
    ) -> (updates: UInt64, bytes: UInt64, seconds: Double, log: UInt64) {
        guard link.attachID != nil else { return (0, 0, 0, 0) }
        if machine.header.isPrimary {
            let logged =
                peer?.contact != nil && peer?.sending.isStreaming == true
                ? peer?.sending.logged ?? .zero : link.cursor ?? .zero
            guard logged < machine.end else { return (0, 0, 0, 0) }
            let before = machine.position(at: logged)
            let oldest = machine.record(logged.next)?.wallTime ?? 0
            let seconds = oldest == 0 || wallTime < oldest ? 0 : Double(wallTime - oldest) / 1e9
            return (
                machine.end.value - logged.value,
                machine.cumulativeBytes - min(before.cumulative, machine.cumulativeBytes),
                seconds, machine.logBytes(from: logged.next)
            )
        }
        guard let theirs = machine.following.primaryEnd, theirs > machine.durable else { return (0, 0, 0, 0) }
        let own = machine.record(machine.durable)?.wallTime ?? 0
        let seconds =
            own == 0
            ? 0
            : Double((machine.following.primaryEndTime ?? own) - min(own, machine.following.primaryEndTime ?? own))
                / 1e9
        return (theirs.value - machine.durable.value, 0, seconds, 0)
    }

    private func replicationStatus(_ link: LinkRecord, _ peer: Peer?) -> String {
        if jobs.contains(where: { $0.phase != .over && !$0.verifyOnly && $0.targets.contains { $0.host == link.peer } })
        {
            return "stopped (difference-based synchronization in progress)"
        }
        guard link.attachID != nil else {
            return machine.header.isPrimary ? "stopped (primary detached)" : "stopped (detached)"
        }
        if link.paused { return "paused by user" }
        if machine.isPausedThere(link) { return "paused by user on \(link.peerName)" }
        return flows(link, peer) ? "replicating (connected)" : "paused due to network disconnection"
    }

    // MARK: The rest

    /// The RVG's checkpoints, the overflowed among them.
    public func checkpoints() -> [CheckpointDescription] {
        let standing = machine.header.checkpoints.map { checkpoint in
            let bytes = machine.logBytes(from: checkpoint.start)
            return CheckpointDescription(
                name: checkpoint.name,
                state: checkpoint.isComplete ? "completed" : "started",
                bytes: bytes,
                percent: Double(bytes) * 100 / Double(machine.capacity),
                startID: checkpoint.start,
                endID: checkpoint.madeByHand ? checkpoint.end : checkpoint.targets.compactMap(\.end).max()
            )
        }
        let dead = machine.overflowed.map { entry in
            CheckpointDescription(
                name: entry.checkpoint.name,
                state: "overflowed",
                bytes: entry.bytesNeeded,
                percent: 100,
                startID: entry.checkpoint.start,
                endID: entry.checkpoint.end
            )
        }
        return standing + dead
    }

    /// `vxrlink updates`, on a Secondary.
    public func updates(_ link: LinkRecord) -> UpdatesDescription {
        let time = { (id: UpdateID) -> Double? in
            guard let record = machine.record(id), record.wallTime > 0 else { return nil }
            return Double(record.wallTime) / 1e9
        }
        return UpdatesDescription(
            rlink: link.name,
            secondaryID: machine.durable,
            secondaryTime: time(machine.durable),
            primaryID: machine.following.primaryEnd,
            primaryTime: machine.following.primaryEndTime.map { Double($0) / 1e9 }
        )
    }

    /// `HOST: Primary-Primary configuration` for each peer that is a Primary beside this one, or whose reign or this one's is
    /// closed and not yet given up.
    public func configErrors() -> [ConfigError] {
        guard machine.header.isPrimary else { return [] }
        return machine.peers.compactMap { peer in
            guard condition(of: peer.host) == .primaryPrimary else { return nil }
            return ConfigError(host: peer.name, error: "Primary-Primary configuration")
        }
    }

    /// Lineage was exchanged with every peer that is connected.
    public var hasMetAllConnected: Bool {
        machine.peers.allSatisfy { $0.session == nil || $0.contact != nil }
    }
}

/// The last that was heard of a peer, and how long ago.
public struct LastContact: Sendable {
    public var host: HostID
    public var contact: Contact
    /// Seconds; nil when it was never heard in this life of the process.
    public var age: Double?
}

extension RVGNode {
    public func lastContacts(now: Instant) -> [LastContact] {
        machine.peers.compactMap { peer in
            guard let contact = peer.lastContact else { return nil }
            return LastContact(
                host: peer.host,
                contact: contact,
                age: peer.lastHeard.map { Double(now.milliseconds(since: $0)) / 1000 }
            )
        }
    }
}
