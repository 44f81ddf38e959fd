import HomewardAdministration
import Synchronization

/// Shows how far long work is: on a terminal a table redrawn in place, elsewhere one line every ten seconds.
final class ProgressDisplay: Sendable {
    private struct State {
        var latest: [String: HomewardAdministration.Progress] = [:]
        var drawn = 0
        var lastLine: ContinuousClock.Instant?
        var ended = false
    }

    private let console: Console
    private let interval: Duration
    private let state = Mutex(State())

    init(_ console: Console, interval: Duration = .seconds(10)) {
        self.console = console
        self.interval = interval
    }

    /// May be called from any thread.
    func show(_ progress: HomewardAdministration.Progress) {
        state.withLock { state in
            guard !state.ended else { return }
            state.latest[progress.host] = progress
            if console.canRedraw { redraw(&state) } else { line(progress, &state) }
        }
    }

    /// Takes the table away for good; what comes after is printed in its place.
    func end() {
        state.withLock { state in
            state.ended = true
            erase(&state)
        }
    }

    /// Takes the table away until the next report.
    func erase() { state.withLock { erase(&$0) } }

    private func erase(_ state: inout State) {
        if state.drawn > 0 { console.raw("\u{1B}[\(state.drawn)A\u{1B}[J") }
        state.drawn = 0
    }

    private func redraw(_ state: inout State) {
        var lines: [String] = []
        for (host, progress) in state.latest.sorted(by: { $0.key < $1.key }) {
            lines.append("\(progress.phase) \(host)")
            if !progress.volumes.isEmpty { lines += SynchronizationText.running(progress) }
        }
        let up = state.drawn > 0 ? "\u{1B}[\(state.drawn)A" : ""
        console.raw("\(up)\u{1B}[J" + lines.map { $0 + "\n" }.joined())
        state.drawn = lines.count
    }

    private func line(_ progress: HomewardAdministration.Progress, _ state: inout State) {
        let now = ContinuousClock.now
        if let last = state.lastLine, now - last < interval { return }
        state.lastLine = now
        console.note(Self.line(progress))
    }

    /// One line that says the same as the table.
    static func line(_ progress: HomewardAdministration.Progress) -> String {
        var parts = ["\(progress.host): \(progress.phase)"]
        for volume in progress.volumes {
            let percent = Units.fixed(Units.percent(volume.compared, of: volume.size).rounded(.down), 0)
            parts.append("\(volume.volume) \(percent)% compared, \(Units.bytes(volume.differing)) differing")
        }
        if !progress.volumes.isEmpty {
            parts.append("\(Units.bytes(progress.volumes.reduce(0) { $0 + $1.sent })) sent")
        }
        if let left = progress.secondsLeft { parts.append("eta \(Units.clock(left))") }
        return parts.joined(separator: "; ")
    }
}
