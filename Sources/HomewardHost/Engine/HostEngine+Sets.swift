import HomewardAdministration
import HomewardCore
import HomewardThreads
import HomewardWire

/// Making and unmaking RVGs and their RDSs.
extension HostEngine {
    // MARK: createpri

    func createPrimary(
        _ group: String?,
        _ name: String,
        _ volumes: [String],
        _ log: String
    ) async throws -> Outcome {
        try HostEngine.checkName(name, "an RVG", settings.name)
        let group = try resolveGroup(group, state.withLock { $0.catalog })
        let record = Catalog.ReplicatedVolumeGroup(
            id: Identity(high: .random(in: 1...UInt64.max), low: .random(in: 1...UInt64.max)),
            diskGroup: group,
            name: name,
            volumes: volumes,
            log: log
        )
        let isThere = try whileMaking(record) { catalog throws(Refusal) in
            if let known = catalog.rvgs.first(where: { $0.diskGroup == group && $0.name == name }) {
                try requireSame(known, record)
                return true
            }
            try requireUsable(group, volumes, log: log, catalog)
            var generator = SeededGenerator(seed: .random(in: 1...UInt64.max))
            try make(
                record,
                RVGHeader.newPrimary(rvg: record.id, host: id, hostName: settings.name, generator: &generator)
            )
            return false
        }
        if isThere { return Outcome(already: true, summary: "RVG \(group)/\(name) exists") }
        let runtime = try find(RVGReference(diskGroup: group, rvg: name))
        try await awaitOpening(runtime)
        return Outcome(summary: "RVG \(group)/\(name) is made; \(settings.name) is its Primary")
    }

    /// Waits until a new Primary is past its opening: whoever makes an RVG opens its volumes next.
    ///
    /// Another command may have stopped it by then, or given its role away: that is no failure of this one.
    /// - Throws: the refusal of a device that failed; `unknown-rvg` when another command has removed the RVG.
    private func awaitOpening(_ runtime: RVGRuntime) async throws {
        while true {
            let machine = runtime.state.withLock { $0.node.machine }
            if let failure = machine.failure { throw failure }
            let (isThere, isStopping) = state.withLock { ($0.runtimes[runtime.id] === runtime, $0.stopping) }
            guard isThere || isStopping else {
                throw refusal(
                    .unknownRVG,
                    "\(runtime.diskGroup)/\(runtime.name)",
                    "was removed by another command while it opened",
                    hint: "see what is there (homeward status), then repeat the command"
                )
            }
            let isOpening = machine.header.isPrimary && machine.header.fence == nil && machine.gate != nil
            // A daemon that ends may open nothing any more; the next one does.
            if !isOpening || isStopping { return }
            try await HostClock.sleep(milliseconds: 10)
        }
    }

    private func resolveGroup(_ group: String?, _ catalog: Catalog) throws(Refusal) -> String {
        if let group {
            guard catalog.diskGroups.contains(where: { $0.name == group }) else { throw unknownDiskGroup(group) }
            return group
        }
        guard let only = catalog.diskGroups.first, catalog.diskGroups.count == 1 else {
            throw refusal(
                .ambiguous,
                settings.name,
                "has \(catalog.diskGroups.count) disk groups",
                hint: "name one with -g"
            )
        }
        return only.name
    }

    // MARK: addsec

