import Synchronization

/// Whoever waits for the answer to a request: a client that may go away while the request goes on.
///
/// A request whose task is cancelled is taken back; one whose asker is gone goes on, and nobody is known to wait for it.
/// Safe to use from any thread.
public final class Asker: Sendable {
    private let gone = Atomic(false)

    public init() {}

    /// Who asked for what this task carries out; nil where nobody can go away.
    @TaskLocal public static var current: Asker?

    public var isGone: Bool { gone.load(ordering: .acquiring) }

    /// To be called before the request's task is cancelled.
    public func leave() { gone.store(true, ordering: .releasing) }
}
