import GRDB
import HomewardCore

/// A catalog to rows and back, in the order that it has.
enum CatalogRows {
    /// A row that cannot be part of a catalog.
    struct Malformed: Error {
        let text: String
    }

    static func store(_ catalog: Catalog, in database: Database) throws {
        for table in ["rvg_volume", "rvg", "volume", "disk_group", "blocked_peer", "host"] {
            try database.execute(sql: "DELETE FROM \(table)")
        }
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
    static func load(from database: Database) throws -> Catalog? {
        guard let text = try String.fetchOne(database, sql: "SELECT id FROM host") else { return nil }
        var catalog = Catalog(host: try identity(text))
        catalog.diskGroups = try Row.fetchAll(database, sql: "SELECT name, id FROM disk_group ORDER BY place").map {
            Catalog.DiskGroup(name: $0["name"], id: try identity($0["id"]))
        }
        catalog.volumes = try Row.fetchAll(database, sql: "SELECT * FROM volume ORDER BY place").map {
            Catalog.Volume(
                diskGroup: $0["disk_group"],
                name: $0["name"],
                path: $0["path"],
                isDevice: $0["is_device"],
                size: UInt64($0["size"] as Int64)
            )
        }
        catalog.rvgs = try Row.fetchAll(database, sql: "SELECT * FROM rvg ORDER BY place").map { row in
            let diskGroup: String = row["disk_group"]
            let name: String = row["name"]
            let volumes = try String.fetchAll(
                database,
                sql: "SELECT volume FROM rvg_volume WHERE disk_group = ? AND rvg = ? ORDER BY position",
                arguments: [diskGroup, name]
            )
            return Catalog.ReplicatedVolumeGroup(
                id: try identity(row["id"]),
                diskGroup: diskGroup,
                name: name,
                volumes: volumes,
                log: row["log"]
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
