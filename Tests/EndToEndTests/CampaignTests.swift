import Foundation
import Testing

extension EndToEnd {
    /// A disaster and the way home, with a fault at a random moment of each command, on any host.
    ///
    /// Goal: whatever happens to daemons and their network while a verb or a runbook runs, the command typed again ends,
    /// nothing flushed is missing, the application runs on the Primary, and all three copies are equal.
    /// Method: a seed chooses how the Primary is lost, who takes over, which way home is taken (the chapter's commands, or
    /// one of the two runbooks), and each fault. `scripts/dev/campaign` runs hundreds; `HOMEWARD_CAMPAIGN_SEEDS=7-9` some.
    @Suite("Campaign", .serialized)
    struct Campaigns {
        /// Those that were asked for; nil in an ordinary run.
        static let asked: [UInt64]? = {
            guard let named = ProcessInfo.processInfo.environment["HOMEWARD_CAMPAIGN_SEEDS"] else { return nil }
            let bounds = named.split(separator: "-").compactMap { UInt64($0) }
            guard let first = bounds.first, let last = bounds.last, first <= last else { return [] }
            return Array(first...last)
        }()

        /// A round of each way home, in which the Primary is killed, halted and cut off, with faults that are soon over.
        static let sample: [UInt64] = [1, 21, 53]

        private func run(_ seed: UInt64) throws -> Course {
            let started = Date()
            print("campaign: seed \(seed) begins")
            do {
                var course = Course()
                try TestLab.run(volume: "128M") { lab in course = try Campaign(lab, seed).run() }
                print("campaign: seed \(seed) passed in \(Int(Date().timeIntervalSince(started))) s")
                return course
            } catch {
                print("campaign: seed \(seed) FAILED: \(error)")
                throw error
            }
        }

        @Test(
            "faults at any moment of load, takeover, makesec, syncrvg, startrep, migrate and both failback runbooks lose nothing",
            .enabled(if: asked != nil),
            .timeLimit(.minutes(8)),
            arguments: asked ?? []
        )
        func round(seed: UInt64) throws { _ = try run(seed) }

        @Test(
            "a round of each way home loses nothing, and faults strike while commands run",
            .enabled(if: asked == nil),
            .timeLimit(.minutes(10))
        )
        func rounds() throws {
            let courses = try Self.sample.map(run)
            #expect(Set(courses.map(\.way)) == Set(Course.Way.allCases), "\(courses)")
            #expect(courses.contains { $0.struck > 0 }, "\(courses)")
        }
    }
}

/// How a round went.
private struct Course {
    enum Way: CaseIterable {
        /// The commands of the chapter, one by one.
        case commands
        /// The runbook for home, and commands for the third host.
        case runbook
        /// The runbook for both.
        case runbookForAll
    }

    var way = Way.commands
    /// Faults that met a command while it ran.
    var struck = 0
}

/// One round.
private final class Campaign {
    private let lab: TestLab
    private let application: Application
    private var random: Seeded
    /// Where the application lives before the disaster and after it, who takes over, and the third.
    private let home = "seattle"
    private let away: String
    private let third: String
    private var course = Course()

    init(_ lab: TestLab, _ seed: UInt64) throws {
        self.lab = lab
        application = try Application(lab)
        random = Seeded(state: seed)
        away = Bool.random(using: &random) ? "london" : "tokyo"
        third = away == "london" ? "tokyo" : "london"
    }

    func run() throws -> Course {
        defer { try? application.stop() }
        try startApplication()
        try underLoad()
        try loseAndTakeOver()
        try underLoad()
        course.way = Course.Way.allCases[Int.random(in: 0..<3, using: &random)]
        switch course.way {
        case .commands: try chapter()
        case .runbook:
            try runbook("failback-difference", within: 2_500_000)
            try follow(third, after: "checkpt")
        case .runbookForAll: try runbook("failback-difference-multi", within: 3_500_000)
        }
        try startApplication()
        try underLoad()
        try settle(on: home)
        try application.stop()
        try lab.proveEqual(primary: home)
        return course
    }

    // MARK: The application

    /// Its Primary may have died with it, and be still on its way back.
    private func startApplication() throws {
        try lab.wait(for: "application", seconds: 60) {
            (try? application.start()) != nil && application.process != nil
        }
    }

