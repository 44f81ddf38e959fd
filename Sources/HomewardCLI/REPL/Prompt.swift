import Glibc
import LuaHost
import Synchronization

/// Read, evaluate, print, again.
package final class Prompt: Sendable {
    private enum Doing {
        case reading
        case evaluating
        /// A script was asked to end and has not yet.
        case cancelling
        /// Nobody feeds it any more.
        case ending
    }

    private let lines: any LineSource
    private let evaluate: @Sendable (LuaSource) async -> Result<[LuaValue], LuaError>
    private let cancel: @Sendable () -> Void
    private let show: @Sendable (LuaError) -> Void
    private let isIncomplete: @Sendable (String) -> Bool
    private let doing = Mutex(Doing.reading)

    /// - Parameters:
    ///   - lines: what is typed, or fed.
    ///   - evaluate: runs a statement, and prints what it gives.
    ///   - cancel: ends what `evaluate` runs, soon.
    ///   - show: tells why a statement gave nothing.
    ///   - isIncomplete: whether more lines can make a text whole.
    package init(
        _ lines: any LineSource,
        evaluate: @escaping @Sendable (LuaSource) async -> Result<[LuaValue], LuaError>,
        cancel: @escaping @Sendable () -> Void,
        show: @escaping @Sendable (LuaError) -> Void,
        isIncomplete: @escaping @Sendable (String) -> Bool
    ) {
        self.lines = lines
        self.evaluate = evaluate
        self.cancel = cancel
        self.show = show
        self.isIncomplete = isIncomplete
    }

    /// Until the end of input.
    /// - Returns: 0; 1 where nobody typed and a statement failed; 130 when it was interrupted.
    package func run() async -> Int32 {
        var statement: [String] = []
        var failed = false
        while !isEnding {
            switch await lines.next(statement.isEmpty ? "hw> " : "hw>> ") {
            case .interrupted:
                statement = []
                guard lines.isInteractive else { return 130 }
            case .line(let line):
                statement.append(line)
                let text = statement.joined(separator: "\n")
                if text.allSatisfy(\.isWhitespace) {
                    statement = []
                } else if !isIncomplete(text) {
                    statement = []
                    if await !carryOut(text) { failed = true }
                }
            case .end:
                // What is left is no statement; carried out, it says what it lacks.
                if !statement.isEmpty, await !carryOut(statement.joined(separator: "\n")) { failed = true }
                return isEnding ? 130 : failed && !lines.isInteractive ? 1 : 0
            }
        }
        return 130
    }

    private var isEnding: Bool { doing.withLock { $0 == .ending } }

    private func carryOut(_ text: String) async -> Bool {
        lines.remember(text)
        doing.withLock { if $0 == .reading { $0 = .evaluating } }
        let result = await evaluate(LuaSource(name: "prompt", text: Array(text.utf8)))
        doing.withLock { if $0 != .ending { $0 = .reading } }
        guard case .failure(let error) = result else { return true }
        show(error)
        return false
    }

    /// Ctrl-C: clears the line that is being typed, or ends the script that runs; the second time, the process.
    ///
    /// Where nobody types, everything ends.
    package func interrupt() {
        enum Action { case clear, cancel, end, exit }
        let isInteractive = lines.isInteractive
        let action: Action = doing.withLock { doing in
            switch doing {
            case .reading where isInteractive: return .clear
            case .evaluating where isInteractive:
                doing = .cancelling
                return .cancel
            case .reading, .evaluating:
                doing = .ending
                return .end
            case .cancelling, .ending: return .exit
            }
        }
        switch action {
        case .clear: lines.interrupt()
        case .cancel: cancel()
        case .end:
            cancel()
            lines.interrupt()
        case .exit: exit(130)
        }
    }

    /// SIGTERM: ends what runs, and the prompt with it.
    package func terminate() {
        let again = doing.withLock { doing in
            defer { doing = .ending }
            return doing == .ending
        }
        if again { exit(130) }
        cancel()
        lines.interrupt()
    }
}
