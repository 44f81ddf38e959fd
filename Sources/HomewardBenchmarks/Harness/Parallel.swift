import Synchronization

/// Runs bodies at the same time, a thread each, and waits for all.
///
/// `DispatchQueue.concurrentPerform` would run no more of them at once than there are processors: of eight that mostly wait
/// two at a time.
/// - Throws: the first failure, after all have ended.
func inParallel(_ bodies: [@Sendable () throws -> Void]) throws {
    let failure = Mutex<(any Error)?>(nil)
    let threads = try bodies.map { body in
        try JoinedThread {
            do { try body() } catch { failure.withLock { if $0 == nil { $0 = error } } }
        }
    }
    for thread in threads { thread.join() }
    if let error = failure.withLock({ $0 }) { throw error }
}
