import Foundation
import HomewardAdministration
import HomewardCore
import Testing

/// A state of an RVG on three hosts, and the commands that bring it about.
struct WalkState: Sendable, CustomTestStringConvertible {
    /// Of the transcript's file.
    let name: String
    let title: String
    /// Types what leads here; what is typed is part of the transcript.
    let reach: @Sendable (Guide) async throws -> Void
    /// Lines of ``WalkLines/verbs`` that would be carried out here and lead out of the state.
    var moves: Set<String> = []
    /// Files that something writes to all the time.
    var moving: Set<String> = []

    var testDescription: String { name }
}

/// Types the lines of a story, each of which has to succeed, and waits for what they bring about.
final class Guide {
    let someone: Operator
    private(set) var typed: [Operator.Typed] = []
    /// What is held until the state has been looked at: sessions, commands that run.
    var held: [Opened] = []
    var running: [Task<Operator.Typed, Never>] = []

    var trio: Trio { someone.trio }

    init(_ someone: Operator) { self.someone = someone }

    func type(_ lines: String..., at place: SourceLocation = #_sourceLocation) async {
        for line in lines {
            let done = await someone.type(line)
            #expect(done.exit == 0, "\(line): \(done.shown)", sourceLocation: place)
            typed.append(done)
        }
    }

    /// What is no command: `london loses power`.
    func note(_ text: String) { typed.append(Operator.Typed(line: "# \(text)", exit: 0, shown: [], out: [])) }

    func primary() async {
        await type("vradmin -g hrdg createpri hr_rvg dv01,dv02 srl --host london")
    }

    func detached() async {
        await primary()
        await type("vradmin -g hrdg addsec hr_rvg london seattle", "vradmin -g hrdg addsec hr_rvg london dublin")
    }

    func upToDate() async throws {
        await detached()
        await type("vradmin -g hrdg -f startrep hr_rvg seattle")
        try await trio.write("london", at: 0, 1)
        try await trio.upToDate("london", "seattle")
        try await settle()
    }

    /// Waits until nothing is applied any more and every host has told the others where it stands.
    func settle(moving: Set<String> = []) async throws {
        var before = try await Footprint(trio, moving: moving)
        for _ in 0..<100 {
            try await Task.sleep(for: .milliseconds(150))
            let now = try await Footprint(trio, moving: moving)
            if now == before { return }
            before = now
        }
    }

    /// Seattle takes over while london is cut off with an update that nobody else has; then london returns.
    func returned() async throws {
        try await upToDate()
        note("london is cut off, writes once more, and seattle takes over")
        try await trio.partition("london", "seattle")
        try await trio.partition("london", "dublin")
        try await trio.write("london", at: 4096, 2)
        await type("vradmin -g hrdg -N takeover hr_rvg --host seattle")
        try await trio.write("seattle", at: 8192, 3)
        note("the network is mended")
        try await trio.partition("london", "seattle", false)
        try await trio.partition("london", "dublin", false)
        try await trio.waitUntil("london is fenced") { try await trio.member("london").state == "fenced" }
        try await settle()
    }

    func behind() async throws {
        try await upToDate()
        await type("vradmin -g hrdg set hr_rvg seattle bandwidth_limit=8kbps")
        note("an application on london writes more than the link takes")
        for index in 0..<8 { try await trio.write("london", at: UInt64(index) << 16, 7, count: 64 << 10) }
        try await trio.waitUntil("seattle is behind") {
            try await trio.link("london", to: "seattle").behindUpdates > 0
        }
        try await settle(moving: ["seattle-srl", "seattle-dv01"])
    }

    /// A line that runs on in the background.
    func begin(_ line: String) {
        let someone = someone
        running.append(Task { await someone.type(line) })
    }

    /// Waits until something is copied to seattle; which block is the first depends on threads.
    func copyBegins() async throws {
        try await trio.waitUntil("seattle has something") {
            ["dv01", "dv02"].contains { volume in
                FileManager.default.contents(atPath: trio.path("seattle", volume))?.contains(5) == true
            }
        }
    }

    /// Waits for the end of what runs in the background, which becomes part of the story.
    func awaitEnd(exit: Int32) async {
        for task in running {
            let done = await task.value
            #expect(done.exit == exit, "\(done.line): \(done.shown)")
            typed.append(done)
        }
        running = []
    }

    /// Lets go of what is held; what still runs on london ends with its daemon.
    func end() async {
        for session in held { session.session.close() }
        guard !running.isEmpty else { return }
        try? await someone.stop("london")
        for task in running { _ = await task.value }
        running = []
    }
}

