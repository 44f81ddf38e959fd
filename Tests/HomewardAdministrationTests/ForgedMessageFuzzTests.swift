import Foundation
import FuzzSupport
import HomewardAdministration
import HomewardCore
import Testing

/// Hosts that are told what no host of this release would say, in every state that verbs, partitions and restarts bring
/// them into.
///
/// Goal: no trap, no work outside of the volumes, no header that outgrows its place, and a world that comes to rest.
/// Method: three nodes live a random life; what they say to each other is kept, changed in one to three fields, and said
/// again, by anybody to anybody, in the session of now or a later one.
@Suite("Forged messages", .timeLimit(.minutes(20)))
struct ForgedMessageFuzzTests {
    @Test("hosts survive forged, changed and repeated messages in any state, and come to rest")
    func forged() throws {
        try Fuzz.run("forged-messages", 60, cost: 10) { random in try survive(&random) }
    }

    @Test(
        "seeds that found something once",
        arguments: [
            // Two hosts' offers with one token: the second was taken for the first, and began anew without end.
            1_000_211
        ] as [UInt64]
    )
    func found(seed: UInt64) throws {
        var random = FuzzGenerator(seed: seed)
        try survive(&random)
    }

    private func survive(_ random: inout FuzzGenerator) throws {
        var world = try NodeWorld()
        world.listens = true
        for _ in 0..<60 {
            live(&world, &random)
            for _ in 0..<random.below(6) { forge(&world, &random) }
        }
        world.pass(milliseconds: 3_000)
        for node in world.nodes {
            let header = node.machine.header
            let bytes = HeaderFormat().encode(header)
            #expect(try HeaderFormat().decode(bytes) == header, "seed \(random.seed)")
            // What people ask for is computed from whatever was believed.
            _ = node.describe(now: world.now, volumes: [], log: "srl", logSize: 1 << 20)
            for link in header.links {
                _ = node.describe(link, now: world.now)
                _ = node.updates(link)
            }
            _ = (node.checkpoints(), node.configErrors(), node.lastContacts(now: world.now))
        }
    }

    @Test("what hosts say to each other in any state is within the bounds that they are held to")
    func spoken() throws {
        try Fuzz.run("spoken-messages", 60, cost: 10) { random in
            var world = try NodeWorld()
            world.listens = true
            for _ in 0..<60 { live(&world, &random) }
            let volumes = world.nodes[0].machine.volumes
            for letter in world.heard {
                try letter.message.checkBounds(volumes: volumes)
                // The same, but for one number that nobody can have counted to.
                guard case .contact(var contact) = letter.message else { continue }
                contact.reach.dataCount = random.pick([1 << 62, .max])
                #expect(throws: MalformedBytes.self, "seed \(random.seed)") {
                    try PeerMessage.contact(contact).checkBounds(volumes: volumes)
                }
            }
        }
    }

    // MARK: A random life

    private func live(_ world: inout NodeWorld, _ random: inout FuzzGenerator) {
        let host = random.below(3)
        let other = (host + 1 + random.below(2)) % 3
        switch random.below(12) {
        case 0: toggle(&world, host, other)
        case 1: world.restart(host)
        case 2, 3, 4: _ = world.ask(request(other, &random), on: host)
        case 5: world.pass(milliseconds: 100 + UInt64(random.below(3_000)))
        case 6: _ = world.flush(on: host)
        case 7: world.settle()
        case 8:
            for left in 0..<3 {
                for right in left + 1..<3 where !world.isConnected(left, right) { world.connect(left, right) }
            }
        default: world.write(on: host)
        }
    }

    private func toggle(_ world: inout NodeWorld, _ host: Int, _ other: Int) {
        if world.isConnected(host, other) {
            world.cut(min(host, other), max(host, other))
        } else {
            world.connect(min(host, other), max(host, other))
        }
    }

    private func request(_ other: Int, _ random: inout FuzzGenerator) -> RVGRequest {
        let peer = NodeWorld.ids[other]
        let name = random.pick(["cp", "cq"])
        return random.pick([
            .startReplication(peer, how: .identical, consent: true),
            .startReplication(peer, how: .checkpoint(name), consent: true),
            .synchronize([peer], checkpoint: name, full: false, force: random.chance(2), consent: true),
            .verify([peer]), .takeover(force: random.chance(2)), .makeSecondary(peer, force: true), .migrate(peer),
            .checkStart(name), .checkEnd, .checkDelete(name), .start(force: true), .stop, .setPaused(peer, true),
            .setPaused(peer, false), .stopReplication(peer, force: true),
            .setSettings(peer, LinkSettings(synchronous: .override)),
        ])
    }

    // MARK: Forging

    private func forge(_ world: inout NodeWorld, _ random: inout FuzzGenerator) {
        guard !world.heard.isEmpty else { return }
        let heard = random.pick(world.heard)
        let to = random.chance(4) ? random.below(3) : heard.to
        let from = random.chance(4) ? (to + 1 + random.below(2)) % 3 : heard.from
        let said = random.chance(4) ? heard.message : changed(heard.message, &random)
        guard to != from, let message = said else { return }
        world.forge(message, from: from, to: to)
    }

    private func changed(_ message: PeerMessage, _ random: inout FuzzGenerator) -> PeerMessage? {
        switch message {
        case .contact(let contact): throughJSON(contact, &random).map { .contact($0) }
        case .prepare(let prepare): throughJSON(prepare, &random).map { .prepare($0) }
        case .vote(let token, let vote): throughJSON(vote, &random).map { .vote(token: token, $0) }
        case .replication(.records(let attach, let epoch, let marks, let records)):
            .replication(.records(attach, epoch: epoch, marks: marks, records.map { changed($0, &random) }))
        case .replication(let message): throughBytes(message, &random).map { .replication($0) }
        case .sync(let message): throughBytes(message, &random).map { .sync($0) }
        }
    }

    private func throughJSON<Value: Codable>(_ value: Value, _ random: inout FuzzGenerator) -> Value? {
        guard let data = try? JSONEncoder().encode(value) else { return nil }
        return try? JSONDecoder().decode(Value.self, from: Data(random.mutateJSON([UInt8](data))))
    }

    private func throughBytes<Value: ByteCodable>(_ value: Value, _ random: inout FuzzGenerator) -> Value? {
        var writer = ByteWriter()
        writer.put(value)
        var reader = ByteReader(random.mutate(writer.bytes))
        return try? Value(from: &reader)
    }

    private func changed(_ sent: SentRecord, _ random: inout FuzzGenerator) -> SentRecord {
        guard random.chance(2) else { return sent }
        var record = sent.record
        switch random.below(9) {
        case 0: record.id = UpdateID(random.word())
        case 1: record.volume = UInt32(truncatingIfNeeded: random.word())
        case 2: record.offset = random.word()
        case 3: record.length = random.word()
        case 4: record.dataCount = random.word()
        case 5: record.cumulativeBytes = random.word()
        case 6: record.payloadBytes = UInt32(random.below(Record.payloadLimit + 1))
        case 7: record.kind = random.pick([.write, .zeroes, .trim, .mark, .role])
        default: record.epoch = EpochID(rawValue: random.next())
        }
        return SentRecord(record: record, payload: [])
    }
}
