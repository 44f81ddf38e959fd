import GRDB
import HomewardCore

/// Runs and steps as rows.
enum JournalRows {
    static func perform(
        _ call: JournalCall,
        now: Double,
        process: ProcessMark,
        in database: Database
    ) throws -> JournalAnswer {
        switch call {
        case .beginRun(let runbook, let source, let revision, let site, let parameters):
            try refuseSecond(runbook, parameters, database)
            let id = try freshID(now, database)
            try database.execute(
                sql: """
                    INSERT INTO run (id, runbook, source, revision, site, parameters, state, started, detail, process)
                    VALUES (?, ?, ?, ?, ?, ?, 'running', ?, '{}', ?)
                    """,
                arguments: [id, runbook, source, revision, site, parameters, now, process.description]
            )
            try JournalChecksum.note(id, in: database)
            return .begun(id)
        case .beginStep(let run, let id, let title):
            try JournalChecksum.changing(run, in: database) {
                guard try exists(run, database) else { throw unknown(run) }
                // A step that is begun again begins anew, at its place.
                try database.execute(
                    sql: """
                        INSERT INTO step (run, id, title, state, started, detail) VALUES (?, ?, ?, 'running', ?, '{}')
                        ON CONFLICT (run, id) DO UPDATE SET
                        title = excluded.title, state = 'running', started = excluded.started, ended = NULL, detail = '{}'
                        """,
                    arguments: [run, id, title, now]
                )
            }
        case .endStep(let run, let id, let state, let detail):
            try JournalChecksum.changing(run, in: database) {
                guard try exists(run, database) else { throw unknown(run) }
                try database.execute(
                    sql: "UPDATE step SET state = ?, ended = ?, detail = ? WHERE run = ? AND id = ?",
                    arguments: [state, now, detail, run, id]
                )
                try expectChange(database, JournalRefusal.unknownStep(id, run: run))
            }
        case .endRun(let run, let state, let detail):
            try JournalChecksum.changing(run, in: database) {
                try database.execute(
                    sql: "UPDATE run SET state = ?, ended = ?, detail = ? WHERE id = ?",
                    arguments: [state, now, detail, run]
                )
                try expectChange(database, unknown(run))
            }
        case .beginCommand(let command, let text, let seconds):
            guard let run = try current(of: process, database) else { return .command(nil) }
            let entry = try JournalChecksum.changing(run, in: database) {
                try database.execute(
                    sql: "INSERT INTO command (run, text, process, deadline) VALUES (?, ?, ?, ?)",
                    arguments: [run, text, command.description, now + seconds]
                )
                return database.lastInsertedRowID
            }
            return .command(entry)
        case .endCommand(let entry):
            let sql = "SELECT run FROM command WHERE place = ?"
            guard let run = try String.fetchOne(database, sql: sql, arguments: [entry]) else { return .done }
            try JournalChecksum.changing(run, in: database) {
                try database.execute(sql: "DELETE FROM command WHERE place = ?", arguments: [entry])
            }
        case .leftCommands: return .commands(try left(in: database))
        case .ownRun: return .own(try current(of: process, database))
        case .lastRun(let runbook, let before): return .run(try last(runbook, before: before, in: database))
        case .run(let id): return .run(try run(id, in: database))
        case .runs: return .runs(try all(in: database))
        }
        return .done
    }

    static func all(in database: Database) throws -> [RunRecord] {
        try JournalChecksum.checkAll(in: database)
        return try Row.fetchAll(database, sql: "SELECT * FROM run ORDER BY place DESC").map {
            try record($0, steps: [])
        }
    }

    static func run(_ id: String, in database: Database) throws -> RunRecord? {
        try JournalChecksum.check(id, in: database)
        return try Row.fetchOne(database, sql: "SELECT * FROM run WHERE id = ?", arguments: [id]).map {
            try record($0, steps: try steps(of: id, database))
        }
    }

    static func last(_ runbook: String, before: String?, in database: Database) throws -> RunRecord? {
        // Of a run that is damaged it could not be told whether it is the one, nor by an index that is.
        try JournalChecksum.checkAll(in: database)
        return try Row.fetchOne(
            database,
            sql: """
                SELECT * FROM run NOT INDEXED WHERE runbook = ?
                AND (? IS NULL OR place < (SELECT place FROM run NOT INDEXED WHERE id = ?))
                ORDER BY place DESC LIMIT 1
                """,
            arguments: [runbook, before, before]
        ).map { try record($0, steps: try steps(of: $0.decode(forColumn: "id"), database)) }
    }

