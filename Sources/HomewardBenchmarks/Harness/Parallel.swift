import Dispatch
import Synchronization

/// Runs bodies at the same time, a thread each, and waits for all.
/// - Throws: the first failure, after all have ended.
func inParallel(_ bodies: [@Sendable () throws -> Void]) throws {
    let failure = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: bodies.count) { index in
        do { try bodies[index]() } catch { failure.withLock { if $0 == nil { $0 = error } } }
    }
    if let error = failure.withLock({ $0 }) { throw error }
}
