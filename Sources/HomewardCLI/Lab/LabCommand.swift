import ArgumentParser
import Foundation
import HomewardCore

/// `homeward lab`: three hosts on this machine, for learning and for testing runbooks.
package struct LabCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Three hosts on this machine, for learning and for testing runbooks.",
        discussion: """
            The lab of a folder: --lab=DIR, else $HOMEWARD_LAB, else .lab of the current folder. Its hosts are seattle, \
            london and tokyo; each has the disk group hrdg with the volumes hr_dv01 and hr_dv02 and the log hr_srl.

            Data of your own: `lab put hrdg/hr_dv01 FILE` writes a file to a volume of the open Primary, \
            `lab get HOST hrdg/hr_dv01 > FILE` reads what a host holds.

            Each host has a folder of its own there: host.lua, the daemon's log daemon.log, and daemon.pid, which holds \
            the id of its process and when that was started (field 22 of /proc/ID/stat), so that a later process of the \
            same id is not taken for it.
            """,
        subcommands: [
            Up.self, Down.self, Status.self, Crash.self, Restart.self, Partition.self, Heal.self, Load.self, Check.self,
            Put.self, Get.self, Wait.self,
        ]
    )

    package init() {}
}

/// What every `lab` command takes.
struct LabOptions: ParsableArguments {
    /// Thirty years: a duration holds that, and not every number that can be typed.
    static let mostSeconds = 1e9

    @Option(help: "The lab's folder.")
    var lab: String?

    @Flag(help: "Print a machine-readable result.")
    var json = false

    func open() -> Lab { Lab(folder: LabFolder.chosen(lab, environment: ProcessInfo.processInfo.environment)) }

    /// Runs a command's work, prints its result, and ends with the code that belongs to it.
    func carryOut<Result: Encodable>(_ work: (Lab) async throws -> Result, text: (Result) -> String) async throws {
        do {
            let result = try await work(open())
            Console.standard.out(json ? LabOutput.json(result) : text(result))
        } catch {
            throw refused(error)
        }
    }

    /// Prints why something was not done, and gives the exit code.
    func refused(_ error: any Error) -> ExitCode {
        if let code = error as? ExitCode { return code }
        if error is CancellationError { return ExitCode(130) }
        let refusal = error as? Refusal ?? Refusal(.ioError, "lab", "\(error)", hint: "homeward lab status")
        if json {
            Console.standard.out(StableJSON.text(refusal))
        } else {
            Console.standard.note(refusal.description)
        }
        return ExitCode(refusal.code == .usage ? 2 : refusal.code == .interrupted ? 130 : 1)
    }
}

/// Text of the lab's commands.
package enum LabOutput {
    package static func json(_ value: some Encodable) -> String {
        guard let text = try? StableJSON.text(value) else { preconditionFailure("a result always encodes") }
        return text
    }

    static func text(_ report: LabReport) -> String {
        ([report.summary] + report.notes.map { "  note: \($0)" }).joined(separator: "\n")
    }

    static func seconds(_ value: Double) -> String { String(format: "%.1f s", value) }
}

/// Runs `lab` with arguments of its own, and returns the exit code: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
package func labCommand(arguments: [String]) async -> Int32 {
    do {
        var command = try LabCommand.parseAsRoot(arguments)
        if var asynchronous = command as? any AsyncParsableCommand {
            try await asynchronous.run()
        } else {
            try command.run()
        }
        return 0
    } catch let code as ExitCode {
        return code.rawValue
    } catch {
        let isHelp = LabCommand.exitCode(for: error) == .success
        let message = LabCommand.fullMessage(for: error)
        if isHelp { Console.standard.out(message) } else { Console.standard.note(message) }
        return isHelp ? 0 : 2
    }
}

/// `64M`, `1G`, `4096`.
package struct LabSize: ExpressibleByArgument, Hashable, Sendable {
    package let bytes: UInt64

    package init(_ bytes: UInt64) { self.bytes = bytes }

    package init?(argument: String) {
        let units: [Character: UInt64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
        let text = argument.lowercased()
        let unit = text.last.flatMap { units[$0] }
        guard let number = UInt64(unit == nil ? text : String(text.dropLast())), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, bytes % 4096 == 0 else { return nil }
        self.bytes = bytes
    }

    /// As it is typed; help shows a default so.
    package var defaultValueDescription: String { bytes % (1 << 20) == 0 ? "\(bytes >> 20)M" : "\(bytes)" }
}
