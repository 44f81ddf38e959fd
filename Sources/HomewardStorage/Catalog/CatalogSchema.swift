import GRDB

/// The tables of a host's catalog.
///
/// A migration that was released is never changed; a new one is added. Columns of sizes are signed 64-bit as SQLite has
/// them, which holds every size that a file can have.
enum CatalogSchema {
    /// "HmWd": marks the file as ours, so that no other database is taken for a catalog.
    static let applicationID: Int64 = 0x486D_5764

    /// All tables, with the one that GRDB keeps.
    static let tables: Set<String> = [
        "grdb_migrations", "host", "disk_group", "volume", "rvg", "rvg_volume", "blocked_peer",
        "checksum",
    ]

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 names and sizes") { database in
            try database.execute(
                sql: """
                    CREATE TABLE host (
                        row INTEGER PRIMARY KEY CHECK (row = 1),
                        id TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE disk_group (
                        name TEXT PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        place INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE volume (
                        disk_group TEXT NOT NULL REFERENCES disk_group (name),
                        name TEXT NOT NULL,
                        path TEXT NOT NULL,
                        is_device INTEGER NOT NULL CHECK (is_device IN (0, 1)),
                        size INTEGER NOT NULL CHECK (size >= 0),
                        place INTEGER NOT NULL,
                        PRIMARY KEY (disk_group, name)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE rvg (
                        id TEXT NOT NULL UNIQUE,
                        disk_group TEXT NOT NULL,
                        name TEXT NOT NULL,
                        log TEXT NOT NULL,
                        place INTEGER NOT NULL,
                        PRIMARY KEY (disk_group, name),
                        FOREIGN KEY (disk_group, log) REFERENCES volume (disk_group, name)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE rvg_volume (
                        disk_group TEXT NOT NULL,
                        rvg TEXT NOT NULL,
                        position INTEGER NOT NULL,
                        volume TEXT NOT NULL,
                        PRIMARY KEY (disk_group, rvg, position),
                        FOREIGN KEY (disk_group, rvg) REFERENCES rvg (disk_group, name),
                        FOREIGN KEY (disk_group, volume) REFERENCES volume (disk_group, name)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE blocked_peer (
                        name TEXT PRIMARY KEY,
                        place INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        migrator.registerMigration("2 checksum") { database in
            try database.execute(
                sql: """
                    CREATE TABLE checksum (
                        row INTEGER PRIMARY KEY CHECK (row = 1),
                        crc INTEGER NOT NULL
                    ) STRICT;
                    """
            )
            guard let catalog = try CatalogRows.unchecked(from: database) else { return }
            try CatalogRows.storeChecksum(of: catalog, in: database)
        }
        return migrator
    }
}
