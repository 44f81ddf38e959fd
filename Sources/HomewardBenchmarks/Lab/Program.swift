import Dispatch
import Foundation

/// A program that is run and timed.
final class Program: @unchecked Sendable {
    // Unchecked: started by the initializer, and only waited for afterwards.
    private let process = Process()
    private let ended = DispatchSemaphore(value: 0)
    private let command: String
    private let output: String
    private let began: UInt64

    /// Starts it; what it prints goes to the file `output`, what it says of errors and progress to another beside it.
    init(_ path: String, _ arguments: [String], environment: [String: String], output: String) throws {
        command = ([path] + arguments).joined(separator: " ")
        self.output = output
        let files = try [output, Self.errors(output)].map { path in
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            guard let file = FileHandle(forWritingAtPath: path) else { throw CannotRun("\(path) cannot be written") }
            return file
        }
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = files[0]
        process.standardError = files[1]
        process.standardInput = FileHandle.nullDevice
        // Process.waitUntilExit() looks only twenty times a second.
        process.terminationHandler = { [ended] _ in ended.signal() }
        began = Stopwatch.now
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    /// Waits for its end, and gives what it printed and how many seconds it took.
    /// - Throws: when it failed, or took longer than `limit` seconds.
    @discardableResult
    func succeed(within limit: Double = 300) throws -> (text: String, seconds: Double) {
        guard ended.wait(timeout: .now() + limit) == .success else {
            process.terminate()
            throw CannotRun("\(command): no end after \(limit) s")
        }
        let seconds = Stopwatch.seconds(since: began)
        let texts = [output, Self.errors(output)].map {
            String(decoding: FileManager.default.contents(atPath: $0) ?? Data(), as: UTF8.self)
        }
        guard process.terminationStatus == 0 else {
            throw CannotRun("\(command): exit \(process.terminationStatus)\n\(texts.joined())")
        }
        return (texts[0], seconds)
    }

    private static func errors(_ output: String) -> String { output + ".errors" }

    /// A program of the system.
    static func system(_ name: String, _ arguments: [String], output: String) throws -> Program {
        let places = ["/usr/bin/", "/usr/sbin/"].map { $0 + name }
        guard let path = places.first(where: FileManager.default.isExecutableFile) else {
            throw CannotRun("\(name) is not installed: scripts/dev/install-packages")
        }
        return try Program(path, arguments, environment: ["PATH": "/usr/bin:/usr/sbin"], output: output)
    }
}
