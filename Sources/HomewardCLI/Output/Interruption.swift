import Dispatch
import Glibc
import Synchronization

/// Ctrl-C: the first cancels the work and lets it end in order, the second ends the process.
///
/// SIGTERM counts like Ctrl-C, and SIGHUP like the first, unless it is ignored (`nohup`). A terminal that goes away sends it,
/// the shell and the kernel each: nobody has asked twice, and it never ends the process.
enum Interruption {
    private static let immediate = Atomic(false)

    /// Whether an interrupt ends the process without more ado: while a question waits, nothing runs.
    static func endsAtOnce(_ value: Bool) {
        immediate.store(value, ordering: .relaxed)
    }

    /// Runs the work in a task that the first signal cancels.
    static func cancelling<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let task = Task { await work() }
        let asking = Asking()
        return await watching { signal in
            if asking.isRepeated(by: signal) || immediate.load(ordering: .relaxed) { exit(130) }
            task.cancel()
        } during: {
            await task.value
        }
    }

    /// Whether somebody who waits for the end has asked before.
    final class Asking: Sendable {
        private let asked = Latch()

        /// Whether this signal asks once more; SIGHUP asks nothing, and what ends a login sends it beside SIGTERM.
        func isRepeated(by signal: Int32) -> Bool {
            signal != SIGHUP && asked.raiseAgain()
        }
    }

    /// Calls `signalled` at each SIGINT, SIGTERM and SIGHUP, on a thread of its own, for as long as the work lasts.
    static func watching<Value: Sendable>(
        _ signalled: @escaping @Sendable (_ signal: Int32) -> Void,
        during work: () async -> Value
    ) async -> Value {
        let queue = DispatchQueue(label: "interrupt")
        let numbers = [SIGINT, SIGTERM] + (isIgnored(SIGHUP) ? [] : [SIGHUP])
        // A source listens a while after it is resumed, and a signal that comes before that is lost.
        let listening = DispatchGroup()
        let sources = numbers.map { number in
            // A handler, which a program that is started meanwhile does not inherit; being deaf it would.
            signal(number) { _ in }
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { signalled(number) }
            listening.enter()
            source.setRegistrationHandler { listening.leave() }
            source.resume()
            return source
        }
        await withCheckedContinuation { continuation in
            listening.notify(queue: queue) { continuation.resume() }
        }
        let value = await work()
        for source in sources { source.cancel() }
        for number in numbers { signal(number, SIG_DFL) }
        return value
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