extension WalkState {
    /// What an open Primary takes whatever its RLINKs do.
    private static let ofOpenPrimary: Set<String> = [
        "vxrvg -g hrdg -c cp1 checkstart hr_rvg", "vxrvg -g hrdg stop hr_rvg --host london",
    ]
    /// What an attached RLINK takes.
    private static let ofAttached: Set<String> = [
        "vradmin -g hrdg stoprep hr_rvg seattle", "vradmin -g hrdg -f stoprep hr_rvg seattle",
        "vradmin -g hrdg pauserep hr_rvg seattle", "vxrlink -g hrdg pause rlk_seattle_hr_rvg",
        "vxrlink -g hrdg pause rlk_london_hr_rvg --host seattle", "vxrlink -g hrdg det rlk_seattle_hr_rvg",
        "vxrvg -g hrdg stop hr_rvg --host seattle",
        "vradmin -g hrdg set hr_rvg seattle synchronous=override srlprot=off",
    ]
    private static let migration: Set<String> = [
        "vradmin -g hrdg migrate hr_rvg", "vradmin -g hrdg migrate hr_rvg seattle",
    ]
    private static let ofDetached: Set<String> = [
        "vradmin -g hrdg delsec hr_rvg seattle", "vradmin -g hrdg -f startrep hr_rvg seattle",
        "vradmin -g hrdg -c cp9 syncrvg hr_rvg seattle", "vradmin -g hrdg -c cp9 syncrvg hr_rvg seattle dublin",
        "vradmin -g hrdg -c cp9 -full syncrvg hr_rvg seattle",
        "vradmin -g hrdg set hr_rvg seattle synchronous=override srlprot=off",
        "vxrlink -g hrdg -f att rlk_seattle_hr_rvg", "vxrvg -g hrdg stop hr_rvg --host seattle",
    ]
    private static let takeover: Set<String> = [
        "vradmin -g hrdg -N takeover hr_rvg --host seattle", "vradmin -g hrdg -N -f takeover hr_rvg --host seattle",
    ]

