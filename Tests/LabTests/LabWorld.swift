import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import Synchronization

/// Three hosts in memory that replicate at once, unless told not to: what the lab talks to in these tests.
final class LabWorld: LabDoors, Sendable {
    struct Host {
        var volumes: [[UInt8]]
        var role: String
        var history: [EpochDescription]
        var end: UInt64 = 0
        /// Takes no more of what the Primary writes.
        var cut = false
        var isAlive = true
        var blocked: Set<String> = []
    }

    let folder: LabFolder
    private let hosts: Mutex<[String: Host]>
    private let epochs = Mutex<UInt64>(1)
    /// Writes that are still taken; then the Primary dies.
    let writesLeft = Mutex<Int>(.max)

    init(_ folder: LabFolder, volumeSize: Int = 128 << 10) {
        self.folder = folder
        let first = [
            EpochDescription(
                number: 1,
                id: Identity(high: 0, low: 1),
                kind: "created",
                firstID: UpdateID(1),
                host: "seattle"
            )
        ]
        var hosts: [String: Host] = [:]
        for name in LabFolder.hostNames {
            hosts[name] = Host(
                volumes: [[UInt8]](repeating: [UInt8](repeating: 0, count: volumeSize), count: 2),
                role: name == "seattle" ? "primary" : "secondary",
                history: first
            )
        }
        self.hosts = Mutex(hosts)
    }

    func change<Result: Sendable>(_ name: String, _ body: @Sendable (inout Host) -> Result) -> Result {
        hosts.withLock { body(&$0[name, default: Host(volumes: [], role: "none", history: [])]) }
    }

    func host(_ name: String) -> Host { change(name) { $0 } }

    func takeover(_ name: String) {
        let number = epochs.withLock { epochs in
            epochs += 1
            return epochs
        }
        change(name) {
            $0.role = "primary"
            $0.cut = false
            $0.history.append(
                EpochDescription(
                    number: number,
                    id: Identity(high: 0, low: number),
                    kind: "takeover",
                    firstID: UpdateID($0.end + 1),
                    host: name
                )
            )
        }
    }

    /// What makesec, a synchronization and a start of replication amount to.
    func follow(_ name: String, _ primary: String) {
        let source = host(primary)
        change(name) {
            $0 = source
            $0.role = "secondary"
        }
    }

    func write(_ name: String, volume: Int, at offset: Int, _ bytes: [UInt8]) throws {
        let left = writesLeft.withLock { left in
            left -= 1
            return left
        }
        if left < 0 { change(name) { $0.isAlive = false } }
        guard host(name).isAlive else { throw Refusal(.ioError, name, "the connection was lost", hint: "") }
        for target in LabFolder.hostNames {
            change(target) { host in
                guard target == name || (host.role == "secondary" && !host.cut && host.isAlive) else { return }
                host.volumes[volume].replaceSubrange(offset..<offset + bytes.count, with: bytes)
                host.end += 1
            }
        }
    }

    func control(_ socket: String) -> any RequestHandler {
        let name = LabFolder.hostNames.first { folder.controlSocket($0) == socket } ?? ""
        return LabWorldControl(world: self, name: name)
    }

    func openVolume(_ socket: String, export: String, readOnly: Bool) throws -> any LabVolume {
        let name = LabFolder.hostNames.first { folder.dataSocket($0) == socket } ?? ""
        return LabWorldVolume(world: self, host: name, index: export.hasSuffix("1") ? 0 : 1)
    }
}

private struct LabWorldControl: RequestHandler {
    let world: LabWorld
    let name: String

    func perform(
        _ request: HomewardAdministration.Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        guard world.host(name).isAlive else { throw Refusal(.daemonUnreachable, name, "dead", hint: "") }
        switch request {
        case .hostStatus: return .host(description)
        case .setBlocked(let peer, let blocked):
            world.change(name) { host in
                if blocked { host.blocked.insert(peer) } else { host.blocked.remove(peer) }
            }
            return .done(Outcome(summary: "blocked"))
        case .shutDown:
            try LabProcess.running(world.folder, name)?.end(orderly: false)
            return .done(Outcome(summary: "ended"))
        default: return .done(Outcome(summary: "done"))
        }
    }

