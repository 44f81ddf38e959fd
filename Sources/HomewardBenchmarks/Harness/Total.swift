import Synchronization

/// A sum that several threads add to.
final class Total: Sendable {
    private let sum = Atomic(0)
    var value: Int { sum.load(ordering: .acquiring) }
    func add(_ amount: Int) { sum.add(amount, ordering: .acquiringAndReleasing) }
}
