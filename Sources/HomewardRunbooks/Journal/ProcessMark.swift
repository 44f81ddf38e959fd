import FoundationEssentials
import Glibc

/// Names one process of this machine for good: its pid, when it started, and in which boot.
///
/// A pid alone is given to another process some day.
public struct ProcessMark: Hashable, Sendable, CustomStringConvertible {
    public var pid: Int32
    /// Clock ticks from boot to the start of the process.
    public var start: UInt64
    public var boot: String

    /// This process.
    package static let current = ProcessMark.of(getpid()) ?? ProcessMark(pid: getpid(), start: 0, boot: "")

    /// A living process; nil when there is none of that pid, or only what is left of one.
    package static func of(_ pid: Int32) -> ProcessMark? {
        guard let stat = text("/proc/\(pid)/stat"), let name = stat.lastIndex(of: ")") else { return nil }
        // Behind the name, which may hold blanks, come the state (third field) and the others; the start is the 22nd.
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        guard fields.count > 19, !["Z", "X", "x"].contains(fields[0]), let start = UInt64(fields[19]) else {
            return nil
        }
        return ProcessMark(pid: pid, start: start, boot: text("/proc/sys/kernel/random/boot_id") ?? "")
    }

    package var isAlive: Bool { Self.of(pid) == self }

    public var description: String { "\(pid) \(start) \(boot)" }

    package init(pid: Int32, start: UInt64, boot: String) {
        self.pid = pid
        self.start = start
        self.boot = boot
    }

    /// Reads what ``description`` writes.
    package init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, let pid = Int32(parts[0]), let start = UInt64(parts[1]) else { return nil }
        self.init(pid: pid, start: start, boot: String(parts[2]))
    }

    private static func text(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
