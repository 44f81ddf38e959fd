import Foundation
import GRDB
import HomewardCore
import HomewardStorage
import Testing

@Suite("Storage: the catalog")
struct CatalogTests {
    /// A generator that gives the same numbers for the same seed.
    struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    static func catalog(_ random: inout Seeded) -> Catalog {
        func identity() -> Identity { Identity(high: random.next(), low: random.next()) }
        var catalog = Catalog(host: identity())
        for group in 0..<Int.random(in: 0...3, using: &random) {
            catalog.diskGroups.append(.init(name: "dg\(9 - group)", id: identity()))
            var names: [String] = []
            for volume in 0..<Int.random(in: 0...6, using: &random) {
                names.append("vol'\(volume)\u{FC}")
                catalog.volumes.append(
                    .init(
                        diskGroup: "dg\(9 - group)",
                        name: "vol'\(volume)\u{FC}",
                        path: "/srv/\(random.next()) x",
                        isDevice: Bool.random(using: &random),
                        size: random.next() >> 1
                    )
                )
            }
            names.shuffle(using: &random)
            if let log = names.popLast() {
                catalog.rvgs.append(
                    .init(id: identity(), diskGroup: "dg\(9 - group)", name: "rvg", volumes: names, log: log)
                )
            }
        }
        catalog.volumes.shuffle(using: &random)
        catalog.blockedPeers = (0..<Int.random(in: 0...3, using: &random)).map { "peer\(9 - $0)" }
        return catalog
    }

    @Test(
        "every catalog loads as it was saved, in its order, also after the file was opened anew",
        .timeLimit(.minutes(2))
    )
    func roundTrip() throws {
        let folder = try Folder()
        var random = Seeded(state: 11)
        var store = try SQLiteCatalog(path: folder.file("c"))
        for round in 0..<40 {
            let catalog = Self.catalog(&random)
            try store.save(catalog)
            #expect(try store.load() == catalog)
            if round % 8 == 0 {
                store = try SQLiteCatalog(path: folder.file("c"))
                #expect(try store.load() == catalog)
            }
        }
    }

    @Test("a new catalog has an identity that stays, and no two have the same", .timeLimit(.minutes(1)))
    func identity() throws {
        let folder = try Folder()
        let first = try SQLiteCatalog(path: folder.file("a")).load()
        #expect(try SQLiteCatalog(path: folder.file("a")).load() == first)
        #expect(try SQLiteCatalog(path: folder.file("b")).load().host != first.host)
        #expect(first.host != Identity(high: 0, low: 0))
        #expect(first.diskGroups.isEmpty)
    }

    @Test("a crash at any moment of a save leaves the old catalog or the new", .timeLimit(.minutes(2)))
    func crash() throws {
        let folder = try Folder()
        var random = Seeded(state: 5)
        let store = try SQLiteCatalog(path: folder.file("c"))
        let old = Self.catalog(&random)
        let new = Self.catalog(&random)
        try store.save(old)
        let journal = try folder.bytes("c-wal")
        let main = try folder.bytes("c")
        try store.save(new)
        let longer = try folder.bytes("c-wal")
        #expect(try folder.bytes("c") == main)
        #expect(longer.count > journal.count)
        // A process that dies has written some prefix of what the save adds to the journal.
        for length in Array(stride(from: journal.count, to: longer.count, by: 1021)) + [longer.count] {
            try folder.write("copy", main)
            try folder.write("copy-wal", Array(longer.prefix(length)))
            try? FileManager.default.removeItem(atPath: folder.file("copy-shm"))
            let found = try SQLiteCatalog(path: folder.file("copy")).load()
            #expect(found == (length == longer.count ? new : old))
        }
    }

    @Test("a crash while the tables are made leaves a file that opens", .timeLimit(.minutes(2)))
    func crashWhileMaking() throws {
        let folder = try Folder()
        let store = try SQLiteCatalog(path: folder.file("c"))
        let main = try folder.bytes("c")
        let journal = try folder.bytes("c-wal")
        for length in stride(from: 0, through: journal.count, by: 2048) {
            try folder.write("copy", main)
            try folder.write("copy-wal", Array(journal.prefix(length)))
            try? FileManager.default.removeItem(atPath: folder.file("copy-shm"))
            #expect(try SQLiteCatalog(path: folder.file("copy")).load().volumes.isEmpty)
        }
        #expect(try store.load().volumes.isEmpty)
    }

    @Test(
        "a file that is no catalog is refused by name and left as it is",
        .timeLimit(.minutes(1)),
        arguments: [1, 15, 16, 5000]
    )
    func noDatabase(length: Int) throws {
        let folder = try Folder()
        let content = [UInt8](repeating: 0x42, count: length)
        try folder.write("c", content)
        let found = refusal { _ = try SQLiteCatalog(path: folder.file("c")) }
        #expect(found?.code == .badFormat)
        #expect(found?.message.contains(folder.file("c")) == true)
        #expect(try folder.bytes("c") == content)
    }

    @Test("a truncated or overwritten catalog is refused, and never read as something else", .timeLimit(.minutes(1)))
    func damaged() throws {
        let folder = try Folder()
        do {
            let queue = try DatabaseQueue(path: folder.file("full"))
            _ = try SQLiteCatalog(path: folder.file("full")).load()
            try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        }
        var content = try folder.bytes("full")
        try folder.write("short", Array(content.prefix(5000)))
        #expect(refusal { _ = try SQLiteCatalog(path: folder.file("short")).load() }?.code == .badFormat)
        for place in 100..<content.count { content[place] = 0xA5 }
        try folder.write("overwritten", content)
        #expect(refusal { _ = try SQLiteCatalog(path: folder.file("overwritten")).load() }?.code == .badFormat)
    }

    @Test("a database of another program is refused", .timeLimit(.minutes(1)))
    func foreign() throws {
        let folder = try Folder()
        try DatabaseQueue(path: folder.file("c")).write { try $0.execute(sql: "CREATE TABLE bookmarks (a)") }
        let content = try folder.bytes("c")
        #expect(refusal { _ = try SQLiteCatalog(path: folder.file("c")) }?.code == .badFormat)
        #expect(try folder.bytes("c") == content)
    }

    @Test("a catalog of a later release is refused", .timeLimit(.minutes(1)))
    func later() throws {
        let folder = try Folder()
        _ = try SQLiteCatalog(path: folder.file("c")).load()
        try DatabaseQueue(path: folder.file("c")).write {
            try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 from the future')")
        }
        let found = refusal { _ = try SQLiteCatalog(path: folder.file("c")) }
        #expect(found?.code == .badFormat)
        #expect(found?.message.contains("later release") == true)
    }

    @Test("a catalog that contradicts itself is not saved, and the old one stays", .timeLimit(.minutes(1)))
    func contradiction() throws {
        let folder = try Folder()
        let store = try SQLiteCatalog(path: folder.file("c"))
        let old = try store.load()
        var wrong = old
        wrong.rvgs.append(.init(id: Identity(high: 1, low: 1), diskGroup: "dg", name: "rvg", volumes: ["a"], log: "b"))
        #expect(refusal { try store.save(wrong) }?.code == .badFormat)
        #expect(try store.load() == old)
    }
}
