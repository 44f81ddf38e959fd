import CPlatform
import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import Logging

/// Hosts in this process, with real files and sockets: london is Primary, the others are its Secondaries.
final class EngineHosts {
    static let volume = "hrdg/dv01"
    private static let rvg = RVGReference(diskGroup: "hrdg", rvg: "hr_rvg")
    private let names: [String]
    private var engines: [HostEngine] = []

    /// Makes hosts that replicate; ``stop()`` ends them.
    init(folder: String, secondaries: Int, synchronous: Bool, volume: UInt64, log: UInt64) async throws {
        names = Array(["london", "seattle", "dublin"].prefix(secondaries + 1))
        let ports = Self.freePorts(names.count)
        let addresses = Dictionary(uniqueKeysWithValues: zip(names, ports.map { "127.0.0.1:\($0)" }))
        for name in names {
            let settings = HostSettings(
                name: name,
                directory: "\(folder)/\(name)",
                listen: addresses[name] ?? "",
                peers: addresses.filter { $0.key != name },
                minimumLog: 1 << 20
            )
            let engine = try HostEngine(
                settings: settings,
                logger: Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
            )
            try await engine.start()
            engines.append(engine)
            try await ask(name, .createDiskGroup(name: "hrdg"))
            for (label, size) in [("dv01", volume), ("srl", log)] {
                let path = "\(folder)/\(name)-\(label)"
                try await ask(
                    name,
                    .createVolume(diskGroup: "hrdg", volume: label, path: path, isDevice: false, size: size)
                )
            }
        }
        try await ask("london", .createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: ["dv01"], log: "srl"))
        let attributes = synchronous ? [Attribute(name: "synchronous", value: "override")] : []
        for name in names.dropFirst() {
            try await repeating(
                .addSecondary(
                    Self.rvg,
                    primary: "london",
                    secondary: name,
                    secondaryDiskGroup: nil,
                    attributes: attributes
                )
            )
            try await repeating(.startReplication(Self.rvg, secondary: name, how: .identical, consent: true))
        }
        try await settle()
    }

    func stop() async {
        for engine in engines { await engine.stop() }
    }

    /// A session of an application on the Primary.
    func open() throws -> any VolumeSession {
        let holder = SessionHolder(process: getpid(), label: "benchmark")
        return try engines[0].open(Self.volume, readOnly: false, holder: holder)
    }

    /// Waits until all Secondaries have everything.
    func settle() async throws {
        for name in names.dropFirst() {
            let link = RLinkReference(diskGroup: "hrdg", rlink: "rlk_\(name)_hr_rvg")
            for attempt in 0... {
                if case .link(let found) = try await ask("london", .linkStatus(link)), found.dataStatus == "up-to-date"
                {
                    break
                }
                guard attempt < 1_500 else { throw CannotRun("\(name) does not come up to date") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @discardableResult
    private func ask(_ host: String, _ request: Request) async throws -> Answer {
        guard let place = names.firstIndex(of: host) else { throw CannotRun("there is no host \(host)") }
        return try await engines[place].perform(request, on: nil) { _ in }
    }

    /// Asks the Primary until its Secondary is there.
    private func repeating(_ request: Request) async throws {
        for attempt in 0... {
            do {
                try await ask("london", request)
                return
            } catch let refusal as Refusal where refusal.code == .hostUnreachable && attempt < 200 {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private static func freePorts(_ count: Int) -> [UInt16] {
        var ports: Set<UInt16> = []
        while ports.count < count {
            let port = UInt16.random(in: 20_000..<60_000)
            if homeward_probe_listen("127.0.0.1", port) == 0 { ports.insert(port) }
        }
        return Array(ports)
    }
}
