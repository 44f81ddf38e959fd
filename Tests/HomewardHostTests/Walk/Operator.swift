import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardControl
import HomewardCore
import HomewardHost
import HomewardNBD
import HomewardStorage
import Logging
import Synchronization
import Testing

/// Somebody who types commands at the hosts of a trio, as the program carries them out: read by its languages, sent
/// through control sockets, shown by its renderers.
///
/// The trio's folder is a lab to the program.
final class Operator: Sendable {
    /// A line, and what became of it.
    struct Typed: Sendable {
        var line: String
        var exit: Int32
        /// Both outputs, in order.
        var shown: [String]
        /// stdout alone.
        var out: [String]
    }

    private struct Doors: Sendable {
        var control: Task<Void, any Error>
        var data: NBDServer
    }

    let trio: Trio
    private let doors = Mutex<[String: Doors]>([:])

    private init(_ trio: Trio) { self.trio = trio }

    /// Runs a test on three hosts that have a disk group with two volumes and a log each.
    static func run(_ body: (Operator) async throws -> Void) async throws {
        try await Trio.run(Trio.names, logSize: 3 << 20) { limits in
            limits.headerCopyBytes = 64 << 10
            limits.operationMilliseconds = 1_000
        } _: { trio in
            let someone = Operator(trio)
            let hosts = try Trio.names.map { name in
                ["name": name, "control": try trio.engine(name).directory.controlSocketPath]
            }
            try JSONSerialization.data(withJSONObject: ["hosts": hosts])
                .write(to: URL(filePath: "\(trio.folder)/lab.json"))
            do {
                for name in Trio.names { try await someone.openDoors(name) }
                try await body(someone)
            } catch {
                for name in Trio.names { await someone.closeDoors(name) }
                throw error
            }
            for name in Trio.names { await someone.closeDoors(name) }
        }
    }

    // MARK: Daemons

    private func openDoors(_ name: String) async throws {
        let engine = try trio.engine(name)
        let logger = Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
        let data = NBDServer(socketPath: engine.directory.dataSocketPath, service: engine, logger: logger)
        try data.start()
        let (bound, sink) = AsyncStream.makeStream(of: Void.self)
        let control = Task {
            defer { sink.finish() }
            try await ControlServer(
                socketPath: engine.directory.controlSocketPath,
                handler: engine,
                logger: logger,
                onBound: { sink.yield() }
            ).run()
        }
        for await _ in bound { break }
        doors.withLock { $0[name] = Doors(control: control, data: data) }
    }

    private func closeDoors(_ name: String) async {
        guard let open = doors.withLock({ $0.removeValue(forKey: name) }) else { return }
        open.control.cancel()
        _ = try? await open.control.value
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                open.data.stop()
                continuation.resume()
            }
        }
    }

    /// Ends a daemon; returns when the others know that it is gone.
    func stop(_ name: String) async throws {
        await closeDoors(name)
        await trio.stop(name)
        try await trio.waitUntil("the others miss \(name)") {
            for other in Trio.names where trio.running(other) != nil {
                let peers = try await trio.ask(other, .hostStatus).host?.peers ?? []
                if peers.contains(where: { $0.name == name && $0.connected }) { return false }
            }
            return true
        }
    }

    /// Starts a daemon that was ended; returns when it has met the others, but those that it is kept apart from.
    func start(_ name: String) async throws {
        try await trio.start(name)
        try await openDoors(name)
        try await trio.waitUntil("\(name) meets the others") {
            let peers = try await trio.ask(name, .hostStatus).host?.peers ?? []
            return peers.allSatisfy { $0.connected || $0.blocked || trio.running($0.name) == nil }
        }
    }

    // MARK: Lines

    /// Types a line, and gives every question the same answer; where there is none, nobody can be asked.
    ///
    /// `VARIABLE=value` in front sets the environment, and `HOMEWARD_SOCKET=` leaves the lab.
    func type(_ line: String, json: Bool = false, answer: Bool? = nil) async -> Typed {
        var words = line.split(separator: " ").map(String.init)
        var environment = ["HOMEWARD_LAB": trio.folder, "HOMEWARD_CONFIG": "\(trio.folder)/config"]
        while let first = words.first, let equals = first.firstIndex(of: "="), !first.hasPrefix("-") {
            environment[String(first[..<equals])] = String(first[first.index(after: equals)...])
            words.removeFirst()
        }
        if environment["HOMEWARD_SOCKET"] != nil { environment["HOMEWARD_LAB"] = nil }
        if words.first == "homeward" { words.removeFirst() }
        // In front, where it is no word of a script.
        if json { words.insert("--json", at: 0) }
        let shown = Mutex<[(text: String, isOut: Bool)]>([])
        let console = Console(
            out: { text in shown.withLock { $0.append((text, true)) } },
            note: { text in shown.withLock { $0.append((text, false)) } },
            canAsk: answer != nil,
            ask: { question in
                shown.withLock { $0.append(("\(question) [y/N] \(answer == true ? "y" : "n")", false)) }
                return answer == true
            },
            line: { question, _ in
                shown.withLock { $0.append(("\(question)\(answer == true ? "yes" : "no")", false)) }
                return answer == true ? "yes" : "no"
            }
        )
        let place: @Sendable (GlobalOptions) -> ClientPlace = { [environment] options in
            ClientPlace.decide(options, environment: environment) { _ in false }
        }
        let exit = await HomewardCommand.run(words, console: console) { options in
            let place = place(options)
            return { reach, object in try await Connector().connect(place, reach: reach, object: object) }
        } scripting: { [environment] options in
            ScriptContext(place(options), console: console, options: options, environment: environment)
        }
        let lines = shown.withLock { $0 }
        return Typed(
            line: line,
            exit: exit,
            shown: lines.flatMap { $0.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) },
            out: lines.filter(\.isOut).map(\.text)
        )
    }
}
