import CEdit
import Foundation
import Glibc
import HomewardCore
import Synchronization

/// Where a command's words go, and who answers its questions.
public struct Console: Sendable {
    /// Writes a line to stdout.
    public var out: @Sendable (String) -> Void
    /// Writes a line to stderr.
    public var note: @Sendable (String) -> Void
    /// Writes to stderr as it stands: escape sequences of the progress display.
    public var raw: @Sendable (String) -> Void
    /// Somebody can be asked.
    public var canAsk: Bool
    /// Progress can be redrawn in place.
    public var canRedraw: Bool
    /// Asks, and returns whether the answer was yes.
    public var ask: @Sendable (String) -> Bool
    /// Shows a question as it stands and returns the line typed; nil at the end of input, or once `isOver` says so.
    public var line: @Sendable (_ question: String, _ isOver: @escaping @Sendable () -> Bool) -> String?
    /// Writes to stdout as it stands: what a script prints.
    public var bytes: @Sendable ([UInt8]) -> Void

    public init(
        out: @escaping @Sendable (String) -> Void,
        note: @escaping @Sendable (String) -> Void,
        raw: @escaping @Sendable (String) -> Void = { _ in },
        canAsk: Bool = false,
        canRedraw: Bool = false,
        ask: @escaping @Sendable (String) -> Bool = { _ in true },
        line: @escaping @Sendable (String, @escaping @Sendable () -> Bool) -> String? = { _, _ in nil },
        bytes: (@Sendable ([UInt8]) -> Void)? = nil
    ) {
        self.out = out
        self.note = note
        self.raw = raw
        self.canAsk = canAsk
        self.canRedraw = canRedraw
        self.ask = ask
        self.line = line
        self.bytes = bytes ?? { out(Console.lines($0)) }
    }

    /// What is printed, without its last line end: as `out` and `note` take it.
    static func lines(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    /// The console of this process.
    public static let standard = Console(
        out: { write($0 + "\n", to: STDOUT_FILENO) },
        note: { write($0 + "\n", to: STDERR_FILENO) },
        raw: { write($0, to: STDERR_FILENO) },
        canAsk: isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0,
        canRedraw: isatty(STDERR_FILENO) != 0,
        ask: { question in
            write("\(question) [y/N] ", to: STDERR_FILENO)
            Interruption.endsAtOnce(true)
            defer { Interruption.endsAtOnce(false) }
            let answer = readLine(strippingNewline: true)?.lowercased().trimmingCharacters(in: .whitespaces)
            return answer == "y" || answer == "yes"
        },
        line: { question, isOver in
            write(question, to: STDERR_FILENO)
            return typed(isOver)
        },
        bytes: { write($0, to: STDOUT_FILENO) }
    )

    /// A line of the terminal, which gives whole ones; looks up from the wait now and then to see whether it is over.
    private static func typed(_ isOver: () -> Bool) -> String? {
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            if isOver() { return nil }
            let ready = homeward_edit_wait_readable(STDIN_FILENO, 50)
            guard ready >= 0 else { return nil }
            if ready == 0 { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            line += buffer[..<count]
        }
        return String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The errno of the first write to stdout that failed; 0: none did.
    private static let failure = Atomic<Int32>(0)

    /// That something this process printed to stdout is lost; nil when all of it arrived.
    ///
    /// Not told of a reader that has gone: it has what it wanted.
    static var loss: Refusal? {
        let code = failure.load(ordering: .acquiring)
        guard code != 0, code != EPIPE else { return nil }
        return Refusal(
            .ioError,
            "standard output",
            "what was printed is lost in part or whole: \(String(cString: strerror(code)))",
            hint: "print where there is room; what the command did is done: homeward status"
        )
    }

    private static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

    private static func write(_ content: [UInt8], to descriptor: Int32) {
        var bytes = content[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // A pipe or terminal whose owner does not want to wait, and that is read slowly.
                var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&room, 1, -1)
                continue
            }
            guard count > 0 else {
                guard descriptor == STDOUT_FILENO else { return }
                _ = failure.compareExchange(expected: 0, desired: errno, ordering: .acquiringAndReleasing)
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}