    /// Those of runs whose process is gone, as far as they are still at work.
    static func left(in database: Database) throws -> [LeftCommand] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT command.*, run.process AS runner FROM command JOIN run ON run.id = command.run
                ORDER BY command.place
                """
        ).compactMap { row in
            let runner: String = try row.decode(forColumn: "runner")
            let process: String = try row.decode(forColumn: "process")
            guard ProcessMark(runner)?.isAlive != true else { return nil }
            guard let mark = ProcessMark(process), mark.isAlive else { return nil }
            try JournalChecksum.check(row.decode(forColumn: "run"), in: database)
            return LeftCommand(
                entry: try row.decode(forColumn: "place"),
                run: try row.decode(forColumn: "run"),
                text: try row.decode(forColumn: "text"),
                process: mark,
                deadline: try row.decode(forColumn: "deadline")
            )
        }
    }

    // MARK: Parts

    /// The run that a process is in.
    private static func current(of process: ProcessMark, _ database: Database) throws -> String? {
        try String.fetchOne(
            database,
            sql: "SELECT id FROM run WHERE process = ? AND state = 'running' ORDER BY place DESC LIMIT 1",
            arguments: [process.description]
        )
    }

    /// Looks in the transaction that enters the run: of several that begin at once, one is entered.
    private static func refuseSecond(_ runbook: String, _ parameters: String, _ database: Database) throws {
        guard let subject = RunSubject(parameters: parameters) else { return }
        let rows = try Row.fetchAll(database, sql: "SELECT * FROM run WHERE state = 'running' ORDER BY place DESC")
        for row in rows {
            let other = try record(row, steps: [])
            try JournalChecksum.check(other.id, in: database)
            guard other.state == "running", RunSubject(parameters: other.parameters) == subject else { continue }
            let step = try steps(of: other.id, database).last?.id
            throw subject.refusal(runbook, other: other.id, other.runbook, step: step)
        }
    }

    private static func freshID(_ now: Double, _ database: Database) throws -> String {
        var id = RunID.make(at: now, chance: .random(in: 0...0xFFFF))
        while try exists(id, database) { id = RunID.make(at: now, chance: .random(in: 0...0xFFFF)) }
        return id
    }

    private static func exists(_ id: String, _ database: Database) throws -> Bool {
        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?)", arguments: [id]) ?? false
    }

    private static func expectChange(_ database: Database, _ refusal: Refusal) throws {
        guard database.changesCount == 1 else { throw refusal }
    }

    private static func unknown(_ run: String) -> Refusal { JournalRefusal.unknownRun(run) }

    private static func steps(of run: String, _ database: Database) throws -> [RunRecord.Step] {
        try Row.fetchAll(database, sql: "SELECT * FROM step WHERE run = ? ORDER BY place", arguments: [run]).map {
            row in
            RunRecord.Step(
                id: try row.decode(forColumn: "id"),
                title: try row.decode(forColumn: "title"),
                state: try row.decode(forColumn: "state"),
                started: try row.decode(forColumn: "started"),
                ended: try row.decode(forColumn: "ended"),
                detail: try row.decode(forColumn: "detail")
            )
        }
    }

    private static func record(_ row: Row, steps: [RunRecord.Step]) throws -> RunRecord {
        var state: String = try row.decode(forColumn: "state")
        let process: String = try row.decode(forColumn: "process")
        if state == "running", ProcessMark(process)?.isAlive != true { state = "died" }
        return RunRecord(
            id: try row.decode(forColumn: "id"),
            runbook: try row.decode(forColumn: "runbook"),
            source: try row.decode(forColumn: "source"),
            revision: try row.decode(forColumn: "revision"),
            site: try row.decode(forColumn: "site"),
            parameters: try row.decode(forColumn: "parameters"),
            state: state,
            started: try row.decode(forColumn: "started"),
            ended: try row.decode(forColumn: "ended"),
            detail: try row.decode(forColumn: "detail"),
            steps: steps
        )
    }
}

/// What journals refuse.
enum JournalRefusal {
    static func unknownRun(_ id: String) -> Refusal {
        Refusal(.unknownRun, id, "the journal has no run of that id", hint: "homeward runs list")
    }

    static func unknownStep(_ id: String, run: String) -> Refusal {
        Refusal(.unknownStep, id, "the run \(run) has not begun a step of that id", hint: "homeward runs show \(run)")
    }
}
