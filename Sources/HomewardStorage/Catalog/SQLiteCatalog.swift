import CPlatform
import GRDB
import Glibc
import HomewardCore

/// The catalog in an SQLite file of the host directory, whose lock the caller holds.
///
/// Write-ahead journal with `synchronous=FULL`: a ``save(_:)`` that returned survives the host; one that did not either
/// is there whole or not at all. Calls may come from any thread; they are carried out one after the other.
public final class SQLiteCatalog: CatalogStore {
    private let path: String
    private let queue: DatabaseQueue

    /// Opens the file, making it when it is not there and bringing its tables up to this release.
    ///
    /// - Throws: `bad-format` for a file that is no catalog, or one of a later release; it is left as it is.
    ///   `io-error`.
    public init(path: String) throws(Refusal) {
        self.path = path
        try Self.checkHead(path)
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.label = "catalog"
        configuration.prepareDatabase { database in try database.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try Self.checkKind(queue, path)
            // Only now, because this changes the file.
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
            try CatalogSchema.migrator.migrate(queue)
            try queue.write { try $0.execute(sql: "PRAGMA application_id = \(CatalogSchema.applicationID)") }
        } catch {
            throw Self.refusal(error, path)
        }
        guard chmod(path, 0o600) == 0 else { throw Self.failure(path, errno) }
        let code = synchronizeFolder(folder(of: path))
        guard code == 0 else { throw Self.failure(path, code) }
    }

    public func load() throws(Refusal) -> Catalog {
        do {
            return try queue.write { database in
                if let catalog = try CatalogRows.load(from: database) { return catalog }
                var random = SystemRandomNumberGenerator()
                let fresh = Catalog(host: Identity(high: random.next(), low: random.next()))
                try CatalogRows.store(fresh, in: database)
                return fresh
            }
        } catch {
            throw Self.refusal(error, path)
        }
    }

    public func save(_ catalog: Catalog) throws(Refusal) {
        do {
            try queue.write { try CatalogRows.store(catalog, in: $0) }
        } catch {
            throw Self.refusal(error, path)
        }
    }

    // MARK: Files that are something else

    /// Looks at the first bytes before SQLite does, which would make a file of a few bytes into a database.
    private static func checkHead(_ path: String) throws(Refusal) {
        let descriptor = homeward_open(path, O_RDONLY, 0)
        if descriptor == -ENOENT { return }
        guard descriptor >= 0 else { throw failure(path, descriptor) }
        defer { _ = homeward_close(descriptor) }
        let magic = Array("SQLite format 3\0".utf8)
        var head = [UInt8](repeating: 0, count: magic.count)
        let count = homeward_pread(descriptor, &head, head.count, 0)
        guard count >= 0 else { throw failure(path, Int32(count)) }
        guard count == 0 || head == magic else { throw foreign(path, "it is no database") }
    }

    /// A database of somebody else, or of a release to come.
    private static func checkKind(_ queue: DatabaseQueue, _ path: String) throws {
        let (application, tables, isLater) = try queue.read { database in
            (
                try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0,
                try Int64.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0,
                try CatalogSchema.migrator.hasBeenSuperseded(database)
            )
        }
        // A process that died while it made the tables left them without the mark.
        let isOurs =
            try application == CatalogSchema.applicationID || tables == 0 || application == 0 && isUnfinished(queue)
        guard isOurs else { throw foreign(path, "it is a database of another program") }
        guard !isLater else {
            throw Refusal(
                .badFormat,
                path,
                "\(path) was written by a later release",
                hint: "run the release that wrote it, or a later one"
            )
        }
    }

    private static func isUnfinished(_ queue: DatabaseQueue) throws -> Bool {
        try queue.read { database in
            let names = try String.fetchSet(database, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'")
            return names.contains("grdb_migrations") && names.subtracting(CatalogSchema.tables).isEmpty
        }
    }

    private static func foreign(_ path: String, _ text: String) -> Refusal {
        Refusal(
            .badFormat,
            path,
            "\(path) is not a catalog: \(text)",
            hint: "move it away, or use another host directory"
        )
    }

    private static func damaged(_ path: String, _ text: String) -> Refusal {
        Refusal(
            .badFormat,
            path,
            "\(path) is damaged: it holds \(text)",
            hint: "keep it, and restore a copy; or move it away, make disk groups and volumes again over the same "
                + "files, and add this host again with addsec and syncrvg"
        )
    }

    private static func failure(_ path: String, _ code: Int32) -> Refusal {
        Refusal(.ioError, path, "\(path): \(systemText(code))", hint: "see that the directory may be written")
    }

    private static func refusal(_ error: any Error, _ path: String) -> Refusal {
        switch error {
        case let refusal as Refusal: return refusal
        case let malformed as CatalogRows.Malformed:
            return damaged(path, malformed.text)
        case let error as RowDecodingError: return damaged(path, "a row that is none: \(error)")
        case let error as DatabaseError where [.SQLITE_NOTADB, .SQLITE_CORRUPT].contains(error.resultCode):
            return foreign(path, error.message ?? "it is damaged")
        case let error as DatabaseError where error.resultCode == .SQLITE_ERROR:
            // A statement of this release that SQLite cannot even prepare: the tables are not those that it made.
            return damaged(path, "other tables than a catalog has: \(error.message ?? "")")
        case let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT:
            let text = error.message ?? "a rule of the catalog is broken"
            return Refusal(
                .badFormat,
                path,
                "the new catalog does not hold together: \(text)",
                hint: "report this as a defect"
            )
        default:
            return Refusal(
                .ioError,
                path,
                "\(path): \(error)",
                hint: "see that the directory may be written and has room"
            )
        }
    }
}
