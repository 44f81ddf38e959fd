import CPlatform
import Glibc
import HomewardAdministration
import HomewardCore
import HomewardStorage
import HomewardThreads
import HomewardWire

/// Work that operations and synchronizations ask for: on the pool's threads, without the lock.
extension RVGRuntime {
    /// Has the pool carry out a task.
    private func enqueue(_ task: NodeTask) {
        pool.add(hashes: task.work.hashes) { [self] turn in perform(task, turn) }
    }

    private func perform(_ task: NodeTask, _ turn: HashingTurn) {
        // What waited for a thread while the RVG left this host would be written over what has the volumes now.
        guard mayBegin() else { return }
        defer { ended() }
        var result: TaskResult
        do throws(Refusal) {
            result = try carryOut(task.work, turn)
        } catch {
            result = .failed(error)
        }
        step { state, effects in
            state.node.taskDone(task.id, result, now: HostClock.now, wallTime: HostClock.wall, into: &effects)
        }
    }

    /// Begins tasks: reads of blocks wait for ``beginReads()``, without a thread.
    func begin(_ tasks: [NodeTask]) {
        guard !tasks.isEmpty else { return }
        let (reads, others) = tasks.reduce(into: ([NodeTask](), [NodeTask]())) { split, task in
            if case .read = task.work { split.0.append(task) } else { split.1.append(task) }
        }
        for task in others { enqueue(task) }
        guard !reads.isEmpty else { return }
        state.withLock { $0.reads += reads }
        wake([.peers])
    }

    /// Begins the reads of blocks for whose peer there is room, and whose turn it is on a link with a bandwidth limit.
    ///
    /// What is read waits in memory until the network takes it. So only the peers lane begins reads, after it has handed over
    /// what was read before: for each synchronization there are no more than two of its windows of blocks beyond what
    /// ``PeerNetwork/hasRoom(_:channel:)`` allows, one read by now and one that begins.
    /// - Returns: milliseconds until it is the next one's turn; nil when none waits for that. Of room the network tells.
    func beginReads() -> UInt64? {
        guard let peers = peersWithRoom() else { return nil }
        let (ready, pause) = state.withLock { state -> ([NodeTask], UInt64?) in
            let now = HostClock.now
            var ready: [NodeTask] = []
            var waiting: [NodeTask] = []
            var pause: UInt64?
            for task in state.reads where state.node.awaits(task: task.id) {
                guard case .read(let range, _, let peer) = task.work else { continue }
                guard peers.contains(peer) else {
                    waiting.append(task)
                    continue
                }
                let wait = state.limit(of: peer) == nil ? 0 : state.buckets[peer]?.millisecondsUntilReady(now: now) ?? 0
                if wait > 0 {
                    pause = min(pause ?? wait, wait)
                    waiting.append(task)
                } else {
                    state.spend(range.length, on: peer, now: now)
                    ready.append(task)
                }
            }
            state.reads = waiting
            return (ready, pause)
        }
        for task in ready { enqueue(task) }
        return pause
    }

    /// Of the peers that blocks are to be read for, those to whom more may be on its way; nil when none are to be read.
    private func peersWithRoom() -> Set<HostID>? {
        let sessions = state.withLock { state in
            state.reads.isEmpty
                ? nil
                : state.reads.reduce(into: [HostID: PeerSession]()) { sessions, task in
                    guard case .read(_, _, let peer) = task.work, sessions[peer] == nil else { return }
                    sessions[peer] = state.node.machine.peer(peer)?.session.flatMap { state.sessions[$0] }
                }
        }
        guard let sessions else { return nil }
        // The network has locks of its own: it is asked without this RVG's.
        return Set(sessions.filter { network.hasRoom($0.value, channel: FrameKind.synchronization.channel) }.keys)
    }

    private func carryOut(_ work: NodeTask.Work, _ turn: HashingTurn) throws(Refusal) -> TaskResult {
        switch work {
        case .salvage(let records, let label): return .salvaged(path: try salvage(records, label: label))
        case .hash(let ranges, let seed): return .hashes(try hash(ranges, seed: seed, turn))
        case .read(let range, let seed, _): return try read(range, seed: seed, turn)
        case .compare(let range, let blockBytes, let hashes, let seed, let all):
            if all { return .differing(Array(0..<UInt64(hashes.count))) }
            return .differing(try compare(range, blockBytes, hashes, seed, turn))
        case .write(let range, let bytes, let hash, let seed):
            try write(range, bytes, hash, seed, turn)
            return .done
        case .synchronizeVolumes(let cursor):
            for device in devices { try device.synchronize() }
            if let cursor { try log.write(at: format.cursorOffset, bytes: format.encode(cursor)) }
            return .done
        case .readCursor(let job):
            let bytes = try log.bytes(at: format.cursorOffset, count: 64)
            let cursor = format.decodeCursor(bytes)
            return .cursor(cursor?.job == job ? cursor : nil)
        case .probe(_, let name): return .probed(refused: network.refusesConnections(name))
        }
    }

