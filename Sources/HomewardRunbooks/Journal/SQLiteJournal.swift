import FoundationEssentials
import GRDB
import Glibc
import HomewardCore
import Synchronization

/// The journal of runs in an SQLite file, which several processes may use at once.
///
/// Write-ahead journal with `synchronous=FULL`: what returned survives the host. The file is made when something is
/// written first, with mode 0600; its folder has to be there. Safe to use from any thread.
public final class SQLiteJournal: RunJournal {
    public let path: String
    /// What is opened: the file at the path, or a copy of it.
    private let file: String
    private let now: @Sendable () -> Double
    private let process: ProcessMark
    private let queue = Mutex<DatabaseQueue?>(nil)

    /// Touches no file.
    public convenience init(path: String) {
        self.init(path: path, now: ScriptState.wallClock, process: .current)
    }

    package convenience init(path: String, now: @escaping @Sendable () -> Double, process: ProcessMark) {
        self.init(path: path, file: path, now: now, process: process)
    }

    private init(path: String, file: String, now: @escaping @Sendable () -> Double, process: ProcessMark) {
        self.path = path
        self.file = file
        self.now = now
        self.process = process
    }

    public func perform(_ call: JournalCall) throws -> JournalAnswer {
        guard call.isReading else {
            // A script that is no runbook leaves nothing in the journal, and makes none.
            if case .beginCommand = call, !exists { return .command(nil) }
            return try with { queue in
                try queue.write { try JournalRows.perform(call, now: now(), process: process, in: $0) }
            }
        }
        guard exists else { return Self.nothing(call) }
        guard !isSealed else { return try readCopy(call) }
        return try with { queue in
            try queue.read { try JournalRows.perform(call, now: now(), process: process, in: $0) }
        }
    }

    private static func nothing(_ call: JournalCall) -> JournalAnswer {
        switch call {
        case .runs: .runs([])
        case .leftCommands: .commands([])
        default: .run(nil)
        }
    }

    // MARK: The file

    /// Looking at what is not there makes nothing.
    private var exists: Bool { access(file, F_OK) == 0 }

    /// Its file system takes no writes, as one that the kernel has shut after an error.
    private var isSealed: Bool { access(file, W_OK) != 0 && errno == EROFS }

    /// SQLite writes also to read a write-ahead journal, so one that is sealed is read as a copy elsewhere.
    private func readCopy(_ call: JournalCall) throws(Refusal) -> JournalAnswer {
        let files = FileManager.default
        let folder = files.temporaryDirectory.appendingPathComponent("homeward-journal-\(UUID().uuidString)").path
        do {
            try files.createDirectory(
                atPath: folder,
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
            defer { try? files.removeItem(atPath: folder) }
            let copy = "\(folder)/journal.sqlite"
            for end in ["", "-wal"] where access(file + end, F_OK) == 0 {
                try files.copyItem(atPath: file + end, toPath: copy + end)
            }
            return try SQLiteJournal(path: path, file: copy, now: now, process: process).perform(call)
        } catch {
            throw refusal(error)
        }
    }

    private func with<Value>(_ body: (DatabaseQueue) throws -> Value) throws(Refusal) -> Value {
        do {
            let opened = try queue.withLock { queue in
                if let queue { return queue }
                let opened = try open()
                queue = opened
                return opened
            }
            return try body(opened)
        } catch {
            throw refusal(error)
        }
    }

    private func open() throws -> DatabaseQueue {
        try makeFile()
        try checkHead()
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(10)
        configuration.label = "journal"
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        let queue = try DatabaseQueue(path: file, configuration: configuration)
        // Another program's file is refused before anything in it is changed, also the way it is journaled.
        let (path, application) = (path, JournalSchema.applicationID)
        let isKnown = try queue.read { database in
            let found = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            return found == application || tables == 0
        }
        guard isKnown else { throw JournalSchema.foreign(path, "it is a database of another program") }
        try insist { try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") } }
        try queue.write { try JournalSchema.prepare($0, path: path) }
        return queue
    }

    /// SQLite asks nobody to wait where two processes switch a file to WAL at the same time.
    private func insist(_ body: () throws -> Void) throws {
        for attempt in 0... {
            do {
                return try body()
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && attempt < 200 {
                usleep(20_000)
            }
        }
    }

    /// Before SQLite does, which would let everybody read it.
    private func makeFile() throws(Refusal) {
        let descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(errno) }
        close(descriptor)
        let cut = file.lastIndex(of: "/")
        let folder = cut.map { $0 == file.startIndex ? "/" : String(file[..<$0]) } ?? "."
        let handle = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { throw failure(errno) }
        defer { close(handle) }
        guard fsync(handle) == 0 else { throw failure(errno) }
    }

    /// Looks at the first bytes before SQLite does, which would make a file of a few bytes into a database.
    private func checkHead() throws(Refusal) {
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        let magic = Array("SQLite format 3\0".utf8)
        var head = [UInt8](repeating: 0, count: magic.count)
        let count = read(descriptor, &head, head.count)
        guard count >= 0 else { throw failure(errno) }
        guard count == 0 || head == magic else { throw JournalSchema.foreign(path, "it is no database") }
    }

    // MARK: Errors

    private func failure(_ code: Int32) -> Refusal {
        Refusal(.ioError, path, String(cString: strerror(code)), hint: hint)
    }

    private var hint: String { "see that its folder is there, may be written, and has room" }

    private func refusal(_ error: any Error) -> Refusal {
        switch error {
        case let refusal as Refusal: return refusal
        case let error as DatabaseError where [.SQLITE_NOTADB, .SQLITE_CORRUPT].contains(error.resultCode):
            return JournalSchema.foreign(path, error.message ?? "it is damaged")
        case let damage as JournalChecksum.Damage: return JournalSchema.damaged(path, damage.text)
        case let error as RowDecodingError: return JournalSchema.foreign(path, "a row of it is none: \(error)")
        case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
            return Refusal(.ioError, path, "no room is left for the journal", hint: hint)
        case let error as DatabaseError where error.resultCode == .SQLITE_BUSY:
            return Refusal(
                .ioError,
                path,
                "another process has held the journal for more than 10 s",
                hint: "homeward runs list shows what runs"
            )
        case let error as DatabaseError:
            return Refusal(.ioError, path, error.message ?? "SQLite: \(error.resultCode)", hint: hint)
        default: return Refusal(.ioError, path, "\(error)", hint: hint)
        }
    }
}
