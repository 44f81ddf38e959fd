import DequeModule

/// Sessions with peers, contacts, and what leaves for whom.
extension RVGMachine {
    // MARK: Sessions

    package func peer(_ host: HostID) -> Peer? { peers.first { $0.host == host } }

    package func peerIndex(_ host: HostID) -> Int? { peers.firstIndex { $0.host == host } }

    /// The label of a host, for messages.
    public func label(of host: HostID) -> String {
        if host == header.host { return hostName }
        return peer(host)?.name ?? header.links.first { $0.peer == host }?.peerName
            ?? String(host.description.prefix(8))
    }

    /// A peer is connected: contact is exchanged first, before anything else is believed.
    public mutating func peerConnected(
        _ host: HostID,
        name: String,
        session: UInt64,
        now: Instant,
        into effects: inout Effects
    ) {
        if let position = peerIndex(host) {
            if let old = peers[position].session {
                sessionEnded(host, session: old, reason: "replaced", now: now, into: &effects)
            }
            peers[position].name = name
            peers[position].session = session
            peers[position].connectedAt = now
            peers[position].unansweredStarts = 0
        } else {
            var peer = Peer(host: host, name: name)
            peer.session = session
            peer.connectedAt = now
            peers.insert(peer, at: peers.firstIndex { $0.host > host } ?? peers.endIndex)
        }
        if let link = header.linkIndex(host), header.links[link].peerName != name {
            header.links[link].peerName = name
            headerChanged(&effects)
        }
        contactDirty = true
        effects.wake.insert(.peers)
    }

    /// The session with a peer ended; nothing of it counts any more but what is durable.
    public mutating func sessionEnded(
        _ host: HostID,
        session: UInt64,
        reason: String,
        now: Instant,
        into effects: inout Effects
    ) {
        guard let position = peerIndex(host), peers[position].session == session else { return }
        noteEndedSession(host)
        peers[position].session = nil
        peers[position].contact = nil
        peers[position].sentContact = nil
        peers[position].toldContact = nil
        peers[position].forgotThis = false
        peers[position].sending = Sending()
        peers[position].lostAt = now
        peers[position].lostReason = reason
        outbox.drop(session: session)
        if following.session == session { forgetStream() }
        leaveSynchronousMode(host, &effects)
        effects.admissionChanged = true
    }

    /// A peer that is connected has no part in this RVG any more: nothing it said of it counts.
    public mutating func contactLost(with host: HostID, now: Instant, into effects: inout Effects) {
        guard let position = peerIndex(host), peers[position].session != nil else { return }
        noteEndedSession(host)
        peers[position].contact = nil
        peers[position].lastContact = nil
        peers[position].forgotThis = true
        peers[position].sending = Sending()
        peers[position].lostAt = now
        if header.follows == host { forgetStream() }
        leaveSynchronousMode(host, &effects)
        effects.admissionChanged = true
    }

    // MARK: Sending

    /// Queues a message for a peer; it leaves when everything decided so far is durable.
    ///
    /// False: not connected.
    @discardableResult
    package mutating func send(_ message: PeerMessage, to host: HostID, _ effects: inout Effects) -> Bool {
        guard let session = peer(host)?.session else { return false }
        outbox.entries.append(.init(peer: host, session: session, message: message, needs: criticalGeneration))
        effects.wake.insert(.peers)
        return true
    }

    /// Something that leaves: on which session, to whom.
    public struct Departure: Sendable {
        public var peer: HostID
        public var session: UInt64
        public var message: PeerMessage
    }

    /// Everything that may leave now but records, in order for each peer.
    public mutating func nextMessages(now: Instant, into effects: inout Effects) -> [Departure] {
        if contactDirty { refreshContacts(&effects) }
        tellDurable(now: now, &effects)
        return outbox.take(persisted: persistedGeneration).map { entry in
            if case .contact(let contact) = entry.message, let position = peerIndex(entry.peer),
                peers[position].session == entry.session
            {
                peers[position].toldContact = contact
            }
            return Departure(peer: entry.peer, session: entry.session, message: entry.message)
        }
    }

    private mutating func refreshContacts(_ effects: inout Effects) {
        contactDirty = false
        if isHeaderInDoubt { return repeatContacts(&effects) }
        let contact = makeContact()
        let flowing = header.isPrimary ? contact.open : following.attach != nil
        for position in peers.indices where peers[position].session != nil {
            if let known = peers[position].sentContact, contact.addsNothing(to: known, flowing: flowing) { continue }
            peers[position].sentContact = contact
            send(.contact(contact), to: peers[position].host, &effects)
        }
    }

    /// Tells every peer how this host stands, behind what was sent before, also where it has told the same already.
    ///
    /// A question that is on its way may have been asked and taken back between two contacts that are equal; whoever
    /// promised something on it learns only from a contact behind it that nothing came of it.
    package mutating func tellContactAgain(_ effects: inout Effects) {
        for position in peers.indices { peers[position].sentContact = nil }
        contactDirty = true
        effects.wake.insert(.peers)
    }

    /// With a header in doubt: what was said last stands, but for that nothing goes on here.
    private mutating func repeatContacts(_ effects: inout Effects) {
        for position in peers.indices where peers[position].session != nil {
            guard var contact = peers[position].toldContact, !contact.failed else { continue }
            contact.failed = true
            contact.open = false
            contact.mayOpen = false
            contact.consistent = false
            peers[position].toldContact = contact
            send(.contact(contact), to: peers[position].host, &effects)
        }
    }

