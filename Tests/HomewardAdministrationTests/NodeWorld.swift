import HomewardAdministration
import HomewardCore
import Testing

/// Three hosts of one RDS without disks, sockets or a clock: lanes are answered at once, messages carried by hand.
struct NodeWorld {
    static let names = ["london", "seattle", "dublin"]
    static let ids = (1...3).map { Identity(high: UInt64($0), low: 7) }
    static let rvg = Identity(high: 9, low: 9)
    static let volumes = [VolumeShape(name: "dv01", size: 1 << 20)]

    var nodes: [RVGNode] = []
    var now = Instant(nanoseconds: 1_000_000_000)
    var answers: [UInt64: Result<RVGAnswer, Refusal>] = [:]
    /// Tokens of writes and flushes that were answered with success.
    private(set) var replied: Set<UInt64> = []
    /// Session of each pair that is connected, by the two positions.
    private var sessions: [Set<Int>: UInt64] = [:]
    private var nextNumber: UInt64 = 1
    /// Hosts whose `fdatasync` of the log does not come back.
    var slow: Set<Int> = []
    /// Hosts whose records are not carried out on their volumes.
    var lazy: Set<Int> = []
    /// Hosts that find a record overwritten when they read their next records for a Secondary.
    var overwritten: Set<Int> = []
    /// Hosts whose headers do not reach the disk.
    var stuck: Set<Int> = []
    /// Those of which a header was taken, and has not reached it.
    private var onTheWay: Set<Int> = []
    /// Hosts whose system answers that nobody listens.
    var refusing: Set<Int> = []
    /// What a target finds noted of a synchronization that it goes on with.
    var cursor: HeaderFormat.Cursor?
    /// The blocks of each extent in which a target differs.
    var differing: [UInt64] = []
    /// Which tasks of which hosts do not end by themselves.
    var holds: (Int, NodeTask.Work) -> Bool = { _, _ in false }
    /// Which tasks of which hosts fail.
    var fails: (Int, NodeTask.Work) -> Bool = { _, _ in false }
    /// Tasks that were begun and have not ended.
    private(set) var open: [(host: Int, task: NodeTask)] = []
    /// Hosts whose messages stay on the way.
    var mute: Set<Int> = []
    /// Hosts whose messages stay on the way from the moment in which they hold a receipt.
    var silentWithReceipt: Set<Int> = []
    private var mail: [(from: Int, to: Int, session: UInt64, message: PeerMessage)] = []
    /// What hosts have said to each other, the newest last.
    private(set) var heard: [(from: Int, to: Int, message: PeerMessage)] = []
    /// Whether what hosts say is kept.
    var listens = false

    /// `shapes`: the volumes of hosts that have others than the rest.
    init(shapes: [Int: [VolumeShape]] = [:], pendingBytes: UInt64 = Limits().pendingBytes) throws {
        for position in NodeWorld.names.indices {
            nodes.append(try NodeWorld.makeNode(position, shapes[position] ?? NodeWorld.volumes, pendingBytes))
        }
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { connect(left, right) }
        pass(milliseconds: 5_000)
    }

    private static func makeNode(
        _ position: Int,
        _ volumes: [VolumeShape],
        _ pendingBytes: UInt64 = Limits().pendingBytes
    ) throws -> RVGNode {
        var limits = Limits()
        limits.pendingBytes = pendingBytes
        limits.pendingEmptyBytes = 16 * pendingBytes
        limits.headerCopyBytes = 16 << 10
        var generator = SeededGenerator(seed: UInt64(position) + 1)
        let links = ids.indices.filter { $0 != position }.map {
            LinkRecord(peer: ids[$0], peerName: names[$0], peerDiskGroup: "hrdg", peerRVG: "r")
        }
        var header = RVGHeader.newSecondary(rvg: rvg, host: ids[position], of: ids[0], members: links)
        if position == 0 {
            header = RVGHeader.newPrimary(rvg: rvg, host: ids[0], hostName: names[0], generator: &generator)
            header.links = links
        }
        let disk = MemoryDisk(size: 1 << 20)
        try LogRecovery.format(device: disk, format: limits.headerFormat, header: header)
        let recovered = try LogRecovery(device: disk, format: limits.headerFormat).recover()
        let capacity = LogRing(device: disk, format: limits.headerFormat).capacity
        return node(position, recovered, capacity, volumes, limits, seed: UInt64(position) + 77)
    }

