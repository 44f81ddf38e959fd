import HomewardAdministration
import HomewardCore

/// The links between the hosts: sessions that come and go, three ordered channels in each.
final class SimulatedNetwork {
    private final class Link {
        var session: UInt64?
        var connecting = false
        /// Partitions that cover it now.
        var blocks = 0
        /// Directions in which nothing arrives now, and what waits there to arrive.
        var muted = [false, false]
        var held: [() -> Void] = []
        /// The session before, and until when each direction still brings what was under way on it.
        var last: (session: UInt64, until: [UInt64]) = (0, [0, 0])
        /// Last arrivals, by direction and channel, so that a channel keeps its order.
        var arrivals = [UInt64](repeating: 0, count: 6)
        /// Which side was told of the session of now.
        var told: [Bool] = [false, false]
    }

    private unowned let world: World
    private var hosts: [SimulatedHost] = []
    private var links: [Link] = []
    private var nextSession: UInt64 = 1

    /// Frames until something happens at one.
    private var frameFuse: (left: Int, action: (Int, Int) -> Void)?

    /// Decides which frames come long after their connection, so that nothing else depends on it.
    private var strays: Dice

    /// Most messages take no longer.
    private let slowest: UInt64

    init(world: World) {
        self.world = world
        strays = Dice(seed: world.seed &* 0xD1B5_4A32_D192_ED03 ^ 0xABC9_8388_FB8F_AC03)
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
    /// The session with another that a host was told of; the other may hear of it a moment later.
    func session(toldTo own: Int, with other: Int) -> UInt64? {
        link(own, other).told[own < other ? 0 : 1] ? link(own, other).session : nil
    }
    func isBlocked(_ a: Int, _ b: Int) -> Bool { link(a, b).blocks > 0 }

    /// Whether the system of a host that can be reached says that nobody listens there.
    func refusesConnections(of peer: HostID, from own: Int) -> Bool {
        guard let other = hosts.firstIndex(where: { $0.id == peer }) else { return false }
        return !isBlocked(own, other) && !hosts[other].isRunning
    }

    // MARK: Sessions

    /// Connects whoever can be.
    func connectAll() {
        for a in hosts.indices { for b in hosts.indices where a < b { connect(a, b) } }
    }

    private func connect(_ a: Int, _ b: Int) {
        let link = link(a, b)
        guard link.session == nil, !link.connecting, link.blocks == 0, link.muted == [false, false],
            hosts[a].isRunning, hosts[b].isRunning, !hosts[a].isPaused, !hosts[b].isPaused
        else { return }
        link.connecting = true
        world.after(world.milliseconds(1...150)) { [self] in
            link.connecting = false
            guard link.session == nil, link.blocks == 0, hosts[a].isRunning, hosts[b].isRunning else { return }
            begin(link, hosts[a], hosts[b]) { world.pick(10_000...5_000_000) }
        }
    }

    /// A connection is over: what had left on it may still be read for a moment at the other end.
    private func retire(_ link: Link) {
        guard let session = link.session else { return }
        let until = [0, 1].map { direction in
            let arrives = world.weather.strikes(.lateFrame, onceIn: 3)
            let end = arrives ? world.now + world.weather.dice.pick(0...80_000_000) : 0
            // Where a frame is lost nothing behind it arrives on the same connection.
            return link.muted[direction] ? 0 : end
        }
        link.last = (session, until)
        link.session = nil
        link.told = [false, false]
        link.held = []
    }

    private func begin(_ link: Link, _ first: SimulatedHost, _ second: SimulatedHost, delay: () -> UInt64) {
        let session = nextSession
        nextSession += 1
        link.session = session
        link.told = [false, false]
        for direction in 0...1 {
            let delay = delay()
            for channel in 0..<3 { link.arrivals[(1 - direction) * 3 + channel] = world.now + delay }
            let (host, peer) = direction == 0 ? (first, second) : (second, first)
            let process = host.starts
            world.after(delay) { [self] in
                host.whenAwake { [self] in
                    guard link.session == session, host.isCurrent(process) else { return }
                    world.trace("\(host.name): session \(session) with \(peer.name)")
                    link.told[direction] = true
                    host.connected(to: peer, session: session)
                }
            }
        }
    }

    /// A second connection comes up while the first still does; what was under way on that one may still arrive.
    func duplicate(_ a: Int, _ b: Int) {
        let link = link(a, b)
        let (first, second) = (hosts[min(a, b)], hosts[max(a, b)])
        guard isConnected(a, b), link.muted == [false, false], first.isRunning, second.isRunning, !first.isPaused,
            !second.isPaused
        else { return }
        world.hit(.duplicateConnection)
        world.trace("another connection of \(hosts[a].name) and \(hosts[b].name)")
        retire(link)
        begin(link, first, second) { world.weather.dice.pick(10_000...5_000_000) }
    }

    /// Ends the session of two hosts; what was under way is lost, and each side learns of it sooner or later.
    func cut(_ a: Int, _ b: Int) {
        let link = link(a, b)
        guard let session = link.session else { return }
        world.trace("cut \(hosts[a].name) \(hosts[b].name)")
        if hosts[a].isRunning, hosts[b].isRunning { world.hit(.cut) }
        retire(link)
        for (side, other) in [(a, b), (b, a)] {
            let (host, peer) = (hosts[side], hosts[other])
            guard host.isRunning else { continue }
            let process = host.starts
            let delay = world.chance(80) ? world.milliseconds(0...20) : world.milliseconds(20...world.pick(100...4_000))
            if delay > 20_000_000 { world.hit(.halfOpen) }
            world.after(delay) {
                host.whenAwake { if host.isCurrent(process) { host.ended(with: peer, session: session) } }
            }
        }
    }

    func cutAll(_ host: Int) { for other in hosts.indices where other != host { cut(host, other) } }

    func block(_ a: Int, _ b: Int) {
        link(a, b).blocks += 1
        cut(a, b)
    }

    func unblock(_ a: Int, _ b: Int) { link(a, b).blocks = max(0, link(a, b).blocks - 1) }

    func unblockAll() {
        for link in links { link.blocks = 0 }
        for a in hosts.indices { for b in hosts.indices where a < b { for way in 0...1 { unmute(a, b, way) } } }
    }

    /// From now on nothing arrives in one direction, 0: from the first of two hosts, until it does again.
    ///
    /// The connection ends when its keepalive has not been answered for long enough.
    func mute(_ a: Int, _ b: Int, _ direction: Int) {
        let link = link(a, b)
        guard a < b, isConnected(a, b), link.muted == [false, false] else { return }
        let session = link.session
        link.muted[direction] = true
        world.hit(.oneWayPartition)
        let (from, to) = direction == 0 ? (a, b) : (b, a)
        world.trace("nothing of \(hosts[from].name) arrives at \(hosts[to].name) any more")
        world.disasters += 1
        world.after(world.weather.dice.milliseconds(1_200...2_500)) { [self] in
            if link.muted[direction], link.session == session { cut(a, b) }
        }
    }

    func unmute(_ a: Int, _ b: Int, _ direction: Int) {
        let link = link(a, b)
        guard link.muted[direction] else { return }
        link.muted[direction] = false
        world.trace("\(hosts[a].name) and \(hosts[b].name) hear each other again")
        let held = link.held
        link.held = []
        for deliver in held { deliver() }
    }

    /// Something happens at a frame that is sent soon, to its sender and its receiver.
    func light(frames: Int, _ action: @escaping (Int, Int) -> Void) { frameFuse = (frames, action) }

    private func burn(_ source: Int, _ target: Int) {
        guard let fuse = frameFuse else { return }
        frameFuse = fuse.left > 0 ? (fuse.left - 1, fuse.action) : nil
        // A moment later: whatever sends it is in the middle of a step.
        if fuse.left == 0 { world.after(1) { fuse.action(source, target) } }
    }

    // MARK: Messages

    /// Sends what a lane of an RVG gave out; it arrives in the order of its channel, which all RVGs of the two hosts share,
    /// or is lost with the session.
    func send(_ message: PeerMessage, of rvg: RVGID, from source: Int, to target: HostID, session: UInt64) {
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
        let epochs = epochs(rvg, source, target)
        let host = hosts[target]
        let process = host.isRunning ? host.starts : 0
        world.after(arrival - world.now) { [self] in
            let direction = source < target ? 0 : 1
            let deliver = { [self] in
                guard host.isCurrent(process) else { return }
                let isLate = link.last.session == session && world.now <= link.last.until[direction]
                guard link.session == session || isLate else {
                    return stray(packed, of: rvg, to: host, process, from: source, session: session, epochs)
                }
                if isLate, self.epochs(rvg, source, target) != epochs {
                    world.coverage.count("a late frame crossed a change of epoch")
                }
                hand(packed, of: rvg, to: host, from: source, session: session, late: isLate)
            }
            if link.muted[direction], link.session == session { link.held.append(deliver) } else { deliver() }
        }
        burn(source, target)
    }

    /// A frame of a connection that is over comes much later, to a host that has given that connection up.
    private func stray(
        _ packet: Packet,
        of rvg: RVGID,
        to host: SimulatedHost,
        _ process: Int,
        from source: Int,
        session: UInt64,
        _ epochs: [EpochID?]
    ) {
        guard world.weather.isWide, !world.weather.isOver, strays.chance(8) else { return }
        world.after(strays.milliseconds(100...3_000)) { [self] in
            guard host.isCurrent(process), let life = host.rvgs.first(where: { $0.rvg == rvg })?.life,
                life.node.machine.peer(hosts[source].id)?.session != session
            else { return }
            if self.epochs(rvg, source, host.index) != epochs {
                world.coverage.count("a late frame crossed a change of epoch")
            }
            hand(packet, of: rvg, to: host, from: source, session: session, late: true)
        }
    }

    /// The newest epochs of both ends, as they are on their disks.
    private func epochs(_ rvg: RVGID, _ source: Int, _ target: Int) -> [EpochID?] {
        [source, target].map { end in
            hosts[end].rvgs.first { $0.rvg == rvg }?.persisted?.lineage.history.current?.id
        }
    }

    /// Does something at another host behind all that was sent there before on the first channel, if the session lasts.
    func tell(from source: Int, to target: Int, session: UInt64, _ action: @escaping () -> Void) {
        let link = link(source, target)
        guard link.session == session else { return }
        let slot = (source < target ? 0 : 1) * 3
        let arrival = max(world.now + 50_000, link.arrivals[slot] + 1)
        link.arrivals[slot] = arrival
        let host = hosts[target]
        let process = host.starts
        world.after(arrival - world.now) {
            host.whenAwake { if link.session == session, host.isCurrent(process) { action() } }
        }
    }

    private func hand(
        _ packet: Packet,
        of rvg: RVGID,
        to host: SimulatedHost,
        from source: Int,
        session: UInt64,
        late: Bool
    ) {
        if late { world.hit(.lateFrame) }
        let process = host.starts
        do {
            let message = try packet.unpack()
            host.whenAwake { [self] in
                guard host.isCurrent(process) else { return }
                host.received(message, for: rvg, from: hosts[source], session: session)
            }
        } catch {
            world.found("\(host.name): a message could not be decoded: \(error)")
        }
    }
}