    func addSecondary(
        _ runtime: RVGRuntime,
        _ primary: String,
        _ secondary: String,
        _ group: String?,
        _ attributes: [Attribute]
    ) async throws -> Outcome {
        guard primary == settings.name else {
            throw refusal(
                .notPrimary,
                primary,
                "\(settings.name) is the Primary of \(runtime.diskGroup)/\(runtime.name)",
                hint: "vradmin -g \(runtime.diskGroup) addsec \(runtime.name) \(settings.name) \(secondary)"
            )
        }
        let link = try settingsOf(LinkSettings(), attributes, object: secondary)
        let (machine, header) = runtime.state.withLock { ($0.node.machine, $0.node.machine.header) }
        if let closed = machine.closedBecause { throw closed }
        guard let peer = state.withLock({ $0.peers[secondary] }) else {
            _ = try await call(secondary, .describeMember(runtime.id))
            throw refusal(
                .hostUnreachable,
                secondary,
                "does not answer",
                hint: "start its daemon or mend the network; what is known: homeward status"
            )
        }
        if header.linkIndex(peer.host) != nil {
            return Outcome(already: true, summary: "\(secondary) is in the RDS already")
        }
        let own = LinkRecord(
            peer: id,
            peerName: settings.name,
            peerDiskGroup: runtime.diskGroup,
            peerRVG: runtime.name,
            settings: link
        )
        let logName = state.withLock { state in state.catalog.rvgs.first { $0.id == runtime.id }?.log } ?? ""
        let offer = SecondaryOffer(
            rvg: runtime.id,
            name: runtime.name,
            diskGroup: group ?? runtime.diskGroup,
            volumes: machine.volumes,
            log: logName,
            logSize: runtime.log.size,
            primary: id,
            members: [Contact.Link(own)] + header.links.map(Contact.Link.init)
        )
        try runtime.state.withLock { state throws(Refusal) in try state.node.requireIdle(for: "addsec") }
        guard case .created(let theirGroup) = try await call(secondary, .createSecondary(offer)) else {
            throw refusal(
                .strangePeer,
                secondary,
                "answered something else",
                hint: "compare the versions of both hosts"
            )
        }
        let record = LinkRecord(
            peer: peer.host,
            peerName: secondary,
            peerDiskGroup: theirGroup,
            peerRVG: runtime.name,
            settings: link
        )
        var outcome = try await addLink(record, runtime)
        try await awaitContact(with: peer.host, runtime)
        outcome.notes.append("it holds no copy yet: syncrvg -c and startrep -c, or startrep -f if both are identical")
        return outcome
    }

    /// Takes a Secondary that has been made into the RDS.
    ///
    /// Where that is refused, for by now the RVG may be on its way out, the Secondary is removed again: nobody else knows of
    /// it.
    private func addLink(_ link: LinkRecord, _ runtime: RVGRuntime) async throws -> Outcome {
        do {
            guard case .done(let outcome) = try await finish(runtime, .addLink(link), { _ in }) else {
                preconditionFailure("adding a link ends as done")
            }
            return outcome
        } catch let refused as Refusal {
            let (machine, host) = (runtime.state.withLock { $0.node.machine }, link.peerName)
            // After a failure of the log nobody knows whether the link stands there.
            guard machine.failure == nil, machine.header.linkIndex(link.peer) == nil else { throw refused }
            do {
                // That this command is taken back must not keep it from cleaning up.
                _ = try await Task { try await call(host, .deleteSecondary(runtime.id)) }.value
            } catch {
                throw Refusal(
                    refused.code,
                    refused.object,
                    refused.message + "; \(host) has an RVG of it by now",
                    hint: "\(refused.hint); to remove that one: "
                        + "vradmin -g \(link.peerDiskGroup) -f delpri \(link.peerRVG) --host \(host)",
                    host: refused.host
                )
            }
            throw refused
        }
    }

    /// Whoever adds a Secondary starts replication to it next, which needs to have heard from its new RVG.
    private func awaitContact(with host: HostID, _ runtime: RVGRuntime) async throws {
        let patience = HostClock.now.advanced(byMilliseconds: 5000)
        while HostClock.now < patience {
            let (session, contact) = runtime.state.withLock { state in
                let peer = state.node.machine.peer(host)
                return (peer?.session, peer?.contact)
            }
            if session == nil || contact != nil { return }
            try await HostClock.sleep(milliseconds: 5)
        }
    }

    /// On the host that is added.
    func createSecondary(_ offer: SecondaryOffer) throws(Refusal) -> String {
        let catalog = state.withLock { $0.catalog }
        if let group = try groupOfKnown(offer, catalog) { return group }
        try requireSound(offer)
        let group = try resolveGroup(offer.diskGroup, catalog)
        let record = Catalog.ReplicatedVolumeGroup(
            id: offer.rvg,
            diskGroup: group,
            name: offer.name,
            volumes: offer.volumes.map(\.name),
            log: offer.log
        )
        return try whileMaking(record) { catalog throws(Refusal) in
            if let group = try groupOfKnown(offer, catalog) { return group }
            try requireRoom(for: offer, group, catalog)
            try make(record, header(of: offer))
            return group
        }
    }

