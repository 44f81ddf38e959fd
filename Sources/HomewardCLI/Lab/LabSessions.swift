import Foundation
import HomewardAdministration
import HomewardCore

/// The volumes of the lab's RVG on one host, as the application or the proof has them open.
final class LabSessions {
    let host: String
    let layout: LabLayout
    private let volumes: [any LabVolume]

    /// - Throws: what the data door refuses; `bad-size` for volumes that hold no record.
    init(_ lab: Lab, _ description: HostDescription, _ member: MemberDescription, readOnly: Bool) throws {
        host = description.name
        var opened: [any LabVolume] = []
        do {
            for volume in member.volumes where !volume.isLog {
                opened.append(
                    try lab.doors.openVolume(
                        description.dataSocket,
                        export: "\(volume.diskGroup)/\(volume.name)",
                        readOnly: readOnly
                    )
                )
            }
        } catch {
            for volume in opened { volume.close() }
            throw error
        }
        guard let layout = LabLayout(sizes: opened.map(\.size)) else {
            for volume in opened { volume.close() }
            throw Refusal(
                .badSize,
                member.rvg,
                "its volumes have no room for a record of \(LabRecord.size) bytes",
                hint: "homeward status"
            )
        }
        self.layout = layout
        volumes = opened
    }

    func close() { for volume in volumes { volume.close() } }

    func write(_ record: LabRecord) throws {
        try volumes[layout.volume(of: record.number)].write(at: layout.offset(of: record.number), bytes: record.encoded)
    }

    /// Through the session that wrote last; a flush covers the whole RVG.
    func flush(after number: UInt64) throws { try volumes[layout.volume(of: number)].flush() }

    /// The slots, read twice until both readings are equal.
    ///
    /// A slot's values never repeat, so a slot that was equal in both readings did not change between them, and all of
    /// them together are the image at the moment between the two: one position over all volumes.
    func image(isPrimary: Bool, follows: Bool, lab: Identity, within limit: Duration) async throws -> LabImage {
        let started = ContinuousClock.now
        var before = try raw()
        while true {
            let after = try raw()
            if before == after { break }
            guard ContinuousClock.now - started < limit else {
                throw Refusal(
                    .labHostState,
                    host,
                    "its volumes changed through \(limit) of reading",
                    hint: "stop what writes to them"
                )
            }
            before = after
            try await Task.sleep(for: .milliseconds(50))
        }
        let slots = before.map { region in
            (0..<layout.slots).map { slot in
                LabRecord.decode(region[slot * LabRecord.size..<(slot + 1) * LabRecord.size], lab: lab)
            }
        }
        return LabImage(host: host, isPrimary: isPrimary, follows: follows, slots: slots)
    }

    private func raw() throws -> [[UInt8]] {
        let step = 1 << 20
        let total = layout.slots * LabRecord.size
        return try volumes.indices.map { index in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(total)
            for offset in stride(from: 0, to: total, by: step) {
                bytes += try volumes[index].read(
                    at: layout.start(of: index) + UInt64(offset),
                    count: min(step, total - offset)
                )
            }
            return bytes
        }
    }
}

extension Lab {
    /// The open Primary among the hosts that answer.
    /// - Throws: `not-primary` when there is none, `primary-primary` when there are two.
    func openPrimary() async throws -> (HostDescription, MemberDescription) {
        var found: [(HostDescription, MemberDescription)] = []
        for host in runningHosts {
            guard let description = await control(host).hostDescription(), let member = description.ownMember,
                member.isOpenPrimary
            else { continue }
            found.append((description, member))
        }
        guard let first = found.first else {
            throw Refusal(
                .notPrimary,
                LabFolder.rvg,
                "no host of the lab that answers is an open Primary",
                hint: "homeward lab status"
            )
        }
        guard found.count == 1 else {
            throw Refusal(
                .primaryPrimary,
                LabFolder.rvg,
                "\(found.map(\.0.name).joined(separator: " and ")) are both open",
                hint: "homeward status"
            )
        }
        return first
    }

    /// Held while the application writes, and while the proof reads.
    func takeLoadLock() throws(Refusal) -> LabLock {
        if let lock = try LabLock.take(folder.loadLockFile) { return lock }
        throw Refusal(
            .labHostState,
            folder.loadLockFile,
            "another `lab load` or `lab check` of this lab runs",
            hint: "wait for its end"
        )
    }
}
