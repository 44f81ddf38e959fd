import CPlatform
import Glibc
import HomewardCore
import HomewardThreads
import Logging

/// The data door of a host: NBD (fixed newstyle, simple replies) on a Unix socket.
///
/// Each connection is one thread and one open session. ``start()`` and ``stop()`` may be called from any thread, each
/// once. Errors of a client end its connection and nothing else.
///
/// `@unchecked`: everything mutable is guarded by the monitor.
public final class NBDServer: @unchecked Sendable {
    public let socketPath: String
    private let service: any VolumeService
    private let logger: Logger
    private let pool = PayloadPool()
    private let monitor = homeward_monitor_create()
    private var listener: Int32 = -1
    /// The socket's file, as this server made it.
    private var file: (device: UInt64, inode: UInt64) = (0, 0)
    private var isAccepting = false
    private var isStopping = false
    /// Sockets of living connections.
    ///
    /// One is closed only after it was taken from here.
    private var connections: Set<Int32> = []
    /// How long a client that does not read may hold up ``stop()`` before it is cut off.
    private static let patience: UInt64 = 2_000_000_000
    private let handshakeSeconds: Int

    public convenience init(socketPath: String, service: any VolumeService, logger: Logger) {
        self.init(
            socketPath: socketPath,
            service: service,
            logger: logger,
            handshakeSeconds: NBDLimits.handshakeSeconds
        )
    }

    /// With another patience for clients that have not chosen an export, in seconds.
    package init(socketPath: String, service: any VolumeService, logger: Logger, handshakeSeconds: Int) {
        self.socketPath = socketPath
        self.service = service
        self.logger = logger
        self.handshakeSeconds = handshakeSeconds
    }

    deinit { homeward_monitor_destroy(monitor) }

    private func locked<Result>(_ body: () -> Result) -> Result {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        return body()
    }

    /// Listens.
    ///
    /// On return clients can connect; a socket file that was there is replaced, so the caller holds the lock of the
    /// host directory. - Throws: `socket-path-too-long`, `io-error`.
    public func start() throws(Refusal) {
        let limit = Int(homeward_unix_path_limit())
        guard socketPath.utf8.count <= limit else {
            throw Refusal(
                .socketPathTooLong,
                socketPath,
                "the socket's path has \(socketPath.utf8.count) bytes, and the system allows \(limit)",
                hint: "use a host directory with a shorter path"
            )
        }
        let descriptor = homeward_listen_unix(socketPath, 128)
        guard descriptor >= 0 else { throw refusal("listening on the socket failed: \(systemText(descriptor))") }
        var made: (device: UInt64, inode: UInt64) = (0, 0)
        _ = homeward_path_identity(socketPath, &made.device, &made.inode)
        locked {
            listener = descriptor
            file = made
            isAccepting = true
        }
        let code = startThread("nbd-accept") { self.accept(descriptor) }
        guard code == 0 else {
            locked {
                listener = -1
                isAccepting = false
            }
            _ = homeward_close(descriptor)
            throw refusal("starting a thread failed: \(systemText(code))")
        }
    }

    private func refusal(_ message: String) -> Refusal {
        Refusal(.ioError, socketPath, message, hint: "see that the folder exists and is writable")
    }

    /// Stops listening and ends every connection: requests that have arrived are still carried out and replied to.
    ///
    /// Returns when all sessions are closed. A second call does nothing.
    public func stop() {
        let descriptor = locked { () -> Int32 in
            isStopping = true
            defer { listener = -1 }
            return listener
        }
        guard descriptor >= 0 else { return }
        // Wakes the accepting thread, which then touches the listener no more.
        _ = homeward_shutdown(descriptor)
        homeward_monitor_lock(monitor)
        while isAccepting { _ = homeward_monitor_wait(monitor, .max) }
        // Reading ends; replies still go out.
        for connection in connections { _ = shutdown(connection, Int32(SHUT_RD)) }
        let limit = homeward_monotonic_nanoseconds() + Self.patience
        while !connections.isEmpty {
            let now = homeward_monotonic_nanoseconds()
            if now >= limit { break }
            _ = homeward_monitor_wait(monitor, limit - now)
        }
        for connection in connections { _ = homeward_shutdown(connection) }
        while !connections.isEmpty { _ = homeward_monitor_wait(monitor, .max) }
        let own = file
        homeward_monitor_unlock(monitor)
        // Where the host directory was replaced, another daemon serves there by now. Its file cannot have the same inode as
        // long as the descriptor holds ours.
        _ = homeward_unlink_same(socketPath, own.device, own.inode)
        _ = homeward_close(descriptor)
    }

    /// Connections at this moment.
    package var connectionCount: Int { locked { connections.count } }

    /// Payload memory that connections hold at this moment.
    package var lentBytes: Int { pool.lentBytes }

    private func accept(_ listener: Int32) {
        while !locked({ isStopping }) {
            let descriptor = homeward_accept(listener)
            guard descriptor >= 0 else {
                if locked({ isStopping }) { break }
                logger.warning("accepting a connection failed", metadata: ["error": "\(systemText(descriptor))"])
                // Without descriptors or memory: others have to end first.
                usleep(100_000)
                continue
            }
            admit(descriptor)
        }
        locked {
            isAccepting = false
            homeward_monitor_wake_all(monitor)
        }
    }

    private func admit(_ descriptor: Int32) {
        let isAdmitted = locked { () -> Bool in
            guard !isStopping, connections.count < NBDLimits.connections else { return false }
            connections.insert(descriptor)
            return true
        }
        guard isAdmitted else {
            logger.warning("a connection was turned away", metadata: ["limit": "\(NBDLimits.connections)"])
            _ = homeward_close(descriptor)
            return
        }
        let code = startThread("nbd-connection") { self.serve(descriptor) }
        guard code != 0 else { return }
        logger.warning("starting a thread failed", metadata: ["error": "\(systemText(code))"])
        forget(descriptor)
    }

    private func serve(_ descriptor: Int32) {
        let door = ExportDoor(service: service, holder: Self.holder(of: descriptor))
        setPatience(descriptor, milliseconds: handshakeSeconds * 1000)
        if let session = ServerHandshake(descriptor: descriptor, door: door).run() {
            // With a volume open a client may be silent for as long as it likes.
            setPatience(descriptor, milliseconds: 0)
            Transmission(descriptor: descriptor, session: session, pool: pool, logger: logger).run()
        }
        forget(descriptor)
    }

    private func forget(_ descriptor: Int32) {
        locked {
            connections.remove(descriptor)
            _ = homeward_close(descriptor)
            homeward_monitor_wake_all(monitor)
        }
    }

    private static func holder(of descriptor: Int32) -> SessionHolder {
        let process = homeward_peer_pid(descriptor)
        // Zero is a process of another PID namespace.
        guard process > 0 else { return SessionHolder(process: nil, label: "nbd: unknown process") }
        return SessionHolder(process: process, label: "nbd: \(processName(process) ?? "unknown") (pid \(process))")
    }
}