    /// Where the RVG of an offer is already; nil when it is not on this host.
    private func groupOfKnown(_ offer: SecondaryOffer, _ catalog: Catalog) throws(Refusal) -> String? {
        guard let known = catalog.rvgs.first(where: { $0.id == offer.rvg }) else { return nil }
        guard state.withLock({ $0.runtimes[known.id] != nil }) else { throw unopened(known) }
        return known.diskGroup
    }

    /// Refuses unless the name is free here and the volumes are, and are as long as the Primary's.
    private func requireRoom(for offer: SecondaryOffer, _ group: String, _ catalog: Catalog) throws(Refusal) {
        if catalog.rvgs.contains(where: { $0.diskGroup == group && $0.name == offer.name }) {
            throw refusal(
                .nameInUse,
                "\(group)/\(offer.name)",
                "another RVG of that name is on \(settings.name)",
                hint: "remove it there: vradmin -g \(group) -f delpri \(offer.name) --host \(settings.name)"
            )
        }
        try requireUsable(group, offer.volumes.map(\.name), log: offer.log, catalog)
        for shape in offer.volumes {
            let size = try device(group, shape.name).size
            guard size == shape.size else {
                throw refusal(
                    .volumeMismatch,
                    HostEngine.key(group, shape.name),
                    "has \(size) bytes on \(settings.name) and \(shape.size) on the Primary",
                    hint: "make the volumes equally long"
                )
            }
        }
    }

    private func header(of offer: SecondaryOffer) -> RVGHeader {
        RVGHeader.newSecondary(
            rvg: offer.rvg,
            host: id,
            of: offer.primary,
            members: offer.members.map(LinkRecord.init)
        )
    }

    /// What the offer would put into names of files and into the header, which has room for so much and no more.
    private func requireSound(_ offer: SecondaryOffer) throws(Refusal) {
        try HostEngine.checkName(offer.name, "RVG", settings.name)
        do throws(MalformedBytes) {
            guard offer.members.count <= LinkRecord.countLimit else {
                throw MalformedBytes("\(offer.members.count) hosts, at most \(LinkRecord.countLimit) are kept")
            }
            for member in offer.members { try member.checkBounds() }
        } catch {
            throw refusal(.badFormat, offer.name, error.what, hint: "compare the releases of both hosts")
        }
    }

    // MARK: delsec, delpri

    func deleteSecondary(_ runtime: RVGRuntime, _ secondary: String?) async throws -> Outcome {
        let members = runtime.state.withLock { $0.node.machine.header.links.map(\.peerName) }
        if let secondary, !members.contains(secondary), settings.peers[secondary] != nil {
            return Outcome(already: true, summary: "\(secondary) is not in the RDS")
        }
        let peer = try secondaryHost(secondary, runtime)
        let (name, link) = runtime.state.withLock { state in
            (state.node.machine.label(of: peer), state.node.machine.header.links.first { $0.peer == peer })
        }
        guard case .done(var outcome) = try await finish(runtime, .removeLink(peer), { _ in }) else {
            preconditionFailure("removing a link ends as done")
        }
        do {
            _ = try await call(name, .deleteSecondary(runtime.id))
        } catch let refused as Refusal {
            outcome.notes.append(
                "\(name) still has its RVG (\(refused.message)); remove it there: "
                    + "vradmin -g \(link?.peerDiskGroup ?? "DG") -f delpri \(link?.peerRVG ?? "RVG") --host \(name)"
            )
        }
        return outcome
    }

    func deletePrimary(_ runtime: RVGRuntime, force: Bool) async throws -> Outcome {
        let machine = runtime.state.withLock { $0.node.machine }
        if let refused = machine.refusalOfRemoval(force: force) { throw refused }
        try await forget(runtime.id, keepsUpdates: !force)
        return Outcome(
            summary: "RVG \(runtime.diskGroup)/\(runtime.name) is removed from \(settings.name); "
                + "the data of its volumes remain"
        )
    }

    // MARK: set

