import GRDB
import HomewardCore

/// A checksum over all that the journal says of a run: its row, its steps, its commands, in every column.
///
/// SQLite notices a page that makes no sense, and not a wrong byte in a text, a state or a time. Without it a run could be
/// taken for another, and what a step has left behind for something else.
enum JournalChecksum {
    /// A run that is not what was written.
    struct Damage: Error {
        let text: String
    }

    /// Changes a run: looks before, so that damage is not signed, and notes what the journal says afterwards.
    /// - Throws: ``Damage``, with nothing changed; what `change` throws.
    static func changing<Value>(_ run: String, in database: Database, _ change: () throws -> Value) throws -> Value {
        try check(run, in: database)
        let value = try change()
        try note(run, in: database)
        return value
    }

    /// Notes what the journal says now of a run that is new, or that an earlier release wrote.
    static func note(_ run: String, in database: Database) throws {
        guard let sum = try sum(run, database) else { return }
        try database.execute(
            sql: """
                INSERT INTO checksum (run, crc) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET crc = excluded.crc
                """,
            arguments: [run, Int64(sum)]
        )
    }

    /// - Throws: ``Damage`` for a run that is not as it was written; one that never was is none.
    static func check(_ run: String, in database: Database) throws {
        let noted = try Int64.fetchOne(database, sql: "SELECT crc FROM checksum WHERE run = ?", arguments: [run])
        guard try sum(run, database).map(Int64.init) == noted else {
            throw Damage(text: "the run \(run) does not match its checksum")
        }
    }

    /// - Throws: ``Damage`` when any run is not as it was written, or there are others than were written.
    static func checkAll(in database: Database) throws {
        let runs = try String.fetchSet(database, sql: "SELECT id FROM run NOT INDEXED")
        guard try runs == String.fetchSet(database, sql: "SELECT run FROM checksum") else {
            throw Damage(text: "it has other runs than were written")
        }
        for run in runs { try check(run, in: database) }
    }

    private static func sum(_ run: String, _ database: Database) throws -> UInt32? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM run WHERE id = ?", arguments: [run]) else {
            return nil
        }
        var writer = ByteWriter()
        put(row, &writer)
        for table in ["step", "command"] {
            let sql = "SELECT * FROM \(table) WHERE run = ? ORDER BY place"
            for row in try Row.fetchAll(database, sql: sql, arguments: [run]) { put(row, &writer) }
        }
        return HomewardCore.checksum(writer.bytes)
    }

    private static func put(_ row: Row, _ writer: inout ByteWriter) {
        for (column, value) in row {
            writer.put(column)
            switch value.storage {
            case .null: writer.append([0])
            case .int64(let number):
                writer.append([1])
                writer.put(UInt64(bitPattern: number))
            case .double(let number):
                writer.append([2])
                writer.put(number.bitPattern)
            case .string(let text):
                writer.append([3])
                writer.put(text)
            case .blob(let data):
                writer.append([4])
                writer.put(Array(data))
            }
        }
    }
}
