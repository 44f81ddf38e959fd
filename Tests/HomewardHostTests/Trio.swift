import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Logging
import Synchronization
import Testing

/// Three hosts in one process, with real files and real sockets, in a folder of their own.
final class Trio: Sendable {
    static let rvg = RVGReference(diskGroup: "hrdg", rvg: "hr_rvg")
    static let names = ["london", "seattle", "dublin"]
    static let volumeSize: UInt64 = 2 << 20

    /// syncrvg of one host.
    static func synchronize(_ host: String, checkpoint: String = "cp", full: Bool = false) -> Request {
        .synchronize(rvg, secondaries: [host], checkpoint: checkpoint, full: full, force: false, consent: true)
    }

    let folder: String
    let logSize: UInt64
    private let volumeBytes: UInt64
    private let addresses: [String: String]
    private let engines = Mutex<[String: HostEngine]>([:])
    private let configure: @Sendable (inout Limits) -> Void
    private let wrapping: @Sendable (FileDevice) -> any BlockDevice
    private let threads: ThreadSource
    private let handler: any LogHandler
    private let link: SlowLink?

    private init(
        _ names: [String],
        logSize: UInt64,
        volumeBytes: UInt64,
        link: SlowLink?,
        _ configure: @escaping @Sendable (inout Limits) -> Void,
        _ wrapping: @escaping @Sendable (FileDevice) -> any BlockDevice,
        _ threads: ThreadSource,
        _ handler: any LogHandler
    ) throws {
        folder = "/tmp/ht\(UInt32.random(in: 0 ... .max))"
        self.logSize = logSize
        self.volumeBytes = volumeBytes
        self.link = link
        self.configure = configure
        self.wrapping = wrapping
        self.threads = threads
        self.handler = handler
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let ports = try Trio.freePorts(names.count)
        addresses = Dictionary(uniqueKeysWithValues: zip(names, ports.map { "127.0.0.1:\($0)" }))
    }

    /// Runs a test on hosts that have a disk group with two volumes and a log each, and meet; over `link`, if there is one,
    /// where one whose name is smaller dials seattle.
    static func run(
        _ names: [String] = ["london", "seattle"],
        logSize: UInt64 = 8 << 20,
        volumeSize: UInt64 = Trio.volumeSize,
        over link: SlowLink? = nil,
        limits: @escaping @Sendable (inout Limits) -> Void = { _ in },
        wrapping: @escaping @Sendable (FileDevice) -> any BlockDevice = { $0 },
        threads: ThreadSource = .system,
        handler: any LogHandler = SwiftLogNoOpLogHandler(),
        _ body: (Trio) async throws -> Void
    ) async throws {
        let trio = try Trio(
            names,
            logSize: logSize,
            volumeBytes: volumeSize,
            link: link,
            limits,
            wrapping,
            threads,
            handler
        )
        do {
            for name in names { try await trio.start(name, fresh: true) }
            try await trio.waitUntil("the hosts meet") {
                for name in names {
                    guard let host = try await trio.ask(name, .hostStatus).host, host.peers.allSatisfy(\.connected)
                    else {
                        return false
                    }
                }
                return true
            }
            try await body(trio)
        } catch {
            await trio.end()
            throw error
        }
        await trio.end()
    }

