import Foundation
import FuzzSupport
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardWire
import Logging
import Synchronization
import Testing

/// Frames with right checksums over wrong words, given to a whole host with real files.
///
/// Goal: no trap in whatever decodes frames or carries them out, and the host goes on answering, with the data that it had.
/// Method: valid frames of every kind, changed byte by byte or field by field, mostly on the session of now, else on one of
/// long ago, on the right channel and on others.
@Suite("Forged frames", .timeLimit(.minutes(20)))
struct ForgedFrameFuzzTests {
    private static let peer = HostID(high: 4, low: 4)
    private static let job = CheckpointID(rawValue: 5)
    private static let attach = AttachID(rawValue: 8)

    private static func json(_ value: some Encodable) -> [UInt8] {
        (try? JSONEncoder().encode(value)).map { [UInt8]($0) } ?? []
    }

    private static func bytes(_ value: some ByteCodable) -> [UInt8] {
        var writer = ByteWriter()
        writer.put(value)
        return writer.bytes
    }

    private static let history = History(entries: [
        .init(
            epoch: Epoch(
                number: 1,
                id: EpochID(rawValue: 9),
                host: peer,
                hostName: "dublin",
                kind: .creation,
                reign: EpochID(rawValue: 9),
                closes: []
            ),
            firstID: UpdateID(1),
            dataBefore: 0
        )
    ])

    private static func prepares(_ volumes: [VolumeShape]) -> [Prepare] {
        let offer = AttachOffer(
            attach: attach,
            checkpoint: job,
            checkpointName: "cp",
            madeByHand: true,
            start: UpdateID(1),
            end: UpdateID(2),
            historyAtStart: history,
            history: history,
            lastDataID: UpdateID(1),
            dataCount: 1,
            cumulativeBytes: 4096,
            volumes: volumes,
            sample: [SampledBlock(volume: 0, offset: 0, length: 4096, hash: BlockHash(high: 1, low: 1))],
            sampleSeed: 1
        )
        let sync = SyncOffer(
            job: job,
            name: "cp",
            history: history,
            volumes: volumes,
            blockBytes: 65_536,
            extentBytes: 1 << 20,
            seed: 1,
            verifyOnly: false,
            full: false,
            force: true
        )
        return [
            .attach(offer), .synchronize(sync),
            .migrate(TransactionID(rawValue: 3), epoch: epoch, firstID: UpdateID(2)),
            .takeover(TransactionID(rawValue: 3), epoch: epoch, firstID: UpdateID(2), history: history, dataCount: 1),
            .makesec(TransactionID(rawValue: 3), history: history, end: UpdateID(1), dataCount: 1),
        ]
    }

    private static var epoch: Epoch { history.entries[0].epoch }

    private static func record() -> SentRecord {
        let payload = [UInt8](repeating: 3, count: 512)
        return SentRecord(
            record: Record(
                kind: .write,
                epoch: EpochID(rawValue: 9),
                id: UpdateID(2),
                position: LogPosition(0),
                volume: 7,
                offset: .max - 100,
                length: 512,
                dataCount: 2,
                cumulativeBytes: 1024,
                durableID: UpdateID(1),
                wallTime: 1,
                logLife: 1,
                payloadCRC: checksum(payload),
                payloadBytes: 512
            ),
            payload: payload
        )
    }

    private static func contact(_ rvg: RVGID) -> Contact {
        Contact(
            rvg: rvg,
            diskGroup: "hrdg",
            name: "hr_rvg",
            isPrimary: false,
            open: false,
            failed: false,
            mayOpen: false,
            lineage: Lineage(history: history),
            follows: nil,
            consistent: true,
            consistentFrom: UpdateID(1),
            reach: Contact.Reach(end: UpdateID(1), dataCount: 1),
            links: [],
            undecided: [],
            promised: [],
            receipt: nil,
            targetJob: nil,
            jobs: [],
            takingOver: false
        )
    }

