import HomewardCore

/// Requests of this RVG: the verbs that one host decides alone, and where the others begin.
extension RVGNode {
    /// Carries a request out, or begins it; the answer comes with `token`, after the header it rests on is durable.
    public mutating func request(
        _ request: RVGRequest,
        token: UInt64,
        now: Instant,
        wallTime: UInt64,
        into effects: inout NodeEffects
    ) {
        lastNow = now
        self.wallTime = wallTime
        do throws(Refusal) {
            try begin(request, token: token, now: now, into: &effects)
        } catch {
            answer(token, .failure(error), &effects)
        }
        advance(now: now, into: &effects)
        // Work that was begun on an RVG that is not busy otherwise still needs its first push.
        releaseAnswers(&effects)
    }

    private mutating func begin(
        _ request: RVGRequest,
        token: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) throws(Refusal) {
        // What could not become durable must not be begun.
        if let failure = machine.failure, request != .prepareShutdown { throw failure }
        switch request {
        case .takeover(let force): try beginTakeover(force: force, token: token, now: now, into: &effects)
        case .makeSecondary(let peer, let force):
            try beginMakesec(peer, force: force, token: token, now: now, into: &effects)
        case .startReplication(let peer, let how, let consent):
            try beginAttach(peer, how: how, consent: consent, token: token, now: now, into: &effects)
        case .migrate(let peer): try beginMigrate(peer, token: token, now: now, into: &effects)
        case .synchronize(let hosts, let name, let full, let force, let consent):
            try beginSynchronization(
                hosts,
                name: name,
                full: full,
                force: force,
                consent: consent,
                token: token,
                now: now,
                into: &effects
            )
        case .verify(let hosts): try beginVerification(hosts, token: token, now: now, into: &effects)
        case .addLink(let link): done(token, try addLink(link, &effects), &effects)
        case .removeLink(let peer): done(token, try removeLink(peer, &effects), &effects)
        case .stopReplication(let peer, let force):
            done(token, try stopReplication(peer, force: force, &effects), &effects)
        case .setPaused(let peer, let paused):
            done(token, try setPaused(peer, paused, now: now, &effects), &effects)
        case .setSettings(let peer, let settings): done(token, try setSettings(peer, settings, &effects), &effects)
        case .checkStart(let name): try checkStart(name, token: token, now: now, &effects)
        case .checkEnd: try checkEnd(token: token, now: now, &effects)
        case .checkDelete(let name): done(token, try checkDelete(name, &effects), &effects)
        case .start(let force): done(token, try start(force: force, now: now, &effects), &effects)
        case .stop: done(token, try stop(&effects), &effects)
        case .prepareShutdown: beginShutdown(.daemon, token, &effects)
        case .prepareRemoval: beginShutdown(.removal, token, &effects)
        case .abandonRemoval: done(token, abandonRemoval(&effects), &effects)
        }
    }

    mutating func done(_ token: UInt64, _ outcome: Outcome, _ effects: inout NodeEffects) {
        answer(token, .success(.done(outcome)), &effects)
    }

    // MARK: RLINKs

    private mutating func addLink(_ link: LinkRecord, _ effects: inout NodeEffects) throws(Refusal) -> Outcome {
        if machine.header.linkIndex(link.peer) != nil {
            return Outcome(already: true, summary: "\(link.peerName) is in the RDS already")
        }
        // Asked before the RVG was made on that host, too; that took a while.
        if let closed = machine.closedBecause { throw closed }
        try requireIdle(for: "addsec")
        guard machine.header.links.count < LinkRecord.countLimit else {
            throw machine.refuse(
                .limitReached,
                "32 RLINKs exist, as many as are allowed",
                hint: machine.command("delsec", "HOST")
            )
        }
        machine.header.links.append(link)
        machine.headerChanged(&effects.core)
        return Outcome(summary: "\(link.peerName) is in the RDS, detached")
    }

    private mutating func removeLink(_ peer: HostID, _ effects: inout NodeEffects) throws(Refusal) -> Outcome {
        guard let position = machine.header.linkIndex(peer) else {
            return Outcome(already: true, summary: "\(machine.label(of: peer)) is not in the RDS")
        }
        let link = machine.header.links[position]
        try requireKnownPrimary()
        try requireIdle(for: "delsec")
        guard link.attachID == nil else {
            throw machine.refuse(
                .linkAttached,
                "\(link.name) is attached",
                hint: machine.command("stoprep", link.peerName)
            )
        }
        if machine.peer(peer)?.contact != nil { try requireNoSynchronization(of: peer, for: "delsec") }
        leaveOut(peer, &effects)
        machine.header.links.remove(at: position)
        machine.headerChanged(&effects.core)
        machine.advanceTail(&effects.core)
        return Outcome(summary: "\(link.peerName) is removed from the RDS; its data remain")
    }

