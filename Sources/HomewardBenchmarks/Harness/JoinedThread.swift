import Dispatch
import HomewardThreads

/// A thread that is waited for.
final class JoinedThread: Sendable {
    private let ended = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) throws {
        let code = startThread("benchmark") { [ended] in
            body()
            ended.signal()
        }
        guard code == 0 else { throw CannotRun("no thread: errno \(-code)") }
    }

    func join() { ended.wait() }
}
