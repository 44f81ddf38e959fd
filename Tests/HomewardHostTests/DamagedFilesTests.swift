import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Synchronization
import Testing

/// Files of a host that changed while its daemon was down.
@Suite("Files changed behind the daemon's back", .timeLimit(.minutes(2)))
struct DamagedFilesTests {
    private func resize(_ path: String, to size: UInt64) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: size)
        try handle.close()
    }

    private func content(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    @Test(
        "a log or volume of another length is refused with both lengths and left as it is; what was there comes back with it",
        arguments: ["srl", "dv02"],
        [-4096, -1, 4096]
    )
    func resized(volume: String, by change: Int) async throws {
        try await Trio.run(["london"], logSize: 4 << 20) { trio in
            try await trio.makeSet([])
            // More than a lap, so that the place of a record depends on the length.
            for round in 0..<40 { try await trio.write("london", at: UInt64(round) << 12, 7, count: 256 << 10) }
            await trio.stop("london")
            let path = trio.path("london", volume)
            let before = try #require(content(path))
            try resize(path, to: UInt64(before.count + change))
            let changed = content(path)
            try await trio.start("london")
            let opened = #expect(throws: Refusal.self) { try trio.open("london") }
            #expect(opened?.code == .volumeMismatch, "\(String(describing: opened))")
            let found = try await trio.refused("london", .startRVG(Trio.rvg, force: true), .volumeMismatch)
            #expect(found.message.contains("\(before.count)") && found.message.contains("\(before.count + change)"))
            await trio.stop("london")
            #expect(content(path) == changed)

            try before.write(to: URL(fileURLWithPath: path))
            try await trio.start("london")
            try await trio.waitUntil("it opens") { (try? trio.open("london").session.close()) != nil }
            #expect(try trio.read("london", at: 39 << 12) == 7)
        }
    }

    @Test("the file of a volume that could not be opened is made no other volume, under whatever name")
    func unopened() async throws {
        try await Trio.run(["london"], logSize: 4 << 20) { trio in
            try await trio.makeSet([])
            try await trio.write("london", at: 0, 9)
            await trio.stop("london")
            let files = FileManager.default
            let path = trio.path("london", "srl")
            try files.moveItem(atPath: path, toPath: path + ".away")
            try await trio.start("london")
            func make(_ path: String, size: UInt64?) -> Request {
                .createVolume(diskGroup: "hrdg", volume: "other", path: path, isDevice: false, size: size)
            }
            let missing = try await trio.refused("london", make(path, size: 4 << 20), .volumeInUse)
            #expect(missing.message.contains("hrdg/srl") && !files.fileExists(atPath: path))

            try files.moveItem(atPath: path + ".away", toPath: path)
            try files.linkItem(atPath: path, toPath: path + ".hard")
            try files.createSymbolicLink(atPath: path + ".soft", withDestinationPath: path)
            for name in [path, "\(trio.folder)/./london-srl", path + ".hard", path + ".soft"] {
                try await trio.refused("london", make(name, size: nil), .volumeInUse)
            }
            await trio.stop("london")
            try await trio.start("london")
            try await trio.waitUntil("it opens") { (try? trio.read("london", at: 0)) == 9 }
        }
    }

    @Test("a volume that could not be opened is refused for a new RVG, before anything is formatted or entered")
    func unopenedForNew() async throws {
        try await Trio.run { trio in
            try await trio.restart("london", without: "dv02")
            let log = content(trio.path("london", "srl"))
            func make(_ volumes: [String]) -> Request {
                .createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: volumes, log: "srl")
            }
            let refusal = try await trio.refused("london", make(["dv01", "dv02"]), .ioError)
            #expect(refusal.object == "hrdg/dv02" && refusal.hint.contains("start the daemon again"), "\(refusal)")
            #expect(content(trio.path("london", "srl")) == log)
            #expect(try await trio.ask("london", .hostStatus).host?.rvgs.isEmpty == true)
            // Nor by a Primary that adds this host.
            try await trio.waitUntil("the hosts meet") {
                try await trio.ask("seattle", .hostStatus).host?.peers.allSatisfy(\.connected) == true
            }
            try await trio.done("seattle", make(["dv01", "dv02"]))
            let add = Request.addSecondary(
                Trio.rvg,
                primary: "seattle",
                secondary: "london",
                secondaryDiskGroup: nil,
                attributes: []
            )
            let unadded = try await trio.refused("seattle", add, .ioError)
            #expect(unadded.object == "hrdg/dv02" && unadded.host == "london", "\(unadded)")
            #expect(content(trio.path("london", "srl")) == log)
            try await trio.done("london", make(["dv01"]))
            try await trio.write("london", at: 0, 5)
        }
    }

    @Test("a createpri that cannot read its log back is refused and leaves nothing; the next one makes the RVG")
    func unreadable() async throws {
        let broken = Atomic(false)
        let wrap: @Sendable (FileDevice) -> any BlockDevice = { device in
            guard device.name.hasSuffix("-srl") else { return device }
            return HookedDevice(
                device,
                onRead: { () throws(Refusal) in
                    guard !broken.load(ordering: .acquiring) else {
                        throw Refusal(.ioError, device.name, "the disk is gone", hint: "none")
                    }
                }
            )
        }
        try await Trio.run(["london"], wrapping: wrap) { trio in
            let make = Request.createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: ["dv01"], log: "srl")
            broken.store(true, ordering: .releasing)
            for _ in 0..<2 { try await trio.refused("london", make, .ioError) }
            try await trio.refused("london", .deletePrimary(Trio.rvg, force: true), .unknownRVG)
            #expect(try await trio.ask("london", .hostStatus).host?.rvgs.isEmpty == true)
            broken.store(false, ordering: .releasing)
            #expect(try await trio.done("london", make).already == false)
            try await trio.write("london", at: 0, 5)
        }
    }

    @Test(
        "delpri of an RVG whose log is damaged says so, with whatever before the damage; with -f it removes it",
        arguments: [0, 1]
    )
    func damagedLog(record: Int) async throws {
        try await Trio.run(["london"], logSize: 4 << 20) { trio in
            try await trio.makeSet([])
            // It keeps what follows it in the log, over an end in order too.
            try await trio.done("london", .checkStart(Trio.rvg, name: "cp"))
            for byte in 5...7 as ClosedRange<UInt8> { try await trio.write("london", at: UInt64(byte) << 12, byte) }
            await trio.stop("london")
            try trio.plant("london", "srl", at: try await place(ofRecord: record, trio), 0)
            try await trio.start("london")
            let refusal = try await trio.refused("london", .deletePrimary(Trio.rvg, force: false), .logDamaged)
            #expect(refusal.hint.contains("-f delpri hr_rvg"), "\(refusal)")
            // It went on as it was: shut, and for its damage only.
            let opened = #expect(throws: Refusal.self) { try trio.open("london") }
            #expect(opened?.code == .logDamaged, "\(String(describing: opened))")
            try await trio.done("london", .deletePrimary(Trio.rvg, force: true))
            #expect(try await trio.ask("london", .hostStatus).host?.rvgs.isEmpty == true)
        }
    }

    /// The byte of London's log at which a record begins, counted from the first that is kept; London is down.
    private func place(ofRecord number: Int, _ trio: Trio) async throws -> UInt64 {
        var device: FileDevice?
        // The engine's last thread may still hold it.
        try await trio.waitUntil("the log is closed") {
            device = try? FileDevice.open(path: trio.path("london", "srl"))
            return device != nil
        }
        let log = try #require(device)
        let format = trio.settings("london").limits.headerFormat
        let records = try LogRecovery(device: log, format: format).recover().records
        try #require(records.count > number)
        return LogRing(device: log, format: format).place(of: records[number].position)
    }

    @Test("a delsec removes no RVG that its host could not open; delpri -f there does")
    func unopenedSecondary() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.restart("seattle", without: "dv02")
            try await trio.waitUntil("the hosts meet") {
                try await trio.ask("london", .hostStatus).host?.peers.allSatisfy(\.connected) == true
            }
            let outcome = try await trio.done("london", .deleteSecondary(Trio.rvg, secondary: "seattle"))
            let note = try #require(outcome.notes.first { $0.contains("still has its RVG") }, "\(outcome)")
            #expect(note.contains("could not be opened") && note.contains("-f delpri hr_rvg --host seattle"), "\(note)")
            try await trio.restart("seattle", withAgain: "dv02")
            #expect(try await trio.member("seattle").rvg == "hr_rvg")

            // Where it stays as it is, it can be given up.
            try await trio.restart("seattle", without: "dv02")
            try await trio.done("seattle", .deletePrimary(Trio.rvg, force: true))
            try await trio.refused("seattle", .startRVG(Trio.rvg, force: false), .unknownRVG)
        }
    }

    @Test("the log of another RVG is refused, and not replayed over these volumes")
    func exchanged() async throws {
        try await Trio.run(["london", "seattle"], logSize: 4 << 20) { trio in
            try await trio.makeSet(["seattle"])
            try await trio.write("london", at: 0, 9)
            await trio.stop("london")
            await trio.stop("seattle")
            let other = try #require(content(trio.path("seattle", "srl")))
            try other.write(to: URL(fileURLWithPath: trio.path("london", "srl")))
            try await trio.start("london")
            let found = try await trio.refused("london", .startRVG(Trio.rvg, force: true), .badFormat)
            #expect(found.message.contains("the log is one of host"))
            await trio.stop("london")
            #expect(content(trio.path("london", "srl")) == other)
        }
    }
}