    /// Payloads of each kind of frame, without the RVG's name before those that have one.
    private static func samples(_ volumes: [VolumeShape], _ rvg: RVGID) -> [(kind: UInt8, payloads: [[UInt8]])] {
        let marks = DurabilityMarks(durable: UpdateID(4), wanted: UpdateID(4))
        let replication: [ReplicationMessage] = [
            .start(attach, number: 3, history: history, durable: UpdateID(4)),
            .report(attach, number: 3, loggedEnd: UpdateID(5)),
            .records(attach, epoch: EpochID(rawValue: 9), marks: marks, [record()]),
            .acknowledge(attach, received: UpdateID(9), logged: UpdateID(8)),
            .heartbeat(attach, marks: marks, end: UpdateID(2), wallTime: 3),
        ]
        let sync: [SyncMessage] = [
            .hashes(job, volume: 0, offset: 0, [BlockHash(high: 1, low: 1)]),
            .differing(job, volume: 0, offset: 0, [0]),
            .block(job, volume: 0, offset: 0, length: 4096, hash: BlockHash(high: 1, low: 1), bytes: []),
            .written(job, volume: 0, offset: 0),
            .finished(job, start: UpdateID(1), end: UpdateID(2), epoch: EpochID(rawValue: 9)),
        ]
        let shapes = String(decoding: json(volumes), as: UTF8.self)
        let offer =
            #"{"call":7,"body":{"createSecondary":{"_0":{"rvg":"\#(peer)","name":"other","diskGroup":"hrdg","volumes":"#
            + #"\#(shapes),"log":"srl","logSize":8388608,"primary":"\#(peer)","members":[]}}}}"#
        let calls = [
            #"{"call":1,"body":{"perform":{"_0":{"hostStatus":{}}}}}"#,
            #"{"call":2,"body":{"perform":{"_0":{"describe":{"diskGroup":"hrdg","rvgs":["hr_rvg"]}}}}}"#,
            #"{"call":3,"body":{"perform":{"_0":{"listVolumes":{"diskGroup":"hrdg"}}}}}"#,
            #"{"call":4,"body":{"describeMember":{"_0":"\#(peer)"}}}"#, offer,
        ]
        return [
            (1, [json(contact(rvg))]), (2, prepares(volumes).map { json($0) }),
            (3, [Array(#"{"token":3,"vote":{"begin":{"volume":0,"offset":0}}}"#.utf8)]),
            (4, replication.map { bytes($0) }), (5, sync.map { bytes($0) }), (6, calls.map { Array($0.utf8) }),
            (7, [Array(#"{"call":1,"body":{"phase":"send","host":"x","volumes":[]}}"#.utf8)]),
            (8, [Array(#"{"call":1,"body":{"created":{"diskGroup":"hrdg"}}}"#.utf8)]),
            (9, [Array(#"{"call":1,"body":true}"#.utf8)]), (10, [Array(#"{"call":1,"body":true}"#.utf8)]),
        ]
    }

    @Test("a host that is sent forged frames goes on answering, and its data are what they were")
    func forged() async throws {
        let refusals = Refusals()
        try await Trio.run(handler: RefusalLog(refusals: refusals)) { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            for offset in 0..<8 as Range<UInt64> { try await trio.write("london", at: offset << 12, 9) }
            try await trio.upToDate("london", "seattle")
            let rvg = try #require(
                try await trio.ask("london", .hostStatus).host?.rvgs.first?.id
            )
            let volumes = ["dv01", "dv02"].map { VolumeShape(name: $0, size: Trio.volumeSize) }
            let samples = Self.samples(volumes, rvg)
            let (london, seattle) = (try trio.engine("london"), try trio.engine("seattle"))
            let ends = try [("seattle", seattle.id, london), ("london", london.id, seattle)].map { name, id, engine in
                (name: name, id: id, engine: engine, runtime: try #require(engine.runtimes.first))
            }
            var taken: [UInt8: Int] = [:]
            try Fuzz.run("forged-frames", 1_500, cost: 2) { random in
                let (kind, payloads) = random.pick(samples)
                var payload = random.pick(payloads)
                if !random.chance(8) {
                    let isBinary = kind == 4 || kind == 5
                    payload = isBinary || random.chance(3) ? random.mutate(payload) : random.mutateJSON(payload)
                }
                let isOfRVG = !random.chance(20)
                if (1...5).contains(kind) { payload = Self.bytes(isOfRVG ? rvg : Self.peer) + payload }
                let right: PeerChannel = kind == 4 ? .replication : kind == 5 ? .bulk : .control
                let channel = random.chance(20) ? random.pick(PeerChannel.allCases) : right
                let saidKind = random.chance(20) ? UInt8(truncatingIfNeeded: random.word()) : kind
                let end = random.pick(ends)
                let old = UInt64(random.below(4))
                let isOld = random.chance(8)
                // The one that is taken may have changed with what was said before.
                let now = end.runtime.session(with: end.id)
                let before = refusals.count
                end.engine.peerFrame(
                    PeerSession(peer: end.name, number: isOld ? old : now ?? old),
                    channel: channel,
                    kind: saidKind,
                    payload: payload
                )
                let isTaken = !isOld && now != nil && end.runtime.session(with: end.id) == now
                if isTaken, isOfRVG, channel == right, saidKind == kind, refusals.count == before {
                    taken[kind, default: 0] += 1
                }
            }
            if Fuzz.rounds(1_500, cost: 2) >= 1_000 {
                for kind in samples.map(\.kind) { #expect(taken[kind, default: 0] > 0, "kind \(kind): \(taken)") }
            }
            try await trio.waitUntil("both answer") {
                for host in ["london", "seattle"] { _ = try await trio.ask(host, .hostStatus) }
                return true
            }
            for offset in 0..<8 as Range<UInt64> { #expect(try trio.read("london", at: offset << 12) == 9) }
        }
    }
}

/// How often a host has told its log of a frame that it does not take.
private final class Refusals: Sendable {
    private let counted = Mutex(0)
    var count: Int { counted.withLock { $0 } }

    func note(_ message: String) {
        let isOne =
            message == "a frame of unknown kind" || message == "a frame could not be read"
            || message.contains("is not taken")
        if isOne { counted.withLock { $0 += 1 } }
    }
}

private struct RefusalLog: LogHandler {
    let refusals: Refusals
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { refusals.note("\(event.message)") }
}
