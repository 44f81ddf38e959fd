import Foundation
import Glibc
import HomewardCore
import Testing

/// A folder of its own, removed with the object.
final class Folder {
    let path: String

    init() throws {
        path = "/tmp/hw-storage-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: file(name))) }

    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name)))) }
}

/// The refusal that a body throws; records an issue when it throws none.
func refusal(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> Refusal? {
    do {
        try body()
        Issue.record("nothing was refused", sourceLocation: sourceLocation)
    } catch let refusal as Refusal {
        return refusal
    } catch { Issue.record(error, sourceLocation: sourceLocation) }
    return nil
}

/// Bytes that a file takes on its disk.
func allocated(_ path: String) -> Int {
    var info = stat()
    return stat(path, &info) == 0 ? Int(info.st_blocks) * 512 : -1
}

/// A process with a lock of `flock`, from when the object is made until it is gone; nil where the tool is missing.
final class LockHolder {
    private let process = Process()
    private let input = Pipe()
    var identifier: Int32 { process.processIdentifier }

    init?(_ path: String) throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/flock") else {
            print("skipped: flock is not installed")
            return nil
        }
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        // Ends with its input, also when the tests are killed.
        process.arguments = ["--no-fork", path, "sh", "-c", "echo ready; exec cat"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        #expect(output.fileHandleForReading.readData(ofLength: 6) == Data("ready\n".utf8))
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}

/// What a program printed; nil when it failed or is not there.
func output(_ program: String, _ arguments: [String]) -> String? {
    guard FileManager.default.isExecutableFile(atPath: program) else { return nil }
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["20", program] + arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return process.terminationStatus == 0 ? text : nil
}

/// A file as a block device, from when the object is made until it is gone; nil, with a word, where that cannot be had.
final class LoopDevice {
    let path: String

    init?(_ file: String) {
        guard getuid() == 0,
            let path = output("/usr/sbin/losetup", ["-f", "--show", file])?
                .trimmingCharacters(in: .whitespacesAndNewlines)
        else {
            print("skipped: no loop devices, or not root")
            return nil
        }
        self.path = path
    }

    deinit { _ = output("/usr/sbin/losetup", ["-d", path]) }
}
