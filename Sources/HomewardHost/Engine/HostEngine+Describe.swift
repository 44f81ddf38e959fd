import CPlatform
import Glibc
import HomewardAdministration
import HomewardCore
import HomewardStorage
import HomewardThreads
import HomewardWire

/// What this host tells of itself and of its RDSs.
extension HostEngine {
    /// This host's own part of an RDS.
    func describe(_ runtime: RVGRuntime) -> MemberDescription {
        let catalog = state.withLock { $0.catalog }
        let record = catalog.rvgs.first { $0.id == runtime.id }
        let volumes = (record?.volumes ?? []).compactMap { name in
            catalog.volumes.first { $0.diskGroup == runtime.diskGroup && $0.name == name }.map {
                describe($0, in: catalog)
            }
        }
        return runtime.state.withLock { state in
            state.node.describe(
                now: HostClock.now,
                volumes: volumes,
                log: record?.log ?? "",
                logSize: runtime.log.size
            )
        }
    }

    /// Each RDS with all its members: those that answer are asked, the others are shown as last known.
    func describe(_ group: String?, _ names: [String]) async throws -> [RDSDescription] {
        let chosen: [RVGRuntime]
        if names.isEmpty {
            if let group, !state.withLock({ $0.catalog.diskGroups.contains { $0.name == group } }) {
                throw unknownDiskGroup(group)
            }
            chosen = runtimes.filter { group == nil || $0.diskGroup == group }
        } else {
            chosen = try names.map { name throws(Refusal) in try find(RVGReference(diskGroup: group, rvg: name)) }
        }
        var sets: [RDSDescription] = []
        for runtime in chosen { sets.append(await describeSet(runtime)) }
        return names.isEmpty ? sets + describeUnopened(group) : sets
    }

    /// RVGs of the catalog that could not be opened, each with the reason.
    private func describeUnopened(_ group: String? = nil) -> [RDSDescription] {
        let (catalog, unopened) = state.withLock { ($0.catalog, $0.unopened) }
        return catalog.rvgs.compactMap { record in
            guard group == nil || record.diskGroup == group, let reason = unopened[record.id] else { return nil }
            let member = MemberDescription(
                host: settings.name,
                isLocal: true,
                reachable: true,
                age: nil,
                diskGroup: record.diskGroup,
                rvg: record.name,
                role: "none",
                state: "failed",
                reason: "could not be opened: \(reason.object): \(reason.message)",
                volumes: [],
                log: record.log,
                logSize: 0,
                logUsed: 0,
                endID: .zero,
                consistent: false,
                follows: nil,
                links: [],
                activity: []
            )
            return RDSDescription(
                rvg: record.name,
                id: record.id,
                primary: nil,
                members: [member],
                links: [],
                configErrors: [ConfigError(host: settings.name, error: "the RVG could not be opened")]
            )
        }
    }

    private func describeSet(_ runtime: RVGRuntime) async -> RDSDescription {
        let own = describe(runtime)
        let (links, errors, contacts) = runtime.state.withLock { state in
            (state.node.machine.header.links, state.node.configErrors(), state.node.lastContacts(now: HostClock.now))
        }
        var others: [MemberDescription] = []
        await withTaskGroup(of: MemberDescription.self) { tasks in
            for link in links {
                let last = contacts.first { $0.host == link.peer }
                tasks.addTask { [self] in await member(link, runtime, last) }
            }
            for await member in tasks { others.append(member) }
        }
        return RDSDescription(id: runtime.id, own: own, others: others, errors: errors)
    }

    private func member(_ link: LinkRecord, _ runtime: RVGRuntime, _ last: LastContact?) async -> MemberDescription {
        let asked = await withTaskGroup(of: MemberDescription?.self) { tasks in
            tasks.addTask { [self] in
                guard case .member(var member)? = try? await call(link.peerName, .describeMember(runtime.id)) else {
                    return nil
                }
                member.isLocal = false
                return member
            }
            tasks.addTask {
                try? await HostClock.sleep(milliseconds: 1_500)
                return nil
            }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? nil
        }
        return asked ?? .silent(link, last: last)
    }

    func describeHost() async -> HostDescription {
        let catalog = state.withLock { $0.catalog }
        let status = network.status()
        var sets: [RDSDescription] = []
        for runtime in runtimes {
            let own = describe(runtime)
            let errors = runtime.state.withLock { $0.node.configErrors() }
            sets.append(
                RDSDescription(
                    rvg: runtime.name,
                    id: runtime.id,
                    primary: own.role == "primary" ? own.host : own.follows,
                    members: [own],
                    links: own.links,
                    configErrors: errors
                )
            )
        }
        return HostDescription(
            name: settings.name,
            id: id,
            version: Release.version,
            process: getpid(),
            directory: directory.path,
            controlSocket: directory.controlSocketPath,
            dataSocket: directory.dataSocketPath,
            listen: network.localAddress ?? settings.listen,
            peers: status.sorted { $0.name < $1.name }.map { peer in
                HostDescription.PeerDescription(
                    name: peer.name,
                    address: settings.peers[peer.name] ?? peer.address,
                    connected: peer.connected,
                    blocked: peer.blocked,
                    reason: peer.lastReason
                )
            },
            diskGroups: catalog.diskGroups.map(\.name).sorted(),
            rvgs: sets + describeUnopened(),
            settled: isSettled
        )
    }

    /// Lineage was exchanged with every peer that can be reached: those connected have told theirs, and the others have had
    /// the time of a few attempts.
    private var isSettled: Bool {
        let status = network.status()
        let age = HostClock.now.milliseconds(since: state.withLock { $0.startedAt })
        let all = status.allSatisfy { $0.connected || $0.blocked }
        guard all || age >= settings.limits.returnGraceMilliseconds else { return false }
        return runtimes.allSatisfy { runtime in
            runtime.state.withLock { $0.node.hasMetAllConnected || age >= settings.limits.returnGraceMilliseconds * 2 }
        }
    }
}
