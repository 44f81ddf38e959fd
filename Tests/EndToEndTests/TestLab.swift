import Foundation
import Testing

/// All tests of real processes, one after the other: they share two cores and the clock.
@Suite("End to end", .serialized)
enum EndToEnd {}

/// What a step of a test needed and did not get.
struct Unmet: Error, CustomStringConvertible {
    var description: String
}

/// A lab of a test's own, driven by commands as an operator types them.
final class TestLab {
    static let hosts = ["seattle", "london", "tokyo"]
    let folder: String

    /// Runs a test in a fresh lab, and removes the lab however the test ends.
    static func run(
        volume: String = "32M",
        log: String = "112M",
        bare: Bool = false,
        _ body: (TestLab) throws -> Void
    ) throws {
        let lab = try TestLab()
        var passed = false
        defer { lab.erase(keep: !passed && ProcessInfo.processInfo.environment["HOMEWARD_KEEP_LABS"] != nil) }
        do {
            try lab.succeed("homeward lab up --volume-size \(volume) --log-size \(log)\(bare ? " --bare" : "")")
            try body(lab)
            passed = true
        } catch {
            lab.printLogs()
            throw error
        }
    }

    /// Runs a test with the programs in a folder of its own, and no daemon.
    static func alone(_ body: (TestLab) throws -> Void) throws {
        let lab = try TestLab()
        defer { try? FileManager.default.removeItem(atPath: lab.folder) }
        try body(lab)
    }

