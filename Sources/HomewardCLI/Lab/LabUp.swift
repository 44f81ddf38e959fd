import Foundation
import HomewardAdministration
import HomewardCore

/// What `lab up` is asked for.
package struct LabPlan: Sendable {
    package var volumeSize: UInt64 = 64 << 20
    package var logSize: UInt64 = 128 << 20
    package var bare = false

    package init() {}
}

/// What `lab up` did.
package struct LabUpReport: Sendable, Codable {
    package var folder: String
    package var address: String
    /// The hosts were there before and were only started again.
    package var already: Bool
    package var notes: [String]
}

extension Lab {
    /// Brings the lab up, and returns when all hosts have settled and, unless bare, both Secondaries are up-to-date.
    ///
    /// Hosts that were made before are started again as they are. What a killed `lab up` left half made is made anew,
    /// unless a host of it still runs: then somebody may be working with it.
    /// - Throws: `lab-running`, `socket-path-too-long`, `name-in-use` when the folder holds a host that is not a lab's.
    package func up(_ plan: LabPlan, say: (String) -> Void = { _ in }) async throws -> LabUpReport {
        try folder.checkSocketPaths()
        try LabFiles.makeFolder(folder.path)
        let lock = try LabLock.wait(folder.lockFile)
        defer { withExtendedLifetime(lock) {} }
        let known = try LabState.load(folder)
        if let known, known.ready { return try await startAgain(known, plan: plan, say: say) }
        if let known { try removeHalfMade(known) } else { try refuseStrangers() }

        var state = LabState(
            folder,
            id: Self.freshIdentity(),
            address: try LabAddress.pick(folder.path),
            volumeSize: plan.volumeSize,
            logSize: plan.logSize,
            bare: plan.bare
        )
        try state.save(folder)
        do {
            try await startAll(state)
            say("seattle, london and tokyo run on \(state.address)")
            try await make(state)
            // Before the wait: from here on there is something to lose, whether or not this command lives to see its end.
            state.ready = true
            try state.save(folder)
            if !state.bare {
                let secondaries = Array(LabFolder.hostNames.dropFirst())
                try await awaitUpToDate(LabFolder.hostNames[0], secondaries: secondaries, within: .seconds(60))
            }
        } catch {
            for host in runningHosts { try? await stop(host) }
            throw error
        }
        return LabUpReport(folder: folder.path, address: state.address, already: false, notes: [])
    }

    private func startAgain(_ known: LabState, plan: LabPlan, say: (String) -> Void) async throws -> LabUpReport {
        let running = runningHosts
        guard running.isEmpty else {
            throw Refusal(
                .labRunning,
                folder.path,
                "\(running.joined(separator: ", ")) run on \(known.address)",
                hint: "homeward lab status; homeward lab down; for one host: homeward lab restart HOST"
            )
        }
        var state = known
        if !state.hosts.allSatisfy({ LabAddress.isFree(state.address, $0.port) }) {
            state.address = try LabAddress.pick(folder.path)
        }
        for name in LabFolder.hostNames { state.setStopped(name, false) }
        try state.save(folder)
        do {
            try await startAll(state)
        } catch {
            for host in runningHosts { try? await stop(host) }
            throw error
        }
        var notes = ["the hosts of this lab were started again; nothing was made anew"]
        if plan.bare != known.bare || plan.volumeSize != known.volumeSize || plan.logSize != known.logSize {
            notes.append("it keeps its sizes and set-up: for others, homeward lab down --erase first")
        }
        return LabUpReport(folder: folder.path, address: state.address, already: true, notes: notes)
    }

    private func startAll(_ state: LabState) async throws {
        for host in LabFolder.hostNames {
            try LabFiles.makeFolder(folder.host(host) + "/volumes")
            try start(host, state: state)
        }
        try await awaitSettled(LabFolder.hostNames, state: state)
    }

