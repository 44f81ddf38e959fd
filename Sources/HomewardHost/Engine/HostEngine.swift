import CPlatform
import Glibc
import HomewardAdministration
import HomewardCore
import HomewardStorage
import HomewardThreads
import HomewardWire
import Logging

/// Where a host lives and whom it knows: what `host.lua` says.
public struct HostSettings: Sendable {
    public var name: String
    public var directory: String
    public var listen: String
    /// Address by name.
    public var peers: [String: String]
    /// Sizes and times; the defaults but in tests.
    public var limits: Limits
    /// Smallest log volume; VVR's 110 MB but in tests.
    public var minimumLog: UInt64

    public init(
        name: String,
        directory: String,
        listen: String,
        peers: [String: String],
        limits: Limits = Limits(),
        minimumLog: UInt64 = 110 << 20
    ) {
        self.name = name
        self.directory = directory
        self.listen = listen
        self.peers = peers
        self.limits = limits
        self.minimumLog = minimumLog
    }
}

/// One host, whole: its catalog, volumes, RVGs and peers, behind requests (``RequestHandler``) and sessions
/// (``VolumeService``).
///
/// The daemon runs one; tests run several in one process.
public final class HostEngine: Sendable {
    struct State {
        var catalog: Catalog
        var devices: [String: any BlockDevice] = [:]
        var runtimes: [RVGID: RVGRuntime] = [:]
        /// RVGs whose logs are being formatted, or whose threads still end: the catalog does not have them, and what they are
        /// made of is taken.
        var making: [Catalog.ReplicatedVolumeGroup] = []
        /// RVGs of the catalog that could not be opened when the daemon started.
        var unopened: [RVGID: Refusal] = [:]
        /// Volumes of the catalog that could not be opened then.
        var unopenedVolumes: [String: Refusal] = [:]
        var plainSessions: [UInt64: PlainHolder] = [:]
        var nextSession: UInt64 = 1
        var peers: [String: KnownPeer] = [:]
        var calls: [UInt64: PendingCall] = [:]
        var served: [ServedCall: Served] = [:]
        var nextCall: UInt64 = 1
        var stopping = false
        var startedAt = HostClock.now
    }

    struct PlainHolder {
        var volume: String
        var holder: SessionHolder
    }

    struct KnownPeer {
        var session: PeerSession
        var host: HostID
        var greeted: Bool
    }

    public let settings: HostSettings
    public let directory: HostDirectory
    public let id: HostID
    let store: any CatalogStore
    let network: PeerNetwork
    let pool: TaskPool
    let threads: ThreadSource
    let logger: Logger
    let state: Monitor<State>
    /// What stands between the engine and the file of a volume: nothing but in tests.
    let wrapping: @Sendable (FileDevice) -> any BlockDevice
    /// Held while a volume is made: of two commands for one the second finds it made, and not its file open or half there.
    let volumeMaker = Monitor(())
    private let ticker = Monitor<LaneThread?>(nil)
    private let onShutDown = Monitor<(@Sendable () -> Void)?>(nil)

    /// Takes the directory's lock and reads the catalog.
    ///
    /// Nothing is opened or bound before ``start()``.
    /// - Throws: `host-directory-locked`, `socket-path-too-long`, `bad-format`, `io-error`, `limit-reached`.
    public convenience init(settings: HostSettings, logger: Logger) throws(Refusal) {
        try self.init(settings: settings, logger: logger) { $0 }
    }

    package init(
        settings: HostSettings,
        logger: Logger,
        threads: ThreadSource = .system,
        wrapping: @escaping @Sendable (FileDevice) -> any BlockDevice
    ) throws(Refusal) {
        self.settings = settings
        self.logger = logger
        self.threads = threads
        self.wrapping = wrapping
        directory = try HostDirectory(path: settings.directory)
        let store = try SQLiteCatalog(path: directory.catalogPath)
        self.store = store
        let catalog = try store.load()
        id = catalog.host
        network = PeerNetwork(
            identity: catalog.host,
            name: settings.name,
            listen: settings.listen,
            peers: settings.peers,
            blocked: catalog.blockedPeers,
            logger: logger
        )
        pool = try TaskPool(processors: sysconf(Int32(_SC_NPROCESSORS_ONLN)), threads: threads)
        state = Monitor(State(catalog: catalog))
    }

