import Dispatch
import Glibc
import Synchronization

/// Ctrl-C: the first cancels the work and lets it end in order, the second ends the process.
enum Interruption {
    private static let immediate = Atomic(false)

    /// Whether an interrupt ends the process without more ado: while a question waits, nothing runs.
    static func endsAtOnce(_ value: Bool) {
        immediate.store(value, ordering: .relaxed)
    }

    /// Runs the work in a task that the first SIGINT cancels.
    static func cancelling<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let task = Task { await work() }
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: DispatchQueue(label: "interrupt"))
        source.setEventHandler {
            if task.isCancelled || immediate.load(ordering: .relaxed) { exit(130) }
            task.cancel()
        }
        source.resume()
        let value = await task.value
        source.cancel()
        signal(SIGINT, SIG_DFL)
        return value
    }
}
