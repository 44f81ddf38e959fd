import GRDB
import HomewardCore

/// A catalog to rows and back, in the order that it has.
///
/// SQLite notices a page that makes no sense, and not a wrong byte in a path or a size: a checksum over all that the rows
/// say stands beside them. Without it another file could be taken for a volume, and the log be replayed over it.
enum CatalogRows {
    /// A row that cannot be part of a catalog.
    struct Malformed: Error {
        let text: String
    }

    /// Those that hold rows of a catalog, referring ones first.
    private static let tables = ["rvg_volume", "rvg", "volume", "disk_group", "blocked_peer", "host", "checksum"]

    static func store(_ catalog: Catalog, in database: Database) throws {
        for table in CatalogRows.tables { try database.execute(sql: "DELETE FROM \(table)") }
        try database.execute(sql: "INSERT INTO host VALUES (1, ?)", arguments: [catalog.host.description])
        for (place, group) in catalog.diskGroups.enumerated() {
            try database.execute(
                sql: "INSERT INTO disk_group (name, id, place) VALUES (?, ?, ?)",
                arguments: [group.name, group.id.description, place]
            )
        }
        for (place, volume) in catalog.volumes.enumerated() {
            guard let size = Int64(exactly: volume.size) else {
                throw Malformed(text: "a size of \(volume.size) bytes")
            }
            try database.execute(
                sql: "INSERT INTO volume (disk_group, name, path, is_device, size, place) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [volume.diskGroup, volume.name, volume.path, volume.isDevice, size, place]
            )
        }
        for (place, group) in catalog.rvgs.enumerated() { try store(group, at: place, in: database) }
        for (place, peer) in catalog.blockedPeers.enumerated() {
            try database.execute(sql: "INSERT INTO blocked_peer (name, place) VALUES (?, ?)", arguments: [peer, place])
        }
        try storeChecksum(of: catalog, in: database)
    }

    static func storeChecksum(of catalog: Catalog, in database: Database) throws {
        try database.execute(sql: "INSERT INTO checksum VALUES (1, ?)", arguments: [Int64(checksum(of: catalog))])
    }

    /// CRC32C of everything in a fixed order.
    private static func checksum(of catalog: Catalog) -> UInt32 {
        var writer = ByteWriter(reserving: 4096)
        writer.put(catalog.host)
        writer.put(UInt32(catalog.diskGroups.count))
        for group in catalog.diskGroups {
            writer.put(group.name)
            writer.put(group.id)
        }
        writer.put(UInt32(catalog.volumes.count))
        for volume in catalog.volumes {
            for text in [volume.diskGroup, volume.name, volume.path] { writer.put(text) }
            writer.put(volume.isDevice)
            writer.put(volume.size)
        }
        writer.put(UInt32(catalog.rvgs.count))
        for group in catalog.rvgs {
            writer.put(group.id)
            for text in [group.diskGroup, group.name, group.log] { writer.put(text) }
            writer.put(group.volumes)
        }
        writer.put(catalog.blockedPeers)
        return HomewardCore.checksum(writer.bytes)
    }

    private static func store(
        _ group: Catalog.ReplicatedVolumeGroup,
        at place: Int,
        in database: Database
    ) throws {
        try database.execute(
            sql: "INSERT INTO rvg (id, disk_group, name, log, place) VALUES (?, ?, ?, ?, ?)",
            arguments: [group.id.description, group.diskGroup, group.name, group.log, place]
        )
        for (position, volume) in group.volumes.enumerated() {
            try database.execute(
                sql: "INSERT INTO rvg_volume (disk_group, rvg, position, volume) VALUES (?, ?, ?, ?)",
                arguments: [group.diskGroup, group.name, position, volume]
            )
        }
    }

    /// Nil when no catalog was ever stored.
    /// - Throws: ``Malformed`` when the rows do not say what was stored.
    static func load(from database: Database) throws -> Catalog? {
        let catalog = try unchecked(from: database)
        let crc = try Int64.fetchOne(database, sql: "SELECT crc FROM checksum")
        guard let catalog else {
            // A new file has nothing at all; without its host a catalog is no new one, and must not be made anew.
            for table in tables {
                let count = try Int64.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0
                guard count == 0 else { throw Malformed(text: "\(count) rows of \(table), and no host") }
            }
            return nil
        }
        guard crc == Int64(checksum(of: catalog)) else {
            throw Malformed(text: "rows that do not match their checksum")
        }
        return catalog
    }

    /// What the rows say, proven by nothing.
    static func unchecked(from database: Database) throws -> Catalog? {
        guard let text = try String.fetchOne(database, sql: "SELECT id FROM host") else { return nil }
        var catalog = Catalog(host: try identity(text))
        catalog.diskGroups = try Row.fetchAll(database, sql: "SELECT name, id FROM disk_group ORDER BY place").map {
            Catalog.DiskGroup(name: try $0.decode(forColumn: "name"), id: try identity($0.decode(forColumn: "id")))
        }
        catalog.volumes = try Row.fetchAll(database, sql: "SELECT * FROM volume ORDER BY place").map { row in
            let size = try row.decode(Int64.self, forColumn: "size")
            guard size >= 0 else { throw Malformed(text: "a size of \(size) bytes") }
            return Catalog.Volume(
                diskGroup: try row.decode(forColumn: "disk_group"),
                name: try row.decode(forColumn: "name"),
                path: try row.decode(forColumn: "path"),
                isDevice: try row.decode(forColumn: "is_device"),
                size: UInt64(size)
            )
        }
        catalog.rvgs = try Row.fetchAll(database, sql: "SELECT * FROM rvg ORDER BY place").map { row in
            let diskGroup = try row.decode(String.self, forColumn: "disk_group")
            let name = try row.decode(String.self, forColumn: "name")
            let volumes = try String.fetchAll(
                database,
                sql: "SELECT volume FROM rvg_volume WHERE disk_group = ? AND rvg = ? ORDER BY position",
                arguments: [diskGroup, name]
            )
            return Catalog.ReplicatedVolumeGroup(
                id: try identity(row.decode(forColumn: "id")),
                diskGroup: diskGroup,
                name: name,
                volumes: volumes,
                log: try row.decode(forColumn: "log")
            )
        }
        catalog.blockedPeers = try String.fetchAll(database, sql: "SELECT name FROM blocked_peer ORDER BY place")
        return catalog
    }

    private static func identity(_ text: String) throws -> Identity {
        guard let identity = Identity(text) else { throw Malformed(text: "the identity \"\(text)\"") }
        return identity
    }
}
