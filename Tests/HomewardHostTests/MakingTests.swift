import Dispatch
import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Synchronization
import Testing

/// Holds the first `fdatasync` of one file from when it is armed until it is opened, or has those of one fail.
final class Gate: Sendable {
    private struct Wanted {
        let name: String
        let when: @Sendable () -> Bool
    }

    private let armed = Mutex<Wanted?>(nil)
    private let broken = Mutex<Wanted?>(nil)
    private let held = Mutex(false)
    private let opened = DispatchSemaphore(value: 0)

    var isHolding: Bool { held.withLock { $0 } }
    /// What comes while `when` says no is let through, and not held instead.
    func arm(_ name: String, when: @escaping @Sendable () -> Bool = { true }) {
        armed.withLock { $0 = Wanted(name: name, when: when) }
    }
    func open() { opened.signal() }
    func breakDown(_ name: String?, when: @escaping @Sendable () -> Bool = { true }) {
        broken.withLock { $0 = name.map { Wanted(name: $0, when: when) } }
    }
    @Sendable func wrap(_ device: FileDevice) -> any BlockDevice {
        HookedDevice(device, onSynchronize: { () throws(Refusal) in try self.pass(device.name) })
    }

    func pass(_ name: String) throws(Refusal) {
        if let broken = broken.withLock({ $0 }), broken.name == name, broken.when() {
            throw Refusal(.ioError, name, "the disk is gone", hint: "none")
        }
        guard let wanted = armed.withLock({ $0 }), wanted.name == name, wanted.when() else { return }
        let holds = armed.withLock { armed in
            defer { armed = nil }
            return armed != nil
        }
        guard holds else { return }
        held.withLock { $0 = true }
        opened.wait()
    }
}

/// Commands that make something of the same names or files at the same time.
@Suite("Making at the same time", .serialized, .timeLimit(.minutes(2)))
struct MakingTests {
    private func createPrimary(_ name: String, _ volumes: [String], _ log: String = "srl") -> Request {
        .createPrimary(diskGroup: "hrdg", rvg: name, volumes: volumes, log: log)
    }

    /// Runs `body` while a request to London waits in the middle of formatting the log on `host`; then it must succeed.
    private func meanwhile(
        _ trio: Trio,
        _ gate: Gate,
        _ request: Request,
        formatting host: String,
        _ body: () async throws -> Void
    ) async throws {
        gate.arm(trio.path(host, "srl"))
        let first = Task { try await trio.done("london", request) }
        try await trio.waitUntil("the log is being formatted") { gate.isHolding }
        do {
            try await body()
        } catch {
            gate.open()
            throw error
        }
        gate.open()
        _ = try await first.value
    }

    @Test("a second createpri of the same log, volume or name is refused before it formats anything")
    func createPrimaries() async throws {
        let gate = Gate()
        try await Trio.run(["london"], wrapping: gate.wrap) { trio in
            let first = createPrimary("one", ["dv01"])
            try await meanwhile(trio, gate, first, formatting: "london") {
                let code = RefusalCode.operationInProgress
                let log = try await trio.refused("london", createPrimary("two", ["dv02"]), code)
                #expect(log.object == "hrdg/srl" && log.message.contains("one"))
                let volume = try await trio.refused("london", createPrimary("two", ["dv01"], "dv02"), code)
                #expect(volume.object == "hrdg/dv01")
                let name = try await trio.refused("london", createPrimary("one", ["dv02"], "dv01"), code)
                #expect(name.object == "hrdg/one")
                try await trio.refused("london", first, code)
                for volume in ["dv01", "srl"] {
                    let opened = #expect(throws: Refusal.self) { try trio.open("london", volume) }
                    #expect(opened?.code == code && opened?.object == "hrdg/\(volume)")
                }
            }
            // What was given back is free again, and what is taken belongs to the first.
            #expect(try await trio.done("london", first).already)
            try await trio.refused("london", createPrimary("two", ["dv02"]), .volumeInUse)
            try await trio.write("london", at: 0, 7)
            await trio.stop("london")
            try await trio.start("london")
            try await trio.waitUntil("it opens") { (try? trio.read("london", at: 0)) == 7 }
            #expect(try await trio.member("london").rvg == "one")
        }
    }

    @Test("a refused createpri leaves its names and volumes to others")
    func givenBack() async throws {
        try await Trio.run(["london"]) { trio in
            try await trio.refused("london", createPrimary("one", ["dv01", "none"]), .unknownVolume)
            let opened = try trio.open("london")
            try await trio.refused("london", createPrimary("one", ["dv01"]), .volumeOpen)
            opened.session.close()
            try await trio.done("london", createPrimary("one", ["dv01"]))
        }
    }

    @Test("of two commands that make the same disk group or volume at once one makes it, and the other finds it made")
    func twice() async throws {
        try await Trio.run(["london"]) { trio in
            for round in 0..<20 {
                let path = trio.path("london", "v\(round)")
                for request in [
                    Request.createDiskGroup(name: "dg\(round)"),
                    .createVolume(diskGroup: "hrdg", volume: "v\(round)", path: path, isDevice: false, size: 1 << 20),
                ] {
                    async let one = trio.done("london", request).already
                    async let other = trio.done("london", request).already
                    let found = try await [one, other].filter(\.self)
                    #expect(found.count == 1, "\(request)")
                }
            }
        }
    }