    /// Only a Primary that is known to be one still decides for others; one that is stopped does, a returned one that is
    /// fenced does not.
    ///
    /// `peer`: of a closed reign the table tells more.
    package func requireKnownPrimary(for peer: HostID? = nil) throws(Refusal) {
        guard machine.header.isPrimary else {
            throw machine.refuse(
                .notPrimary,
                "\(machine.hostName) is not the Primary",
                hint: machine.command("printrvg")
            )
        }
        if let peer, condition(of: peer) == .primaryPrimary { return }
        guard machine.header.fence == nil, machine.gate == nil else {
            throw machine.closedBecause ?? machine.refuse(.fenced, "it is opening", hint: "repeat the command")
        }
    }

    /// A host that is removed while it does not answer is no longer a target of synchronizations: they end without it.
    ///
    /// The header forgets it as well, or the next start would take it up again, and overwrite a host outside the RDS.
    private mutating func leaveOut(_ peer: HostID, _ effects: inout NodeEffects) {
        for checkpoint in machine.header.checkpoints.indices.reversed() {
            guard
                let target = machine.header.checkpoints[checkpoint].targets.firstIndex(where: {
                    $0.host == peer && !$0.received
                })
            else { continue }
            machine.header.checkpoints[checkpoint].targets.remove(at: target)
            // With no target left it would count as one made by hand.
            if machine.header.checkpoints[checkpoint].madeByHand { machine.header.checkpoints.remove(at: checkpoint) }
        }
        for job in jobs.indices where jobs[job].phase != .over {
            guard let target = jobs[job].targets.firstIndex(where: { $0.host == peer }) else { continue }
            switch jobs[job].targets[target].phase {
            case .done, .failed: continue
            case .waiting, .offered, .running, .ending, .confirming:
                jobs[job].targets[target].phase = .failed(wasRemoved(peer))
                finishJobIfOver(job, now: lastNow, into: &effects)
            }
        }
    }

    func wasRemoved(_ host: HostID) -> Refusal {
        machine.refuse(
            .syncCancelled,
            "\(machine.label(of: host)) was removed from the RDS",
            hint: machine.command("printrvg")
        )
    }

    private mutating func stopReplication(
        _ peer: HostID,
        force: Bool,
        _ effects: inout NodeEffects
    ) throws(Refusal) -> Outcome {
        let link = try machine.requireLink(peer)
        // Whom a returned Primary waits for is not taken out of its way by the by.
        if machine.header.isPrimary { try requireKnownPrimary(for: peer) }
        guard !(try isAlreadySo(.stoprep, peer)), let position = machine.header.linkIndex(peer) else {
            return Outcome(already: true, summary: "replication to \(link.peerName) is stopped already")
        }
        try requireIdle(for: "stoprep")
        guard force || machine.peer(peer)?.contact != nil else {
            throw Refusal(
                .hostUnreachable,
                link.peerName,
                "does not answer, so it cannot be told",
                hint: machine.command("stoprep", link.peerName, options: "-f") + "; it is told when it answers",
                host: machine.hostName
            )
        }
        machine.header.links[position].detach()
        machine.stopStream(to: peer, &effects.core)
        machine.forgetStreamIf(following: peer)
        machine.headerChanged(&effects.core)
        machine.advanceTail(&effects.core)
        return Outcome(
            summary:
                "replication to \(link.peerName) is stopped; to start it again the copy must be proven or made anew"
        )
    }

    private mutating func setPaused(
        _ peer: HostID,
        _ paused: Bool,
        now: Instant,
        _ effects: inout NodeEffects
    ) throws(Refusal) -> Outcome {
        let link = try machine.requireLink(peer)
        try requireAllowed(paused ? .pauserep : .resumerep, peer)
        // Each end has its own pause: that of the other does not stand for this one's.
        guard paused != link.paused, let position = machine.header.linkIndex(peer) else {
            return Outcome(already: true, summary: "\(link.name) is \(paused ? "paused" : "not paused")")
        }
        machine.header.links[position].paused = paused
        if paused {
            // The stream forgets what the other end logged; the RLINK must not, or nobody knows that it was up to date.
            machine.keepAcknowledged(of: peer)
            machine.stopStream(to: peer, &effects.core)
        }
        machine.headerChanged(&effects.core)
        if !paused {
            machine.startStream(to: peer, &effects.core)
            // A Primary that never heard of the pause sends nothing again: what came meanwhile is logged now.
            machine.secondaryProgressed(now: now, into: &effects.core)
        }
        return Outcome(summary: "\(link.name) is \(paused ? "paused; updates wait in the log" : "resumed")")
    }

