import HomewardAdministration
import HomewardCore

/// Work that operations and synchronizations ask for.
extension Life {
    func begin(_ task: NodeTask) {
        later(20_000...3_000_000) { [self] in
            var result: TaskResult
            do throws(Refusal) {
                result = try perform(task.work)
            } catch {
                guard host.fuse.blown || host.isAiling else {
                    return world.found("\(host.name): a task failed: \(error)")
                }
                guard !host.fuse.blown || host.fuseIsDevice else { return host.deviceFailed(error) }
                result = .failed(error)
            }
            later { [self] in
                step { node, effects in
                    node.taskDone(task.id, result, now: self.world.instant, wallTime: self.host.wall, into: &effects)
                }
            }
        }
    }

    private func perform(_ work: NodeTask.Work) throws(Refusal) -> TaskResult {
        switch work {
        case .salvage(let records, let label):
            for record in records {
                guard try intactPayload(of: record, for: "salvaged") != nil else { break }
            }
            world.trace("\(host.name): salvaged \(records.count) records, \(label)")
            return .salvaged(path: "safe/\(label)")
        case .hash(let ranges, let seed):
            return .hashes(try ranges.map { range throws(Refusal) in hash(try load(range), seed) })
        case .read(let range, let seed, _):
            let bytes = try load(range)
            return .block(bytes: bytes.allSatisfy { $0 == 0 } ? [] : bytes, hash: hash(bytes, seed))
        case .compare(let range, let blockBytes, let hashes, let seed, let all):
            host.rot(range)
            return .differing(try compare(range, blockBytes, hashes, seed, all))
        case .write(let range, let bytes, _, _):
            let volume = host.volumes[Int(range.volume)]
            let write = { () throws(Refusal) in
                if bytes.isEmpty {
                    try volume.zero(at: range.offset, length: range.length)
                } else {
                    try volume.write(at: range.offset, bytes: bytes)
                }
            }
            if alter(range, { try? write() }) { return .done }
            try write()
            return .done
        case .synchronizeVolumes(let cursor):
            for volume in host.volumes { try volume.synchronize() }
            if let cursor { try host.log.write(at: host.format.cursorOffset, bytes: host.format.encode(cursor)) }
            return .done
        case .readCursor(let job):
            let cursor = host.format.decodeCursor(try host.log.bytes(at: host.format.cursorOffset, count: 64))
            return .cursor(cursor?.job == job ? cursor : nil)
        case .probe(let peer, _): return .probed(refused: host.network.refusesConnections(of: peer, from: host.index))
        }
    }

    private func load(_ range: BlockRange) throws(Refusal) -> [UInt8] {
        var bytes = try host.volumes[Int(range.volume)].bytes(at: range.offset, count: Int(range.length))
        guard world.planted == .syncReadsPending, node.machine.header.isPrimary else { return bytes }
        for piece in node.machine.overlay(volume: range.volume, offset: range.offset, length: range.length) {
            guard let source = piece.source else { continue }
            let start = Int(piece.offset - range.offset)
            let newer = try host.ring.bytes(at: source, count: Int(piece.length))
            bytes.replaceSubrange(start..<start + newer.count, with: newer)
        }
        return bytes
    }

    private func compare(
        _ range: BlockRange,
        _ blockBytes: UInt64,
        _ hashes: [BlockHash],
        _ seed: UInt64,
        _ all: Bool
    ) throws(Refusal) -> [UInt64] {
        var differing: [UInt64] = []
        for (index, expected) in hashes.enumerated() {
            let offset = range.offset + UInt64(index) * blockBytes
            let length = min(blockBytes, range.offset + range.length - offset)
            let own = hash(try load(BlockRange(volume: range.volume, offset: offset, length: length)), seed)
            if all || own != expected { differing.append(UInt64(index)) }
        }
        return differing
    }

    private func hash(_ bytes: [UInt8], _ seed: UInt64) -> BlockHash {
        var high = seed ^ 0xCBF2_9CE4_8422_2325
        var low = ~seed ^ 0x9E37_79B9_7F4A_7C15
        bytes.withUnsafeBytes { raw in
            for offset in stride(from: 0, to: raw.count - 7, by: 8) {
                let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                high = (high ^ word) &* 0x100_0000_01B3
                low = (low ^ (word &+ UInt64(offset))) &* 0x9E37_79B9_7F4A_7C15
                low ^= low >> 29
            }
        }
        return BlockHash(high: high, low: low)
    }
}
