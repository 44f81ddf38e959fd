import Foundation
import Testing

/// A program on a pseudo-terminal, typed at by a test; killed when its time is over.
final class Terminal {
    private let process = Process()
    private let master: Int32
    private let watchdog: DispatchWorkItem
    /// What came since the last match.
    private var pending = ""
    private(set) var transcript = ""

    init(_ lab: TestLab, _ words: [String], seconds: Double) throws {
        // As posix_openpt, unlockpt and ptsname, which Swift does not see.
        let unlock: UInt = 0x4004_5431
        let number: UInt = 0x8004_5430
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (zero, terminal): (Int32, UInt32) = (0, 0)
        guard master >= 0, ioctl(master, unlock, &zero) == 0, ioctl(master, number, &terminal) == 0 else {
            throw Unmet(description: "no pseudo-terminal: errno \(errno)")
        }
        Self.resize(master, columns: 100)
        guard let slave = FileHandle(forUpdatingAtPath: "/dev/pts/\(terminal)") else {
            throw Unmet(description: "the pseudo-terminal cannot be opened")
        }
        // Foundation's Process cannot give a controlling terminal; without one Ctrl-C is a byte and no signal.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
        process.arguments = ["--ctty", "--wait", "\(lab.folder)/\(words[0])"] + words.dropFirst()
        process.environment = lab.environment().merging(["TERM": "xterm", "HOME": lab.folder, "LANG": "C.UTF-8"]) { $1 }
        process.standardInput = slave
        process.standardOutput = slave
        process.standardError = slave
        try process.run()
        try slave.close()
        let id = process.processIdentifier
        watchdog = DispatchWorkItem {
            kill(-id, SIGKILL)
            kill(id, SIGKILL)
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: watchdog)
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        watchdog.cancel()
        close(master)
    }

    func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Foundation.write(master, bytes, bytes.count) == bytes.count else {
            throw Unmet(description: "the terminal takes nothing: errno \(errno)\n\(transcript)")
        }
    }

    func enter(_ line: String) throws { try type(line + "\r") }

    /// Types a text of any length and takes what is shown meanwhile, so that neither side waits for the other.
    func paste(_ text: String, seconds: Double = 60) throws {
        let flags = fcntl(master, F_GETFL)
        _ = fcntl(master, F_SETFL, flags | O_NONBLOCK)
        defer { _ = fcntl(master, F_SETFL, flags) }
        let end = Date(timeIntervalSinceNow: seconds)
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(master, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else {
                guard errno == EAGAIN, Date() < end, try read() else {
                    throw Unmet(description: "\(bytes.count) bytes are not taken:\n\(transcript.suffix(2000))")
                }
            }
        }
    }

    /// As a person who changes the size of the window.
    func resize(columns: UInt16) { Self.resize(master, columns: columns) }

    private static func resize(_ master: Int32, columns: UInt16) {
        var size = winsize(ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Waits until the output since the last match contains a text, and gives what came before it.
    @discardableResult
    func expect(_ text: String, seconds: Double = 20) throws -> String {
        let end = Date(timeIntervalSinceNow: seconds)
        while true {
            if let found = pending.range(of: text) {
                let before = String(pending[..<found.lowerBound])
                pending = String(pending[found.upperBound...])
                return before
            }
            guard Date() < end, try read() else {
                throw Unmet(
                    description: "no \(text.debugDescription) within \(seconds) s; the terminal shows:\n\(transcript)"
                )
            }
        }
    }

    /// Types a line, and gives what it printed until the next prompt.
    @discardableResult
    func answer(to line: String, seconds: Double = 20) throws -> String {
        try enter(line)
        // Past the echo of the line itself, whose end the terminal makes CR LF.
        try expect("\r\n", seconds: seconds)
        return try expect("hw> ", seconds: seconds)
    }

    /// Waits for the end and gives the exit code.
    func end(seconds: Double = 20) throws -> Int32 {
        let end = Date(timeIntervalSinceNow: seconds)
        while process.isRunning {
            guard Date() < end else { throw Unmet(description: "no end within \(seconds) s:\n\(transcript)") }
            _ = try read()
        }
        watchdog.cancel()
        return process.terminationStatus
    }

    /// Takes what is there, or waits a moment.
    ///
    /// False when the program has ended and there is nothing more.
    private func read() throws -> Bool {
        var watched = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        let ready = poll(&watched, 1, 50)
        guard ready > 0 else { return ready == 0 || errno == EINTR }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = Foundation.read(master, &buffer, buffer.count)
        // EIO: nobody has the other end open any more.
        guard count > 0 else {
            usleep(10_000)
            return process.isRunning
        }
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        pending += text
        transcript += text
        return true
    }
}
