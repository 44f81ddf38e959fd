import HomewardAdministration
import HomewardCore
import LuaHost

/// Answers of hosts as scripts see them.
///
/// Pure. Names are words with `_`; ids print as the commands print them (`high.low`); times are seconds since 1970,
/// sizes bytes; what is not known is left out.
public enum AnswerTables {
    /// An answer to a request.
    ///
    /// A description of one RVG is the table of that RDS; of several or of all it is a list of such tables.
    /// - Throws: ``LuaError`` `unknown-rvg` or `ambiguous` when one RDS was asked for and another number was described.
    public static func value(_ answer: Answer, to request: Request) throws(LuaError) -> LuaValue {
        switch answer {
        case .done(let outcome): return value(outcome)
        case .volumes(let volumes): return .list(volumes.map(value))
        case .sum(let sum): return value(sum)
        case .rds(let sets): return try value(sets, request)
        case .checkpoints(let checkpoints): return .list(checkpoints.map(value))
        case .synchronized(let reports): return value(reports)
        case .link(let link): return value(link)
        case .updates(let updates): return value(updates)
        case .host(let host): return value(host)
        }
    }

    private static func value(_ sets: [RDSDescription], _ request: Request) throws(LuaError) -> LuaValue {
        guard case .describe(let diskGroup, let names) = request, names.count == 1 else {
            return .list(sets.map(value))
        }
        let name = diskGroup.map { "\($0)/\(names[0])" } ?? names[0]
        guard let first = sets.first else {
            throw LuaError(
                LuaError.Code(.unknownRVG),
                "no RVG of that name is known to the host that was asked",
                hint: "hw.status() lists those that are",
                object: name
            )
        }
        guard sets.count == 1 else {
            let groups = sets.map { "\(Self.diskGroup(of: $0))/\($0.rvg)" }
            throw LuaError(
                LuaError.Code(.ambiguous),
                "\(sets.count) RVGs have that name: \(groups.joined(separator: ", "))",
                hint: "name the disk group too, as in hw.rds(\"\(Self.diskGroup(of: first))\", \"\(names[0])\")",
                object: name
            )
        }
        return value(first)
    }

    /// The end of a request that changes something.
    public static func value(_ outcome: Outcome) -> LuaValue {
        .record([
            "already": .boolean(outcome.already),
            "summary": .text(outcome.summary),
            "notes": texts(outcome.notes),
            "discarded": outcome.discarded.map(value) ?? .none,
            "takeover": outcome.takeover.map(value) ?? .none,
        ])
    }

    public static func value(_ discarded: DiscardedUpdates) -> LuaValue {
        .record([
            "host": .text(discarded.host),
            "updates": count(discarded.updates),
            "kept": count(discarded.kept),
            "bytes": count(discarded.bytes),
            "first_id": id(discarded.firstID),
            "last_id": id(discarded.lastID),
            "first_time": .number(discarded.firstTime),
            "last_time": .number(discarded.lastTime),
            "ranges": .list(
                discarded.ranges.map {
                    .record(["volume": .text($0.volume), "offset": count($0.offset), "length": count($0.length)])
                }
            ),
            "ranges_left_off": .integer(Int64(discarded.rangesLeftOff)),
            "salvage_file": text(discarded.salvageFile),
        ])
    }

    /// `lost_at_least` and `last_heard_id` are left out where they are not known.
    public static func value(_ report: TakeoverReport) -> LuaValue {
        .record([
            "epoch": count(report.epoch),
            "fork_id": id(report.forkID),
            "fork_time": number(report.forkTime),
            "last_heard_id": report.lastHeardID.map(id) ?? .none,
            "lost_at_least": report.lostAtLeast.map(count) ?? .none,
            "old_primary": text(report.oldPrimary),
        ])
    }

    public static func value(_ volume: VolumeDescription) -> LuaValue {
        .record([
            "dg": .text(volume.diskGroup),
            "name": .text(volume.name),
            "size": count(volume.size),
            "path": .text(volume.path),
            "is_device": .boolean(volume.isDevice),
            "rvg": text(volume.rvg),
            "is_log": .boolean(volume.isLog),
            "open_by": .list(volume.openBy.map { holder($0, volume.name) }),
        ])
    }

    static func holder(_ holder: SessionHolder, _ volume: String) -> LuaValue {
        .record([
            "volume": .text(volume),
            "process": holder.process.map { .integer(Int64($0)) } ?? .none,
            "label": .text(holder.label),
        ])
    }

    public static func value(_ sum: VolumeSum) -> LuaValue {
        .record([
            "host": .text(sum.host),
            "volume": .text(sum.volume),
            "size": count(sum.size),
            "sha256": .text(sum.sha256),
            "position": sum.position.map(id) ?? .none,
        ])
    }

    public static func value(_ checkpoint: CheckpointDescription) -> LuaValue {
        .record([
            "name": .text(checkpoint.name),
            "state": .text(checkpoint.state),
            "bytes": count(checkpoint.bytes),
            "percent": .number(checkpoint.percent),
            "start_id": id(checkpoint.startID),
            "end_id": checkpoint.endID.map(id) ?? .none,
        ])
    }

    public static func value(_ updates: UpdatesDescription) -> LuaValue {
        .record([
            "rlink": .text(updates.rlink),
            "secondary_id": id(updates.secondaryID),
            "secondary_time": number(updates.secondaryTime),
            "primary_id": updates.primaryID.map(id) ?? .none,
            "primary_time": number(updates.primaryTime),
        ])
    }

    // MARK: Words

    static func count(_ number: UInt64) -> LuaValue { .integer(Int64(clamping: number)) }
    static func id(_ id: UpdateID) -> LuaValue { .text(id.description) }
    static func text(_ text: String?) -> LuaValue { text.map { .text($0) } ?? .none }
    static func number(_ number: Double?) -> LuaValue { number.map { .number($0) } ?? .none }
    static func texts(_ texts: [String]) -> LuaValue { .list(texts.map { .text($0) }) }
}

extension LuaError.Code {
    /// The same code as a host would refuse with.
    public init(_ code: RefusalCode) { self.init(rawValue: code.rawValue) }
}

extension LuaError {
    /// A refusal, with all its fields.
    public init(_ refusal: Refusal) {
        self.init(
            Code(refusal.code),
            refusal.message,
            hint: refusal.hint,
            object: refusal.object,
            host: refusal.host
        )
    }

    /// What anything else that was thrown means to a script.
    public init(other error: any Error) {
        switch error {
        case let error as LuaError: self = error
        case let refusal as Refusal: self.init(refusal)
        case is CancellationError:
            self.init(.interrupted, "the request was cancelled", hint: "call it again")
        default: self.init(Code(.ioError), "\(error)", hint: "call it again")
        }
    }
}
