import Foundation
import GRDB
import HomewardCore
import HomewardStorage
import Testing

@Suite("Storage: a damaged catalog", .timeLimit(.minutes(2)))
struct DamagedCatalogTests {
    /// `HOMEWARD_DAMAGE_STRIDE=1` damages each byte; every run takes one in some hundred, others each time.
    private static let step =
        ProcessInfo.processInfo.environment["HOMEWARD_DAMAGE_STRIDE"].flatMap { Int($0) } ?? 167

    private static let catalog: Catalog = {
        var catalog = Catalog(host: Identity(high: 0x1111_2222_3333_4444, low: 0x5555_6666_7777_8888))
        catalog.diskGroups = [.init(name: "hrdg", id: Identity(high: 3, low: 4))]
        for name in ["hr_dv01", "hr_dv02", "hr_srl"] {
            catalog.volumes.append(
                .init(diskGroup: "hrdg", name: name, path: "/srv/\(name)", isDevice: false, size: 64 << 20)
            )
        }
        catalog.rvgs = [
            .init(
                id: Identity(high: 5, low: 6),
                diskGroup: "hrdg",
                name: "hr_rvg",
                volumes: ["hr_dv01", "hr_dv02"],
                log: "hr_srl"
            )
        ]
        catalog.blockedPeers = ["tokyo"]
        return catalog
    }()

    /// The file of a catalog at rest, everything in it and nothing beside it.
    private func sample(_ folder: Folder) throws -> [UInt8] {
        do {
            let store = try SQLiteCatalog(path: folder.file("sample"))
            _ = try store.load()
            try store.save(Self.catalog)
        }
        let queue = try DatabaseQueue(path: folder.file("sample"))
        try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try queue.close()
        return try folder.bytes("sample")
    }

    /// Opens a file with this content: the catalog as it was saved, or a refusal that names the file; nothing else.
    private func open(_ folder: Folder, _ content: [UInt8], _ what: String) throws {
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder.file("c" + suffix)) }
        try folder.write("c", content)
        do throws(Refusal) {
            let found = try SQLiteCatalog(path: folder.file("c")).load()
            #expect(found == Self.catalog, "\(what)")
        } catch {
            let refusal = error
            #expect(refusal.code == .badFormat, "\(what): \(refusal)")
            #expect(refusal.message.contains(folder.file("c")) && !refusal.hint.isEmpty, "\(what): \(refusal)")
        }
    }

    @Test("a flipped byte anywhere: the catalog as it was saved, or a refusal; never another path, size or host")
    func flipped() throws {
        let folder = try Folder()
        let content = try sample(folder)
        let first = Int.random(in: 0..<Self.step)
        for byte in stride(from: first, to: content.count, by: Self.step) {
            var damaged = content
            damaged[byte] ^= UInt8.random(in: 1...255)
            try open(folder, damaged, "byte \(byte) is \(damaged[byte]), was \(content[byte])")
        }
    }

    @Test("each byte of every text and number that was saved, flipped: refused")
    func flippedValues() throws {
        let folder = try Folder()
        let content = try sample(folder)
        let texts = ["hr_dv01", "/srv/hr_dv02", "hr_srl", "hrdg", "hr_rvg", "tokyo", Self.catalog.host.description]
        var found = 0
        for text in texts {
            let bytes = Array(text.utf8)
            for place in 0..<content.count - bytes.count {
                guard content[place..<place + bytes.count].elementsEqual(bytes) else { continue }
                found += 1
                for byte in place..<place + bytes.count {
                    var damaged = content
                    damaged[byte] ^= 1
                    try open(folder, damaged, "byte \(byte) of \(text)")
                }
            }
        }
        #expect(found > texts.count)
    }

    @Test("cut off anywhere, or with zeroes from there on: the catalog as it was saved, or a refusal")
    func cutOff() throws {
        let folder = try Folder()
        let content = try sample(folder)
        for size in stride(from: 1 + Int.random(in: 0..<Self.step), to: content.count, by: Self.step) {
            try open(folder, Array(content.prefix(size)), "cut off at \(size)")
            let zeroes = [UInt8](repeating: 0, count: content.count - size)
            try open(folder, content.prefix(size) + zeroes, "zeroes from \(size) on")
        }
    }

    @Test("a catalog without its host is damaged, and no new one is made in its place")
    func noHost() throws {
        let folder = try Folder()
        try folder.write("c", try sample(folder))
        try DatabaseQueue(path: folder.file("c")).write { try $0.execute(sql: "DELETE FROM host") }
        let found = refusal { _ = try SQLiteCatalog(path: folder.file("c")).load() }
        #expect(found?.code == .badFormat)
        let volumes = try DatabaseQueue(path: folder.file("c")).read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM volume")
        }
        #expect(volumes == 3)
    }

    @Test("a catalog of the release before checksums is read, and has one from then on")
    func older() throws {
        let folder = try Folder()
        try folder.write("c", try sample(folder))
        try DatabaseQueue(path: folder.file("c")).write {
            try $0.execute(sql: "DROP TABLE checksum; DELETE FROM grdb_migrations WHERE identifier = '2 checksum'")
        }
        #expect(try SQLiteCatalog(path: folder.file("c")).load() == Self.catalog)
        try DatabaseQueue(path: folder.file("c")).write { try $0.execute(sql: "UPDATE volume SET size = size + 512") }
        #expect(refusal { _ = try SQLiteCatalog(path: folder.file("c")).load() }?.code == .badFormat)
    }
}
