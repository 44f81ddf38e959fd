import HomewardAdministration
import HomewardCore
import HomewardThreads

/// What an RVG is made of, while it is being made.
extension HostEngine {
    /// Keeps name, volumes and log of an RVG from all other commands while `body` looks at them, formats the log and
    /// enters the RVG.
    ///
    /// Formatting comes before the catalog hears of the RVG and cannot be taken back: two commands that both found the log
    /// free would end with one RVG whose log holds the header of the other. `body` is given the catalog as it stands once
    /// all that is kept.
    /// - Throws: `operation-in-progress` when another RVG is being made of one of them or under that name; as `body` does.
    func whileMaking<Value>(
        _ record: Catalog.ReplicatedVolumeGroup,
        _ body: (Catalog) throws(Refusal) -> Value
    ) throws(Refusal) -> Value {
        let catalog = try state.withLock { state throws(Refusal) in
            for other in state.making { try requireApart(record, other) }
            state.making.append(record)
            return state.catalog
        }
        defer { state.withLock { state in state.making.removeAll { $0.id == record.id } } }
        return try body(catalog)
    }

    private func requireApart(
        _ record: Catalog.ReplicatedVolumeGroup,
        _ other: Catalog.ReplicatedVolumeGroup
    ) throws(Refusal) {
        if record.id == other.id || record.diskGroup == other.diskGroup && record.name == other.name {
            throw beingMade(record)
        }
        if let name = (record.volumes + [record.log]).first(where: { other.uses($0, in: record.diskGroup) }) {
            throw refusal(
                .operationInProgress,
                HostEngine.key(record.diskGroup, name),
                "RVG \(other.name) is being made of it, or removed",
                hint: "choose another volume, or repeat the command when that has ended: homeward status"
            )
        }
    }

    func beingMade(_ record: Catalog.ReplicatedVolumeGroup) -> Refusal {
        refusal(
            .operationInProgress,
            "\(record.diskGroup)/\(record.name)",
            "is being made or removed by another command",
            hint: "repeat the command when that has ended: homeward status"
        )
    }

    /// Refuses unless the RVG that has the name already is what is asked for, and Primary here.
    func requireSame(
        _ known: Catalog.ReplicatedVolumeGroup,
        _ asked: Catalog.ReplicatedVolumeGroup
    ) throws(Refusal) {
        let object = "\(known.diskGroup)/\(known.name)"
        guard known.volumes == asked.volumes, known.log == asked.log else {
            throw refusal(
                .nameInUse,
                object,
                "exists with volumes \(known.volumes.joined(separator: ",")) and log \(known.log)",
                hint: "choose another name, or: vradmin -g \(known.diskGroup) delpri \(known.name)"
            )
        }
        let runtime = try find(RVGReference(diskGroup: known.diskGroup, rvg: known.name))
        guard runtime.state.withLock({ $0.node.machine.header.isPrimary }) else {
            throw refusal(
                .nameInUse,
                object,
                "exists as a Secondary",
                hint: "vradmin -g \(known.diskGroup) printrvg \(known.name)"
            )
        }
    }

    /// Formats the log, reads it back and has its threads first: a catalog never names an RVG that has no header, or that
    /// cannot be opened.
    ///
    /// What it is made of must be kept for it. Where it throws, the catalog has no such RVG, and the log is free.
    func make(_ record: Catalog.ReplicatedVolumeGroup, _ header: RVGHeader) throws(Refusal) {
        let log = try device(record.diskGroup, record.log)
        try LogRecovery.format(device: log, format: settings.limits.headerFormat, header: header)
        let runtime = try recover(record)
        do throws(Refusal) {
            try changeCatalog { $0.rvgs.append(record) }
        } catch {
            runtime.stop()
            throw error
        }
        begin(runtime)
    }

    /// Refuses unless volumes and log are there, could be opened, belong to no RVG, are not in use, and the log is long
    /// enough.
    func requireUsable(
        _ group: String,
        _ volumes: [String],
        log: String,
        _ catalog: Catalog
    ) throws(Refusal) {
        guard !volumes.isEmpty, Set(volumes).count == volumes.count, !volumes.contains(log) else {
            throw refusal(
                .usage,
                group,
                "an RVG has one or more different data volumes, and a log that is none of them",
                hint: "vradmin -g \(group) createpri RVG VOL,VOL LOG"
            )
        }
        for name in volumes + [log] {
            let key = HostEngine.key(group, name)
            guard catalog.volumes.contains(where: { $0.diskGroup == group && $0.name == name }) else {
                throw refusal(
                    .unknownVolume,
                    key,
                    "\(settings.name) has no such volume",
                    hint: "homeward vol create \(key) --file PATH --size 64M --host \(settings.name)"
                )
            }
            if let user = catalog.rvgs.first(where: { $0.uses(name, in: group) }) {
                throw refusal(.volumeInUse, key, "belongs to RVG \(user.name)", hint: "choose another volume")
            }
            if let open = state.withLock({ state in
                state.plainSessions.sorted { $0.key < $1.key }.first { $0.value.volume == key }?.value.holder
            }) {
                throw refusal(.volumeOpen, key, "is open by \(open.label)", hint: "close that session first")
            }
            if let reason = state.withLock({ $0.unopenedVolumes[key] }) {
                throw refusal(
                    reason.code,
                    key,
                    "the volume could not be opened: \(reason.object): \(reason.message)",
                    hint: "\(reason.hint); then start the daemon again, or choose another volume"
                )
            }
            // One that is being made has no file yet.
            _ = try device(group, name)
        }
        let size = try device(group, log).size
        guard size >= settings.minimumLog else {
            throw refusal(
                .logTooSmall,
                HostEngine.key(group, log),
                "has \(size) bytes; a log needs \(settings.minimumLog) or more",
                hint: "make a larger volume for the log, for instance --size 128M"
            )
        }
    }
}

extension Catalog.ReplicatedVolumeGroup {
    /// Whether a volume is one of its data volumes, or its log.
    func uses(_ volume: String, in group: String) -> Bool {
        diskGroup == group && (log == volume || volumes.contains(volume))
    }
}