    private var description: HostDescription {
        let host = world.host(name)
        let volumes = LabFolder.dataVolumes.map {
            VolumeDescription(
                diskGroup: "hrdg",
                name: $0,
                size: UInt64(host.volumes[0].count),
                path: "",
                isDevice: false,
                rvg: "hr_rvg",
                isLog: false,
                openBy: []
            )
        }
        let others = LabFolder.hostNames.filter { $0 != name }
        let links = others.map { other in
            LinkDescription(
                name: "rlk_\(other)_hr_rvg",
                remoteHost: other,
                remoteRVG: "hr_rvg",
                remoteDiskGroup: "hrdg",
                state: "ACTIVE",
                kstate: "CONNECT",
                flags: [],
                dataStatus: world.host(other).role == "secondary" ? "up-to-date" : "unknown",
                consistent: true,
                diverged: 0,
                replicationStatus: "",
                behindUpdates: 0,
                behindBytes: 0,
                behindSeconds: 0,
                behindPercent: 0,
                settings: LinkSettings(),
                currentMode: "asynchronous",
                disconnectReason: nil,
                lastContactAge: nil,
                untilConsistent: nil
            )
        }
        let member = MemberDescription(
            host: name,
            isLocal: true,
            reachable: true,
            age: nil,
            diskGroup: "hrdg",
            rvg: "hr_rvg",
            role: host.role,
            state: "enabled",
            reason: nil,
            volumes: volumes,
            log: "hr_srl",
            logSize: 0,
            logUsed: 0,
            endID: UpdateID(host.end),
            consistent: true,
            follows: nil,
            links: links,
            activity: [],
            history: host.history
        )
        let rds = RDSDescription(
            rvg: "hr_rvg",
            id: RVGID(high: 1, low: 1),
            primary: nil,
            members: [member],
            links: links,
            configErrors: []
        )
        return HostDescription(
            name: name,
            id: HostID(high: 1, low: 1),
            version: "",
            process: 0,
            directory: "",
            controlSocket: "",
            dataSocket: world.folder.dataSocket(name),
            listen: "",
            peers: others.map {
                .init(name: $0, address: "", connected: true, blocked: host.blocked.contains($0), reason: nil)
            },
            diskGroups: ["hrdg"],
            rvgs: [rds],
            settled: true
        )
    }
}

private final class LabWorldVolume: LabVolume {
    let world: LabWorld
    let host: String
    let index: Int

    init(world: LabWorld, host: String, index: Int) {
        self.world = world
        self.host = host
        self.index = index
    }

    var size: UInt64 { UInt64(world.host(host).volumes[index].count) }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] {
        let index = index
        return world.change(host) { Array($0.volumes[index][Int(offset)..<Int(offset) + count]) }
    }

    func write(at offset: UInt64, bytes: [UInt8]) throws {
        try world.write(host, volume: index, at: Int(offset), bytes)
    }

    func flush() throws {
        guard world.host(host).isAlive else { throw Refusal(.ioError, host, "the connection was lost", hint: "") }
    }

    func close() {}
}

/// A folder of its own, and processes that stand for daemons; both gone at the end.
final class LabStage {
    let folder: LabFolder
    let world: LabWorld
    let lab: Lab

    init() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        // It lives until it is told to end, with the arguments of a daemon in its command line.
        let script = root.appendingPathComponent("daemon")
        try Data("#!/bin/sh\nwhile :; do sleep 0.05; done\n".utf8).write(to: script)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script.path)
        folder = LabFolder(root.appendingPathComponent("lab").path)
        world = LabWorld(folder)
        lab = Lab(folder: folder, doors: world, executable: script.path)
    }

    deinit {
        for host in LabFolder.hostNames { try? LabProcess.running(folder, host)?.end(orderly: false) }
        try? FileManager.default.removeItem(atPath: (folder.path as NSString).deletingLastPathComponent)
    }

    /// As `lab up`, without the wait for an orderly end in between.
    func up() async throws { _ = try await lab.up(LabPlan()) }
}
