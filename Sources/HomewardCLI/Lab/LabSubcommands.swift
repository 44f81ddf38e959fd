import ArgumentParser
import Foundation
import HomewardAdministration
import HomewardCore

extension LabCommand {
    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Starts the three hosts; makes them where the folder has none.",
            discussion: "hr_rvg replicates from seattle to london and tokyo. A lab that was made before keeps its data."
        )

        @OptionGroup var options: LabOptions

        @Flag(help: "Disk groups and volumes only, no RVG.")
        var bare = false

        @Option(help: ArgumentHelp("Of each data volume: a multiple of 4096 bytes, 64M, 1G.", valueName: "size"))
        var volumeSize = LabSize(64 << 20)

        @Option(help: ArgumentHelp("Of each log.", valueName: "size"))
        var logSize = LabSize(128 << 20)

        func run() async throws {
            var plan = LabPlan()
            plan.bare = bare
            plan.volumeSize = volumeSize.bytes
            plan.logSize = logSize.bytes
            try await options.carryOut { [plan] lab in
                try await lab.up(plan)
            } text: { report in
                let verb = report.already ? "started again" : "made and started"
                let lines = ["seattle, london, tokyo: \(verb) in \(report.folder), on \(report.address)"]
                return (lines + report.notes.map { "  note: \($0)" }).joined(separator: "\n")
            }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends the three hosts in order; `lab up` starts them again."
        )

        @OptionGroup var options: LabOptions

        @Flag(help: "Also remove the lab's files: hosts, volumes, logs, notes.")
        var erase = false

        func run() async throws {
            try await options.carryOut {
                try await $0.down(erase: erase)
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows which hosts run, and in which roles.")

        @OptionGroup var options: LabOptions

        func run() async throws {
            try await options.carryOut {
                try await $0.status()
            } text: {
                $0.text
            }
        }
    }

    struct Crash: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Kills a host without warning (SIGKILL).")

        @OptionGroup var options: LabOptions
        @Argument(help: "seattle, london or tokyo.") var host: String

        func run() async throws {
            try await options.carryOut {
                try await $0.crash(host)
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Restart: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Starts a host that is down; one that runs is stopped in order first."
        )

        @OptionGroup var options: LabOptions
        @Argument(help: "seattle, london or tokyo.") var host: String

        func run() async throws {
            try await options.carryOut {
                try await $0.restart(host)
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Partition: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keeps two hosts apart, over restarts, until `lab heal`."
        )

        @OptionGroup var options: LabOptions
        @Argument(help: "One host.") var first: String
        @Argument(help: "The other.") var second: String

        func run() async throws {
            try await options.carryOut {
                try await $0.partition(first, second)
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Heal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lifts all partitions.")

        @OptionGroup var options: LabOptions

        func run() async throws {
            try await options.carryOut {
                try await $0.heal()
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Plays an application on the last 16 MiB of each data volume.",
            discussion: """
                What it has flushed stands in load.log, apart from the hosts: `lab check` judges by it.
                --detach and --stop are what a runbook's hooks need: both are "already so" the second time.
                """
        )

        @OptionGroup var options: LabOptions

        @Option(help: "How long.")
        var seconds = 10.0

        @Option(help: "Records a second; without it as many as go.")
        var rate: Double?

        @Flag(help: "Then keep the volumes open, idle, until the Primary is lost.")
        var hold = false

        @Flag(help: "Start it in the background, and return when it has flushed something.")
        var detach = false

        @Flag(help: "End the one in the background.")
        var stop = false

        func validate() throws {
            guard !(detach && stop) else { throw ValidationError("--detach and --stop exclude each other") }
            guard !(hold && (detach || stop)) else {
                throw ValidationError("--hold is for an application in the foreground")
            }
            guard seconds > 0, seconds <= LabOptions.mostSeconds else {
                throw ValidationError("--seconds must be more than 0 and at most 1000000000")
            }
            if let rate, !(1e-6...1e9).contains(rate) {
                throw ValidationError("--rate must be from 0.000001 to 1000000000")
            }
        }

        func run() async throws {
            if detach || stop {
                return try await options.carryOut {
                    try await stop ? $0.stopApplication() : $0.startApplication(seconds: seconds, rate: rate)
                } text: {
                    LabOutput.text($0)
                }
            }
            try await options.carryOut {
                try await $0.load(seconds: seconds, rate: rate, hold: hold)
            } text: { report in
                let rate = Int(report.recordsPerSecond.rounded())
                let lines = [
                    "\(report.primary): records \(report.first) to \(report.last), \(rate) a second; "
                        + "flushed and noted up to \(report.lastFlushed)"
                ]
                return (lines + report.notes.map { "  note: \($0)" }).joined(separator: "\n")
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Proves that nothing flushed is lost, and nothing lost has come back."
        )

        @OptionGroup var options: LabOptions

        func run() async throws {
            do {
                let report = try await options.open().check()
                guard let first = report.findings.first else {
                    Console.standard.out(options.json ? LabOutput.json(report) : Self.text(report))
                    return
                }
                let others = report.findings.count - 1
                let more = others > 0 ? " (and \(others) more)" : ""
                throw Refusal(.labCheckFailed, "lab", first + more, hint: "homeward status; homeward lab status")
            } catch {
                throw options.refused(error)
            }
        }

        static func text(_ report: LabCheckReport) -> String {
            let hosts = report.newest.sorted { $0.key < $1.key }.map { "\($0.key) to \($0.value)" }
            var lines = [
                hosts.isEmpty
                    ? "complete: the lab was never loaded"
                    : "complete: \(report.flushed) records flushed; whole on \(hosts.joined(separator: ", "))"
            ]
            lines += report.givenUp.map {
                "  given up at a takeover: \(counted($0.records, "flushed record")) of \($0.host), \($0.first) to \($0.last)"
            }
            lines += report.outages.map {
                "  application: from \($0.from) to \($0.to) in \(LabOutput.seconds($0.seconds))"
            }
            return (lines + report.notes.map { "  note: \($0)" }).joined(separator: "\n")
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a file to the beginning of a volume of the open Primary."
        )

        @OptionGroup var options: LabOptions
        @Argument(help: "DG/VOLUME.") var volume: String
        @Argument(help: "The file.") var file: String

        func run() async throws {
            try await options.carryOut {
                try await $0.put(volume, file: file)
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Wait: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Waits until Secondaries of the open Primary are up-to-date.",
            shouldDisplay: false
        )

        @OptionGroup var options: LabOptions
        @Argument(help: "Hosts.") var secondaries: [String]

        @Option(help: "How long at most.")
        var seconds = 60.0

        func validate() throws {
            guard (0...LabOptions.mostSeconds).contains(seconds) else {
                throw ValidationError("--seconds must be from 0 to 1000000000")
            }
        }

        func run() async throws {
            try await options.carryOut { lab in
                for host in secondaries { try lab.folder.checkHost(host) }
                let (description, _) = try await lab.openPrimary()
                try await lab.awaitUpToDate(description.name, secondaries: secondaries, within: .seconds(seconds))
                return LabReport(summary: "\(secondaries.joined(separator: ", ")): up-to-date")
            } text: {
                LabOutput.text($0)
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies a volume of a host to standard output."
        )

        @OptionGroup var options: LabOptions
        @Argument(help: "seattle, london or tokyo.") var host: String
        @Argument(help: "DG/VOLUME.") var volume: String

        func run() async throws {
            do {
                try await options.open().get(volume, from: host, to: 1)
            } catch {
                throw options.refused(error)
            }
        }
    }
}
