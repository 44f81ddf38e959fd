import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import HomewardRunbooks
import Synchronization
import Testing

/// A host by its control socket, as a test has it.
private final class Door: RequestHandler {
    let description: HostDescription
    let hangs: Bool
    let asked = Mutex<[(request: Request, relay: String?)]>([])

    init(_ name: String, _ members: [MemberDescription], hangs: Bool = false) {
        description = Samples.host(name, members)
        self.hangs = hangs
    }

    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        if hangs { try await Task.sleep(for: .seconds(60)) }
        asked.withLock { $0.append((request, host)) }
        switch request {
        case .hostStatus: return .host(description)
        case .describe(let group, _):
            let known = description.rvgs.flatMap(\.members).filter(\.isLocal).map(\.diskGroup)
            guard group.map(known.contains) ?? true else {
                throw Refusal(.unknownRVG, "\(group ?? "")/pay_rvg", "there is none", hint: "h")
            }
            return .rds(description.rvgs)
        default: return .done(Outcome(summary: description.name))
        }
    }

    /// What came in beside questions about itself.
    var verbs: [(request: Request, relay: String?)] { asked.withLock { $0.filter { $0.request != .hostStatus } } }
}

@Suite(.timeLimit(.minutes(1)))
struct PlaceHostsTests {
    private static let stop = Request.stopRVG(RVGReference(rvg: "pay_rvg"))

    /// A lab of an open Primary `birch`, a Secondary `alder`, and `cedar`, which is down or hangs.
    private func withLab(
        cedarHangs: Bool = false,
        _ body: (_ folder: String, _ doors: [String: Door], _ dial: @escaping PlaceHosts.Dial) async throws -> Void
    ) async throws {
        let folder = "/tmp/hwp-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let hosts = ["cedar", "alder", "birch"].map {
            #"{"name":"\#($0)","control":"\#(folder)/\#($0)/c.sock","directory":"/d","nbd":"/n"}"#
        }
        try Data(#"{"hosts":[\#(hosts.joined(separator: ","))]}"#.utf8).write(to: URL(filePath: "\(folder)/lab.json"))
        var doors = ["alder": "secondary", "birch": "primary"].reduce(into: [String: Door]()) { doors, host in
            doors[host.key] = Door(host.key, [Samples.member(host.key, host.value, local: true, links: [])])
        }
        if cedarHangs { doors["cedar"] = Door("cedar", [], hangs: true) }
        let known = doors
        try await body(folder, doors) { socket in
            let name = socket.split(separator: "/").dropLast().last.map(String.init) ?? ""
            let dead = Refusal(.daemonUnreachable, socket, "there is no such socket", hint: "h")
            return (known[name] ?? FakeHandler(Array(repeating: .failure(dead), count: 9)), {})
        }
    }

