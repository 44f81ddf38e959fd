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
                guard host.fuse.blown else { return world.found("\(host.name): a task failed: \(error)") }
                guard host.fuseIsDevice else { return host.deviceFailed(error) }
                result = .failed(error)
            }
            later { [self] in
                step { node, effects in
                    node.taskDone(task.id, result, now: self.world.instant, wallTime: self.world.wall, into: &effects)
                }
            }
        }
    }

    private func perform(_ work: NodeTask.Work) throws(Refusal) -> TaskResult {
        switch work {
        case .salvage(let records, let label):
            for record in records {
                let bytes = try payload(of: record)
                guard bytes.isEmpty || checksum(bytes) == record.payloadCRC else {
                    world.found("\(host.name): record \(record.id) to be salvaged is not in the log any more")
                    break
                }
            }
            world.trace("\(host.name): salvaged \(records.count) records, \(label)")
            return .salvaged(path: "safe/\(label)")
        case .hash(let ranges, let seed):
            return .hashes(try ranges.map { range throws(Refusal) in hash(try load(range), seed) })
        case .read(let range, let seed, _):
            let bytes = try load(range)
            return .block(bytes: bytes.allSatisfy { $0 == 0 } ? [] : bytes, hash: hash(bytes, seed))
        case .compare(let range, let blockBytes, let hashes, let seed, let all):
            return .differing(try compare(range, blockBytes, hashes, seed, all))
        case .write(let range, let bytes, _, _):
            guard world.planted != .skipBlocks else { return .done }
            let volume = host.volumes[Int(range.volume)]
            if bytes.isEmpty {
                try volume.zero(at: range.offset, length: range.length)
            } else {
                try volume.write(at: range.offset, bytes: bytes)
            }
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
        try host.volumes[Int(range.volume)].bytes(at: range.offset, count: Int(range.length))
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
