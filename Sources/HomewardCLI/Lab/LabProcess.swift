import CPlatform
import Foundation
import HomewardCore

/// One daemon of the lab, or its application, as its process recorded itself.
///
/// A process id alone proves nothing: ids are used again. It is ours when its start time is the recorded one and a word of
/// its command line is the one that names it (a host's own configuration file); signals go through a descriptor of the process, which a later
/// process of the same id never inherits.
package struct LabProcess: Hashable, Sendable {
    package let id: Int32
    package let startTime: UInt64
    /// The word of its command line that no other process has there: a daemon's configuration file.
    package let mark: String

    package init(id: Int32, startTime: UInt64, mark: String) {
        self.id = id
        self.startTime = startTime
        self.mark = mark
    }

    /// The living daemon of a host; nil when none was recorded, or when it is gone.
    package static func running(_ folder: LabFolder, _ host: String) -> LabProcess? {
        running(record: folder.processFile(host), mark: folder.configuration(host))
    }

    /// The living process that a file records.
    static func running(record: String, mark: String) -> LabProcess? {
        guard let text = LabFiles.read(record) else { return nil }
        let words = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let id = Int32(words[0]), let startTime = UInt64(words[1]) else { return nil }
        let process = LabProcess(id: id, startTime: startTime, mark: mark)
        return process.isAlive ? process : nil
    }

    package var isAlive: Bool {
        guard let stat = LabFiles.read("/proc/\(id)/stat"),
            let (state, start) = Self.stateAndStartTime(String(decoding: stat, as: UTF8.self)),
            start == startTime, state != "Z", state != "X",
            let line = LabFiles.read("/proc/\(id)/cmdline")
        else { return false }
        return line.split(separator: 0).contains { $0.elementsEqual(mark.utf8) }
    }

    /// Fields 3 and 22 of /proc/PID/stat; the name in field 2 may hold anything, so they are counted from the last `)`.
    package static func stateAndStartTime(_ stat: String) -> (state: Character, startTime: UInt64)? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count >= 20, let state = fields[0].first, let start = UInt64(fields[19]) else { return nil }
        return (state, start)
    }

    /// Starts the daemon of a host, in a session of its own, and returns as soon as it is recorded.
    package static func start(_ folder: LabFolder, _ host: String, executable: String) throws(Refusal) {
        try start(
            [executable, "serve", "--config", folder.configuration(host)],
            record: folder.processFile(host),
            log: folder.daemonLog(host)
        )
    }

    /// The same for any program; what it prints is added to `log`.
    static func start(_ words: [String], record: String, log: String) throws(Refusal) {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        // A record of an earlier process must not stand while the new one starts.
        unlink(record)
        let result = homeward_spawn_daemon(arguments, record, log)
        try LabFiles.check(result, "start", words[0])
    }

    /// Sends a signal, unless the process is not, or is no longer, this one.
    ///
    /// False when it is gone.
    package func signal(_ number: Int32) -> Bool {
        withDescriptor { homeward_process_signal($0, number) == 0 } ?? false
    }

    /// Waits for its end.
    ///
    /// False when the time ran out.
    package func waitForEnd(milliseconds: Int32) -> Bool {
        withDescriptor { homeward_process_wait($0, milliseconds) == 1 } ?? true
    }

    /// Ends it: in order by SIGTERM where `orderly`, then by SIGKILL.
    ///
    /// Returns when it is gone.
    package func end(orderly: Bool) throws(Refusal) {
        if orderly, signal(SIGTERM), waitForEnd(milliseconds: 5_000) { return }
        guard signal(SIGKILL), !waitForEnd(milliseconds: 10_000) else { return }
        throw Refusal(
            .ioError,
            mark,
            "process \(id) does not end 10 s after SIGKILL",
            hint: "cat /proc/\(id)/stack"
        )
    }

    /// Nil when the process is gone.
    private func withDescriptor<Result>(_ body: (Int32) -> Result) -> Result? {
        let descriptor = homeward_process_open(id)
        guard descriptor >= 0 else { return nil }
        defer { _ = homeward_close(descriptor) }
        // Looked at after the descriptor was opened: what it names now is what it will always name.
        return isAlive ? body(descriptor) : nil
    }
}