    private func end() async {
        for name in addresses.keys { await stop(name) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func freePorts(_ count: Int) throws -> [UInt16] {
        var ports: [UInt16] = []
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            descriptors.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
                }
            }
            try #require(bound == 0)
            ports.append(UInt16(bigEndian: address.sin_port))
        }
        return ports
    }

    // MARK: Hosts

    func settings(_ name: String) -> HostSettings {
        var limits = Limits()
        limits.primarySilenceMilliseconds = 300
        limits.returnGraceMilliseconds = 300
        limits.heartbeatMilliseconds = 50
        limits.operationMilliseconds = 5_000
        configure(&limits)
        var peers = addresses.filter { $0.key != name }
        if let link, let far = peers["seattle"] { peers["seattle"] = link.standing(before: far) }
        return HostSettings(
            name: name,
            directory: "\(folder)/\(name)",
            listen: addresses[name] ?? "",
            peers: peers,
            limits: limits,
            minimumLog: 1 << 20
        )
    }

    func start(_ name: String, fresh: Bool = false) async throws {
        let engine = try await makeEngine(name)
        try await engine.start()
        engines.withLock { $0[name] = engine }
        guard fresh else { return }
        _ = try await ask(name, .createDiskGroup(name: "hrdg"))
        for (volume, size) in [("dv01", volumeBytes), ("dv02", volumeBytes), ("srl", logSize)] {
            _ = try await ask(
                name,
                .createVolume(
                    diskGroup: "hrdg",
                    volume: volume,
                    path: path(name, volume),
                    isDevice: false,
                    size: size
                )
            )
        }
    }

    /// The engine before it holds the directory until its last thread has let go of it.
    private func makeEngine(_ name: String) async throws -> HostEngine {
        for _ in 0..<1_000 {
            if let engine = try engineIfFree(name) { return engine }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Refusal(.timedOut, name, "its directory does not become free", hint: "none")
    }

    private func engineIfFree(_ name: String) throws -> HostEngine? {
        do {
            return try HostEngine(
                settings: settings(name),
                logger: Logger(label: name) { [handler] _ in handler },
                threads: threads,
                wrapping: wrapping
            )
        } catch {
            if error.code == .hostDirectoryLocked { return nil }
            throw error
        }
    }

    func stop(_ name: String) async {
        let engine = engines.withLock { $0.removeValue(forKey: name) }
        await engine?.stop()
    }

    func path(_ host: String, _ volume: String) -> String { "\(folder)/\(host)-\(volume)" }

    /// Nil while the daemon is down.
    func running(_ name: String) -> HostEngine? { engines.withLock { $0[name] } }

    func engine(_ name: String) throws -> HostEngine { try #require(engines.withLock { $0[name] }) }

    /// Cuts or mends the network between two hosts.
    func partition(_ left: String, _ right: String, _ cut: Bool = true) async throws {
        _ = try await ask(left, .setBlocked(peer: right, blocked: cut))
        try await waitUntil("the network is \(cut ? "cut" : "mended")") { [self] in
            let peers = try await ask(left, .hostStatus).host?.peers
            let theirs = try await ask(right, .hostStatus).host?.peers
            return peers?.first { $0.name == right }?.connected == !cut
                && theirs?.first { $0.name == left }?.connected == !cut
        }
        guard cut else { return }
        // The RVGs hear of it a moment after the hosts.
        try await waitUntil("nothing flows") { [self] in
            let flows = try await member(left).links + member(right).links
            return flows.allSatisfy { ![left, right].contains($0.remoteHost) || $0.kstate != "CONNECT" }
        }
    }

    // MARK: Requests

    @discardableResult
    func ask(_ host: String, _ request: Request) async throws -> Answer {
        try await engine(host).perform(request, on: nil) { _ in }
    }

    @discardableResult
    func done(_ host: String, _ request: Request) async throws -> Outcome {
        guard case .done(let outcome) = try await ask(host, request) else {
            throw Refusal(.strangePeer, host, "not an outcome", hint: "none")
        }
        return outcome
    }

    /// The refusal that a request must end in.
    @discardableResult
    func refused(
        _ host: String,
        _ request: Request,
        _ code: RefusalCode,
        at place: SourceLocation = #_sourceLocation
    ) async throws -> Refusal {
        do {
            let answer = try await ask(host, request)
            Issue.record("not refused: \(answer)", sourceLocation: place)
            throw Refusal(.usage, host, "not refused", hint: "none")
        } catch let refusal as Refusal {
            #expect(refusal.code == code, "\(refusal)", sourceLocation: place)
            #expect(!refusal.hint.isEmpty && refusal.host != nil, "\(refusal)", sourceLocation: place)
            return refusal
        }
    }

    /// The code that a request is refused with; nil when it is carried out.
    func refusalCode(_ host: String, _ request: Request) async throws -> RefusalCode? {
        do {
            try await ask(host, request)
            return nil
        } catch let refusal as Refusal {
            return refusal.code
        }
    }

    /// London is Primary of an RVG, with both volumes as a rule, the others are its Secondaries.
    func makeSet(
        _ secondaries: [String] = ["seattle"],
        attributes: [Attribute] = [],
        of set: RVGReference = Trio.rvg,
        volumes: [String] = ["dv01", "dv02"],
        log: String = "srl"
    ) async throws {
        try await done("london", .createPrimary(diskGroup: "hrdg", rvg: set.rvg, volumes: volumes, log: log))
        for name in secondaries {
            try await done(
                "london",
                .addSecondary(
                    set,
                    primary: "london",
                    secondary: name,
                    secondaryDiskGroup: nil,
                    attributes: attributes
                )
            )
        }
    }

    func startReplication(
        _ secondary: String = "seattle",
        _ how: AttachMode = .identical,
        of set: RVGReference = Trio.rvg
    ) async throws {
        try await done("london", .startReplication(set, secondary: secondary, how: how, consent: true))
    }

    /// Starts a host again whose volume's file is gone meanwhile.
    func restart(_ name: String, without volume: String) async throws {
        await stop(name)
        try FileManager.default.moveItem(atPath: path(name, volume), toPath: path(name, volume) + ".away")
        try await start(name)
    }

    /// The same with the file in its place again.
    func restart(_ name: String, withAgain volume: String) async throws {
        await stop(name)
        try FileManager.default.moveItem(atPath: path(name, volume) + ".away", toPath: path(name, volume))
        try await start(name)
    }

    func link(_ host: String, to other: String) async throws -> LinkDescription {
        let reference = RLinkReference(diskGroup: "hrdg", rlink: "rlk_\(other)_hr_rvg")
        guard case .link(let link) = try await ask(host, .linkStatus(reference)) else {
            throw Refusal(.strangePeer, host, "not a link", hint: "none")
        }
        return link
    }

    func member(_ host: String) async throws -> MemberDescription {
        let own = try await ask(host, .hostStatus).host?.rvgs.first?.members.first
        return try #require(own)
    }

    func upToDate(_ primary: String, _ secondary: String) async throws {
        try await waitUntil("\(secondary) is up to date") { [self] in
            try await link(primary, to: secondary).dataStatus == "up-to-date"
        }
    }

    /// Both volumes have the same bytes at the same position on both hosts.
    func sameBytes(_ left: String, _ right: String, at place: SourceLocation = #_sourceLocation) async throws {
        for volume in ["dv01", "dv02"] {
            let request = Request.sumVolume(diskGroup: "hrdg", volume: volume)
            // What is logged everywhere is still being applied for a moment.
            try await waitUntil("\(volume) is read at one position", at: place) { [self] in
                guard case .sum(let one) = try await ask(left, request),
                    case .sum(let two) = try await ask(right, request)
                else { return false }
                guard one.position == two.position else { return false }
                #expect(one.sha256 == two.sha256, "\(volume): \(one) \(two)", sourceLocation: place)
                return true
            }
        }
    }

    func waitUntil(
        _ what: String,
        at place: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        for _ in 0..<1_000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("waited in vain until \(what)", sourceLocation: place)
        throw Refusal(.timedOut, "test", what, hint: "none")
    }

    // MARK: Data

    func open(_ host: String, _ volume: String = "dv01", readOnly: Bool = false) throws -> Opened {
        let holder = SessionHolder(process: 4711, label: "test: writer (pid 4711)")
        return Opened(session: try engine(host).open("hrdg/\(volume)", readOnly: readOnly, holder: holder))
    }

    /// Opens, writes, closes.
    func write(
        _ host: String,
        _ volume: String = "dv01",
        at offset: UInt64,
        _ byte: UInt8,
        count: Int = 4096
    )
        async throws
    {
        let opened = try open(host, volume)
        let failure = await opened.write(at: offset, byte, count: count, durably: true)
        opened.session.close()
        if let failure { throw failure }
    }

    func read(_ host: String, _ volume: String = "dv01", at offset: UInt64) throws -> UInt8 {
        let opened = try open(host, volume, readOnly: true)
        defer { opened.session.close() }
        return try opened.byte(at: offset)
    }

    /// Changes a volume's file behind the engine's back.
    func plant(_ host: String, _ volume: String, at offset: UInt64, _ byte: UInt8) throws {
        let handle = try #require(FileHandle(forUpdatingAtPath: path(host, volume)))
        try handle.seek(toOffset: offset)
        try handle.write(contentsOf: Data(repeating: byte, count: 4096))
        try handle.close()
    }
}

extension Answer {
    var host: HostDescription? { if case .host(let host) = self { host } else { nil } }
}

/// A session and its requests, each awaited.
struct Opened: Sendable {
    let session: any VolumeSession

    func write(at offset: UInt64, _ byte: UInt8, count: Int = 4096, durably: Bool = false) async -> VolumeFailure? {
        await withCheckedContinuation { continuation in
            let session = session
            Thread.detachNewThread {
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
                bytes.initializeMemory(as: UInt8.self, repeating: byte)
                let done = DispatchSemaphore(value: 0)
                let result = Mutex<VolumeFailure?>(nil)
                session.submit([
                    VolumeRequest(
                        kind: .write,
                        offset: offset,
                        length: UInt64(count),
                        forceUnitAccess: durably,
                        payload: UnsafeRawBufferPointer(bytes),
                        tag: 1
                    )
                ]) { _, failure in
                    result.withLock { $0 = failure }
                    done.signal()
                }
                done.wait()
                bytes.deallocate()
                continuation.resume(returning: result.withLock { $0 })
            }
        }
    }

    func byte(at offset: UInt64) throws -> UInt8 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
        defer { buffer.deallocate() }
        try session.read(at: offset, into: buffer)
        return buffer[0]
    }
}
