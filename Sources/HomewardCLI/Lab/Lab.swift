import Foundation
import HomewardAdministration
import HomewardCore

/// The lab of one folder: three daemons on this machine, as processes of their own.
///
/// Nothing is kept in memory between calls; commands that change the lab hold its lock, so they run one after the other,
/// and each finds what a killed one before it left behind.
package struct Lab: Sendable {
    package let folder: LabFolder
    package let doors: any LabDoors
    /// What is started as `EXECUTABLE serve --config FILE`.
    package let executable: String

    package init(folder: LabFolder, doors: any LabDoors = DaemonDoors(), executable: String = Lab.ownExecutable) {
        self.folder = folder
        self.doors = doors
        self.executable = executable
    }

    /// The program that runs now, under its own path even when it was called through a link.
    package static var ownExecutable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    func control(_ host: String) -> any RequestHandler { doors.control(folder.controlSocket(host)) }

    /// The lab's record.
    /// - Throws: `lab-not-running` when the folder holds none.
    func recorded() throws(Refusal) -> LabState {
        if let state = try LabState.load(folder) { return state }
        throw Refusal(
            .labNotRunning,
            folder.path,
            "there is no lab in this folder",
            hint: "homeward lab up --lab=\(folder.path)"
        )
    }

    func lock() throws(Refusal) -> LabLock {
        guard FileManager.default.fileExists(atPath: folder.path) else {
            _ = try recorded()
            return try LabLock.wait(folder.lockFile)
        }
        return try LabLock.wait(folder.lockFile)
    }

    func isRunning(_ host: String) -> Bool { LabProcess.running(folder, host) != nil }

    var runningHosts: [String] { LabFolder.hostNames.filter(isRunning) }

    // MARK: Starting and ending daemons

    func start(_ host: String, state: LabState) throws(Refusal) {
        let text = folder.configurationText(host, state: state)
        try LabFiles.replace(folder.configuration(host), with: Array(text.utf8))
        try LabProcess.start(folder, host, executable: executable)
    }

    /// Waits until the daemons answer, keep out whom the lab keeps apart, and have exchanged lineage with each other.
    /// - Throws: `daemon-unreachable` with the last line of the daemon's log, or `timed-out` after a minute.
    func awaitSettled(_ hosts: [String], state: LabState) async throws {
        for host in hosts {
            let started = ContinuousClock.now
            var partitioned = false
            while true {
                guard isRunning(host) else { throw endedEarly(host) }
                if let description = await control(host).hostDescription() {
                    if !partitioned {
                        try await applyPartitions(on: host, description: description, state: state)
                        partitioned = true
                    } else if description.settled {
                        let expected = runningHosts.filter { $0 != host && !state.isBlocked($0, host) }
                        let connected = description.peers.filter(\.connected).map(\.name)
                        // A peer that runs and hangs is not reachable, however long one waits.
                        let patience = ContinuousClock.now - started > .seconds(10)
                        if patience || expected.allSatisfy(connected.contains) { break }
                    }
                }
                guard ContinuousClock.now - started < .seconds(60) else {
                    throw Refusal(
                        .timedOut,
                        host,
                        "the daemon runs and has not settled within 60 s",
                        hint: "tail \(folder.daemonLog(host))"
                    )
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func endedEarly(_ host: String) -> Refusal {
        let log = LabFiles.read(folder.daemonLog(host)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let last = log.split(separator: "\n").last.map(String.init) ?? "it wrote nothing"
        return Refusal(
            .daemonUnreachable,
            host,
            "the daemon ended: \(last)",
            hint: "tail \(folder.daemonLog(host))"
        )
    }

    /// Ends a daemon: by its own request, which flushes and closes; then by signals.
    ///
    /// Nothing when it does not run.
    func stop(_ host: String) async throws {
        guard let process = LabProcess.running(folder, host) else { return }
        // The daemon may be gone before its answer is read: what counts is the end of its process.
        let answered = (try? await control(host).ask(.shutDown, within: 10)) != nil
        if process.waitForEnd(milliseconds: answered ? 10_000 : 1_000) { return }
        try process.end(orderly: true)
    }

    // MARK: Partitions

    /// Brings a daemon's blocks to what the lab's record says, whatever was decided while it was down.
    func applyPartitions(on host: String, description: HostDescription, state: LabState) async throws {
        for peer in description.peers {
            let wanted = state.isBlocked(host, peer.name)
            guard wanted != peer.blocked else { continue }
            _ = try await control(host).ask(.setBlocked(peer: peer.name, blocked: wanted), within: 10)
        }
    }
}