    func set(
        _ runtime: RVGRuntime,
        _ secondary: String?,
        _ attributes: [Attribute],
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        let links = runtime.state.withLock { $0.node.machine.header.links }
        let peers = secondary == nil ? links.map(\.peer) : [try secondaryHost(secondary, runtime)]
        // All are looked at before the first is changed.
        let changes = try links.filter { peers.contains($0.peer) }.map { link throws(Refusal) in
            (link.peer, try settingsOf(link.settings, attributes, object: link.name))
        }
        var outcomes: [Outcome] = []
        for (peer, settings) in changes {
            guard case .done(let outcome) = try await finish(runtime, .setSettings(peer, settings), progress) else {
                preconditionFailure("a setting ends as done")
            }
            outcomes.append(outcome)
        }
        guard !outcomes.isEmpty else { return .done(Outcome(already: true, summary: "the RDS has no Secondary")) }
        return .done(
            Outcome(
                already: outcomes.allSatisfy(\.already),
                summary: outcomes.map(\.summary).joined(separator: "; ")
            )
        )
    }

    /// What each attribute takes, in words.
    private static let attributeValues = [
        "synchronous": "off, override or fail", "srlprot": "override, off or fail",
        "latencyprot": "off, override or fail", "latency_high_mark": "a number of updates, 1 or more",
        "latency_low_mark": "a number of updates, below latency_high_mark",
        "bandwidth_limit": "none, or a rate of at least 8kbps, as in 30mbps",
    ]

    /// Settings with attributes laid over them.
    func settingsOf(_ old: LinkSettings, _ attributes: [Attribute], object: String) throws(Refusal) -> LinkSettings {
        var settings = old
        for attribute in attributes {
            let value = attribute.value
            let bad = refusal(
                .badAttribute,
                object,
                HostEngine.attributeValues[attribute.name].map { "\(attribute.name)=\(value): it takes \($0)" }
                    ?? "there is no attribute \(attribute.name)",
                hint: "what can be set: vradmin help set"
            )
            switch attribute.name {
            case "synchronous":
                guard let known = LinkSettings.Synchronous(rawValue: value) else { throw bad }
                settings.synchronous = known
            case "srlprot":
                guard let known = LinkSettings.LogProtection(rawValue: value) else { throw bad }
                guard known != .dcm, known != .autodcm else {
                    throw refusal(
                        .notBuiltYet,
                        object,
                        "srlprot=\(value) needs the DCM, which this release does not have",
                        hint: "srlprot=override; what each takes: vradmin help set"
                    )
                }
                settings.srlprot = known
            case "latencyprot":
                guard let known = LinkSettings.LatencyProtection(rawValue: value) else { throw bad }
                settings.latencyprot = known
            case "latency_high_mark":
                guard let mark = UInt64(value), mark > 0 else { throw bad }
                settings.latencyHighMark = mark
            case "latency_low_mark":
                guard let mark = UInt64(value) else { throw bad }
                settings.latencyLowMark = mark
            case "bandwidth_limit":
                settings.bandwidthLimit = try bandwidth(value, bad)
            case "protocol", "packet_size", "compression", "prlink", "srlink":
                throw refusal(
                    .notBuiltYet,
                    object,
                    "the attribute \(attribute.name) is not built in this release",
                    hint: "leave it out; what can be set: vradmin help set"
                )
            default: throw bad
            }
        }
        guard settings.latencyLowMark < settings.latencyHighMark else {
            throw refusal(
                .badAttribute,
                object,
                "latency_low_mark \(settings.latencyLowMark) is not below latency_high_mark \(settings.latencyHighMark)",
                hint: "choose a low mark below the high mark; vradmin help set"
            )
        }
        return settings
    }

    /// Reads `none`, or a number with a unit of bits a second: `30mbps`, `500kbps`, `1gbps`, `8000bps`.
    ///
    /// Gives bytes a second.
    private func bandwidth(_ text: String, _ bad: Refusal) throws(Refusal) -> UInt64? {
        if text == "none" { return nil }
        let units: [(String, UInt64)] = [("gbps", 1_000_000_000), ("mbps", 1_000_000), ("kbps", 1_000), ("bps", 1)]
        let lower = text.lowercased()
        guard let (suffix, factor) = units.first(where: { lower.hasSuffix($0.0) }),
            let number = Double(lower.dropLast(suffix.count)), number > 0, number.isFinite
        else { throw bad }
        let bytes = number * Double(factor) / 8
        guard bytes >= 1000, bytes < 1e15 else { throw bad }
        return UInt64(bytes)
    }
}
