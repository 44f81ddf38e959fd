import GRDB
import HomewardCore

/// The tables of the journal.
///
/// `PRAGMA user_version` is the version. A table of a released version is never changed; a newer version adds to it.
enum JournalSchema {
    static let version = 3
    /// "HmRn": marks the file as ours, so that no other database is taken for a journal.
    static let applicationID: Int64 = 0x486D_526E

    /// Brings an empty file, or one of an older release, up to this one.
    /// - Throws: ``Refusal`` `bad-format` for a database of something else, or of a later release.
    static func prepare(_ database: Database, path: String) throws {
        let application = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        guard application == applicationID || (application == 0 && tables == 0) else {
            throw foreign(path, "it is a database of another program")
        }
        guard found <= version else {
            throw Refusal(
                .badFormat,
                path,
                "\(path) is a journal of version \(found), written by a later release; this one reads up to \(version)",
                hint: "run the release that wrote it, or a later one"
            )
        }
        guard found < version else { return }
        if found < 1 { try database.execute(sql: firstVersion) }
        if found < 2 { try database.execute(sql: secondVersion) }
        if found < 3 {
            try database.execute(sql: thirdVersion)
            for run in try String.fetchAll(database, sql: "SELECT id FROM run") {
                try JournalChecksum.note(run, in: database)
            }
        }
        try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
    }

    static func foreign(_ path: String, _ text: String) -> Refusal {
        Refusal(
            .badFormat,
            path,
            "\(path) is not a journal of runs: \(text)",
            hint: "move it away; the next run begins a new one"
        )
    }

    static func damaged(_ path: String, _ text: String) -> Refusal {
        Refusal(
            .badFormat,
            path,
            "\(path) is damaged: \(text)",
            hint: "keep it, and move it away; the next run begins a new one"
        )
    }

    private static let firstVersion = """
        CREATE TABLE run (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            runbook TEXT NOT NULL,
            source TEXT NOT NULL,
            revision TEXT NOT NULL,
            site TEXT,
            parameters TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
            started REAL NOT NULL,
            ended REAL,
            detail TEXT NOT NULL,
            process TEXT NOT NULL
        ) STRICT;
        CREATE INDEX run_of_runbook ON run (runbook, place);
        CREATE TABLE step (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            run TEXT NOT NULL REFERENCES run (id),
            id TEXT NOT NULL,
            title TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'done', 'skipped', 'failed')),
            started REAL NOT NULL,
            ended REAL,
            detail TEXT NOT NULL,
            UNIQUE (run, id)
        ) STRICT;
        """

    /// Commands of a site that are at work: a row is there from the start of one to its end.
    private static let secondVersion = """
        CREATE TABLE command (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            run TEXT NOT NULL REFERENCES run (id),
            text TEXT NOT NULL,
            process TEXT NOT NULL,
            deadline REAL NOT NULL
        ) STRICT;
        """
    /// What ``JournalChecksum`` computes, for each run.
    private static let thirdVersion = """
        CREATE TABLE checksum (
            run TEXT PRIMARY KEY REFERENCES run (id),
            crc INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