    private static func node(
        _ position: Int,
        _ log: RecoveredLog,
        _ capacity: UInt64,
        _ volumes: [VolumeShape],
        _ limits: Limits,
        seed: UInt64
    ) -> RVGNode {
        RVGNode(
            machine: RVGMachine(
                recovered: log,
                capacity: capacity,
                volumes: volumes,
                hostName: names[position],
                diskGroup: "hrdg",
                name: "r",
                limits: limits,
                seed: seed
            )
        )
    }

    /// What a host has made durable.
    func log(of host: Int, damage: String? = nil) -> RecoveredLog {
        let machine = nodes[host].machine
        return RecoveredLog(
            header: machine.persistedHeader,
            records: machine.index.filter { $0.id <= machine.durable },
            appendPosition: machine.appendPosition.aligned(to: Record.syncAlignment),
            damage: damage
        )
    }

    /// The host's process dies and comes back with what it had made durable; its sessions are over.
    mutating func restart(_ host: Int, damage: String? = nil) {
        restart(host, from: log(of: host, damage: damage))
    }

    /// The host's process dies, and its log is put back as it once was.
    mutating func restart(_ host: Int, from log: RecoveredLog) {
        for other in nodes.indices where other != host { cut(min(host, other), max(host, other)) }
        onTheWay.remove(host)
        let old = nodes[host].machine
        nodes[host] = NodeWorld.node(host, log, old.capacity, old.volumes, old.limits, seed: 1_000 + number())
    }

    /// The RVG is removed from a host and made there again, while its sessions last.
    mutating func remake(_ host: Int) throws {
        let now = now
        let own = sessions.filter { $0.key.contains(host) }.sorted { $0.value < $1.value }
        mail.removeAll { $0.from == host || $0.to == host }
        for other in own.flatMap(\.key) where other != host {
            drive(other) { $0.contactLost(with: NodeWorld.ids[host], now: now, into: &$1) }
        }
        settle()
        nodes[host] = try NodeWorld.makeNode(host, nodes[host].machine.volumes)
        for (pair, session) in own {
            for other in pair where other != host { meet(host, other, session) }
        }
    }

    // MARK: Sessions

    private mutating func meet(_ own: Int, _ other: Int, _ session: UInt64) {
        let now = now
        drive(own) { machine, core in
            machine.peerConnected(
                NodeWorld.ids[other],
                name: NodeWorld.names[other],
                session: session,
                now: now,
                into: &core
            )
        }
    }

    mutating func connect(_ left: Int, _ right: Int) {
        let session = number()
        sessions[[left, right]] = session
        meet(left, right, session)
        meet(right, left, session)
    }

    mutating func cut(_ left: Int, _ right: Int) {
        guard let session = sessions.removeValue(forKey: [left, right]) else { return }
        mail.removeAll { $0.session == session }
        for (own, other) in [(left, right), (right, left)] {
            var effects = NodeEffects()
            nodes[own].sessionEnded(
                NodeWorld.ids[other],
                session: session,
                reason: "cut",
                now: now,
                wallTime: 1,
                into: &effects
            )
            take(effects, of: own)
        }
    }

    // MARK: Requests

    /// Asks and gives the token under which ``answers`` will have the end; time does not pass.
    mutating func ask(_ request: RVGRequest, on host: Int) -> UInt64 {
        let token = number()
        var effects = NodeEffects()
        nodes[host].request(request, token: token, now: now, wallTime: 1, into: &effects)
        take(effects, of: host)
        return token
    }

    /// Asks and lets time pass until it is answered, a minute at most.
    mutating func perform(_ request: RVGRequest, on host: Int) -> Result<RVGAnswer, Refusal>? {
        let token = ask(request, on: host)
        for _ in 0..<600 where answers[token] == nil { pass(milliseconds: 100) }
        return answers[token]
    }

    /// Takes a request back.
    mutating func cancel(_ token: UInt64, on host: Int) {
        var effects = NodeEffects()
        nodes[host].cancel(token: token, now: now, wallTime: 1, into: &effects)
        take(effects, of: host)
    }

