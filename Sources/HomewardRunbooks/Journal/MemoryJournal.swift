import HomewardCore
import Synchronization

/// A journal in memory, for simulation and tests: the same for the same calls and clock.
///
/// Safe to use from any thread.
public final class MemoryJournal: RunJournal {
    private let now: @Sendable () -> Double
    private let records = Mutex<[RunRecord]>([])

    public init(now: @escaping @Sendable () -> Double = ScriptState.wallClock) { self.now = now }

    public func perform(_ call: JournalCall) throws -> JournalAnswer {
        let now = now()
        return try records.withLock { records in
            switch call {
            case .beginRun(let runbook, let source, let revision, let site, let parameters):
                try Self.refuseSecond(runbook, parameters, records)
                let id = RunID.make(at: now, chance: UInt16(truncatingIfNeeded: records.count + 1))
                records.append(
                    RunRecord(
                        id: id,
                        runbook: runbook,
                        source: source,
                        revision: revision,
                        site: site,
                        parameters: parameters,
                        state: "running",
                        started: now,
                        ended: nil,
                        detail: "{}",
                        steps: []
                    )
                )
                return .begun(id)
            case .beginStep(let run, let id, let title):
                let place = try Self.place(of: run, records)
                let step = RunRecord.Step(
                    id: id,
                    title: title,
                    state: "running",
                    started: now,
                    ended: nil,
                    detail: "{}"
                )
                if let old = records[place].steps.firstIndex(where: { $0.id == id }) {
                    records[place].steps[old] = step
                } else {
                    records[place].steps.append(step)
                }
            case .endStep(let run, let id, let state, let detail):
                let place = try Self.place(of: run, records)
                guard let step = records[place].steps.firstIndex(where: { $0.id == id }) else {
                    throw JournalRefusal.unknownStep(id, run: run)
                }
                records[place].steps[step].state = state
                records[place].steps[step].ended = now
                records[place].steps[step].detail = detail
            case .endRun(let run, let state, let detail):
                let place = try Self.place(of: run, records)
                records[place].state = state
                records[place].ended = now
                records[place].detail = detail
            // Who runs in memory has no processes that could outlive it.
            case .beginCommand: return .command(nil)
            case .endCommand: return .done
            case .leftCommands: return .commands([])
            // One process at a time runs in memory.
            case .ownRun: return .own(records.last { $0.state == "running" }?.id)
            case .lastRun(let runbook, let before):
                let end = before.map { id in records.firstIndex { $0.id == id } ?? 0 } ?? records.endIndex
                return .run(records[..<end].last { $0.runbook == runbook })
            case .run(let id): return .run(records.first { $0.id == id })
            case .runs: return .runs(Self.withoutSteps(records))
            }
            return .done
        }
    }

    /// The process that ran is gone: what was running has died.
    public func processDied() {
        records.withLock { records in
            for place in records.indices where records[place].state == "running" { records[place].state = "died" }
        }
    }

    private static func withoutSteps(_ records: [RunRecord]) -> [RunRecord] {
        records.reversed().map { record in
            var record = record
            record.steps = []
            return record
        }
    }

    private static func refuseSecond(_ runbook: String, _ parameters: String, _ records: [RunRecord]) throws(Refusal) {
        guard let subject = RunSubject(parameters: parameters) else { return }
        let other = records.last { $0.state == "running" && RunSubject(parameters: $0.parameters) == subject }
        guard let other else { return }
        throw subject.refusal(runbook, other: other.id, other.runbook, step: other.steps.last?.id)
    }

    private static func place(of run: String, _ records: [RunRecord]) throws(Refusal) -> Int {
        guard let place = records.firstIndex(where: { $0.id == run }) else { throw JournalRefusal.unknownRun(run) }
        return place
    }
}