    // MARK: Hashing

    private func hash(_ ranges: [BlockRange], seed: UInt64, _ turn: HashingTurn) throws(Refusal) -> [BlockHash] {
        guard let longest = ranges.map(\.length).max() else { return [] }
        var hasher = RangeHasher(devices: devices, seed: seed, longest: longest)
        var hashes: [BlockHash] = []
        hashes.reserveCapacity(ranges.count)
        for range in ranges {
            hashes.append(try hasher.hash(range))
            turn.pause()
        }
        return hashes
    }

    private func compare(
        _ range: BlockRange,
        _ blockBytes: UInt64,
        _ hashes: [BlockHash],
        _ seed: UInt64,
        _ turn: HashingTurn
    ) throws(Refusal) -> [UInt64] {
        var hasher = RangeHasher(devices: devices, seed: seed, longest: blockBytes)
        var differing: [UInt64] = []
        for (index, expected) in hashes.enumerated() {
            let offset = range.offset + UInt64(index) * blockBytes
            let block = BlockRange(
                volume: range.volume,
                offset: offset,
                length: min(blockBytes, range.offset + range.length - offset)
            )
            if try hasher.hash(block) != expected { differing.append(UInt64(index)) }
            turn.pause()
        }
        return differing
    }

    // MARK: Blocks

    private func read(_ range: BlockRange, seed: UInt64, _ turn: HashingTurn) throws(Refusal) -> TaskResult {
        defer { turn.pause() }
        var hasher = RangeHasher(devices: devices, seed: seed, longest: range.length)
        let bytes = try hasher.load(range)
        let hash = BlockHashing.hash(bytes, seed: seed)
        return .block(bytes: BlockHashing.isZero(bytes) ? [] : Array(bytes), hash: hash)
    }

    private func write(
        _ range: BlockRange,
        _ bytes: [UInt8],
        _ hash: BlockHash,
        _ seed: UInt64,
        _ turn: HashingTurn
    ) throws(Refusal) {
        defer { turn.pause() }
        let device = devices[Int(range.volume)]
        if bytes.isEmpty {
            try device.zero(at: range.offset, length: range.length)
        } else {
            try device.write(at: range.offset, bytes: bytes)
        }
        // The target proves what it wrote.
        var hasher = RangeHasher(devices: devices, seed: seed, longest: range.length)
        guard try hasher.hash(range) == hash else {
            throw Refusal(
                .ioError,
                device.name,
                "the block at byte \(range.offset) reads back differently from what was written",
                hint: "check the device, then repeat syncrvg"
            )
        }
    }

    // MARK: Salvage

    /// Records that are given up, with their payloads: each as it stands in the log, one behind the other.
    ///
    /// One at a time is in memory: a Primary that comes back may give up as much as its log holds.
    private func salvage(_ records: [Record], label: String) throws(Refusal) -> String {
        let path = salvagePath("\(diskGroup)-\(name)-\(label)-\(records.first?.id.value ?? 0)")
        let lines = zip(volumeNames.indices, volumeNames).map { "\($0) \($1)\n" }
        let head = "homeward salvage 1\n\(diskGroup)/\(name) \(id)\nvolumes \(volumeNames.count)\n\(lines.joined())"
        try DurableFile.replace(path) { file throws(Refusal) in
            try file.append(Array(head.utf8))
            for record in records {
                // It may take minutes, and nobody waits for it any more.
                guard !state.withLock({ $0.stopped }) else { throw hasLeft }
                try file.append(record.encodeHeader(rvgTag: id.low))
                if record.payloadBytes > 0 { try file.append(try salvagedPayload(of: record)) }
            }
        }
        return path
    }

    /// A name that is free: one that was overtaken by a later offer may still be at work.
    private func salvagePath(_ what: String) -> String {
        let stem = "\(salvageFolder)/\(what)-\(HostClock.wall / 1_000_000_000)"
        var path = stem + ".salvage"
        var number = 1
        while access(path, F_OK) == 0 || access(path + ".new", F_OK) == 0 {
            number += 1
            path = "\(stem)-\(number).salvage"
        }
        return path
    }

    private func salvagedPayload(of record: Record) throws(Refusal) -> [UInt8] {
        let payload = try ring.bytes(
            at: LogPosition(record.position.value + UInt64(Record.headerBytes)),
            count: Int(record.payloadBytes)
        )
        guard checksum(payload) == record.payloadCRC else {
            throw Refusal(
                .logDamaged,
                log.name,
                "record \(record.id) to be salvaged does not match its checksum",
                hint: "copy the log volume away before anything else"
            )
        }
        return payload
    }
}

extension NodeTask.Work {
    /// Whether it reads or writes blocks of the volumes and hashes them.
    fileprivate var hashes: Bool {
        switch self {
        case .hash, .read, .write: true
        case .compare(_, _, _, _, let all): !all
        case .salvage, .synchronizeVolumes, .readCursor, .probe: false
        }
    }
}
