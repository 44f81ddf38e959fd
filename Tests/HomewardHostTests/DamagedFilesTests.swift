import Foundation
import HomewardAdministration
import HomewardCore
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
