import HomewardAdministration
import Synchronization

/// Shows the progress of all requests of a script together, and keeps it apart from what the script prints.
///
/// Safe to use from any thread.
package final class ScriptProgress: Sendable {
    private struct State {
        var running = 0
        /// Somebody is being asked: nothing is drawn meanwhile.
        var questions = 0
        var display: ProgressDisplay?
    }

    private let console: Console
    private let state = Mutex(State())

    package init(_ console: Console) { self.console = console }

    /// A request begins; each is ended once.
    func begin() { state.withLock { $0.running += 1 } }

    /// With the last request the display goes.
    func end() {
        state.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return }
            state.display?.end()
            state.display = nil
        }
    }

    func show(_ progress: HomewardAdministration.Progress) {
        state.withLock { state in
            guard state.running > 0, state.questions == 0 else { return }
            let display = state.display ?? ProgressDisplay(console)
            state.display = display
            display.show(progress)
        }
    }

    /// Draws nothing while `body` asks something, which may take long.
    func quiet<Value>(_ body: () -> Value) -> Value {
        state.withLock { state in
            state.questions += 1
            state.display?.erase()
        }
        defer { state.withLock { $0.questions -= 1 } }
        return body()
    }

    /// Takes what is drawn away while `body` prints; the next report draws it again.
    package func apart(_ body: () -> Void) {
        state.withLock { state in
            state.display?.erase()
            body()
        }
    }
}