    package func makeContact() -> Contact {
        Contact(
            rvg: header.rvg,
            diskGroup: diskGroup,
            name: name,
            isPrimary: header.isPrimary,
            open: header.isPrimary && header.fence == nil && gate == nil && failure == nil,
            failed: failure != nil,
            mayOpen: header.isPrimary && header.fence == nil && failure == nil,
            lineage: header.lineage,
            follows: header.follows,
            consistent: isImageConsistent,
            consistentFrom: header.consistentFrom,
            reach: Contact.Reach(end: end, dataCount: dataCount),
            links: header.links.map(Contact.Link.init),
            undecided: undecided,
            promised: header.pending.map(\.token),
            receipt: header.receipt,
            targetJob: header.targetJob?.checkpoint,
            jobs: header.checkpoints.filter { !$0.madeByHand }.map(\.id),
            takingOver: isTakeoverUndecided
        )
    }

    // MARK: Contact received

    /// Takes in what a peer says of itself.
    ///
    /// The article Lineage tells the rules.
    public mutating func contactReceived(
        _ contact: Contact,
        from host: HostID,
        session: UInt64,
        now: Instant,
        into effects: inout Effects
    ) {
        guard let position = peerIndex(host), peers[position].session == session, contact.rvg == header.rvg else {
            return
        }
        if peers[position].forgotThis {
            // It has the RVG again, and never heard what was told to the one that it had.
            peers[position].forgotThis = false
            peers[position].sentContact = nil
            peers[position].toldContact = nil
            contactDirty = true
            effects.wake.insert(.peers)
        }
        peers[position].contact = contact
        peers[position].lastContact = contact
        // Something changed there: what kept it from answering may be over.
        peers[position].unansweredStarts = 0
        peers[position].lastHeard = now

        if header.lineage.learn(
            history: contact.lineage.history,
            heard: contact.lineage.heard,
            abandoned: contact.lineage.abandoned,
            asPrimary: header.isPrimary
        ) {
            headerChanged(&effects)
        }
        resolvePromises(from: host, contact, now: now, into: &effects)
        meetMembers(of: contact, from: host, &effects)
        fenceIfClosed(&effects)
        compareAttachment(with: host, contact, &effects)
        followPrimary(host, contact, &effects)
        pauseStream(to: host, contact, &effects)
        startStream(to: host, &effects)
        liftFenceIfKnown(now: now, into: &effects)
    }

    /// A Primary that learns that its reign is closed fences itself at once and fails its writes.
    ///
    /// One that is shut already goes on to name whom the RDS follows, when that successor's reign was closed as well.
    package mutating func fenceIfClosed(_ effects: inout Effects) {
        guard header.isPrimary, let closing = header.lineage.closingOwnReign else { return }
        switch header.fence {
        case nil: break
        case .closed(let former) where closing.closes.contains(former.reign): break
        case .closed, .damaged: return
        }
        header.fence = .closed(by: closing)
        effects.note("\(objectName): fenced, \(closing.hostName) took over (epoch \(closing.number))")
        headerChanged(&effects)
        for position in peers.indices { peers[position].sending = Sending() }
        failWaiters(&effects)
    }

    /// Every host of the RDS knows every other, as its Primary does: a role change then needs no new links.
    private mutating func meetMembers(of contact: Contact, from host: HostID, _ effects: inout Effects) {
        guard header.follows == host, contact.isPrimary else { return }
        var changed = false
        for link in contact.links where link.peer != header.host {
            guard header.linkIndex(link.peer) == nil else { continue }
            header.links.append(LinkRecord(link))
            changed = true
        }
        // Whoever was Primary before may have left this one out; now it is the Primary that is followed, and counts this host in.
        if header.linkIndex(host) == nil, let theirs = contact.links.first(where: { $0.peer == header.host }) {
            header.links.append(
                LinkRecord(
                    peer: host,
                    peerName: label(of: host),
                    peerDiskGroup: contact.diskGroup,
                    peerRVG: contact.name,
                    settings: theirs.settings
                )
            )
            changed = true
        }
        let left = header.links.count
        header.links.removeAll { link in
            link.peer != host && link.attachID == nil && !contact.links.contains { $0.peer == link.peer }
        }
        if header.links.count != left { changed = true }
        // Settings of an attached pair are the Primary's on both ends, so that they survive a role change.
        if let mine = header.linkIndex(host), let theirs = contact.links.first(where: { $0.peer == header.host }),
            header.links[mine].settings != theirs.settings
        {
            header.links[mine].settings = theirs.settings
            changed = true
        }
        if changed { headerChanged(&effects) }
    }

    /// What the two ends of an attachment say of it must agree; the side that finds itself alone lets go.
    private mutating func compareAttachment(with host: HostID, _ contact: Contact, _ effects: inout Effects) {
        guard let position = header.linkIndex(host), let attach = header.links[position].attachID else { return }
        let theirs = contact.attach(to: header.host)
        guard theirs != attach else { return }
        if header.isPrimary {
            // The peer let go of this attachment, or follows another: everything behind the cursor is for nobody.
            header.links[position].detach(
                because: "\(contact.name) on \(label(of: host)) is not attached under it any more"
            )
        } else {
            // Only a Primary's word counts: a contact from before a migrate may still be on its way.
            guard contact.isPrimary, !contact.undecided.contains(attach.rawValue),
                !header.pending.contains(where: { $0.token == attach.rawValue })
            else { return }
            header.links[position].detach(because: "\(label(of: host)) does not hold the attachment any more")
            if following.attach == attach { forgetStream() }
        }
        effects.note("\(header.links[position].name): detached, \(header.links[position].detachReason ?? "")")
        if let peer = peerIndex(host) { peers[peer].sending = Sending() }
        headerChanged(&effects)
        advanceTail(&effects)
        releaseReplies(&effects)
    }
}