    private mutating func setSettings(
        _ peer: HostID,
        _ settings: LinkSettings,
        _ effects: inout NodeEffects
    ) throws(Refusal) -> Outcome {
        let link = try machine.requireLink(peer)
        guard let position = machine.header.linkIndex(peer), link.settings != settings else {
            return Outcome(already: true, summary: "\(link.name) has these settings")
        }
        if settings.srlprot == .dcm || settings.srlprot == .autodcm {
            throw machine.refuse(
                .notBuiltYet,
                "srlprot=\(settings.srlprot.rawValue) needs the DCM, which this release does not have",
                hint: machine.command("set", "\(link.peerName) srlprot=override")
            )
        }
        guard settings.latencyLowMark < settings.latencyHighMark else {
            throw machine.refuse(
                .badAttribute,
                "latency_low_mark \(settings.latencyLowMark) is not below latency_high_mark "
                    + "\(settings.latencyHighMark)",
                hint: "choose a low mark below the high mark"
            )
        }
        do throws(MalformedBytes) { try settings.checkBounds() } catch {
            throw machine.refuse(.badAttribute, error.what, hint: "choose a smaller value")
        }
        let wasSynchronous = link.settings.synchronous != .off
        machine.header.links[position].settings = settings
        if settings.synchronous == .off {
            machine.header.links[position].asynchronousSince = nil
        } else if !wasSynchronous, link.attachID != nil {
            // It becomes synchronous when it has caught up; without a write no acknowledgement would come to say so.
            let caughtUp = condition(of: peer) == .upToDate
            machine.header.links[position].asynchronousSince = caughtUp ? nil : machine.end.next
        }
        machine.headerChanged(&effects.core)
        effects.core.admissionChanged = true
        return Outcome(summary: "\(link.name) is set")
    }

    // MARK: Checkpoints made by hand

    private mutating func checkStart(
        _ name: String,
        token: UInt64,
        now: Instant,
        _ effects: inout NodeEffects
    ) throws(Refusal) {
        for link in machine.header.links { try requireAllowed(.checkstart, link.peer) }
        try machine.requireOpenPrimary(for: "checkstart")
        try machine.requireCheckpointName(name)
        if let known = machine.header.checkpoints.first(where: { $0.name == name }) {
            if known.madeByHand, known.end == nil {
                return done(token, Outcome(already: true, summary: "checkpoint \(name) is started"), &effects)
            }
            throw machine.refuse(
                .checkpointNameInUse,
                "a checkpoint \(name) exists",
                hint: "vxrvg -g \(machine.diskGroup) -c \(name) checkdelete \(machine.name)"
            )
        }
        guard machine.header.checkpoints.count < Checkpoint.countLimit else { throw machine.tooManyCheckpoints }
        if let open = machine.header.checkpoints.first(where: { $0.madeByHand && $0.end == nil })?.name
            ?? marks.first?.name
        {
            throw machine.refuse(
                .checkpointOpen,
                "checkpoint \(open) is open, and only one can be",
                hint: "vxrvg -g \(machine.diskGroup) checkend \(machine.name)"
            )
        }
        let mark = try machine.appendMark(wallTime: wallTime, now: now, &effects.core)
        machine.pins.append(mark)
        marks.append(PendingMark(token: token, id: mark, name: name, isEnd: false))
        machine.wantApplied(&effects.core)
    }

    private mutating func checkEnd(token: UInt64, now: Instant, _ effects: inout NodeEffects) throws(Refusal) {
        try machine.requireOpenPrimary(for: "checkend")
        guard let checkpoint = machine.header.checkpoints.first(where: { $0.madeByHand && $0.end == nil }) else {
            if let ended = machine.header.checkpoints.last(where: \.madeByHand) {
                return done(
                    token,
                    Outcome(already: true, summary: "checkpoint \(ended.name) is ended already"),
                    &effects
                )
            }
            throw machine.refuse(
                .unknownCheckpoint,
                "no checkpoint is open",
                hint: "vxrvg -g \(machine.diskGroup) -c NAME checkstart \(machine.name)"
            )
        }
        let mark = try machine.appendMark(wallTime: wallTime, now: now, &effects.core)
        marks.append(PendingMark(token: token, id: mark, name: checkpoint.name, isEnd: true))
        machine.wantDurable(&effects.core)
    }

