import Foundation
import Glibc

/// What the kernel says of processes: processor time and memory.
enum Processes {
    /// Seconds of processor time, user and system, of another process.
    static func processorSeconds(_ process: Int32) throws -> Double {
        let text = try read("/proc/\(process)/stat")
        // The name in brackets may hold blanks; what follows it does not.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
            throw CannotRun("/proc/\(process)/stat is not as expected")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Seconds of processor time of this process.
    static var ownProcessorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// MiB of a line of /proc/PID/status: `VmRSS`, or `VmHWM`, the most since ``forgetPeak(_:)``.
    static func mebibytes(_ field: String, of process: Int32) throws -> Double {
        let value = try status(field, of: process)
        guard let kibibytes = value.split(separator: " ").first.flatMap({ Double($0) }) else {
            throw CannotRun("\(field) of process \(process) is no number: \(value)")
        }
        return kibibytes / 1024
    }

    /// What a line of /proc/PID/status says.
    static func status(_ field: String, of process: Int32) throws -> String {
        let lines = try read("/proc/\(process)/status").split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("\(field):") }) else {
            throw CannotRun("/proc/\(process)/status has no \(field)")
        }
        return line.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces)
    }

    /// Lets the peak of a process's memory begin anew.
    static func forgetPeak(_ process: Int32) throws {
        guard let file = FileHandle(forWritingAtPath: "/proc/\(process)/clear_refs") else {
            throw CannotRun("the peak of process \(process) cannot be reset")
        }
        try file.write(contentsOf: Data("5".utf8))
        try file.close()
    }

    private static func read(_ path: String) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path), let bytes = try file.readToEnd() else {
            throw CannotRun("\(path) cannot be read")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