    private init() throws {
        folder = "/tmp/hwe-\(UUID().uuidString.prefix(8))"
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let own = try files.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let product = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("homeward").path
        guard files.isExecutableFile(atPath: product) else { throw Unmet(description: "\(product) is not built") }
        for name in ["homeward", "vradmin", "vxrvg", "vxrlink"] {
            try files.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: product)
        }
    }

    private func erase(keep: Bool) {
        // One that is halted could not end in order.
        for host in TestLab.hosts { if let process = process(host) { kill(process, SIGCONT) } }
        if let output = try? run("homeward lab down\(keep ? "" : " --erase")") {
            #expect(output.status == 0, "\(output)")
        }
        if keep { return print("the lab is kept: \(folder)") }
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func printLogs() {
        for host in TestLab.hosts {
            let log = FileManager.default.contents(atPath: "\(folder)/lab/\(host)/daemon.log") ?? Data()
            let lines = String(decoding: log, as: UTF8.self).split(separator: "\n").suffix(12)
            print("--- \(host)\n\(lines.joined(separator: "\n"))")
        }
    }

    // MARK: Commands

    /// Starts a command line, its words parted by blanks; `host` is where it is typed.
    func start(_ line: String, on host: String? = nil, seconds: Double = 90) throws -> Program {
        let words = line.split(separator: " ").map(String.init)
        return try start(words, on: host, seconds: seconds)
    }

    /// Starts a command with words that may hold blanks; `input` is what it reads.
    func start(_ words: [String], on host: String? = nil, input: String? = nil, seconds: Double = 90) throws -> Program
    {
        try Program(
            "\(folder)/\(words[0])",
            Array(words.dropFirst()),
            environment: environment(on: host),
            input: input,
            seconds: seconds
        )
    }

    func environment(on host: String? = nil) -> [String: String] {
        var environment = [
            "PATH": "/usr/bin:/usr/sbin:\(folder)", "HOMEWARD_LAB": "\(folder)/lab",
            "HOMEWARD_CONFIG": "\(folder)/config",
        ]
        environment["HOMEWARD_HOST"] = host
        return environment
    }

    /// Writes a file into the lab's folder, and gives its path.
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = "\(folder)/\(name)"
        guard
            FileManager.default.createFile(
                atPath: path,
                contents: Data(text.utf8),
                attributes: [.posixPermissions: mode]
            )
        else { throw Unmet(description: "\(path) cannot be written") }
        return path
    }

    func run(_ line: String, on host: String? = nil, seconds: Double = 90) throws -> Output {
        try start(line, on: host, seconds: seconds).wait()
    }

    @discardableResult
    func succeed(_ line: String, on host: String? = nil) throws -> Output {
        let output = try run(line, on: host)
        guard output.status == 0 else { throw Unmet(description: "\(output)") }
        return output
    }

    /// Repeats a command until it succeeds.
    @discardableResult
    func repeating(_ line: String, on host: String? = nil, seconds: Double = 30) throws -> Output {
        let end = Date(timeIntervalSinceNow: seconds)
        while true {
            let output = try run(line, on: host)
            if output.status == 0 { return output }
            guard Date() < end else { throw Unmet(description: "after \(seconds) s still \(output)") }
            usleep(200_000)
        }
    }

    /// Polls until something holds.
    func wait(for what: String, seconds: Double = 45, _ condition: () throws -> Bool) throws {
        let end = Date(timeIntervalSinceNow: seconds)
        while try !condition() {
            guard Date() < end else { throw Unmet(description: "after \(seconds) s there is no \(what)") }
            usleep(50_000)
        }
    }

    /// Runs a line of a shell.
    func shell(_ line: String, seconds: Double = 60) throws -> Output {
        try Program("/bin/bash", ["-c", line], environment: environment(), seconds: seconds).wait()
    }

    // MARK: What is seen

    /// Processes that began in this lab, by the environment that they inherited: their commands.
    func processes(_ command: String? = nil) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { id in
            // One that ends meanwhile is none.
            guard let environment = FileManager.default.contents(atPath: "/proc/\(id)/environ"),
                String(decoding: environment, as: UTF8.self).contains("\(folder)/lab"),
                let name = FileManager.default.contents(atPath: "/proc/\(id)/comm")
            else { return nil }
            let found = String(decoding: name, as: UTF8.self).trimmingCharacters(in: .newlines)
            return command == nil || command == found ? found : nil
        }
    }

    func process(_ host: String) -> Int32? {
        guard let status = try? run("homeward lab status --json") else { return nil }
        return status.json["hosts"].items.first { $0["name"].string == host }?["pid"].number.map(Int32.init)
    }

    /// The RDS as one host tells it.
    func rds(_ host: String) throws -> JSON {
        try run("homeward status --json", on: host).json["rvgs"].items.first ?? JSON(text: "")
    }

    func member(_ host: String) throws -> JSON {
        try rds(host)["members"].items.first { $0["host"].string == host } ?? JSON(text: "")
    }

    /// Epochs of a host's history.
    func epochs(_ host: String) throws -> Int { try member(host)["history"].items.count }

    /// Names of checkpoints on a Primary; of those in one state only.
    func checkpoints(_ host: String, state: String? = nil) throws -> [String] {
        try succeed("vxrvg -g hrdg --json cplist hr_rvg", on: host).json.items
            .filter { state == nil || $0["state"].string == state }.compactMap { $0["name"].string }
    }

    /// The address of a volume's data door.
    func uri(_ host: String, _ volume: String = "hr_dv01") -> String {
        "nbd+unix:///hrdg/\(volume)?socket=\(folder)/lab/\(host)/nbd.sock"
    }

    /// Writes at a volume's beginning, apart from the load, through a host's data door; whether it was taken.
    func write(_ host: String, pattern: Int = 7, length: String = "64k") throws -> Bool {
        guard
            let output = try tool(
                "qemu-io",
                ["-f", "raw", "-c", "write -P \(pattern) 0 \(length)", "-c", "flush", uri(host)]
            )
        else { throw Unmet(description: "qemu-io is needed") }
        return output.status == 0 && !output.out.contains("failed") && !output.err.contains("failed")
    }

    // MARK: Proofs

    /// All hosts are up to date, their records whole, and their volumes equal by SHA-256.
    func proveEqual(primary: String) throws {
        let others = TestLab.hosts.filter { $0 != primary }
        try succeed("homeward lab wait \(others.joined(separator: " "))")
        try proveWhole()
        for volume in ["hr_dv01", "hr_dv02"] {
            let sums = try TestLab.hosts.map {
                try repeating("homeward vol sum hrdg/\(volume) --json", on: $0).json["sha256"].string
            }
            #expect(sums[0]?.count == 64)
            #expect(Set(sums).count == 1, "\(volume): \(sums)")
        }
    }

    func proveWhole() throws {
        let check = try run("homeward lab check")
        #expect(check.status == 0, "\(check)")
    }
}