    /// Marks enter the header only when they are durable in the log, and a start mark when all below it is applied: a
    /// header that named a mark that was lost would make recovery see damage.
    package mutating func advanceMarks(now: Instant, into effects: inout NodeEffects) {
        for mark in marks {
            let lost = !machine.isOpen
            let ready = machine.durable >= mark.id && (mark.isEnd || machine.applied >= mark.id.previous)
            guard ready || lost else {
                if mark.isEnd { machine.wantDurable(&effects.core) } else { machine.wantApplied(&effects.core) }
                continue
            }
            marks.removeAll { $0.id == mark.id }
            if !mark.isEnd, let pin = machine.pins.firstIndex(of: mark.id) { machine.pins.remove(at: pin) }
            if lost, let closed = machine.closedBecause { return answer(mark.token, .failure(closed), &effects) }
            if !mark.isEnd {
                machine.header.checkpoints.append(
                    Checkpoint(id: machine.random.name(), name: mark.name, start: mark.id)
                )
            } else if let position = machine.header.checkpoints.firstIndex(where: { $0.name == mark.name }) {
                machine.header.checkpoints[position].end = mark.id
            } else {
                let refusal = machine.refuse(
                    .checkpointOverflowed,
                    "checkpoint \(mark.name) overflowed before it was ended",
                    hint: "start another one when less is written"
                )
                return answer(mark.token, .failure(refusal), &effects)
            }
            machine.headerChanged(&effects.core)
            let summary = "checkpoint \(mark.name) is \(mark.isEnd ? "ended" : "started") at \(mark.id)"
            done(mark.token, Outcome(summary: summary), &effects)
        }
    }

    private mutating func checkDelete(_ name: String, _ effects: inout NodeEffects) throws(Refusal) -> Outcome {
        guard let checkpoint = machine.header.checkpoints.first(where: { $0.name == name }) else {
            if let dead = machine.overflowed.firstIndex(where: { $0.checkpoint.name == name }) {
                machine.overflowed.remove(at: dead)
                return Outcome(summary: "checkpoint \(name), which had overflowed, is deleted")
            }
            throw machine.refuse(
                .unknownCheckpoint,
                "there is no checkpoint \(name)",
                hint: "vxrvg -g \(machine.diskGroup) cplist \(machine.name)"
            )
        }
        if let job = jobs.firstIndex(where: { $0.id == checkpoint.id && $0.phase != .over }) {
            guard !jobs[job].tokens.isEmpty else {
                let refusal = machine.refuse(
                    .syncCancelled,
                    "checkpoint \(name) was deleted",
                    hint: machine.command("syncrvg", options: "-c NAME")
                )
                cancelJob(job, refusal, into: &effects)
                machine.advanceTail(&effects.core)
                return Outcome(
                    summary: "checkpoint \(name) is deleted, and its synchronization, that nobody waited for, ended"
                )
            }
            throw machine.refuse(
                .checkpointInUse,
                "synchronization \(name) runs",
                hint: "interrupt it where it was typed, or wait for its end"
            )
        }
        machine.header.checkpoints.removeAll { $0.id == checkpoint.id }
        machine.headerChanged(&effects.core)
        machine.advanceTail(&effects.core)
        return Outcome(summary: "checkpoint \(name) is deleted")
    }

    // MARK: Start and stop

    private mutating func start(
        force: Bool,
        now: Instant,
        _ effects: inout NodeEffects
    ) throws(Refusal) -> Outcome {
        if let failure = machine.failure { throw failure }
        try requireStaying(for: "start")
        if machine.header.stopped {
            machine.header.stopped = false
            machine.headerChanged(&effects.core)
            effects.core.admissionChanged = true
            // Both may have kept it shut, and only the stop is lifted.
            let shut = machine.header.isPrimary ? machine.closedBecause : nil
            return Outcome(
                summary: "the RVG is started",
                notes: shut.map { ["its volumes stay shut: \($0.message); \($0.hint)"] } ?? []
            )
        }
        guard machine.header.isPrimary, let closed = machine.closedBecause else {
            return Outcome(already: true, summary: "the RVG is started already")
        }
        guard force, closed.code == .fenced else { throw closed }
        // Its reign is closed as well, which is what is told first; its volumes end before the damage all the same.
        if let damage = machine.damage { throw machine.refuse(.logDamaged, damage, hint: closed.hint) }
        if case .opening = machine.gate { return Outcome(already: true, summary: "the RVG is opening") }
        machine.forceOpen(now: now, into: &effects.core)
        return Outcome(
            summary: "the Primary on \(machine.hostName) is opened by force",
            notes: ["if another host took over, both are Primary now: one of them must become a Secondary by makesec"]
        )
    }

    private mutating func stop(_ effects: inout NodeEffects) throws(Refusal) -> Outcome {
        if machine.header.stopped { return Outcome(already: true, summary: "the RVG is stopped already") }
        try requireIdle(for: "stop")
        try machine.requireClosed(for: "stop")
        machine.header.stopped = true
        machine.headerChanged(&effects.core)
        machine.wantApplied(&effects.core)
        return Outcome(summary: "the RVG is stopped: its volumes cannot be opened")
    }
}

extension RVGMachine {
    package mutating func forgetStreamIf(following peer: HostID) {
        if header.follows == peer { forgetStream() }
    }
}