    /// Opens volumes, recovers every RVG, and begins to meet peers.
    ///
    /// An RVG or a volume that cannot be opened does not keep the others from serving: it is logged and refuses by name.
    /// - Throws: `not-loopback`, `bad-configuration`, `io-error` when the network cannot be had, `limit-reached`. The host
    ///   has been stopped then, and is started as another object.
    public func start() async throws {
        let catalog = state.withLock { $0.catalog }
        for volume in catalog.volumes {
            do throws(Refusal) {
                let device = try openVolume(volume)
                let isLog = catalog.rvgs.contains { $0.diskGroup == volume.diskGroup && $0.log == volume.name }
                if !isLog { device.forgetCleanPages() }
                state.withLock { $0.devices[HostEngine.key(volume.diskGroup, volume.name)] = wrapping(device) }
            } catch {
                state.withLock { $0.unopenedVolumes[HostEngine.key(volume.diskGroup, volume.name)] = error }
                logger.error("volume cannot be opened", metadata: ["reason": "\(error)"])
            }
        }
        for record in catalog.rvgs {
            do throws(Refusal) { try open(record) } catch {
                state.withLock { $0.unopened[record.id] = error }
                logger.error("RVG cannot be opened", metadata: ["reason": "\(error)"])
            }
        }
        do {
            try await network.start(events: self)
            let lane = try LaneThread(name: "ticker", from: threads) { [weak self] in
                self?.tick()
                return 50
            }
            lane.begin()
            ticker.withLock { $0 = lane }
        } catch {
            // Files, locks and threads of what was opened are let go of.
            await stop()
            throw error
        }
    }

    /// Opens a volume that must still be what the catalog says.
    ///
    /// The length of a log says where in the file each record lies: one that was truncated or has grown would be read at
    /// the wrong places, and what was durable taken for nothing.
    private func openVolume(_ volume: Catalog.Volume) throws(Refusal) -> FileDevice {
        let device = try FileDevice.open(path: volume.path)
        guard device.size == volume.size, device.isBlockDevice == volume.isDevice else {
            throw refusal(
                .volumeMismatch,
                HostEngine.key(volume.diskGroup, volume.name),
                "\(volume.path) is a \(device.isBlockDevice ? "block device" : "file") of \(device.size) bytes, and the "
                    + "volume was made as a \(volume.isDevice ? "block device" : "file") of \(volume.size)",
                hint: "nothing of it was read or changed: put its \(volume.size) bytes back from a copy"
            )
        }
        return device
    }

    static func key(_ diskGroup: String, _ volume: String) -> String { "\(diskGroup)/\(volume)" }

    private func open(_ record: Catalog.ReplicatedVolumeGroup) throws(Refusal) { begin(try recover(record)) }

    /// Recovers the log of an RVG and makes its threads; nobody hears of it, and nothing runs, before ``begin(_:)``.
    ///
    /// It is to be begun or stopped.
    func recover(_ record: Catalog.ReplicatedVolumeGroup) throws(Refusal) -> RVGRuntime {
        let devices = try record.volumes.map { name throws(Refusal) in try device(record.diskGroup, name) }
        let runtime = try RVGRuntime(
            record: record,
            host: id,
            hostName: settings.name,
            devices: devices,
            log: try device(record.diskGroup, record.log),
            limits: settings.limits,
            salvageFolder: directory.salvagePath,
            network: network,
            pool: pool,
            threads: threads,
            logger: logger
        )
        try runtime.prepare()
        return runtime
    }

    /// Lets an RVG of the catalog run and meet the peers that are there.
    func begin(_ runtime: RVGRuntime) {
        runtime.start()
        let peers = state.withLock { state in
            state.runtimes[runtime.id] = runtime
            return state.peers.values.filter(\.greeted)
        }
        for peer in peers { runtime.peerConnected(peer.session, host: peer.host, name: peer.session.peer) }
    }

    func device(_ diskGroup: String, _ name: String) throws(Refusal) -> any BlockDevice {
        let key = HostEngine.key(diskGroup, name)
        let (device, reason) = state.withLock { ($0.devices[key], $0.unopenedVolumes[key]) }
        if let device { return device }
        throw reason
            ?? refusal(.unknownVolume, key, "there is no such volume", hint: "homeward vol list")
    }

    func refusal(_ code: RefusalCode, _ object: String, _ message: String, hint: String) -> Refusal {
        Refusal(code, object, message, hint: hint, host: settings.name)
    }

    package var runtimes: [RVGRuntime] {
        state.withLock { state in state.catalog.rvgs.compactMap { state.runtimes[$0.id] } }
    }

    private func tick() {
        for runtime in runtimes { runtime.tick() }
        if !directory.stillExists() {
            logger.error("the host directory has vanished; the daemon ends", metadata: ["path": "\(directory.path)"])
            requestShutDown()
        }
    }

    // MARK: The end

    /// Called once when a request, or the loss of the directory, asks the daemon to end.
    public func whenAskedToStop(_ body: @escaping @Sendable () -> Void) { onShutDown.withLock { $0 = body } }

