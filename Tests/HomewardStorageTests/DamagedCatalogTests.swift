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
    ///
    /// - Returns: Whether it was refused.
    @discardableResult
    private func open(_ folder: Folder, _ content: [UInt8], _ what: String) throws -> Bool {
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder.file("c" + suffix)) }
        try folder.write("c", content)
        do throws(Refusal) {
            let found = try SQLiteCatalog(path: folder.file("c")).load()
            #expect(found == Self.catalog, "\(what)")
            return false
        } catch {
            let refusal = error
            #expect(refusal.code == .badFormat, "\(what): \(refusal)")
            #expect(refusal.message.contains(folder.file("c")) && !refusal.hint.isEmpty, "\(what): \(refusal)")
            return true
        }
    }

    /// Where the rows of each of the catalog's tables stand in a file: what cells take of the one page that it has.
    private func rows(_ folder: Folder, _ content: [UInt8]) throws -> [(table: String, range: Range<Int>)] {
        let queue = try DatabaseQueue(path: folder.file("sample"))
        let (size, tables) = try queue.read { database in
            let sql = "SELECT name, rootpage FROM sqlite_schema WHERE type = 'table' AND name <> 'grdb_migrations'"
            return (try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0, try Row.fetchAll(database, sql: sql))
        }
        try queue.close()
        return try tables.map { row in
            let page = (row[1] - 1) * size
            // A leaf, of a table with row numbers or of one without.
            try #require([0x0D, 0x0A].contains(content[page]))
            return (row[0], page + Int(content[page + 5]) << 8 + Int(content[page + 6])..<page + size)
        }
    }

    /// The bytes that SQLite has of a number that takes four.
    private func bytes(_ number: Int64) -> [UInt8] {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: number).bigEndian) { Array($0) }
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

    @Test("each byte of every row of every table, with a flipped bit: refused, or a catalog that says the same")
    func flippedRows() throws {
        let folder = try Folder()
        let content = try sample(folder)
        let rows = try rows(folder, content)
        #expect(rows.count == 7)
        for byte in rows.map(\.range).joined() {
            for bit in Self.step == 1 ? Array(0...7) : [Int.random(in: 0...7)] {
                var damaged = content
                damaged[byte] ^= 1 << bit
                try open(folder, damaged, "bit \(bit) of byte \(byte)")
            }
        }
    }

    @Test("each byte of every text and number in a row, flipped: refused, but for those by which a row is only found")
    func flippedValues() throws {
        let folder = try Folder()
        let content = try sample(folder)
        let rows = try rows(folder, content)
        let crc = try DatabaseQueue(path: folder.file("sample")).read {
            try #require(try Int64.fetchOne($0, sql: "SELECT crc FROM checksum"))
        }
        let catalog = Self.catalog
        let identities = [catalog.host, catalog.diskGroups[0].id, catalog.rvgs[0].id].map(\.description)
        let texts = ["hr_dv01", "/srv/hr_dv02", "hr_srl", "hrdg", "hr_rvg", "tokyo"] + identities
        let values = texts.map { ($0, Array($0.utf8)) } + [("size", bytes(64 << 20)), ("crc", bytes(crc))]
        for (value, bytes) in values {
            var found = 0
            for place in 0...content.count - bytes.count where content[place..<place + bytes.count] == bytes[...] {
                // Indexes have copies, and the volumes of an RVG are found by its name: what they say is not believed.
                let table = rows.first { $0.range.contains(place) }?.table
                let isBelieved = table != nil && !(table == "rvg_volume" && ["hrdg", "hr_rvg"].contains(value))
                found += isBelieved ? 1 : 0
                for byte in place..<place + bytes.count {
                    var damaged = content
                    damaged[byte] ^= 1
                    let refused = try open(folder, damaged, "byte \(byte) of \(value)")
                    #expect(refused || !isBelieved, "byte \(byte) of \(value) in \(table ?? "no table")")
                }
            }
            #expect(found > 0, "\(value)")
        }
    }

    @Test("any other value in any column of a row: refused, but for a place that leaves the order as it is")
    func otherValues() throws {
        let folder = try Folder()
        let content = try sample(folder)
        let columns = try DatabaseQueue(path: folder.file("sample")).read { database in
            let sql = """
                SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
                WHERE t.type = 'table' AND t.name <> 'grdb_migrations' AND c.name <> 'row'
                """
            return try Row.fetchAll(database, sql: sql).map { (table: $0[0] as String, column: $0[1] as String) }
        }
        #expect(columns.count == 22)
        var changed: Set<String> = []
        for (table, column) in columns {
            let isPlace = ["place", "position"].contains(column)
            for value in ["\(column) + 1", "\(column) + 256", "'x' || \(column)", "substr(\(column), 2)"] {
                try folder.write("c", content)
                var configuration = Configuration()
                configuration.foreignKeysEnabled = false
                let queue = try DatabaseQueue(path: folder.file("c"), configuration: configuration)
                // A table takes no text for a number, and no two rows of one key.
                let isChanged = queue.writeWithoutTransaction { database in
                    let sql = "PRAGMA ignore_check_constraints = ON; UPDATE \(table) SET \(column) = \(value)"
                    return (try? database.execute(sql: sql)) != nil
                }
                try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
                try queue.close()
                guard isChanged else { continue }
                changed.insert(column)
                let refused = try open(folder, try folder.bytes("c"), "\(table).\(column) = \(value)")
                #expect(refused || isPlace, "\(table).\(column) = \(value)")
            }
        }
        #expect(changed == Set(columns.map(\.column)))
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
