import Foundation
import Testing

extension EndToEnd {
    @Suite("Daemons that die in the middle", .serialized)
    struct Kills {
        /// Numbers from a variable like `5-40`, or those that every run takes.
        private static func numbers(_ variable: String, _ usual: String) -> [UInt64] {
            let bounds = (ProcessInfo.processInfo.environment[variable] ?? usual).split(separator: "-")
                .compactMap { UInt64($0) }
            guard let first = bounds.first, let last = bounds.last, first <= last else { return [] }
            return Array(first...last)
        }

        /// `HOMEWARD_KILL_SEEDS=5-40` looks further than the three that every run takes.
        static let seeds = numbers("HOMEWARD_KILL_SEEDS", "1-3")
        /// `HOMEWARD_KILL_STEPS=1-12` looks further than the four that every run takes.
        static let steps = numbers("HOMEWARD_KILL_STEPS", "1-4")

        /// Whether strace attaches to a process that is not its child.
        static let mayTrace: Bool = {
            guard installed("strace", "sleep"),
                let sleeper = try? Program("/usr/bin/sleep", ["5"], environment: [:], seconds: 5)
            else { return false }
            let tracer = try? Program(
                "/usr/bin/strace",
                ["-p", "\(sleeper.id)", "-o", "/dev/null"],
                environment: [:],
                seconds: 1
            )
            let output = tracer?.wait()
            sleeper.signal(SIGKILL)
            _ = sleeper.wait()
            return output?.err.contains("attached") == true
        }()

        @Test(
            "kill -9 at any time during load, makesec, syncrvg, startrep, migrate loses nothing flushed; repeating completes them",
            .timeLimit(.minutes(3)),
            arguments: seeds
        )
        func times(seed: UInt64) throws {
            var random = Seeded(state: seed)
            try failback(turn: seed, volume: "128M", underLoad: true) { within in
                .after(microseconds: UInt32.random(in: 0..<within, using: &random))
            }
        }

        @Test(
            "a daemon that dies as it makes something durable, in each verb, loses nothing; repeating completes the verb",
            .enabled(if: mayTrace, "strace is not installed, or may not attach to processes here"),
            .timeLimit(.minutes(3)),
            arguments: steps
        )
        func durableSteps(step: UInt64) throws {
            // Of so many extents that one thread of the target makes some of them durable more than once.
            let struck = try failback(turn: step, volume: "512M", underLoad: false) { _ in
                .atSync(number: Int(step / 2) + 1)
            }
            // Not every verb makes that much durable on both hosts.
            #expect(struck >= 1 || step > 4, "only \(struck) of the blows fell")
        }

