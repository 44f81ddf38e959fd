import DequeModule

/// Promises made to other hosts, and how their word ends them (the article OperationSteps).
extension RVGMachine {
    /// Ends the promises to a peer that its contact decides.
    package mutating func resolvePromises(
        from host: HostID,
        _ contact: Contact,
        now: Instant,
        into effects: inout Effects
    ) {
        for promise in header.pending where promise.peer == host && !contact.undecided.contains(promise.token) {
            switch promise {
            case .takeover(_, _, let epoch, _):
                end(promise, &effects)
                // It never came to be, or is part of its history now and was learned with the contact.
                if !contact.lineage.history.contains(epoch.id) { header.lineage.forget(epoch.id) }
            case .makesec(_, _, let before):
                end(promise, &effects)
                if contact.isPrimary, header.isPrimary, let link = header.linkIndex(host) {
                    header.links[link].attachment = before
                }
            case .attach(let attach, _):
                end(promise, &effects)
                if contact.attach(to: header.host) != attach, let link = header.linkIndex(host),
                    header.links[link].attachID == attach
                {
                    header.links[link].detach(because: "\(label(of: host)) did not attach it after all")
                }
            case .migrate(_, _, let epoch, let firstID):
                end(promise, &effects)
                // With a log that lost what it held the role is not taken: whoever handed it over has all of it, and takes over.
                if !isLogDamaged, contact.lineage.history.contains(epoch.id), contact.follows == header.host,
                    let attach = contact.attach(to: header.host)
                {
                    becomePrimaryByMigrate(from: host, epoch, at: firstID, under: attach, now: now, into: &effects)
                } else {
                    header.lineage.forget(epoch.id)
                    // Never to be opened now. Whoever heard of it, as the one that had committed it may have, must not
                    // take it for a rival.
                    header.lineage.noteAbandoned(epoch.id)
                }
            }
        }
    }

    private mutating func end(_ promise: Pending, _ effects: inout Effects) {
        header.pending.removeAll { $0 == promise }
        headerChanged(&effects)
    }

    /// Step 22: the old Primary committed; this host holds everything it had.
    private mutating func becomePrimaryByMigrate(
        from host: HostID,
        _ epoch: Epoch,
        at firstID: UpdateID,
        under attach: AttachID,
        now: Instant,
        into effects: inout Effects
    ) {
        forgetStream()
        header.lineage.history.open(epoch, at: firstID, dataBefore: dataCount)
        header.lineage.forget(epoch.id)
        takePrimaryRole()
        if let link = header.linkIndex(host) {
            header.links[link].detachReason = nil
            header.links[link].paused = false
            header.links[link].attachment = .attached(attach, cursor: firstID.previous)
            if header.links[link].settings.synchronous != .off { header.links[link].asynchronousSince = firstID }
        }
        openingEpoch = epoch
        headerChanged(&effects)
        gate = .opening(since: criticalGeneration)
        effects.wake.insert(.apply)
        effects.note("\(objectName): Primary by migrate from \(label(of: host)), epoch \(epoch.number)")
    }

    /// What any change to Primary does to the header: all RLINKs detached, nothing of a synchronization left.
    package mutating func takePrimaryRole() {
        header.role = .primary
        header.cleanStop = false
        header.divergenceTold = 0
        header.stopped = false
        header.fence = nil
        header.consistentFrom = .zero
        header.receipt = nil
        header.targetJob = nil
        header.checkpoints = []
        for link in header.links.indices { header.links[link].detach() }
        takingOver = false
        // Records logged as a Secondary and not yet replayed are read through like any pending write.
        for record in index where record.kind.isData && record.id > replayed && record.id <= written {
            pendingWrites.insert(record)
        }
    }

    /// Promises of this host to hosts that are not there, for refusals: what is in doubt, and who must be asked.
    public var doubts: [String] {
        header.pending.map { "\($0.verb) of \(label(of: $0.peer)) (asked when it answers)" }
    }
}