    /// Whoever asked is gone.
    mutating func forget(_ token: UInt64, on host: Int) {
        var effects = NodeEffects()
        nodes[host].forget(token: token, into: &effects)
        take(effects, of: host)
    }

    /// A device of the host fails.
    mutating func fail(_ host: Int) {
        let refusal = Refusal(.ioError, "dv01", "broken", hint: "mend it")
        drive(host) { $0.deviceFailed(refusal, into: &$1) }
    }

    @discardableResult
    mutating func write(on host: Int) -> UInt64 {
        let token = number()
        _ = admit(.zeroes, length: 4096, durably: true, token: token, on: host)
        return token
    }

    /// What a request of an application of that length, at the front of the volume, is told; it is in the log then.
    mutating func admit(_ kind: RecordKind, length: Int, on host: Int) -> Admission {
        defer { settle() }
        return admit(kind, length: length, durably: false, token: number(), on: host)
    }

    private mutating func admit(
        _ kind: RecordKind,
        length: Int,
        durably: Bool,
        token: UInt64,
        on host: Int
    ) -> Admission {
        var effects = NodeEffects()
        let payload = (payload: PayloadReference(buffer: token, offset: 0, count: length), crc: UInt32(1))
        let write = ApplicationWrite(
            kind: kind,
            volume: 0,
            offset: 0,
            length: UInt64(length),
            durably: durably,
            pieces: kind == .write ? [payload] : [],
            token: token
        )
        let admission = nodes[host].admit(write, wallTime: 1, now: now, into: &effects)
        take(effects, of: host)
        return admission
    }

    /// Asks for a flush and gives the token that ``replied`` will have.
    mutating func flush(on host: Int) -> UInt64 {
        let token = number()
        var effects = NodeEffects()
        _ = nodes[host].flush(token: token, into: &effects)
        take(effects, of: host)
        return token
    }

    // MARK: Time

    mutating func pass(milliseconds: UInt64) {
        let end = now.advanced(byMilliseconds: milliseconds)
        while now < end {
            now = now.advanced(byMilliseconds: 100)
            for host in nodes.indices {
                let now = now
                drive(host) { machine, core in machine.tick(now: now, wallTime: 1, into: &core) }
            }
            settle()
        }
    }

    /// Answers lanes and carries mail until nothing moves.
    mutating func settle() {
        for _ in 0..<10_000 {
            var moved = false
            for host in nodes.indices where drain(host) { moved = true }
            while let position = mail.firstIndex(where: { !isSilent($0.from) }) {
                deliver(mail.remove(at: position))
                moved = true
            }
            if !moved { return }
        }
        preconditionFailure("the world does not come to rest")
    }

    private func isSilent(_ host: Int) -> Bool {
        mute.contains(host) || (silentWithReceipt.contains(host) && nodes[host].machine.header.receipt != nil)
    }

    private mutating func drain(_ host: Int) -> Bool {
        var moved = false
        let now = now
        while let batch = nodes[host].nextLogBatch() {
            drive(host) { $0.logWritten(batch, now: now, into: &$1) }
            moved = true
        }
        while !slow.contains(host), nodes[host].nextLogSync(now: now) != nil {
            drive(host) { $0.logSynced(now: now, into: &$1) }
            moved = true
        }
        while onTheWay.contains(host) || nodes[host].nextHeader(now: now) != nil {
            guard !stuck.contains(host) else {
                onTheWay.insert(host)
                break
            }
            onTheWay.remove(host)
            drive(host) { $0.headerWritten(now: now, into: &$1) }
            moved = true
        }
        while !lazy.contains(host), let batch = nodes[host].nextApplyBatch() {
            for record in batch.records {
                NodeWorld.demand(BlockRange(volume: record.volume, offset: record.offset, length: record.length))
            }
            drive(host) { $0.replayedBatch(batch, now: now, into: &$1) }
            moved = true
        }
        let generation = nodes[host].machine.volumeGeneration
        if nodes[host].nextVolumeSync() != nil {
            drive(host) { $0.volumesSynced(generation: generation, now: now, into: &$1) }
            moved = true
        }
        return post(host) || moved
    }

