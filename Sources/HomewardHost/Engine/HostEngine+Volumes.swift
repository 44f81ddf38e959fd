import Crypto
import HomewardAdministration
import HomewardCore
import HomewardStorage
import HomewardThreads

extension HostEngine: VolumeService {
    public func exports() -> [VolumeExport] {
        let catalog = state.withLock { $0.catalog }
        return catalog.volumes.compactMap { volume in
            guard let role = role(of: volume, in: catalog), !role.isLog else { return nil }
            let writable = role.runtime.map { runtime in runtime.state.withLock { $0.node.machine.isOpen } } ?? true
            return VolumeExport(
                name: HostEngine.key(volume.diskGroup, volume.name),
                size: volume.size,
                writable: writable
            )
        }.sorted { $0.name < $1.name }
    }

    private struct VolumeRole {
        var isLog: Bool
        var runtime: RVGRuntime?
        var index: UInt32
        var rvg: String?
    }

    private func role(of volume: Catalog.Volume, in catalog: Catalog) -> VolumeRole? {
        for record in catalog.rvgs where record.diskGroup == volume.diskGroup {
            if record.log == volume.name { return VolumeRole(isLog: true, runtime: nil, index: 0, rvg: record.name) }
            guard let index = record.volumes.firstIndex(of: volume.name) else { continue }
            let runtime = state.withLock { $0.runtimes[record.id] }
            return VolumeRole(isLog: false, runtime: runtime, index: UInt32(index), rvg: record.name)
        }
        return VolumeRole(isLog: false, runtime: nil, index: 0, rvg: nil)
    }

    public func open(_ export: String, readOnly: Bool, holder: SessionHolder) throws(Refusal) -> any VolumeSession {
        let catalog = state.withLock { $0.catalog }
        guard let volume = catalog.volumes.first(where: { HostEngine.key($0.diskGroup, $0.name) == export }),
            let role = role(of: volume, in: catalog)
        else {
            throw refusal(
                .unknownVolume,
                export,
                "\(settings.name) has no such volume",
                hint: "exports are named DG/VOLUME: homeward vol list"
            )
        }
        guard !role.isLog else {
            throw refusal(
                .volumeInUse,
                export,
                "is the log of RVG \(role.rvg ?? "")",
                hint: "open a data volume: homeward vol list"
            )
        }
        let device = try device(volume.diskGroup, volume.name)
        let number = try state.withLock { state throws(Refusal) in
            guard !state.stopping else {
                throw refusal(.operationInProgress, export, "the daemon is stopping", hint: "start it again")
            }
            defer { state.nextSession += 1 }
            return state.nextSession
        }
        if let runtime = role.runtime {
            return try runtime.openSession(volume: role.index, readOnly: readOnly, holder: holder, id: number)
        }
        if let record = catalog.rvgs.first(where: { $0.diskGroup == volume.diskGroup && $0.name == role.rvg }) {
            throw unopened(record)
        }
        try state.withLock { state throws(Refusal) in
            // Since the catalog was looked at an RVG may have been made of it, and what is written here passes its log by.
            if let user = (state.making + state.catalog.rvgs).first(where: {
                $0.uses(volume.name, in: volume.diskGroup)
            }) {
                throw refusal(
                    .operationInProgress,
                    export,
                    "RVG \(user.name) is being made of it, or removed",
                    hint: "open it again when that is done: homeward status"
                )
            }
            state.plainSessions[number] = PlainHolder(volume: export, holder: holder)
        }
        return PlainSession(device: device, readOnly: readOnly) { [self] in
            state.withLock { $0.plainSessions[number] = nil }
        }
    }

    // MARK: Requests about volumes

    func createDiskGroup(_ name: String) throws(Refusal) -> Outcome {
        try HostEngine.checkName(name, "a disk group", settings.name)
        let isNew = try changeCatalog { catalog throws(Refusal) in
            guard !catalog.diskGroups.contains(where: { $0.name == name }) else { return false }
            catalog.diskGroups.append(
                .init(name: name, id: Identity(high: .random(in: 1...UInt64.max), low: .random(in: 1...UInt64.max)))
            )
            return true
        }
        guard isNew else { return Outcome(already: true, summary: "disk group \(name) exists") }
        return Outcome(summary: "disk group \(name) is made")
    }

