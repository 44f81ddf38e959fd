import HomewardAdministration

/// The hosts as a script reaches them: what the command line knows of sockets and labs.
public protocol ScriptHosts: Sendable {
    /// Carries a request out where the target says.
    ///
    /// Cancelling the task cancels what can be cancelled.
    /// - Throws: `Refusal`.
    func perform(
        _ request: Request,
        to target: ScriptTarget,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer
    /// Whether commands may run here on behalf of that host: in a lab, and of the host whose own socket is used.
    func isHere(_ host: String) async -> Bool
}

/// The data doors as a script reaches them.
public protocol ScriptVolumes: Sendable {
    /// - Throws: `Refusal`; `not-local` where the host's own door cannot be reached from here.
    func perform(_ call: VolumeCall) async throws -> VolumeAnswer
    /// Closes every session that is still open.
    func closeAll() async
}

/// Whoever can be asked.
public protocol ScriptAsker: Sendable {
    /// The answer, one of the choices; nil where nobody can be asked.
    func ask(_ question: ScriptQuestion) async -> String?
}
