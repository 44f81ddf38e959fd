import ArgumentParser
import Foundation
import HomewardCore
import HomewardRunbooks
import LuaHost

/// What commands that run scripts have around them.
package struct ScriptContext: Sendable {
    package var console: Console
    package var options: GlobalOptions
    package var environment: [String: String]
    package var hosts: any ScriptHosts
    package var volumes: any ScriptVolumes
    package var journal: any RunJournal
    package var progress: ScriptProgress
    /// Ends connections; called once, after the last script.
    package var close: @Sendable () async -> Void

    package init(
        console: Console,
        options: GlobalOptions,
        environment: [String: String],
        hosts: any ScriptHosts,
        volumes: any ScriptVolumes,
        journal: any RunJournal,
        progress: ScriptProgress,
        close: @escaping @Sendable () async -> Void
    ) {
        self.console = console
        self.options = options
        self.environment = environment
        self.hosts = hosts
        self.volumes = volumes
        self.journal = journal
        self.progress = progress
        self.close = close
    }

    /// That of a place: its daemons, its data doors, its journal.
    ///
    /// Connects to nothing yet.
    package init(_ place: ClientPlace, console: Console, options: GlobalOptions, environment: [String: String]) {
        let progress = ScriptProgress(console)
        let hosts = PlaceHosts(place, display: progress)
        self.init(
            console: console,
            options: options,
            environment: environment,
            hosts: hosts,
            volumes: DoorVolumes(socket: { try await hosts.dataSocket(of: $0) }),
            journal: SQLiteJournal(path: place.journal),
            progress: progress,
            close: { await hosts.close() }
        )
    }

    var site: SiteFolder { SiteFolder(environment: environment) }

    /// Shows why something was not done, and which run of the journal it ended; returns the exit code.
    func fail(_ error: any Error, run: String? = nil) -> Int32 {
        let failure = ScriptFailure(error)
        progress.apart {
            if options.json {
                console.out(run.map(failure.json(ofRun:)) ?? failure.json)
            } else {
                console.note(failure.text)
            }
        }
        return failure.exitCode
    }
}

extension ClientPlace {
    /// The journal of runs: in the lab's folder, else beside the control socket.
    var journal: String {
        switch self {
        case .lab(let directory, _): "\(directory)/journal.sqlite"
        case .socket(let path, _):
            URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent("journal.sqlite").path
        }
    }
}

/// A command that runs scripts, or shows what they left.
protocol ScriptingCommand: ParsableCommand {
    /// - Returns: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    func carryOut(_ context: ScriptContext) async -> Int32
}