    private func refuseStrangers() throws(Refusal) {
        for path in LabFolder.hostNames.map(folder.host) where FileManager.default.fileExists(atPath: path) {
            throw Refusal(
                .nameInUse,
                path,
                "exists, and no lab.json says that it is a lab's",
                hint: "choose another folder: homeward lab up --lab=DIR"
            )
        }
    }

    /// A lab that never was ready, and of which nothing runs, has nothing that anybody could have stored in it.
    ///
    /// What an application noted of it would be held against the new one.
    private func removeHalfMade(_ known: LabState) throws(Refusal) {
        let running = runningHosts
        guard running.isEmpty else {
            throw Refusal(
                .labRunning,
                folder.path,
                "an interrupted `lab up` left this lab half made, and \(running.joined(separator: ", ")) run on "
                    + known.address,
                hint: "homeward lab status; to make it anew: homeward lab down --erase; homeward lab up"
            )
        }
        for path in LabFolder.hostNames.map(folder.host) + [folder.notesFile] { try remove(path) }
    }

    func remove(_ path: String) throws(Refusal) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw Refusal(
                .ioError,
                path,
                "cannot be removed: \(error.localizedDescription)",
                hint: "ls -la \(folder.path)"
            )
        }
    }

    private static func freshIdentity() -> Identity {
        var generator = SystemRandomNumberGenerator()
        return Identity(high: generator.next(), low: generator.next())
    }

    // MARK: Setting up

    private func make(_ state: LabState) async throws {
        let group = LabFolder.diskGroup
        for host in LabFolder.hostNames {
            let control = control(host)
            _ = try await control.ask(.createDiskGroup(name: group), within: 30)
            let sizes = LabFolder.dataVolumes.map { ($0, state.volumeSize) } + [(LabFolder.log, state.logSize)]
            for (volume, size) in sizes {
                _ = try await control.ask(
                    .createVolume(
                        diskGroup: group,
                        volume: volume,
                        path: folder.volume(volume, of: host),
                        isDevice: false,
                        size: size
                    ),
                    within: 60
                )
            }
        }
        guard !state.bare else { return }
        let primary = LabFolder.hostNames[0]
        let control = control(primary)
        let rvg = RVGReference(diskGroup: group, rvg: LabFolder.rvg)
        _ = try await control.ask(
            .createPrimary(diskGroup: group, rvg: rvg.rvg, volumes: LabFolder.dataVolumes, log: LabFolder.log),
            within: 60
        )
        for secondary in LabFolder.hostNames.dropFirst() {
            _ = try await control.ask(
                .addSecondary(rvg, primary: primary, secondary: secondary, secondaryDiskGroup: nil, attributes: []),
                within: 60
            )
            // Fresh volumes read as zeroes on every host.
            try await start(.startReplication(rvg, secondary: secondary, how: .identical, consent: true), on: control)
        }
    }

    /// Starts replication to a Secondary that was added a moment ago, and may not have been heard of in the RVG yet.
    private func start(_ request: Request, on control: any RequestHandler) async throws {
        let started = ContinuousClock.now
        while true {
            do {
                _ = try await control.ask(request, within: 60)
                return
            } catch let refusal as Refusal where refusal.code == .hostUnreachable {
                guard ContinuousClock.now - started < .seconds(10) else { throw refusal }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// Polls the Primary until its links to these Secondaries are up-to-date.
    /// - Throws: `not-up-to-date` with each link's state when the time runs out.
    package func awaitUpToDate(_ primary: String, secondaries: [String], within limit: Duration) async throws {
        let started = ContinuousClock.now
        while true {
            let links = await control(primary).ownMember()?.links ?? []
            let current = links.filter { $0.dataStatus == "up-to-date" }.map(\.remoteHost)
            if secondaries.allSatisfy(current.contains) { return }
            guard ContinuousClock.now - started < limit else {
                let found = links.map { "\($0.remoteHost) \($0.dataStatus) (\($0.state), \($0.kstate))" }
                throw Refusal(
                    .notUpToDate,
                    LabFolder.rvg,
                    "after \(limit) the links are: \(found.joined(separator: ", "))",
                    hint: "homeward status"
                )
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
