import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Synchronization
import Testing

/// What an old Primary gives up is kept in a file, record by record.
@Suite("Salvage", .serialized, .timeLimit(.minutes(2)))
struct SalvageTests {
    private static let payload = 64 << 10

    /// Notes at each read of a log how long the salvage file is by then that is being written.
    private final class Watch: Sendable {
        private let folder = Mutex<String?>(nil)
        private let sizes = Mutex<[Int]>([])

        var seen: [Int] { sizes.withLock { $0 } }
        func begin(_ folder: String) { self.folder.withLock { $0 = folder } }

        @Sendable func wrap(_ device: FileDevice) -> any BlockDevice {
            guard device.name.hasSuffix("london-srl") else { return device }
            return HookedDevice(device, onRead: { () throws(Refusal) in self.look() })
        }

        private func look() {
            guard let folder = folder.withLock({ $0 }),
                let name = files(folder).first(where: { $0.hasSuffix(".salvage.new") }),
                let size = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.size] as? Int
            else { return }
            sizes.withLock { $0.append(size) }
        }
    }

    private static func files(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    /// London was Primary, and has eight records that Seattle, which took over, never heard of.
    private func withDiverged(_ watch: Watch, _ body: (Trio, _ folder: String) async throws -> Void) async throws {
        try await Trio.run(wrapping: watch.wrap) { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await trio.partition("london", "seattle")
            for byte in 1...8 as ClosedRange<UInt8> {
                try await trio.write("london", at: UInt64(byte) << 17, byte, count: Self.payload)
            }
            try await trio.done("seattle", .takeover(Trio.rvg, force: false))
            try await trio.partition("london", "seattle", false)
            try await trio.waitUntil("london is fenced") { try await trio.member("london").state == "fenced" }
            let folder = "\(trio.folder)/london/salvage"
            watch.begin(folder)
            try await body(trio, folder)
        }
    }

    private let giveWay = Request.makeSecondary(Trio.rvg, newPrimary: "seattle", force: true)

    @Test("a record is in the salvage file before the next one is read, and all of them when it has its name")
    func piecewise() async throws {
        let watch = Watch()
        try await withDiverged(watch) { trio, folder in
            let outcome = try await trio.done("london", giveWay)
            let path = try #require(outcome.discarded?.salvageFile)
            let record = Record.headerBytes + Self.payload
            let sizes = watch.seen
            let head = try #require(sizes.first) - Record.headerBytes
            #expect(sizes == (0..<8).map { head + $0 * record + Record.headerBytes })
            let content = [UInt8](try #require(FileManager.default.contents(atPath: path)))
            try #require(content.count == head + 8 * record)
            let text = String(decoding: content.prefix(head), as: UTF8.self)
            #expect(
                text.hasPrefix("homeward salvage 1\nhrdg/hr_rvg ") && text.hasSuffix("\nvolumes 2\n0 dv01\n1 dv02\n")
            )
            for byte in 1...8 as ClosedRange<UInt8> {
                let start = head + Int(byte - 1) * record + Record.headerBytes
                #expect(content[start..<start + Self.payload].allSatisfy { $0 == byte })
            }
            #expect(Self.files(folder).count == 1)
        }
    }

    @Test("a salvage that finds a record damaged is refused, and leaves no file")
    func damaged() async throws {
        try await withDiverged(Watch()) { trio, folder in
            let path = trio.path("london", "srl")
            let content = try #require(FileManager.default.contents(atPath: path))
            let place = try #require(content.firstRange(of: Data(repeating: 5, count: Self.payload))).lowerBound
            try trio.plant("london", "srl", at: UInt64(place), 0)
            try await trio.refused("london", giveWay, .logDamaged)
            #expect(Self.files(folder).isEmpty)
        }
    }
}
