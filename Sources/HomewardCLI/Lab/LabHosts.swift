import Foundation
import HomewardAdministration
import HomewardCore

/// What a command on hosts or partitions did.
package struct LabReport: Sendable, Codable, Hashable {
    package var already: Bool
    package var summary: String
    package var notes: [String]

    package init(already: Bool = false, summary: String, notes: [String] = []) {
        self.already = already
        self.summary = summary
        self.notes = notes
    }
}

extension Lab {
    /// Ends all daemons in order; `erase` removes the lab's own names from the folder afterwards.
    /// - Throws: `lab-not-running` when the folder holds no record; `bad-format` when it cannot be read, and `lab-moved`
    ///   when it is another folder's, where no host runs and nothing is to be erased.
    package func down(erase: Bool) async throws -> LabReport {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        var state: LabState?
        do {
            state = try recorded()
        } catch {
            // A record that cannot be read is no reason to leave its daemons running, or the lab where it is.
            guard !runningHosts.isEmpty || (erase && [.badFormat, .labMoved].contains(error.code)) else { throw error }
        }
        try application?.end(orderly: true)
        let running = runningHosts
        try await withThrowingTaskGroup { group in
            for host in running { group.addTask { try await stop(host) } }
            try await group.waitForAll()
        }
        if state != nil {
            // One that had crashed was not stopped: it stays crashed, and is told so.
            for host in running { state?.setStopped(host, true) }
            try state?.save(folder)
        }
        if erase {
            for name in folder.ownNames { try remove(name) }
        }
        let ended = running.isEmpty ? "no host of the lab was running" : "\(running.joined(separator: ", ")) ended"
        return LabReport(
            already: running.isEmpty && !erase,
            summary: erase ? "\(ended); the lab's files are removed" : ended
        )
    }

    /// Kills a daemon without warning, and returns when it is gone.
    package func crash(_ host: String) async throws -> LabReport {
        try folder.checkHost(host)
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        _ = try recorded()
        guard let process = LabProcess.running(folder, host) else {
            throw Refusal(
                .labHostState,
                host,
                "the host does not run, so it cannot crash",
                hint: "homeward lab restart \(host)"
            )
        }
        try process.end(orderly: false)
        return LabReport(summary: "\(host) was killed (process \(process.id), SIGKILL)")
    }

    /// Starts a host that does not run; stops one that runs in order and starts it.
    ///
    /// Returns when it has settled.
    package func restart(_ host: String) async throws -> LabReport {
        try folder.checkHost(host)
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        var state = try recorded()
        guard state.ready else {
            throw Refusal(
                .labHostState,
                host,
                "an interrupted `lab up` left this lab half made",
                hint: "homeward lab up"
            )
        }
        let wasRunning = isRunning(host)
        if wasRunning { try await stop(host) }
        state.setStopped(host, false)
        try state.save(folder)
        try start(host, state: state)
        try await awaitSettled([host], state: state)
        let process = LabProcess.running(folder, host).map { " (process \($0.id))" } ?? ""
        return LabReport(
            summary: "\(host) runs\(process)",
            notes: wasRunning ? ["\(host) was running: it was stopped in order first"] : []
        )
    }

    /// Keeps two hosts apart until ``heal()``, over restarts of both.
    package func partition(_ first: String, _ second: String) async throws -> LabReport {
        try folder.checkHost(first)
        try folder.checkHost(second)
        guard first != second else {
            throw Refusal(.usage, first, "a host cannot be kept apart from itself", hint: "homeward lab partition A B")
        }
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        var state = try recorded()
        let pair = [first, second].sorted()
        let already = state.partitions.contains(pair)
        if !already {
            state.partitions.append(pair)
            try state.save(folder)
        }
        let notes = try await enforcePartitions(state)
        return LabReport(already: already, summary: "\(first) and \(second) are kept apart", notes: notes)
    }

    /// Lifts all partitions.
    package func heal() async throws -> LabReport {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        var state = try recorded()
        let lifted = state.partitions
        state.partitions = []
        try state.save(folder)
        let notes = try await enforcePartitions(state)
        let pairs = lifted.map { $0.joined(separator: " and ") }.joined(separator: "; ")
        return LabReport(
            already: lifted.isEmpty,
            summary: lifted.isEmpty ? "no hosts were kept apart" : "\(pairs) reach each other again",
            notes: notes
        )
    }

    /// Brings every running daemon to the record; says which could not be told, and when they will be.
    private func enforcePartitions(_ state: LabState) async throws -> [String] {
        var notes: [String] = []
        for host in LabFolder.hostNames {
            guard isRunning(host) else {
                let concerned = state.partitions.contains { $0.contains(host) }
                if concerned {
                    notes.append("\(host) is down: the other side keeps it out, and it is told when it starts")
                }
                continue
            }
            guard let description = await control(host).hostDescription() else {
                notes.append("\(host) does not answer: it is told when it is restarted")
                continue
            }
            try await applyPartitions(on: host, description: description, state: state)
        }
        return notes
    }
}