    /// Names that fit VVR's limit, a path and a command line.
    static func checkName(_ name: String, _ what: String, _ host: String) throws(Refusal) {
        let allowed = name.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                || byte == 45
                || byte == 46
        }
        guard !name.isEmpty, name.utf8.count <= 31, allowed, !name.hasPrefix("-"), !name.hasPrefix(".") else {
            throw Refusal(
                .badName,
                name,
                "is no name of \(what): 1 to 31 letters, digits, _ - and . are, that do not begin with - or .",
                hint: "choose another name",
                host: host
            )
        }
    }

    /// Changes the catalog durably, if `body` changes anything: memory follows the disk.
    @discardableResult
    func changeCatalog<Value>(_ body: (inout Catalog) throws(Refusal) -> Value) throws(Refusal) -> Value {
        try state.withLock { state throws(Refusal) in
            var changed = state.catalog
            let value = try body(&changed)
            guard changed != state.catalog else { return value }
            try store.save(changed)
            state.catalog = changed
            return value
        }
    }

    func createVolume(
        _ diskGroup: String,
        _ name: String,
        path: String,
        isDevice: Bool,
        size: UInt64?
    ) throws(Refusal) -> Outcome {
        try HostEngine.checkName(name, "a volume", settings.name)
        return try volumeMaker.withLock { _ throws(Refusal) in
            if try isThere(diskGroup, name, path, size) {
                return Outcome(already: true, summary: "volume \(diskGroup)/\(name) exists")
            }
            try requirePlace(path)
            if let size, size == 0 || size % 512 != 0 {
                throw refusal(
                    .badSize,
                    HostEngine.key(diskGroup, name),
                    "\(size) bytes is not a multiple of 512",
                    hint: "for example --size 64M"
                )
            }
            let device =
                if let size, !isDevice {
                    try FileDevice.create(path: path, size: size)
                } else {
                    try FileDevice.open(path: path)
                }
            do throws(Refusal) {
                try requireVolume(device, isDevice: isDevice)
                try changeCatalog { catalog in
                    catalog.volumes.append(
                        .init(diskGroup: diskGroup, name: name, path: path, isDevice: isDevice, size: device.size)
                    )
                }
            } catch {
                device.unmake()
                throw error
            }
            state.withLock { $0.devices[HostEngine.key(diskGroup, name)] = wrapping(device) }
            return Outcome(summary: "volume \(diskGroup)/\(name) of \(device.size) bytes is made")
        }
    }

    /// Whether a volume has the name and is what is asked for.
    /// - Throws: `name-in-use` when it is something else; `unknown-disk-group`.
    private func isThere(_ diskGroup: String, _ name: String, _ path: String, _ size: UInt64?) throws(Refusal) -> Bool {
        let catalog = state.withLock { $0.catalog }
        guard catalog.diskGroups.contains(where: { $0.name == diskGroup }) else { throw unknownDiskGroup(diskGroup) }
        guard let known = catalog.volumes.first(where: { $0.diskGroup == diskGroup && $0.name == name }) else {
            return false
        }
        guard known.path == path, size == nil || size == known.size else {
            throw refusal(
                .nameInUse,
                HostEngine.key(diskGroup, name),
                "exists at \(known.path) with \(known.size) bytes",
                hint: "choose another name"
            )
        }
        return true
    }

    /// Refuses unless a volume may lie there.
    private func requirePlace(_ path: String) throws(Refusal) {
        guard path.hasPrefix("/") else {
            throw refusal(.badName, path, "the path of a volume must be absolute", hint: "give the full path")
        }
        guard !directory.isOwnFile(path) else {
            throw refusal(
                .volumeInUse,
                path,
                "is a file of the daemon itself",
                hint: "choose another path"
            )
        }
        // Also of one that could not be opened: it may be a log, and to make it another volume would end in formatting it.
        let place = FilePlace(path)
        if let user = state.withLock({ $0.catalog }).volumes.first(where: { FilePlace($0.path).isSame(as: place) }) {
            throw refusal(
                .volumeInUse,
                path,
                "is volume \(HostEngine.key(user.diskGroup, user.name))",
                hint: "choose another path, or use that volume: homeward vol list"
            )
        }
    }

    private func requireVolume(_ device: FileDevice, isDevice: Bool) throws(Refusal) {
        guard device.isBlockDevice == isDevice else {
            throw refusal(
                .badFormat,
                device.name,
                isDevice ? "is not a block device" : "is a block device",
                hint: "use \(isDevice ? "--file" : "--device")"
            )
        }
        guard device.size > 0, device.size % 512 == 0 else {
            throw refusal(
                .badSize,
                device.name,
                "has \(device.size) bytes, not a multiple of 512",
                hint: "for example --size 64M"
            )
        }
    }

    func unknownDiskGroup(_ name: String) -> Refusal {
        let known = state.withLock { $0.catalog.diskGroups.map(\.name).sorted().joined(separator: ", ") }
        return refusal(
            .unknownDiskGroup,
            name,
            "\(settings.name) has no such disk group" + (known.isEmpty ? "" : "; it has \(known)"),
            hint: "homeward dg create \(name) --host \(settings.name)"
        )
    }

    func describeVolumes(_ diskGroup: String?) throws(Refusal) -> [VolumeDescription] {
        let catalog = state.withLock { $0.catalog }
        if let diskGroup, !catalog.diskGroups.contains(where: { $0.name == diskGroup }) {
            throw unknownDiskGroup(diskGroup)
        }
        return catalog.volumes.filter { diskGroup == nil || $0.diskGroup == diskGroup }.map {
            describe($0, in: catalog)
        }
        .sorted { ($0.diskGroup, $0.name) < ($1.diskGroup, $1.name) }
    }

    func describe(_ volume: Catalog.Volume, in catalog: Catalog) -> VolumeDescription {
        let role = role(of: volume, in: catalog)
        let key = HostEngine.key(volume.diskGroup, volume.name)
        var holders = state.withLock { state in
            state.plainSessions.sorted { $0.key < $1.key }.filter { $0.value.volume == key }.map(\.value.holder)
        }
        if let runtime = role?.runtime, let index = role?.index {
            holders += runtime.state.withLock { $0.node.machine.openSessions(volume: index) }
        }
        return VolumeDescription(
            diskGroup: volume.diskGroup,
            name: volume.name,
            size: volume.size,
            path: volume.path,
            isDevice: volume.isDevice,
            rvg: role?.rvg,
            isLog: role?.isLog ?? false,
            openBy: holders
        )
    }

    /// SHA-256 of a volume while it stays at one position.
    func sum(_ diskGroup: String, _ name: String) throws(Refusal) -> VolumeSum {
        let catalog = state.withLock { $0.catalog }
        let device = try device(diskGroup, name)
        let key = HostEngine.key(diskGroup, name)
        guard let volume = catalog.volumes.first(where: { $0.diskGroup == diskGroup && $0.name == name }),
            let role = role(of: volume, in: catalog)
        else { throw unknownDiskGroup(diskGroup) }
        guard let runtime = role.runtime else {
            return VolumeSum(
                host: settings.name,
                volume: key,
                size: volume.size,
                sha256: try HostEngine.hash(device),
                position: nil
            )
        }
        return try runtime.atPosition { position throws(Refusal) in
            VolumeSum(
                host: settings.name,
                volume: key,
                size: volume.size,
                sha256: try HostEngine.hash(device),
                position: position
            )
        }
    }

    private static func hash(_ device: any BlockDevice) throws(Refusal) -> String {
        var hash = SHA256()
        let buffer = ScratchBuffer(count: 1 << 20)
        var offset: UInt64 = 0
        while offset < device.size {
            let count = min(UInt64(buffer.bytes.count), device.size - offset)
            let place = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<Int(count)])
            try device.read(at: offset, into: place)
            hash.update(bufferPointer: UnsafeRawBufferPointer(place))
            offset += count
        }
        return hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
