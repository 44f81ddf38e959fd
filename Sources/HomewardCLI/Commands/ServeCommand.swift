import ArgumentParser
import Foundation
import HomewardControl
import HomewardCore
import HomewardHost
import HomewardNBD
import HomewardStorage
import Logging
import ServiceLifecycle
import UnixSignals

/// `homeward serve`: the daemon of one host.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "The daemon of one host.",
        discussion: "Ends in order on SIGTERM and SIGINT: sessions are closed, the log is applied, the header says so."
    )

    @Option(help: "The host's configuration: a Lua file that returns a table.")
    var config: String

    @Flag(help: "Print why it did not start, or did not go on, in a machine-readable form.")
    var json = false

    func run() async throws {
        let configuration = try HostConfiguration(path: config)
        var logger = Logger(label: "homeward") { StreamLogHandler.standardError(label: $0) }
        logger[metadataKey: "host"] = "\(configuration.name)"
        let settings = HostSettings(
            name: configuration.name,
            directory: configuration.directory,
            listen: configuration.listen,
            peers: configuration.peers
        )
        try DescriptorLimit.raise(for: configuration.name)
        let engine = try HostEngine(settings: settings, logger: logger)
        try await engine.start()
        let data = NBDServer(socketPath: engine.directory.dataSocketPath, service: engine, logger: logger)
        do {
            try data.start()
        } catch {
            // The RVGs may have opened meanwhile: without this it would be an unclean stop, and cost an epoch each time.
            await engine.stop()
            throw error
        }
        logger.notice("serving", metadata: ["directory": "\(engine.directory.path)"])

        let control = ControlServer(
            socketPath: engine.directory.controlSocketPath,
            handler: engine,
            logger: logger
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: control, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        engine.whenAskedToStop { Task { await group.triggerGracefulShutdown() } }
        do {
            try await group.run()
        } catch {
            await end(engine, data)
            throw error
        }
        await end(engine, data)
        logger.notice("stopped")
    }

    /// The data door first: no session is open any more when the log is applied for the last time.
    private func end(_ engine: HostEngine, _ data: NBDServer) async {
        let patience = Task { await engine.refuseWaiting() }
        await withCheckedContinuation { closed in
            Thread.detachNewThread {
                data.stop()
                closed.resume()
            }
        }
        patience.cancel()
        await engine.stop()
    }
}
