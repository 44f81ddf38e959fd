import Foundation

/// Real daemons of the product in a folder of a benchmark's own, driven by commands as an operator types them.
final class BenchmarkLab: Sendable {
    static let volumes = ["hr_dv01", "hr_dv02"]
    let folder: String
    private let product: String

    /// Runs a benchmark in a fresh lab, and removes the lab however it ends.
    static func use<Result>(
        _ run: Run,
        volume: UInt64,
        log: UInt64 = 128 << 20,
        bare: Bool = false,
        _ body: (BenchmarkLab) throws -> Result
    ) throws -> Result {
        let lab = try BenchmarkLab(run)
        defer { lab.remove() }
        try lab.succeed(
            "homeward lab up --volume-size \(volume) --log-size \(log)\(bare ? " --bare" : "")"
        )
        return try body(lab)
    }

    private init(_ run: Run) throws {
        folder = run.folder
        product = run.product
        for name in ["homeward", "vradmin", "vxrvg", "vxrlink"] {
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: product)
        }
    }

    private func remove() {
        do { try succeed("homeward lab down --erase") } catch { print("  the lab is left: \(error)") }
    }

    // MARK: Commands

    /// Starts a command line, its words parted by blanks; `host` is where it is typed.
    func start(_ line: String, on host: String? = nil) throws -> Program {
        let words = line.split(separator: " ").map(String.init)
        var environment = [
            "PATH": "\(folder):/usr/bin:/usr/sbin", "HOMEWARD_LAB": "\(folder)/lab",
            "HOMEWARD_CONFIG": "\(folder)/config",
        ]
        environment["HOMEWARD_HOST"] = host
        return try Program(
            "\(folder)/\(words[0])",
            Array(words.dropFirst()),
            environment: environment,
            output: "\(folder)/out-\(UUID().uuidString.prefix(8))"
        )
    }

    /// Runs it to its end, and gives what it printed and the seconds it took.
    @discardableResult
    func succeed(_ line: String, on host: String? = nil) throws -> (text: String, seconds: Double) {
        try start(line, on: host).succeed()
    }

    /// Repeats a command until it succeeds.
    func repeating(_ line: String, on host: String? = nil, seconds: Double = 30) throws {
        let began = Stopwatch.now
        while true {
            do {
                try succeed(line, on: host)
                return
            } catch {
                guard Stopwatch.seconds(since: began) < seconds else { throw error }
                usleep(100_000)
            }
        }
    }

    /// An RVG with seattle as Primary and london as its only Secondary, detached.
    func makePair() throws {
        try succeed("vradmin -g hrdg createpri hr_rvg hr_dv01,hr_dv02 hr_srl", on: "seattle")
        try repeating("vradmin -g hrdg addsec hr_rvg seattle london", on: "seattle")
    }

    // MARK: What it holds

    func volume(_ name: String, of host: String) -> String { "\(folder)/lab/\(host)/volumes/\(name)" }
    func volumes(of host: String) -> [String] { Self.volumes.map { volume($0, of: host) } }
    func log(of host: String) -> String { volume("hr_srl", of: host) }
    func dataSocket(_ host: String) -> String { "\(folder)/lab/\(host)/nbd.sock" }

    /// The process of a host's daemon.
    func process(_ host: String) throws -> Int32 {
        let text = FileManager.default.contents(atPath: "\(folder)/lab/\(host)/daemon.pid") ?? Data()
        guard let word = String(decoding: text, as: UTF8.self).split(separator: " ").first, let process = Int32(word)
        else { throw CannotRun("no process of \(host) is recorded") }
        return process
    }
}
