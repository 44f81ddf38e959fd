import Foundation
import Glibc

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

    public init(
        out: @escaping @Sendable (String) -> Void,
        note: @escaping @Sendable (String) -> Void,
        raw: @escaping @Sendable (String) -> Void = { _ in },
        canAsk: Bool = false,
        canRedraw: Bool = false,
        ask: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.out = out
        self.note = note
        self.raw = raw
        self.canAsk = canAsk
        self.canRedraw = canRedraw
        self.ask = ask
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
        }
    )

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