    static let all: [WalkState] = [
        WalkState(
            name: "01-no-rvg",
            title: "Disk groups and volumes, no RVG",
            reach: { _ in },
            moves: [
                "vradmin -g hrdg createpri hr_rvg dv01,dv02 srl --host london"
            ]
        ),
        WalkState(
            name: "02-alone",
            title: "A Primary alone",
            reach: { await $0.primary() },
            moves: ofOpenPrimary.union([
                "vradmin -g hrdg addsec hr_rvg london seattle"
            ])
        ),
        WalkState(
            name: "03-detached",
            title: "Two Secondaries, detached",
            reach: {
                await $0.detached()
                try await $0.settle()
            },
            moves: ofOpenPrimary.union(ofDetached)
        ),
        WalkState(
            name: "04-up-to-date",
            title: "Seattle attached and up to date, dublin detached",
            reach: { try await $0.upToDate() },
            moves: ofOpenPrimary.union(ofAttached).union(migration)
        ),
        WalkState(
            name: "05-behind",
            title: "Seattle attached and behind",
            reach: { try await $0.behind() },
            moves: ofOpenPrimary.union(ofAttached),
            moving: ["seattle-srl", "seattle-dv01"]
        ),
        WalkState(
            name: "06-paused",
            title: "Seattle paused from the Primary's end, and behind",
            reach: { guide in
                try await guide.upToDate()
                await guide.type("vradmin -g hrdg pauserep hr_rvg seattle")
                try await guide.trio.write("london", at: 4096, 2)
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached).union([
                "vradmin -g hrdg resumerep hr_rvg seattle"
            ])
        ),
        WalkState(
            name: "07-paused-there",
            title: "Seattle paused from its own end",
            reach: { guide in
                try await guide.upToDate()
                await guide.type("vxrlink -g hrdg pause rlk_london_hr_rvg --host seattle")
                try await guide.trio.waitUntil("london knows") {
                    try await guide.trio.link("london", to: "seattle").replicationStatus.contains("paused")
                }
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached).union([
                "vradmin -g hrdg resumerep hr_rvg seattle", "vxrlink -g hrdg resume rlk_london_hr_rvg --host seattle",
            ])
        ),
        WalkState(
            name: "08-disconnected",
            title: "The network between london and seattle is cut; dublin sees both",
            reach: { guide in
                try await guide.upToDate()
                try await guide.trio.partition("london", "seattle")
                try await guide.trio.write("london", at: 4096, 2)
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached).union(["vradmin -g hrdg -f delpri hr_rvg --host seattle"])
        ),
        WalkState(
            name: "09-host-down",
            title: "The daemon of seattle is down",
            reach: { guide in
                try await guide.upToDate()
                guide.note("seattle's daemon ends")
                try await guide.someone.stop("seattle")
                try await guide.trio.write("london", at: 4096, 2)
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached)
        ),
        WalkState(
            name: "10-checkpoint",
            title: "One checkpoint completed, one open",
            reach: { guide in
                try await guide.upToDate()
                await guide.type("vxrvg -g hrdg -c cp8 checkstart hr_rvg", "vxrvg -g hrdg checkend hr_rvg")
                await guide.type("vxrvg -g hrdg -c cp1 checkstart hr_rvg")
                try await guide.settle()
            },
            moves: ofOpenPrimary.subtracting(["vxrvg -g hrdg -c cp1 checkstart hr_rvg"]).union(ofAttached)
                .union(migration).union([
                    "vradmin -g hrdg -c cp8 startrep hr_rvg dublin",
                    "vxrvg -g hrdg checkend hr_rvg", "vxrvg -g hrdg -c cp1 checkdelete hr_rvg",
                ])
        ),
        WalkState(
            name: "11-overflowed",
            title: "A checkpoint whose log was overwritten",
            reach: { guide in
                try await guide.upToDate()
                await guide.type("vxrvg -g hrdg -c cp8 checkstart hr_rvg", "vxrvg -g hrdg checkend hr_rvg")
                await guide.type("vxrvg -g hrdg -c cp1 checkstart hr_rvg", "vxrvg -g hrdg checkend hr_rvg")
                guide.note("an application on london writes more than the log holds")
                for round in 0..<80 {
                    try await guide.trio.write("london", at: UInt64(round % 16) << 16, 7, count: 64 << 10)
                }
                try await guide.trio.upToDate("london", "seattle")
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached)
                .union(migration).union(["vxrvg -g hrdg -c cp1 checkdelete hr_rvg"])
        ),
        WalkState(
            name: "12-synchronizing",
            title: "A synchronization of seattle runs",
            reach: { guide in
                await guide.detached()
                await guide.type("vradmin -g hrdg set hr_rvg seattle bandwidth_limit=800kbps")
                for volume in ["dv01", "dv02"] {
                    try await guide.trio.write("london", volume, at: 0, 5, count: 1 << 20)
                }
                guide.note("vradmin -g hrdg -c cp1 -full syncrvg hr_rvg seattle, in another terminal")
                guide.begin("vradmin -g hrdg -c cp1 -full syncrvg hr_rvg seattle")
                try await guide.trio.waitUntil("it runs") {
                    let copied = try await guide.trio.member("london").activity
                    return copied.contains { $0.contains("cp1") }
                }
                try await guide.copyBegins()
            },
            moves: [
                "vxrvg -g hrdg stop hr_rvg --host london", "vxrvg -g hrdg stop hr_rvg --host seattle",
                "vradmin -g hrdg set hr_rvg seattle synchronous=override srlprot=off",
            ],
            moving: ["seattle-dv01", "seattle-dv02", "seattle-srl", "london-srl"]
        ),
        WalkState(
            name: "13-half-copied",
            title: "A synchronization of seattle ended because the log was too small for it",
            reach: { guide in
                await guide.detached()
                await guide.type("vradmin -g hrdg set hr_rvg seattle bandwidth_limit=800kbps")
                for volume in ["dv01", "dv02"] {
                    try await guide.trio.write("london", volume, at: 0, 5, count: 1 << 20)
                }
                guide.note("while this runs, an application on london writes more than the log holds")
                guide.begin("vradmin -g hrdg -c cp7 syncrvg hr_rvg seattle")
                try await guide.copyBegins()
                for round in 0..<80 {
                    try await guide.trio.write("london", at: UInt64(round % 16) << 16, 7, count: 64 << 10)
                }
                await guide.awaitEnd(exit: 1)
                await guide.type("vradmin -g hrdg set hr_rvg seattle bandwidth_limit=none")
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofDetached)
        ),
        WalkState(
            name: "14-volume-open",
            title: "Up to date, and an application has a volume of london open",
            reach: { guide in
                try await guide.upToDate()
                guide.held.append(try guide.trio.open("london"))
                try await guide.settle()
            },
            moves: ofOpenPrimary.subtracting(["vxrvg -g hrdg stop hr_rvg --host london"]).union(ofAttached)
        ),
        WalkState(
            name: "15-stopped",
            title: "The RVG of the Primary is stopped",
            reach: { guide in
                try await guide.upToDate()
                await guide.type("vxrvg -g hrdg stop hr_rvg --host london")
                try await guide.settle()
            },
            moves: ofAttached.union([
                "vxrvg -g hrdg start hr_rvg --host london", "vxrvg -g hrdg -f start hr_rvg --host london",
            ])
        ),
        WalkState(
            name: "16-secondary-failed",
            title: "A volume of seattle was truncated while its daemon was down",
            reach: { guide in
                try await guide.upToDate()
                try await guide.someone.stop("seattle")
                #expect(truncate(guide.trio.path("seattle", "dv02"), 1 << 20) == 0)
                try await guide.someone.start("seattle")
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached).union(["vradmin -g hrdg -f delpri hr_rvg --host seattle"])
        ),
        WalkState(
            name: "17-primary-failed",
            title: "A volume of london was truncated while its daemon was down",
            reach: { guide in
                try await guide.upToDate()
                try await guide.someone.stop("london")
                #expect(truncate(guide.trio.path("london", "dv02"), 1 << 20) == 0)
                try await guide.someone.start("london")
                try await guide.settle()
            },
            moves: takeover.union([
                "vradmin -g hrdg -f delpri hr_rvg --host seattle",
                "vxrlink -g hrdg pause rlk_london_hr_rvg --host seattle", "vxrvg -g hrdg stop hr_rvg --host seattle",
            ])
        ),
        WalkState(
            name: "18-taken-over",
            title: "London is down, and seattle has taken over",
            reach: { guide in
                try await guide.upToDate()
                guide.note("london loses power")
                try await guide.someone.stop("london")
                try await guide.trio.waitUntil("seattle has heard of it") {
                    try await guide.trio.link("seattle", to: "london").kstate != "CONNECT"
                }
                await guide.type("vradmin -g hrdg -N takeover hr_rvg --host seattle")
                try await guide.settle()
            },
            moves: [
                "vradmin -g hrdg -f delpri hr_rvg --host seattle",
                "vxrvg -g hrdg -c cp1 checkstart hr_rvg", "vxrvg -g hrdg -c cp9 checkstart hr_rvg --host seattle",
                "vxrvg -g hrdg stop hr_rvg --host seattle",
            ]
        ),
        WalkState(
            name: "19-returned",
            title: "London is back with an update that seattle never had",
            reach: { try await $0.returned() },
            moves: [
                "vradmin -g hrdg -f delpri hr_rvg --host seattle",
                "vradmin -g hrdg -f makesec hr_rvg seattle --host london",
                "vxrvg -g hrdg -f start hr_rvg --host london", "vxrvg -g hrdg stop hr_rvg --host london",
                "vxrvg -g hrdg stop hr_rvg --host seattle",
            ]
        ),
        WalkState(
            name: "20-returned-open",
            title: "The same, and an application still has a volume of london open",
            reach: { guide in
                try await guide.upToDate()
                guide.held.append(try guide.trio.open("london"))
                try await guide.trio.partition("london", "seattle")
                try await guide.trio.partition("london", "dublin")
                await guide.type("vradmin -g hrdg -N takeover hr_rvg --host seattle")
                try await guide.trio.partition("london", "seattle", false)
                try await guide.trio.partition("london", "dublin", false)
                try await guide.trio.waitUntil("london is fenced") {
                    try await guide.trio.member("london").state == "fenced"
                }
                try await guide.settle()
            },
            moves: [
                "vradmin -g hrdg -f delpri hr_rvg --host seattle",
                "vxrvg -g hrdg -f start hr_rvg --host london", "vxrvg -g hrdg stop hr_rvg --host seattle",
            ]
        ),
        WalkState(
            name: "21-secondary-again",
            title: "London has become a Secondary of seattle",
            reach: { guide in
                try await guide.returned()
                await guide.type("vradmin -g hrdg -f makesec hr_rvg seattle --host london")
                try await guide.settle()
            },
            moves: [
                "vradmin -g hrdg -f delpri hr_rvg --host seattle",
                "vxrvg -g hrdg -c cp1 checkstart hr_rvg", "vxrvg -g hrdg -c cp9 checkstart hr_rvg --host seattle",
                "vxrvg -g hrdg stop hr_rvg --host london", "vxrvg -g hrdg stop hr_rvg --host seattle",
            ]
        ),
        WalkState(
            name: "22-home",
            title: "The way home: Example 3",
            reach: { guide in
                try await guide.returned()
                await guide.type("vradmin -g hrdg -f makesec hr_rvg seattle --host london")
                await guide.type("vradmin -g hrdg -c presync syncrvg hr_rvg london")
                await guide.type("vradmin -g hrdg -c presync startrep hr_rvg london")
                try await guide.trio.upToDate("seattle", "london")
                try await guide.settle()
                await guide.type("vradmin -g hrdg migrate hr_rvg london")
                try await guide.trio.upToDate("london", "seattle")
                try await guide.settle()
            },
            moves: ofOpenPrimary.union(ofAttached).union(migration)
        ),
        WalkState(
            name: "23-other-size",
            title: "A Primary with a volume that is longer than the one of seattle",
            reach: { guide in
                for (host, size) in [("london", "2M"), ("seattle", "1M")] {
                    let file = guide.trio.path(host, "dv03")
                    await guide.type("homeward vol create hrdg/dv03 --file \(file) --size \(size) --host \(host)")
                }
                await guide.type("vradmin -g hrdg createpri hr_rvg dv01,dv03 srl --host london")
            },
            moves: ofOpenPrimary
        ),
    ]
}