    private mutating func post(_ host: Int) -> Bool {
        var effects = NodeEffects()
        let (messages, records) = nodes[host].pullForPeers(now: now, into: &effects) { _ in true }
        for message in messages { mail(host, message.peer, message.session, message.message) }
        for departure in records {
            if overwritten.remove(host) != nil {
                drive(host) { $0.recordsNotSent(departure, into: &$1) }
                continue
            }
            let sent = departure.records.map { SentRecord(record: $0, payload: []) }
            let message = ReplicationMessage.records(
                departure.attach,
                epoch: departure.epoch,
                marks: departure.marks,
                sent
            )
            mail(host, departure.peer, departure.session, .replication(message))
        }
        take(effects, of: host)
        return !messages.isEmpty || !records.isEmpty
    }

    private mutating func mail(_ from: Int, _ peer: HostID, _ session: UInt64, _ message: PeerMessage) {
        guard let to = NodeWorld.ids.firstIndex(of: peer), sessions[[from, to]] == session else { return }
        mail.append((from, to, session, message))
        guard listens else { return }
        heard.append((from, to, message))
        if heard.count > 400 { heard.removeFirst(200) }
    }

    /// A host says something that it would not say.
    mutating func forge(_ message: PeerMessage, from: Int, to: Int) {
        guard let session = sessions[[from, to]] else { return }
        deliver((from, to, session, message))
    }

    func isConnected(_ left: Int, _ right: Int) -> Bool { sessions[[left, right]] != nil }

    private mutating func deliver(_ letter: (from: Int, to: Int, session: UInt64, message: PeerMessage)) {
        var effects = NodeEffects()
        nodes[letter.to].received(
            letter.message,
            from: NodeWorld.ids[letter.from],
            session: letter.session,
            now: now,
            wallTime: 1,
            into: &effects
        ) { _ in .none }
        take(effects, of: letter.to)
    }

    // MARK: Steps

    private mutating func drive(_ host: Int, _ body: (inout RVGMachine, inout Effects) -> Void) {
        var effects = NodeEffects()
        nodes[host].step(now: now, wallTime: 1, into: &effects, body)
        take(effects, of: host)
    }

    private mutating func take(_ effects: NodeEffects, of host: Int) {
        for reply in effects.core.replies where reply.failure == nil { replied.insert(reply.token) }
        for answer in effects.answers { answers[answer.token] = answer.result }
        for task in effects.tasks {
            if holds(host, task.work) { open.append((host, task)) } else { end(task, of: host) }
        }
    }

    private mutating func end(_ task: NodeTask, of host: Int) {
        var effects = NodeEffects()
        let broken = TaskResult.failed(Refusal(.ioError, "dv01", "broken", hint: "mend it"))
        let result = fails(host, task.work) ? broken : result(task.work)
        nodes[host].taskDone(task.id, result, now: now, wallTime: 1, into: &effects)
        take(effects, of: host)
    }

    /// The open task that was begun first ends.
    mutating func endOldestTask() {
        let (host, task) = open.removeFirst()
        end(task, of: host)
    }

    /// A driver indexes and reads without asking again.
    private static func demand(_ ranges: BlockRange...) {
        for range in ranges {
            let isInside = range.length <= 1 << 20 && range.offset <= 1 << 20 - range.length
            precondition(range.volume == 0 && isInside, "\(range)")
        }
    }

    /// All volumes hold zeroes.
    private func result(_ work: NodeTask.Work) -> TaskResult {
        let hash = BlockHash(high: 1, low: 1)
        switch work {
        case .hash(let ranges, _): for range in ranges { NodeWorld.demand(range) }
        case .read(let range, _, _), .compare(let range, _, _, _, _), .write(let range, _, _, _):
            NodeWorld.demand(range)
        case .salvage, .synchronizeVolumes, .readCursor, .probe: break
        }
        switch work {
        case .salvage: return .salvaged(path: "/salvage")
        case .hash(let ranges, _): return .hashes(ranges.map { _ in hash })
        case .read: return .block(bytes: [], hash: hash)
        case .compare: return .differing(differing)
        case .write, .synchronizeVolumes: return .done
        case .readCursor: return .cursor(cursor)
        case .probe(let host, _): return .probed(refused: refusing.contains { NodeWorld.ids[$0] == host })
        }
    }

    private mutating func number() -> UInt64 {
        defer { nextNumber += 1 }
        return nextNumber
    }
}