    @Test("a lab's operator asks each host by its own socket, and an RDS at its Primary")
    func operatorOfTheLab() async throws {
        try await withLab { folder, doors, dial in
            let hosts = PlaceHosts(.lab(directory: folder, host: nil), dial: dial)
            for (target, name) in [
                (ScriptTarget.host("alder"), "alder"), (.rds(RVGReference(rvg: "pay_rvg")), "birch"),
                (.primary(RVGReference(rvg: "pay_rvg")), "birch"),
                (.any, "birch"),
            ] {
                let answer = try await hosts.perform(Self.stop, to: target, progress: { _ in })
                #expect(answer == .done(Outcome(summary: name)))
            }
            #expect(doors.values.flatMap(\.verbs).allSatisfy { $0.relay == nil })
            let dead = await #expect(throws: Refusal.self) {
                try await hosts.perform(Self.stop, to: .host("cedar"), progress: { _ in })
            }
            #expect(dead?.code == .daemonUnreachable)
            let unknown = await #expect(throws: Refusal.self) {
                try await hosts.perform(Self.stop, to: .host("oslo"), progress: { _ in })
            }
            #expect(unknown?.code == .unknownHost && unknown?.hint.contains("birch") == true)
            let none = await #expect(throws: Refusal.self) {
                try await hosts.perform(Self.stop, to: .primary(RVGReference(rvg: "other_rvg")), progress: { _ in })
            }
            #expect(none?.code == .hostUnreachable)
            #expect(await hosts.isHere("cedar"))
            #expect(await !hosts.isHere("oslo"))
        }
    }

    @Test("with --host everything goes through that daemon, which relays, also to the Primary")
    func throughOneDaemon() async throws {
        try await withLab { folder, doors, dial in
            let alder = try #require(doors["alder"])
            let hosts = PlaceHosts(.lab(directory: folder, host: "alder"), dial: dial)
            _ = try await hosts.perform(Self.stop, to: .host("birch"), progress: { _ in })
            _ = try await hosts.perform(Self.stop, to: .host("alder"), progress: { _ in })
            _ = try await hosts.perform(Self.stop, to: .rds(RVGReference(rvg: "pay_rvg")), progress: { _ in })
            #expect(alder.verbs.map(\.relay) == ["birch", nil, nil])
            #expect(doors["birch"]?.asked.withLock { $0.isEmpty } == true)
            // It is a Secondary and knows of no Primary that answers.
            let none = await #expect(throws: Refusal.self) {
                try await hosts.perform(Self.stop, to: .primary(RVGReference(rvg: "pay_rvg")), progress: { _ in })
            }
            #expect(none?.code == .hostUnreachable)
            let far = await #expect(throws: Refusal.self) { try await hosts.dataSocket(of: "birch") }
            #expect(far?.code == .notLocal)
            let own = try await hosts.dataSocket(of: "alder")
            #expect(own == "/n")
        }
    }

    @Test("outside a lab a peer is relayed, and only the socket's own host is here")
    func throughTheSocket() async throws {
        let door = Door(
            "alder",
            [
                Samples.member("alder", "secondary", local: true, links: []),
                Samples.member("birch", "primary", links: []),
            ]
        )
        let hosts = PlaceHosts(.socket(path: "/s", relay: nil)) { _ in (door, {}) }
        for target in [
            ScriptTarget.host("birch"), .any, .rds(RVGReference(rvg: "pay_rvg")),
            .primary(RVGReference(rvg: "pay_rvg")),
        ] {
            _ = try await hosts.perform(Self.stop, to: target, progress: { _ in })
        }
        let verbs = door.verbs.filter { $0.request == Self.stop }
        #expect(verbs.map(\.relay) == ["birch", nil, nil, "birch"])
        #expect(await hosts.isHere("alder"))
        #expect(await !hosts.isHere("birch"))
        let far = await #expect(throws: Refusal.self) { try await hosts.dataSocket(of: "birch") }
        #expect(far?.code == .notLocal)
        let named = PlaceHosts(.socket(path: "/s", relay: "birch")) { _ in (door, {}) }
        _ = try await named.perform(Self.stop, to: .any, progress: { _ in })
        #expect(door.verbs.last?.relay == "birch")
    }

    @Test("the Primary is looked for in the disk group that was named, else by the name alone")
    func namedDiskGroup() async throws {
        let door = Door(
            "alder",
            [
                Samples.member("alder", "secondary", local: true, links: []),
                Samples.member("birch", "primary", links: [], diskGroup: "otherdg"),
            ]
        )
        let hosts = PlaceHosts(.socket(path: "/s", relay: nil)) { _ in (door, {}) }
        for (group, asked) in [("paydg", ["paydg"]), ("otherdg", ["otherdg", nil])] as [(String, [String?])] {
            door.asked.withLock { $0 = [] }
            let rvg = RVGReference(diskGroup: group, rvg: "pay_rvg")
            _ = try await hosts.perform(Self.stop, to: .primary(rvg), progress: { _ in })
            let verbs = door.verbs
            #expect(verbs.map(\.request) == asked.map { .describe(diskGroup: $0, rvgs: ["pay_rvg"]) } + [Self.stop])
            #expect(verbs.last?.relay == "birch")
        }
    }

    @Test("a host that hangs holds nobody up once the open Primary has answered")
    func hangingHost() async throws {
        try await withLab(cedarHangs: true) { folder, _, dial in
            let hosts = PlaceHosts(.lab(directory: folder, host: nil), patience: .seconds(30), dial: dial)
            let answer = try await hosts.perform(Self.stop, to: .rds(RVGReference(rvg: "pay_rvg")), progress: { _ in })
            #expect(answer == .done(Outcome(summary: "birch")))
            let quick = PlaceHosts(.lab(directory: folder, host: nil), patience: .milliseconds(50), dial: dial)
            let late = await #expect(throws: Refusal.self) { try await quick.dataSocket(of: "cedar") }
            #expect(late?.code == .timedOut)
            let silent = await #expect(throws: Refusal.self) {
                try await quick.perform(.hostStatus, to: .host("cedar"), progress: { _ in })
            }
            #expect(silent?.code == .timedOut && silent?.object == "cedar")
        }
    }
}
