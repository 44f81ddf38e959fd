import HomewardAdministration
import HomewardCore
import LuaHost

/// What synchronizations and commands did, and how far they are.
extension AnswerTables {
    /// Reports of all Secondaries, with their sums.
    public static func value(_ reports: [SynchronizationReport]) -> LuaValue {
        let volumes = reports.flatMap(\.volumes)
        return .record([
            "secondaries": .list(reports.map(value)),
            "already": .boolean(reports.allSatisfy(\.already)),
            "identical": .boolean(volumes.allSatisfy { $0.differing == 0 }),
            "bytes_compared": sum(volumes, \.compared),
            "bytes_differing": sum(volumes, \.differing),
            "bytes_sent": sum(volumes, \.sent),
            "seconds": .number(reports.reduce(0) { max($0, $1.seconds) }),
        ])
    }

    public static func value(_ report: SynchronizationReport) -> LuaValue {
        .record([
            "secondary": .text(report.secondary),
            "checkpoint": text(report.checkpoint),
            "already": .boolean(report.already),
            "identical": .boolean(report.volumes.allSatisfy { $0.differing == 0 }),
            "volumes": .list(report.volumes.map(value)),
            "bytes_compared": sum(report.volumes, \.compared),
            "bytes_differing": sum(report.volumes, \.differing),
            "bytes_sent": sum(report.volumes, \.sent),
            "start_id": report.startID.map(id) ?? .none,
            "end_id": report.endID.map(id) ?? .none,
            "seconds": .number(report.seconds),
            "discarded": report.discarded.map(value) ?? .none,
            "notes": texts(report.notes),
        ])
    }

    /// What `on_progress` is called with.
    public static func value(_ progress: Progress) -> LuaValue {
        .record([
            "phase": .text(progress.phase),
            "host": .text(progress.host),
            "volumes": .list(progress.volumes.map(value)),
            "bytes_total": sum(progress.volumes, \.size),
            "bytes_compared": sum(progress.volumes, \.compared),
            "bytes_differing": sum(progress.volumes, \.differing),
            "bytes_sent": sum(progress.volumes, \.sent),
            "seconds_left": number(progress.secondsLeft),
        ])
    }

    public static func value(_ volume: Progress.VolumeProgress) -> LuaValue {
        .record([
            "volume": .text(volume.volume),
            "size": count(volume.size),
            "bytes_compared": count(volume.compared),
            "bytes_differing": count(volume.differing),
            "bytes_sent": count(volume.sent),
        ])
    }

    private static func sum(
        _ volumes: [Progress.VolumeProgress],
        _ part: KeyPath<Progress.VolumeProgress, UInt64>
    ) -> LuaValue {
        count(volumes.reduce(0) { $0 &+ $1[keyPath: part] })
    }

    /// What `hw.sh` returns.
    public static func value(_ result: ShellResult) -> LuaValue {
        .record([
            "code": .integer(Int64(result.code)),
            "out": .string(result.output),
            "err": .string(result.errors),
            "cut": .boolean(result.wasCut),
            "timed_out": .boolean(result.timedOut),
            "seconds": .number(result.seconds),
        ])
    }

    /// A run of the journal with its steps.
    public static func value(_ run: RunRecord) -> LuaValue {
        .record([
            "id": .text(run.id),
            "runbook": .text(run.runbook),
            "source": .text(run.source),
            "revision": .text(run.revision),
            "site": text(run.site),
            "parameters": LuaJSON.value(run.parameters) ?? .record([:]),
            "state": .text(run.state),
            "started": .number(run.started),
            "ended": number(run.ended),
            "detail": LuaJSON.value(run.detail) ?? .none,
            "steps": .list(run.steps.map(value)),
        ])
    }

    public static func value(_ step: RunRecord.Step) -> LuaValue {
        .record([
            "id": .text(step.id),
            "title": .text(step.title),
            "state": .text(step.state),
            "started": .number(step.started),
            "ended": number(step.ended),
            "detail": LuaJSON.value(step.detail) ?? .none,
        ])
    }
}
