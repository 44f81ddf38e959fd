import HomewardAdministration
import HomewardCore

/// The links between the hosts: sessions that come and go, three ordered channels in each.
final class SimulatedNetwork {
    private final class Link {
        var session: UInt64?
        var connecting = false
        /// Partitions that cover it now.
        var blocks = 0
        /// Last arrivals, by direction and channel, so that a channel keeps its order.
        var arrivals = [UInt64](repeating: 0, count: 6)
        /// Which side was told of the session of now.
        var told: [Bool] = [false, false]
    }

    private unowned let world: World
    private var hosts: [SimulatedHost] = []
    private var links: [Link] = []
    private var nextSession: UInt64 = 1

    /// Most messages take no longer.
    private let slowest: UInt64

    init(world: World) {
        self.world = world
        slowest = [500_000, 2_000_000, 30_000_000][world.pick(0...2)]
    }

    func attach(_ hosts: [SimulatedHost]) {
        self.hosts = hosts
        links = hosts.indices.flatMap { _ in hosts.map { _ in Link() } }
    }

    private func link(_ a: Int, _ b: Int) -> Link { links[min(a, b) * hosts.count + max(a, b)] }

    func isConnected(_ a: Int, _ b: Int) -> Bool { link(a, b).session != nil && link(a, b).told == [true, true] }
    /// The session of two hosts that both know of it.
    func session(_ a: Int, _ b: Int) -> UInt64? { isConnected(a, b) ? link(a, b).session : nil }
    func isBlocked(_ a: Int, _ b: Int) -> Bool { link(a, b).blocks > 0 }

    /// Whether the system of a host that can be reached says that nobody listens there.
    func refusesConnections(of peer: HostID, from own: Int) -> Bool {
        guard let other = hosts.firstIndex(where: { $0.id == peer }) else { return false }
        return !isBlocked(own, other) && hosts[other].life == nil
    }

    // MARK: Sessions

    /// Connects whoever can be.
    func connectAll() {
        for a in hosts.indices { for b in hosts.indices where a < b { connect(a, b) } }
    }

    private func connect(_ a: Int, _ b: Int) {
        let link = link(a, b)
        guard link.session == nil, !link.connecting, link.blocks == 0, hosts[a].life != nil, hosts[b].life != nil else {
            return
        }
        link.connecting = true
        world.after(world.milliseconds(1...150)) { [self] in
            link.connecting = false
            guard link.session == nil, link.blocks == 0, let first = hosts[a].life, let second = hosts[b].life else {
                return
            }
            let session = nextSession
            nextSession += 1
            link.session = session
            link.told = [false, false]
            for direction in 0...1 {
                let delay = world.pick(UInt64(10_000)...5_000_000)
                for channel in 0..<3 { link.arrivals[(1 - direction) * 3 + channel] = world.now + delay }
                let (life, peer) = direction == 0 ? (first, hosts[b]) : (second, hosts[a])
                world.after(delay) { [self] in
                    guard link.session == session, life.isCurrent else { return }
                    world.trace("\(life.host.name): session \(session) with \(peer.name)")
                    link.told[direction] = true
                    life.connected(to: peer, session: session)
                }
            }
        }
    }

    /// Ends the session of two hosts; what was under way is lost, and each side learns of it sooner or later.
    func cut(_ a: Int, _ b: Int) {
        let link = link(a, b)
        guard let session = link.session else { return }
        world.trace("cut \(hosts[a].name) \(hosts[b].name)")
        if hosts[a].life != nil, hosts[b].life != nil { world.hit(.cut) }
        link.session = nil
        link.told = [false, false]
        for (side, other) in [(a, b), (b, a)] {
            guard let life = hosts[side].life else { continue }
            let peer = hosts[other]
            let delay = world.chance(80) ? world.milliseconds(0...20) : world.milliseconds(20...world.pick(100...4_000))
            if delay > 20_000_000 { world.hit(.halfOpen) }
            world.after(delay) { if life.isCurrent { life.ended(with: peer, session: session) } }
        }
    }

    func cutAll(_ host: Int) { for other in hosts.indices where other != host { cut(host, other) } }

    func block(_ a: Int, _ b: Int) {
        link(a, b).blocks += 1
        cut(a, b)
    }

    func unblock(_ a: Int, _ b: Int) { link(a, b).blocks = max(0, link(a, b).blocks - 1) }

    func unblockAll() { for link in links { link.blocks = 0 } }

    // MARK: Messages

    /// Sends what a host's lane gave out; it arrives in the order of its channel, or is lost with the session.
    func send(_ message: PeerMessage, from source: Int, to target: HostID, session: UInt64) {
        guard let target = hosts.firstIndex(where: { $0.id == target }) else { return }
        let link = link(source, target)
        guard link.session == session else { return }
        let channel =
            switch message {
            case .contact, .prepare, .vote: 0
            case .replication: 1
            case .sync: 2
            }
        let slot = (source < target ? 0 : 1) * 3 + channel
        let latency = world.chance(97) ? world.pick(50_000...slowest) : world.milliseconds(2...120)
        let arrival = max(world.now + latency, link.arrivals[slot] + 1)
        link.arrivals[slot] = arrival
        let packed = Packet(message, planted: world.planted)
        world.after(arrival - world.now) { [self] in
            guard link.session == session, let life = hosts[target].life else { return }
            do {
                life.received(try packed.unpack(), from: hosts[source], session: session)
            } catch {
                world.found("\(hosts[target].name): a message could not be decoded: \(error)")
            }
        }
    }
}

/// A message on its way: as bytes where it has a format of bytes.
private enum Packet {
    case plain(PeerMessage)
    case replication([UInt8])
    case sync([UInt8])

    init(_ message: PeerMessage, planted: PlantedBug?) {
        switch message {
        case .contact, .prepare, .vote: self = .plain(message)
        case .replication(var message):
            if planted == .applyUnproven { message = Packet.lie(message) }
            var writer = ByteWriter()
            writer.put(message)
            self = .replication(writer.bytes)
        case .sync(let message):
            var writer = ByteWriter()
            writer.put(message)
            self = .sync(writer.bytes)
        }
    }

    private static let allDurable = DurabilityMarks(durable: .never, wanted: .zero)

    private static func lie(_ message: ReplicationMessage) -> ReplicationMessage {
        switch message {
        case .start(let attach, let number, let history, _):
            .start(attach, number: number, history: history, durable: .never)
        case .records(let attach, let epoch, _, let records): .records(attach, epoch: epoch, marks: allDurable, records)
        case .heartbeat(let attach, _, let end, let time):
            .heartbeat(attach, marks: allDurable, end: end, wallTime: time)
        case .report, .acknowledge, .notAttached: message
        }
    }

    func unpack() throws(MalformedBytes) -> PeerMessage {
        switch self {
        case .plain(let message): return message
        case .replication(let bytes):
            var reader = ByteReader(bytes)
            return .replication(try reader.takeValue())
        case .sync(let bytes):
            var reader = ByteReader(bytes)
            return .sync(try reader.takeValue())
        }
    }
}
