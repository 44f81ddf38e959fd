import CPlatform
import Glibc
import HomewardAdministration
import HomewardCore
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The control door of a host: requests as HTTP/JSON on a Unix socket.
///
/// `POST /v1/request` answers with lines of JSON (`application/x-ndjson`) while the request is carried out; the
/// connection is the request: when the client goes away, the request is cancelled. `GET /v1/health` names the host and
/// its process.
///
/// The socket has mode 0600; its folder is made with mode 0700 when missing. A living socket of the same path is
/// replaced without a word, so the caller holds the lock of the host directory first.
public struct ControlServer: Service {
    /// The largest body that is read.
    static let bodyLimit = 1 << 20

    private let socketPath: String
    private let handler: any RequestHandler
    private let logger: Logger
    private let keepAlive: Duration
    private let onBound: @Sendable () async -> Void

    /// - Parameters:
    ///   - socketPath: Absolute, at most 107 bytes.
    ///   - handler: Carries the requests out; called from many tasks at once.
    ///   - logger: Told of what goes wrong with connections.
    ///   - onBound: Called once, when clients can connect.
    public init(
        socketPath: String,
        handler: any RequestHandler,
        logger: Logger,
        onBound: @escaping @Sendable () async -> Void = {}
    ) {
        self.init(
            socketPath: socketPath,
            handler: handler,
            logger: logger,
            keepAlive: .seconds(5),
            onBound: onBound
        )
    }

    package init(
        socketPath: String,
        handler: any RequestHandler,
        logger: Logger,
        keepAlive: Duration,
        onBound: @escaping @Sendable () async -> Void
    ) {
        self.socketPath = socketPath
        self.handler = handler
        self.logger = logger
        self.keepAlive = keepAlive
        self.onBound = onBound
    }

    /// Serves until the task is cancelled or its service group shuts down.
    ///
    /// Then no connection is accepted any more, requests that run have a second to answer, and the socket's file is
    /// removed, unless another stands there by now. What runs is not cancelled by that: it belongs to the handler.
    /// - Throws: ``Refusal`` when the socket cannot be bound.
    public func run() async throws {
        try SocketPath.check(socketPath)
        try makeFolder()
        let running = RunningRequests()
        let file = SocketFile(socketPath)
        let application = Application(
            router: router(running),
            configuration: ApplicationConfiguration(
                address: .unixDomainSocket(path: socketPath),
                serverName: "homeward"
            ),
            onServerRunning: { [socketPath, onBound] _ in
                file.note()
                _ = chmod(socketPath, 0o600)
                await onBound()
            },
            logger: quiet(logger)
        )
        let group = ServiceGroup(services: [application], logger: quiet(logger))
        defer { file.remove() }
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    // A task of its own: cancelling Hummingbird itself would cut answers off in the middle.
                    try await Task { try await group.run() }.value
                } onGracefulShutdown: {
                    Task { await running.close() }
                }
            } onCancel: {
                Task { await running.close() }
                Task { await group.triggerGracefulShutdown() }
            }
        } catch let error as IOError {
            throw Refusal(
                .ioError,
                socketPath,
                "cannot bind the socket: \(error)",
                hint: "see that its folder can be written"
            )
        } catch let error as ServiceGroupError where Task.isCancelled {
            logger.debug("cancelled before it was bound", metadata: ["error": "\(error)"])
        }
    }

    private func router(_ running: RunningRequests) -> Router<BasicRequestContext> {
        let router = Router()
        router.post("/v1/request") { [handler, keepAlive] request, _ in
            await ControlExchange(handler: handler, running: running, keepAlive: keepAlive).response(to: request)
        }
        router.post("/v1/cancel") { [handler, keepAlive] request, _ in
            await ControlExchange(handler: handler, running: running, keepAlive: keepAlive).cancel(request)
        }
        router.get("/v1/health") { [handler] _, _ in
            await ControlExchange.health(of: handler)
        }
        return router
    }

    private func makeFolder() throws {
        guard let slash = socketPath.lastIndex(of: "/"), slash != socketPath.startIndex else { return }
        let folder = String(socketPath[..<slash])
        guard mkdir(folder, 0o700) != 0, errno != EEXIST else { return }
        throw Refusal(
            .ioError,
            socketPath,
            "cannot make the folder of the socket: \(String(cString: strerror(errno)))",
            hint: "make \(folder) with mode 0700"
        )
    }

    /// Hummingbird tells every start and stop at the level `info`; here that is a detail.
    private func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}

/// The file of a server's socket: where the folder was replaced, another daemon's stands at its path by now.
private final class SocketFile: Sendable {
    private let path: String
    private let identity = Mutex<(device: UInt64, inode: UInt64)?>(nil)

    init(_ path: String) { self.path = path }

    /// To be called when it is bound.
    func note() {
        var made: (device: UInt64, inode: UInt64) = (0, 0)
        guard homeward_path_identity(path, &made.device, &made.inode) == 0 else { return }
        identity.withLock { [made] in $0 = made }
    }

    func remove() {
        guard let made = identity.withLock({ $0 }) else { return }
        _ = homeward_unlink_same(path, made.device, made.inode)
    }
}