    /// The application runs on this host, and does not only have the death of its Primary before it.
    private func settle(on host: String) throws {
        try lab.wait(for: "application on \(host)", seconds: 60) {
            try startApplication()
            usleep(300_000)
            guard let process = application.process else { return false }
            let holders = try lab.member(host)["volumes"].items.flatMap { $0["openBy"].items }
            return holders.contains { ($0["process"].number ?? $0["pid"].number) == process }
        }
        try application.proveRuns(on: host)
    }

    private func underLoad() throws {
        try startApplication()
        let fault = Fault.random(among: TestLab.hosts, within: 800_000, &random)
        note(fault, "load", struck: true)
        try fault.happen(in: lab)
        usleep(200_000)
    }

    // MARK: The disaster

    private func loseAndTakeOver() throws {
        try lab.repeating("homeward lab wait \(away) \(third)", seconds: 60)
        try startApplication()
        usleep(UInt32.random(in: 0..<500_000, using: &random))
        let losses: [Fault] = [Fault.Kind.kill, .halt, .partition].map {
            Fault(kind: $0, host: home, other: away, after: 0, hold: 0)
        }
        let loss = losses[Int.random(in: losses.indices, using: &random)]
        let process = lab.process(home)
        try loss.begin(in: lab, process)
        if loss.kind == .partition { try lab.succeed("homeward lab partition \(home) \(third)") }
        // What has not lost its Primary by itself is stopped, as by whoever has seen the disaster.
        try application.stop()
        var fault = Fault.random(among: [away, third], within: 3_500_000, &random)
        fault.other = fault.host == away ? third : away
        // Healing would mend what was lost.
        if fault.kind == .partition && loss.kind == .partition { fault.kind = .halt }
        // A Secondary with more of the same history may be the third: the operator insists.
        try finish("vradmin -g hrdg -f -N takeover hr_rvg", on: away, "takeover", fault)
        try loss.end(in: lab, process)
        try settle(on: away)
    }

    // MARK: The way home

    /// Examples 3 and 4 of the chapter.
    private func chapter() throws {
        try command("vradmin -g hrdg -f makesec hr_rvg \(away)", on: home, "makesec", within: 60_000)
        try startApplication()
        let synchronize = "vradmin -g hrdg -c checkpt_presync -s syncrvg hr_rvg \(home)"
        try command(synchronize, on: away, "syncrvg", within: 150_000)
        try command("vradmin -g hrdg -c checkpt_presync startrep hr_rvg \(home)", on: away, "startrep", within: 50_000)
        try application.stop()
        try lab.repeating("homeward lab wait \(home)", seconds: 60)
        try command("vradmin -g hrdg migrate hr_rvg \(home)", on: third, "migrate", within: 90_000)
        try startApplication()
        try follow(third, after: "checkpt")
    }

    private func follow(_ host: String, after checkpoint: String) throws {
        let synchronize = "vradmin -g hrdg -c \(checkpoint) -s syncrvg hr_rvg \(host)"
        try command(synchronize, on: home, "syncrvg", within: 150_000)
        try command("vradmin -g hrdg -c \(checkpoint) startrep hr_rvg \(host)", on: home, "startrep", within: 50_000)
    }

    private func runbook(_ name: String, within: UInt32) throws {
        let line = "homeward run \(name) discard_unsent=yes --site \(application.site) --yes"
        try finish(line, on: nil, name, Fault.random(among: TestLab.hosts, within: within, &random))
    }

    private func command(_ line: String, on host: String, _ verb: String, within: UInt32) throws {
        try finish(line, on: host, verb, Fault.random(among: TestLab.hosts, within: within, &random))
    }

    /// Runs a command through a fault, and repeats it until it is done.
    private func finish(_ line: String, on host: String?, _ verb: String, _ fault: Fault) throws {
        let process = lab.process(fault.host)
        let program = try lab.start(line, on: host)
        usleep(fault.after)
        let isRunning = program.isRunning
        if isRunning { course.struck += 1 }
        note(fault, verb, struck: isRunning)
        try fault.begin(in: lab, process)
        usleep(fault.hold)
        try fault.end(in: lab, process)
        let first = program.wait()
        guard [0, 1].contains(first.status) else { throw Unmet(description: "\(first)") }
        if first.status == 0 { return }
        try lab.repeating(line, on: host, seconds: 90)
    }

    /// One line for each fault, counted by `scripts/dev/campaign`.
    private func note(_ fault: Fault, _ verb: String, struck: Bool) {
        print("campaign: blow \(fault.kind.rawValue) \(verb) \(fault.host) \(struck ? "struck" : "late")")
    }
}
