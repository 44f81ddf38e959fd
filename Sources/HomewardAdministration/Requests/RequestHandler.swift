import HomewardCore

/// Whoever answers requests: a host's engine, or a client that passes them on.
public protocol RequestHandler: Sendable {
    /// Carries a request out and returns when it is done.
    ///
    /// Cancelling the task cancels what can be cancelled (a synchronization, a wait) and throws `interrupted`; what was
    /// committed before stays committed.
    /// - Parameters:
    ///   - request: What is asked.
    ///   - host: A peer that shall answer instead (`--host`); nil or the own name: this host.
    ///   - progress: Called now and then while long work runs, from any thread.
    /// - Returns: What was done, or what was asked for.
    /// - Throws: ``Refusal``, with ``Refusal/host`` filled in.
    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer
}