        /// Loses seattle, and brings it and tokyo home while a daemon dies in each verb.
        ///
        /// - Returns: how many died before their verb had ended.
        @discardableResult
        private func failback(
            turn first: UInt64,
            volume: String,
            underLoad: Bool,
            _ moment: (_ within: UInt32) -> Blow.Moment
        ) throws -> Int {
            // The Primary and the target take turns, so that over all runs each dies in each verb at several moments.
            var turn = first
            var struck = 0
            func victim(_ primary: String, _ target: String) -> String {
                turn += 1
                return turn.isMultiple(of: 2) ? primary : target
            }
            try TestLab.run(volume: volume) { lab in
                func during(
                    _ line: String,
                    on host: String,
                    _ pair: (String, String),
                    within: UInt32
                ) throws {
                    struck += try finish(line, on: host, lab, victim(pair.0, pair.1), moment(within)) ? 1 : 0
                }
                func busy(_ body: () throws -> Void) throws {
                    if underLoad { try self.underLoad(lab, body) } else { try body() }
                }
                try load(lab, victim("seattle", "london"), moment(300_000))
                try lab.succeed("homeward lab crash seattle")
                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.succeed("homeward lab restart seattle")
                try during(
                    "vradmin -g hrdg -f makesec hr_rvg london",
                    on: "seattle",
                    ("london", "seattle"),
                    within: 120_000
                )
                let synchronize = "vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle"
                let start = "vradmin -g hrdg -c checkpt_presync startrep hr_rvg seattle"
                try busy { try during(synchronize, on: "tokyo", ("london", "seattle"), within: 300_000) }
                try busy { try during(start, on: "tokyo", ("london", "seattle"), within: 120_000) }
                try lab.succeed("homeward lab wait seattle")
                try during(
                    "vradmin -g hrdg migrate hr_rvg seattle",
                    on: "tokyo",
                    ("london", "seattle"),
                    within: 150_000
                )
                try lab.repeating("vradmin -g hrdg -c checkpt syncrvg hr_rvg tokyo", on: "seattle")
                try lab.repeating("vradmin -g hrdg -c checkpt startrep hr_rvg tokyo", on: "seattle")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
            return struck
        }

        private func load(_ lab: TestLab, _ victim: String, _ moment: Blow.Moment) throws {
            let blow = try Blow(lab, victim, moment)
            let application = try lab.start("homeward lab load --seconds 1")
            try blow.fall(while: application)
            // Ends with 1 when its Primary dies, with 0 otherwise; `lab check` judges what it had flushed.
            _ = application.wait()
            try lab.repeating("homeward lab load --seconds 0.3")
            try lab.succeed("homeward lab wait london tokyo")
            try lab.proveWhole()
        }

        private func underLoad(_ lab: TestLab, _ body: () throws -> Void) throws {
            let application = try lab.start("homeward lab load --seconds 1")
            usleep(50_000)
            try body()
            _ = application.wait()
            try lab.proveWhole()
        }

        /// Kills a daemon while a command runs, starts it again, and repeats the command until it is done.
        private func finish(
            _ line: String,
            on host: String,
            _ lab: TestLab,
            _ victim: String,
            _ moment: Blow.Moment
        ) throws -> Bool {
            let blow = try Blow(lab, victim, moment)
            let command = try lab.start(line, on: host)
            let struck = try blow.fall(while: command)
            let first = command.wait()
            #expect([0, 1].contains(first.status), "\(first)")
            try lab.repeating(line, on: host)
            return struck
        }
    }
}

/// The death of a daemon by SIGKILL, at a moment.
private final class Blow {
    enum Moment {
        case after(microseconds: UInt32)
        /// As a thread of it calls `fdatasync` for this time: what it wrote before is in the page cache, nothing after.
        case atSync(number: Int)
    }

    private let lab: TestLab
    private let victim: String
    private let moment: Moment
    private var trap: Program?
    private var process: Int32 = 0

    init(_ lab: TestLab, _ victim: String, _ moment: Moment) throws {
        self.lab = lab
        self.victim = victim
        self.moment = moment
        guard case .atSync(let number) = moment else { return }
        guard let process = lab.process(victim) else { throw Unmet(description: "\(victim) does not run") }
        self.process = process
        let log = "\(lab.folder)/strace-\(UUID().uuidString.prefix(8))"
        trap = try Program(
            "/usr/bin/strace",
            [
                "-f", "-p", "\(process)", "-o", log, "-e", "trace=fdatasync", "-e",
                "inject=fdatasync:signal=SIGKILL:when=\(number)",
            ],
            environment: [:],
            seconds: 60
        )
        try lab.wait(for: "strace of \(victim)", seconds: 20) { isTraced }
    }

    private var isTraced: Bool {
        let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
        return String(decoding: status, as: UTF8.self).contains("TracerPid:\t")
            && !String(decoding: status, as: UTF8.self).contains("TracerPid:\t0\n")
    }

    private var isDead: Bool {
        let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
        let text = String(decoding: status, as: UTF8.self)
        return text.isEmpty || text.contains("State:\tZ") || text.contains("State:\tX")
    }

    /// Lets the daemon die, if it comes to that before the command has ended, and starts it again.
    @discardableResult
    func fall(while command: Program) throws -> Bool {
        switch moment {
        case .after(let microseconds):
            usleep(microseconds)
            let struck = command.isRunning
            try lab.succeed("homeward lab crash \(victim)")
            try lab.succeed("homeward lab restart \(victim)")
            return struck
        case .atSync:
            while command.isRunning, !isDead { usleep(5_000) }
            trap?.signal(SIGKILL)
            _ = trap?.wait()
            // The command may have heard of a death that is not over yet.
            for _ in 0..<60 where !isDead { usleep(5_000) }
            guard isDead else { return false }
            try lab.succeed("homeward lab restart \(victim)")
            return true
        }
    }
}
