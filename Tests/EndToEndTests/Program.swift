import Foundation
import Testing

/// What a program printed and how it ended.
struct Output: CustomStringConvertible {
    var command: String
    var status: Int32
    var out: String
    var err: String

    /// What `--json` printed.
    var json: JSON { JSON(text: out) }
    /// The refusal's code, from `--json` or from the text for people.
    var code: String? { json["error"]["code"].string ?? Output.bracketed(err) }
    var description: String { "\(command): exit \(status)\n\(out)\(err)" }

    private static func bracketed(_ text: String) -> String? {
        guard let open = text.lastIndex(of: "["), let close = text[open...].firstIndex(of: "]") else { return nil }
        return String(text[text.index(after: open)..<close])
    }
}

/// A program that runs; killed when its time is over, so that no test waits without end.
final class Program {
    private let process = Process()
    private let command: String
    private let files: [String]
    private let watchdog: DispatchWorkItem

    /// `input` is what it reads; nothing when it is left out.
    init(
        _ path: String,
        _ arguments: [String],
        environment: [String: String],
        input: String? = nil,
        seconds: Double
    ) throws {
        command = ([URL(fileURLWithPath: path).lastPathComponent] + arguments).joined(separator: " ")
        let base = "/tmp/hwe-out-\(UUID().uuidString.prefix(8))"
        files = ["\(base).1", "\(base).2", "\(base).0"]
        for file in files.prefix(2) { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        _ = FileManager.default.createFile(atPath: files[2], contents: Data((input ?? "").utf8))
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        // Files, not pipes: nothing blocks on a reader, whoever inherits them.
        process.standardOutput = FileHandle(forWritingAtPath: files[0])
        process.standardError = FileHandle(forWritingAtPath: files[1])
        process.standardInput = input == nil ? FileHandle.nullDevice : FileHandle(forReadingAtPath: files[2])
        try process.run()
        let id = process.processIdentifier
        watchdog = DispatchWorkItem { kill(id, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: watchdog)
    }

    /// What it has printed so far.
    var printed: String { String(decoding: FileManager.default.contents(atPath: files[0]) ?? Data(), as: UTF8.self) }
    var isRunning: Bool { process.isRunning }
    var id: Int32 { process.processIdentifier }

    func signal(_ signal: Int32) { kill(process.processIdentifier, signal) }

    func wait() -> Output {
        process.waitUntilExit()
        watchdog.cancel()
        let texts = files.prefix(2).map {
            String(decoding: FileManager.default.contents(atPath: $0) ?? Data(), as: UTF8.self)
        }
        for file in files { try? FileManager.default.removeItem(atPath: file) }
        return Output(command: command, status: process.terminationStatus, out: texts[0], err: texts[1])
    }
}

/// Whether tools of the system are there: what a suite is enabled by.
func installed(_ names: String...) -> Bool {
    names.allSatisfy { name in
        ["/usr/bin/", "/usr/sbin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
    }
}

/// A tool of the system; nil when it is not installed.
func tool(_ name: String, _ arguments: [String], seconds: Double = 60) throws -> Output? {
    guard let path = ["/usr/bin/", "/usr/sbin/"].map({ $0 + name }).first(where: FileManager.default.isExecutableFile)
    else {
        print("skipped: \(name) is not installed")
        return nil
    }
    return try Program(path, arguments, environment: ["PATH": "/usr/bin:/usr/sbin"], seconds: seconds).wait()
}

/// JSON that is looked into by name; what is missing is nil all the way down.
struct JSON {
    private let value: Any?

    init(text: String) {
        value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    private init(_ value: Any?) { self.value = value }

    subscript(_ name: String) -> JSON { JSON((value as? [String: Any])?[name]) }
    var items: [JSON] { (value as? [Any] ?? []).map { JSON($0) } }
    var string: String? { value as? String }
    var number: Int? { (value as? NSNumber)?.intValue }
    var isTrue: Bool { (value as? NSNumber)?.boolValue ?? false }
}

/// A generator that gives the same numbers for the same seed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func bytes(_ count: Int) -> Data {
        var data = Data(capacity: count)
        while data.count < count { withUnsafeBytes(of: next()) { data.append(contentsOf: $0) } }
        return data.prefix(count)
    }
}
