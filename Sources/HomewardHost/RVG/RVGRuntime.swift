import CPlatform
import HomewardAdministration
import HomewardCore
import HomewardStorage
import HomewardThreads
import HomewardWire
import Logging

/// One RVG on this host, running: drives its node with threads, devices and connections.
///
/// Decides nothing.
///
/// Lanes: the log is written by the thread of a session that finds it idle, for a few batches, and by one of its own;
/// fdatasyncs of the log, the header, the volumes and what goes to peers have a thread each. The lock is held for steps
/// only, never across a call to a device or a socket.
package final class RVGRuntime: Sendable {
    struct State {
        var node: RVGNode
        /// Bytes of records on their way to the log.
        var payloads: [UInt64: UnsafeRawBufferPointer] = [:]
        /// Those of them that this runtime allocated: records received from a Primary.
        var owned: [UInt64: UnsafeMutableRawBufferPointer] = [:]
        var nextPayload: UInt64 = 1
        var replies: [UInt64: @Sendable (WriteFailure?) -> Void] = [:]
        var answers: [UInt64: @Sendable (Result<RVGAnswer, Refusal>) -> Void] = [:]
        var nextToken: UInt64 = 1
        var sessions: [UInt64: PeerSession] = [:]
        /// The number of the newest session of each host that was told to begin or to end; numbers only grow.
        var newestSession: [HostID: UInt64] = [:]
        var buckets: [HostID: TokenBucket] = [:]
        /// Reads for synchronizations that have not begun, in order.
        var reads: [NodeTask] = []
        /// The daemon ends: nothing waits for room any more.
        var stopping = false
        var stopped = false
        /// Tasks that the pool carries out now, and batches that are being written to the log.
        var underWay = 0

        func limit(of peer: HostID) -> UInt64? {
            node.machine.header.links.first { $0.peer == peer }?.settings.bandwidthLimit
        }

        /// Counts bytes against the bandwidth limit of the link to a peer.
        mutating func spend(_ bytes: UInt64, on peer: HostID, now: Instant) {
            guard let limit = limit(of: peer) else {
                buckets[peer] = nil
                return
            }
            var bucket = buckets[peer] ?? TokenBucket(bytesPerSecond: limit, now: now)
            bucket.bytesPerSecond = limit
            bucket.spend(bytes, now: now)
            buckets[peer] = bucket
        }
    }

    let id: RVGID
    let diskGroup: String
    let name: String
    let volumeNames: [String]
    let devices: [any BlockDevice]
    let log: any BlockDevice
    let ring: LogRing
    let format: HeaderFormat
    let salvageFolder: String
    package let network: PeerNetwork
    let pool: TaskPool
    let threads: ThreadSource
    let logger: Logger
    let state: Monitor<State>
    private let tag: UInt64
    private let lanes = Monitor<Lanes?>(nil)

    private struct Lanes {
        let log: LaneThread
        let logSync: LaneThread
        let header: LaneThread
        let volumes: LaneThread
        let peers: LaneThread

        func begin() { for lane in [log, logSync, header, volumes, peers] { lane.begin() } }
    }

    /// Recovers the log and makes the machine; nothing runs before ``start()``.
    /// - Throws: `bad-format` for a log of another RVG or host, and as ``LogRecovery`` does.
    init(
        record: Catalog.ReplicatedVolumeGroup,
        host: HostID,
        hostName: String,
        devices: [any BlockDevice],
        log: any BlockDevice,
        limits: Limits,
        salvageFolder: String,
        network: PeerNetwork,
        pool: TaskPool,
        threads: ThreadSource,
        logger: Logger
    ) throws(Refusal) {
        id = record.id
        diskGroup = record.diskGroup
        name = record.name
        volumeNames = record.volumes
        self.devices = devices
        self.log = log
        format = limits.headerFormat
        ring = LogRing(device: log, format: format)
        self.salvageFolder = salvageFolder
        self.network = network
        self.pool = pool
        self.threads = threads
        self.logger = logger
        tag = record.id.low
        let recovered = try LogRecovery(device: log, format: format).recover(rvg: record.id, host: host)
        if let damage = recovered.damage { logger.error("log damaged", metadata: ["what": "\(damage)"]) }
        let shapes = zip(record.volumes, devices).map { VolumeShape(name: $0, size: $1.size) }
        let machine = RVGMachine(
            recovered: recovered,
            capacity: ring.capacity,
            volumes: shapes,
            hostName: hostName,
            diskGroup: record.diskGroup,
            name: record.name,
            limits: limits,
            seed: UInt64.random(in: 1...UInt64.max)
        )
        state = Monitor(State(node: RVGNode(machine: machine)))
    }

    /// Has its threads made, which wait for ``start()``; to be followed by that, or ``stop()``.
    ///
    /// - Throws: `limit-reached`; there is none then.
    func prepare() throws(Refusal) {
        var made: [LaneThread] = []
        func lane(_ name: String, _ work: @escaping @Sendable () -> UInt64) throws(Refusal) -> LaneThread {
            let lane = try LaneThread(name: name, from: threads, work)
            made.append(lane)
            return lane
        }
        do throws(Refusal) {
            let ready = Lanes(
                log: try lane("log") { [self] in
                    drainLog(atMost: .max)
                    return 10_000
                },
                logSync: try lane("log-sync") { [self] in drainLogSync() },
                header: try lane("header") { [self] in drainHeader() },
                volumes: try lane("volumes") { [self] in drainVolumes() },
                peers: try lane("peers") { [self] in drainPeers() }
            )
            lanes.withLock { $0 = ready }
        } catch {
            for lane in made { lane.stop() }
            throw error
        }
    }

    func start() { lanes.withLock { $0?.begin() } }

    /// Ends the threads, and waits until nothing touches the devices any more: neither they nor a task of the pool nor
    /// whoever writes a batch to the log.
    ///
    /// What was promised is on disk or will be recovered; tasks that have not begun are not carried out. While a device
    /// hangs it does not return: tasks on one are waited for `patience` milliseconds, where that is given. Sessions must be
    /// closed before.
    func stop(patience: UInt64? = nil) {
        state.withLock { $0.stopped = true }
        state.wakeAll()
        let running = lanes.withLock { lanes -> Lanes? in
            defer { lanes = nil }
            return lanes
        }
        running?.log.stop()
        running?.peers.stop()
        running?.volumes.stop()
        running?.logSync.stop()
        running?.header.stop()
        let deadline = patience.map { HostClock.now.advanced(byMilliseconds: $0) }
        state.wait(everyMilliseconds: 1_000) { state in
            state.underWay == 0 || deadline.map { HostClock.now >= $0 } == true ? () : nil
        }
        // What still waited for these threads would wait for ever.
        let waiting = state.withLock { state in
            defer { state.answers = [:] }
            return state.answers.values.map(\.self)
        }
        for answer in waiting { answer(.failure(hasLeft)) }
    }

    /// What is answered once nothing of the RVG runs any more.
    var hasLeft: Refusal {
        Refusal(
            .operationInProgress,
            "\(diskGroup)/\(name)",
            "it was removed meanwhile, or the daemon is stopping",
            hint: "see what is there (homeward status), then repeat the command"
        )
    }

    /// Notes that something has begun that ``stop()`` waits for, to be followed by ``ended()``; false when it may not begin.
    func mayBegin() -> Bool {
        state.withLock { state in
            guard !state.stopped else { return false }
            state.underWay += 1
            return true
        }
    }

    func ended() {
        let isLast = state.withLock { state in
            state.underWay -= 1
            return state.stopped && state.underWay == 0
        }
        if isLast { state.wakeAll() }
    }

    // MARK: Stepping

    /// Steps the node and carries out what it asks for.
    ///
    /// `writesLog`: what is to be logged is written by this thread, if nobody else is at it. Only for threads that are of
    /// this RVG alone: a log that hangs would else keep others' updates from arriving, and their deadlines from passing.
    func step<Value: Sendable>(writesLog: Bool = false, _ body: (inout State, inout NodeEffects) -> Value) -> Value {
        var effects = NodeEffects()
        let value = state.withLock { state in
            let value = body(&state, &effects)
            collect(&state)
            return value
        }
        carryOut(effects, writesLog: writesLog)
        return value
    }

    /// Steps the machine alone.
    func drive<Value: Sendable>(_ body: (inout RVGMachine, inout Effects) -> Value) -> Value {
        step { state, effects in
            state.node.step(now: HostClock.now, wallTime: HostClock.wall, into: &effects, body)
        }
    }

    private func collect(_ state: inout State) {
        for buffer in state.node.takeDroppedPayloads() { release(buffer, &state) }
    }

    /// Payloads of the application go by the token of their request, apart from those received from a Primary.
    static func payloadKey(token: UInt64) -> UInt64 { token | 1 << 63 }

    /// Forgets a payload that is written or dropped, and gives its memory back where it was ours.
    private func release(_ buffer: UInt64, _ state: inout State) {
        state.payloads[buffer] = nil
        state.owned.removeValue(forKey: buffer)?.deallocate()
    }

    func carryOut(_ effects: NodeEffects, writesLog: Bool = false) {
        for note in effects.core.notes { logger.notice("\(note.text)") }
        finish(effects)
        begin(effects.tasks)
        wake(effects.core.wake)
        if effects.core.admissionChanged { state.wakeAll() }
        guard effects.core.wake.contains(.log) else { return }
        if writesLog { drainLog() } else { wakeLog() }
    }

    /// Has the log's own thread write what waits for it.
    private func wakeLog() { lanes.withLock { $0?.log.wake() } }

    private func finish(_ effects: NodeEffects) {
        guard !effects.core.replies.isEmpty || !effects.answers.isEmpty else { return }
        let (replies, answers) = state.withLock { state in
            (
                effects.core.replies.map { reply in
                    // The application's memory is its own again with the reply.
                    state.payloads[RVGRuntime.payloadKey(token: reply.token)] = nil
                    return (reply.failure, state.replies.removeValue(forKey: reply.token))
                },
                effects.answers.map { ($0.result, state.answers.removeValue(forKey: $0.token)) }
            )
        }
        for (failure, reply) in replies { reply?(failure) }
        for (result, answer) in answers { answer?(result) }
    }

    func wake(_ wanted: Effects.Lanes) {
        guard !wanted.isEmpty else { return }
        lanes.withLock { lanes in
            guard let lanes else { return }
            if wanted.contains(.logSync) { lanes.logSync.wake() }
            if wanted.contains(.header) { lanes.header.wake() }
            if wanted.contains(.apply) || wanted.contains(.volumeSync) { lanes.volumes.wake() }
            if wanted.contains(.peers) { lanes.peers.wake() }
        }
    }

    func failed(_ refusal: Refusal) {
        drive { $0.deviceFailed(refusal, into: &$1) }
    }

    /// Time passes.
    func tick() {
        drive { $0.tick(now: HostClock.now, wallTime: HostClock.wall, into: &$1) }
    }

    // MARK: Log lane

    /// Writes what waits for the log, if nobody else is at it; others' records ride along.
    ///
    /// After some batches the log's own thread goes on: beside busy clients one would else never get back to its own, to
    /// send what has been done and to read on.
    func drainLog(atMost batches: Int = 4) {
        for _ in 0..<batches {
            let pulled = state.withLock { state -> (LogBatch, [UnsafeRawBufferPointer])? in
                guard !state.stopped, let batch = state.node.nextLogBatch() else { return nil }
                state.underWay += 1
                let pointers = batch.items.map { item -> UnsafeRawBufferPointer in
                    guard item.payload.count > 0, let base = state.payloads[item.payload.buffer] else {
                        return UnsafeRawBufferPointer(start: nil, count: 0)
                    }
                    return UnsafeRawBufferPointer(
                        rebasing: base[item.payload.offset..<item.payload.offset + item.payload.count]
                    )
                }
                return (batch, pointers)
            }
            guard let (batch, payloads) = pulled else { return }
            defer { ended() }
            do throws(Refusal) {
                try write(batch, payloads)
            } catch {
                failed(error)
                return drive { $0.logWritten(batch, now: HostClock.now, into: &$1) }
            }
            var effects = NodeEffects()
            state.withLock { state in
                for item in batch.items where state.owned[item.payload.buffer] != nil {
                    release(item.payload.buffer, &state)
                }
                state.node.step(now: HostClock.now, wallTime: HostClock.wall, into: &effects) { machine, core in
                    machine.logWritten(batch, now: HostClock.now, into: &core)
                }
                collect(&state)
            }
            effects.core.wake.remove(.log)
            carryOut(effects)
        }
        wakeLog()
    }

    private static let padding = [UInt8](repeating: 0, count: Int(Record.alignment))

    private func write(_ batch: LogBatch, _ payloads: [UnsafeRawBufferPointer]) throws(Refusal) {
        let headers = batch.items.map { $0.record.encodeHeader(rvgTag: tag) }
        var first = 0
        while first < batch.items.count {
            var last = first
            while last + 1 < batch.items.count, batch.items[last].record.end == batch.items[last + 1].record.position {
                last += 1
            }
            try writeRun(batch, headers, payloads, first...last)
            first = last + 1
        }
    }

    private func writeRun(
        _ batch: LogBatch,
        _ headers: [[UInt8]],
        _ payloads: [UnsafeRawBufferPointer],
        _ run: ClosedRange<Int>
    ) throws(Refusal) {
        // Headers are copied side by side so that one pointer serves them all while the pieces are written.
        let scratch = ScratchBuffer(count: run.count * Record.headerBytes + Int(Record.alignment))
        var pieces: [UnsafeRawBufferPointer] = []
        pieces.reserveCapacity(run.count * 3)
        let zeroes = UnsafeRawBufferPointer(
            rebasing: scratch.bytes[
                (run.count * Record.headerBytes)..<(run.count * Record.headerBytes + Int(Record.alignment))
            ]
        )
        UnsafeMutableRawBufferPointer(mutating: zeroes).initializeMemory(as: UInt8.self, repeating: 0)
        for (slot, index) in run.enumerated() {
            let start = slot * Record.headerBytes
            let place = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[start..<start + Record.headerBytes])
            place.copyBytes(from: headers[index])
            pieces.append(UnsafeRawBufferPointer(place))
            if payloads[index].count > 0 { pieces.append(payloads[index]) }
            let pad = Int(batch.items[index].record.span) - Record.headerBytes - payloads[index].count
            if pad > 0 { pieces.append(UnsafeRawBufferPointer(rebasing: zeroes[..<pad])) }
        }
        try ring.write(at: batch.items[run.lowerBound].record.position, pieces)
    }

    // MARK: Slow lanes

    private func drainLogSync() -> UInt64 {
        while true {
            let now = HostClock.now
            let (wanted, pause) = state.withLock { state in
                (state.node.nextLogSync(now: now), state.node.machine.millisecondsUntilLogSync(now: now))
            }
            guard wanted != nil else { return min(max(pause ?? 1_000, 1), 1_000) }
            do throws(Refusal) { try log.synchronize() } catch {
                failed(error)
                return 1_000
            }
            drive { $0.logSynced(now: HostClock.now, into: &$1) }
        }
    }

    private func drainHeader() -> UInt64 {
        while true {
            guard let header = state.withLock({ $0.node.nextHeader(now: HostClock.now) }) else { return 1_000 }
            do throws(Refusal) {
                try log.write(at: format.offset(generation: header.generation), bytes: format.encode(header))
                try log.synchronize()
            } catch {
                failed(error)
                return 1_000
            }
            drive { $0.headerWritten(now: HostClock.now, into: &$1) }
        }
    }

    private func drainVolumes() -> UInt64 {
        while true {
            let (batch, sync) = state.withLock { state -> (ApplyBatch?, UInt64?) in
                if let batch = state.node.nextApplyBatch() { return (batch, nil) }
                let generation = state.node.machine.volumeGeneration
                return (nil, state.node.nextVolumeSync() == nil ? nil : generation)
            }
            do throws(Refusal) {
                if let batch {
                    try apply(batch)
                    drive { $0.replayedBatch(batch, now: HostClock.now, into: &$1) }
                } else if let sync {
                    for device in devices { try device.synchronize() }
                    drive { $0.volumesSynced(generation: sync, now: HostClock.now, into: &$1) }
                } else {
                    return 1_000
                }
            } catch {
                failed(error)
                return 1_000
            }
        }
    }

    private func apply(_ batch: ApplyBatch) throws(Refusal) {
        guard let last = batch.records.last else { return }
        let reader = LogReader(ring, limit: last.end)
        for record in batch.lasting {
            let device = devices[Int(record.volume)]
            switch record.kind {
            case .write:
                let payload = try reader.bytes(
                    at: LogPosition(record.position.value + UInt64(Record.headerBytes)),
                    count: Int(record.payloadBytes)
                )
                guard checksum(payload) == record.payloadCRC else { throw damaged(record) }
                try device.write(at: record.offset, [payload])
            case .zeroes: try zeroKeepingSpace(record, device)
            case .trim: try device.zero(at: record.offset, length: record.length)
            case .mark, .role: continue
            }
        }
    }

    /// The space was asked for, and that is acknowledged already; where there is none, the range reads as zeroes all the
    /// same.
    ///
    /// It must not stop the RVG: releases that knew no difference logged this kind for every range of zeroes.
    private func zeroKeepingSpace(_ record: Record, _ device: any BlockDevice) throws(Refusal) {
        do throws(Refusal) {
            try device.zeroKeepingSpace(at: record.offset, length: record.length)
        } catch {
            try device.zero(at: record.offset, length: record.length)
            logger.warning("space for zeroes cannot be kept", metadata: ["reason": "\(error)"])
        }
    }

    func damaged(_ record: Record) -> Refusal {
        Refusal(
            .logDamaged,
            log.name,
            "record \(record.id) at byte \(ring.place(of: record.position)) does not match its checksum",
            hint: "check the device; take over on a Secondary if this host is the Primary"
        )
    }
}