    @Test("a volume that the catalog does not take leaves no file, and does not remove one that was there")
    func refusedByCatalog() async throws {
        try await Trio.run(["london"]) { trio in
            let files = FileManager.default
            let path = trio.path("london", "new")
            func make(_ size: UInt64) -> Request {
                .createVolume(diskGroup: "hrdg", volume: "new", path: path, isDevice: false, size: size)
            }
            try trio.refuseChanges(on: "london")
            try await trio.refused("london", make(1 << 20), .badFormat)
            #expect(!files.fileExists(atPath: path))
            #expect(files.createFile(atPath: path, contents: Data(count: 8192)))
            try await trio.refused("london", make(8192), .badFormat)
            #expect(files.contents(atPath: path) == Data(count: 8192))
            try files.removeItem(atPath: path)
            try trio.refuseChanges(false, on: "london")
            try await trio.done("london", make(2 << 20))
        }
    }

    /// Whether London has an RVG that is running: what its log is synchronized for then is its opening.
    private func isRunning(_ trio: Trio) -> @Sendable () -> Bool {
        { trio.running("london")?.runtimes.isEmpty == false }
    }

    @Test("a createpri whose RVG is stopped while it opens returns")
    func stoppedWhileOpening() async throws {
        let gate = Gate()
        try await Trio.run(["london"], wrapping: gate.wrap) { trio in
            gate.arm(trio.path("london", "srl"), when: isRunning(trio))
            let isOver = Mutex(false)
            let first = Task {
                defer { isOver.withLock { $0 = true } }
                return try await trio.done("london", createPrimary("hr_rvg", ["dv01"]))
            }
            try await trio.waitUntil("it opens") { gate.isHolding }
            let stop = Task { try await trio.done("london", .stopRVG(Trio.rvg)) }
            try await trio.waitUntil("it is being stopped") { try await trio.member("london").state == "stopped" }
            gate.open()
            _ = try await stop.value
            try await trio.waitUntil("createpri has returned") { isOver.withLock { $0 } }
            #expect(try await first.value.already == false)
            try await trio.done("london", .startRVG(Trio.rvg, force: false))
            try await trio.write("london", at: 0, 6)
        }
    }

    @Test("a createpri whose log fails while the RVG opens is refused with that")
    func failedWhileOpening() async throws {
        let gate = Gate()
        try await Trio.run(["london"], wrapping: gate.wrap) { trio in
            gate.breakDown(trio.path("london", "srl"), when: isRunning(trio))
            try await trio.refused("london", createPrimary("hr_rvg", ["dv01"]), .ioError)
            try await trio.done("london", .deletePrimary(Trio.rvg, force: true))
            gate.breakDown(nil)
            try await trio.done("london", createPrimary("hr_rvg", ["dv01"]))
        }
    }

    @Test("a createpri whose RVG another command removes before it has opened returns")
    func removedWhileOpening() async throws {
        try await Trio.run(["london"]) { trio in
            let isOver = Mutex(false)
            let first = Task {
                defer { isOver.withLock { $0 = true } }
                return try await trio.refusalCode("london", createPrimary("hr_rvg", ["dv01"]))
            }
            while try await trio.refusalCode("london", .deletePrimary(Trio.rvg, force: true)) != nil {
                try await Task.sleep(for: .milliseconds(1))
            }
            try await trio.waitUntil("createpri has returned") { isOver.withLock { $0 } }
            // It may have been open before.
            let code = try await first.value
            #expect(code == .unknownRVG || code == nil)
            try await trio.done("london", createPrimary("other", ["dv01"]))
        }
    }

    private func addSecondary(_ secondary: String = "seattle") -> Request {
        .addSecondary(Trio.rvg, primary: "london", secondary: secondary, secondaryDiskGroup: nil, attributes: [])
    }

    @Test("an addsec that fails at a disk of the host that is added names that host, and the next one succeeds")
    func failedSecondary() async throws {
        let gate = Gate()
        try await Trio.run(wrapping: gate.wrap) { trio in
            try await trio.makeSet([])
            gate.breakDown(trio.path("seattle", "srl"))
            let refusal = try await trio.refused("london", addSecondary(), .ioError)
            #expect(refusal.host == "seattle")
            gate.breakDown(nil)
            try await trio.done("london", addSecondary())
        }
    }

    @Test("a createpri on a host that is being added over the same log is refused, and the Secondary is made")
    func createSecondary() async throws {
        let gate = Gate()
        try await Trio.run(wrapping: gate.wrap) { trio in
            try await trio.makeSet([])
            try await meanwhile(trio, gate, addSecondary(), formatting: "seattle") {
                try await trio.refused("seattle", createPrimary("own", ["dv01"]), .operationInProgress)
            }
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
        }
    }

    @Test("an addsec during which the RVG is removed is refused, and leaves nothing on the host that was to be added")
    func removedWhileAdding() async throws {
        let gate = Gate()
        try await Trio.run(wrapping: gate.wrap) { trio in
            try await trio.makeSet([])
            gate.arm(trio.path("seattle", "srl"))
            let adding = Task { try await trio.refusalCode("london", addSecondary()) }
            try await trio.waitUntil("seattle formats its log") { gate.isHolding }
            let removal = try await trio.refusalCode("london", .deletePrimary(Trio.rvg, force: true))
            gate.open()
            #expect(removal == nil)
            #expect(try await adding.value == .operationInProgress)
            #expect(try await trio.ask("seattle", .hostStatus).host?.rvgs.isEmpty == true)
        }
    }
}