    func requestShutDown() {
        let body = onShutDown.withLock { body in
            defer { body = nil }
            return body
        }
        body?()
    }

    /// To run while the data door closes, and be cancelled when it has: after some seconds of patience requests that still
    /// wait, for room or for a Secondary, are refused, so that their sessions can end.
    public func refuseWaiting(afterMilliseconds patience: UInt64 = 4_000) async {
        do {
            try await HostClock.sleep(milliseconds: patience)
            while true {
                for runtime in runtimes { runtime.refuseWaiting() }
                try await HostClock.sleep(milliseconds: 100)
            }
        } catch {
            // The door has closed.
        }
    }

    /// Ends in order: everything logged is applied, the headers say "clean", then threads and sockets go.
    ///
    /// The data door must have closed its sessions before.
    public func stop() async {
        state.withLock { $0.stopping = true }
        for runtime in runtimes { await runtime.rest(.prepareShutdown, withinMilliseconds: 8_000) }
        ticker.withLock { lane in
            defer { lane = nil }
            return lane
        }?.stop()
        await network.stop()
        // Nobody else gets the volumes of a daemon that ends before its process has ended.
        for runtime in runtimes { runtime.stop(patience: 4_000) }
        pool.stop()
        state.withLock { state in
            state.runtimes = [:]
            state.devices = [:]
        }
    }
}

extension RVGRuntime {
    /// Asks that the RVG come to rest and waits for it, for a while: a device that hangs must not keep the daemon.
    ///
    /// That its task is cancelled does not end the wait, unless `isTakenBack` says so.
    /// - Parameters:
    ///   - request: How: for the daemon's end, or a removal.
    ///   - bound: Milliseconds.
    ///   - isTakenBack: Asked at each look, of which there are some in a second.
    /// - Returns: what it answered; nil when it did not come to rest in that time, or the request was taken back.
    @discardableResult
    package func rest(
        _ request: RVGRequest,
        withinMilliseconds bound: UInt64,
        unless isTakenBack: () -> Bool = { false }
    ) async -> Result<RVGAnswer, Refusal>? {
        let done = Monitor<Result<RVGAnswer, Refusal>?>(nil)
        ask(request) { answer in
            done.withLock { $0 = answer }
        }
        let deadline = HostClock.now.advanced(byMilliseconds: bound)
        while done.withLock({ $0 == nil }), HostClock.now < deadline, !isTakenBack() {
            await HostClock.pause(milliseconds: 10)
        }
        let answer = done.withLock { $0 }
        if case .failure? = answer { return answer }
        while state.withLock({ !$0.node.machine.isSettledOnDisk && $0.node.machine.failure == nil }),
            HostClock.now < deadline, !isTakenBack()
        {
            await HostClock.pause(milliseconds: 10)
        }
        return answer
    }

    /// Begins a request; `answer` comes once, from any thread.
    ///
    /// The token cancels it.
    @discardableResult
    func ask(_ request: RVGRequest, answer: @escaping @Sendable (Result<RVGAnswer, Refusal>) -> Void) -> UInt64 {
        step { state, effects in
            let token = state.nextToken
            state.nextToken += 1
            state.answers[token] = answer
            guard !state.stopped else {
                effects.answers.append((token, .failure(hasLeft)))
                return token
            }
            state.node.request(request, token: token, now: HostClock.now, wallTime: HostClock.wall, into: &effects)
            return token
        }
    }

    /// Carries a request out; cancelling the task cancels what can be cancelled.
    ///
    /// Where its asker is gone instead, it goes on, and nobody is known to wait for it.
    package func perform(
        _ request: RVGRequest,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> RVGAnswer {
        let asker = Asker.current
        let box = Monitor<UInt64?>(nil)
        let ticker = Task { [self] in
            while !Task.isCancelled {
                try await HostClock.sleep(milliseconds: 500)
                guard let token = box.withLock({ $0 }) else { continue }
                let reports = state.withLock { $0.node.progress(token: token, now: HostClock.now) }
                for report in reports { progress(report) }
            }
        }
        defer { ticker.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let token = ask(request) { result in continuation.resume(with: result) }
                box.withLock { $0 = token }
                if Task.isCancelled { cancel(token, asker) }
            }
        } onCancel: {
            if let token = box.withLock({ $0 }) { cancel(token, asker) }
        }
    }

    private func cancel(_ token: UInt64, _ asker: Asker?) {
        step { state, effects in
            if asker?.isGone == true {
                state.node.forget(token: token, into: &effects)
            } else {
                state.node.cancel(token: token, now: HostClock.now, wallTime: HostClock.wall, into: &effects)
            }
        }
    }
}
