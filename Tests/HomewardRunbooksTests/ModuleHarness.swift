import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost
import Synchronization

/// Hosts that answer as a test says, and remember what they were asked.
final class FakeHosts: ScriptHosts {
    struct Asked: Hashable, Sendable {
        var request: Request
        var target: ScriptTarget
    }

    typealias Reply = @Sendable (Request, ScriptTarget, @Sendable (Progress) -> Void) async throws -> Answer

    private let asked = Mutex<[Asked]>([])
    private let reply: Reply
    private let here: Set<String>

    init(here: Set<String> = [], _ reply: @escaping Reply = { request, _, _ in FakeHosts.usual(request) }) {
        self.reply = reply
        self.here = here
    }

    var requests: [Asked] { asked.withLock { $0 } }

    func perform(
        _ request: Request,
        to target: ScriptTarget,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        asked.withLock { $0.append(Asked(request: request, target: target)) }
        return try await reply(request, target, progress)
    }

    func isHere(_ host: String) async -> Bool { here.contains(host) }

    /// An answer of the kind that a request gets.
    static func usual(_ request: Request) -> Answer {
        switch request {
        case .describe: .rds([Samples.rds])
        case .hostStatus: .host(Samples.host("london", peers: ["tokyo", "seattle"]))
        case .listVolumes: .volumes([Samples.volume("hr_dv01")])
        case .sumVolume(_, let volume):
            .sum(VolumeSum(host: "london", volume: volume, size: 8, sha256: "abcd", position: UpdateID(3)))
        case .listCheckpoints, .listLinkCheckpoints:
            .checkpoints([
                CheckpointDescription(
                    name: "c1",
                    state: "completed",
                    bytes: 4096,
                    percent: 1,
                    startID: UpdateID(1),
                    endID: UpdateID(2)
                )
            ])
        case .synchronize(_, let secondaries, let checkpoint, _, _, _):
            .synchronized(secondaries.map { report($0, checkpoint) })
        case .verify(_, let secondaries, _): .synchronized(secondaries.map { report($0, nil) })
        case .linkStatus: .link(Samples.link)
        case .linkUpdates:
            .updates(
                UpdatesDescription(
                    rlink: "rlk",
                    secondaryID: UpdateID(5),
                    secondaryTime: nil,
                    primaryID: UpdateID(7),
                    primaryTime: 2
                )
            )
        default: .done(Outcome(summary: "done"))
        }
    }

    private static func report(_ secondary: String, _ checkpoint: String?) -> SynchronizationReport {
        SynchronizationReport(
            secondary: secondary,
            checkpoint: checkpoint,
            already: false,
            volumes: [.init(volume: "hr_dv01", size: 8, compared: 8, differing: 4, sent: 4)],
            startID: nil,
            endID: nil,
            seconds: 1,
            discarded: nil,
            notes: []
        )
    }
}

/// Volumes in memory.
final class FakeVolumes: ScriptVolumes {
    struct State {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var open: Set<UInt64> = []
        var next: UInt64 = 0
        var calls: [VolumeCall] = []
    }

    private let state = Mutex(State())

    var calls: [VolumeCall] { state.withLock { $0.calls } }
    var open: Set<UInt64> { state.withLock { $0.open } }

    func perform(_ call: VolumeCall) async throws -> VolumeAnswer {
        try state.withLock { state in
            state.calls.append(call)
            switch call {
            case .open(let host, let export, _):
                guard host != "far" else {
                    throw Refusal(.notLocal, export, "data are not relayed", hint: "run it on \(host)", host: host)
                }
                state.next += 1
                state.open.insert(state.next)
                return .opened(session: state.next, size: UInt64(state.bytes.count))
            case .read(let session, let offset, let count):
                try Self.check(session, state)
                return .bytes(Array(state.bytes[Int(offset)..<Int(offset) + count]))
            case .write(let session, let offset, let bytes):
                try Self.check(session, state)
                state.bytes.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
                return .done
            case .flush(let session):
                try Self.check(session, state)
                return .done
            case .close(let session):
                state.open.remove(session)
                return .done
            }
        }
    }

    func closeAll() async { state.withLock { $0.open = [] } }

    private static func check(_ session: UInt64, _ state: State) throws {
        guard state.open.contains(session) else {
            throw Refusal(.sessionClosed, "hrdg/hr_dv01", "the volume was closed", hint: "open it again")
        }
    }
}

/// Somebody who always gives the same answer.
struct FakeAsker: ScriptAsker {
    var answer: String?
    func ask(_ question: ScriptQuestion) async -> String? { answer }
}

/// A script and all that surrounds it.
struct Bench: Sendable {
    var hosts = FakeHosts()
    var volumes = FakeVolumes()
    var asker = FakeAsker()
    var journal: any RunJournal = MemoryJournal()
    var settings = ScriptState.Settings()
    let lines = Lines()

    /// What was said and printed.
    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    /// Runs a script to its end.
    ///
    /// - Throws: ``LuaError``.
    @discardableResult
    func run(_ text: String, isPrompt: Bool = false) async throws -> [LuaValue] {
        let lines = lines
        let state = ScriptState(settings: settings) { lines.add($0) }
        let world = ScriptWorld.make(state, isPrompt: isPrompt) { bytes in
            lines.add(String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self))
        }
        let performer = ScriptPerformer(hosts: hosts, volumes: volumes, asker: asker, journal: journal)
        let driver = try LuaDriver(world) { verb, progress throws(LuaError) in
            try await performer.perform(verb, progress: progress)
        }
        do {
            let results = try await driver.run(LuaSource(name: "test.lua", text: Array(text.utf8)))
            await driver.close()
            return results
        } catch {
            await driver.close()
            throw error
        }
    }

    /// Runs `local hw = require("homeward")` and a text.
    @discardableResult
    func hw(_ text: String) async throws -> LuaValue {
        try await run("local hw = require(\"homeward\")\n\(text)").first ?? .none
    }
}

extension LuaValue {
    /// A field by its path: `links.1.behind.bytes`.
    func at(_ path: String) -> LuaValue {
        path.split(separator: ".").reduce(self) { value, part in
            let table: LuaTable
            switch value {
            case .table(let found): table = found
            case .object(let object): table = object.fields
            default: return .none
            }
            if let place = Int(part) { return table.array.indices.contains(place - 1) ? table.array[place - 1] : .none }
            return table[String(part)]
        }
    }
}
