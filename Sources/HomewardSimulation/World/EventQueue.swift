/// What is to happen, ordered by time and then by the order in which it was asked for.
struct EventQueue {
    private struct Event {
        var time: UInt64
        var sequence: UInt64
        var action: () -> Void

        func comes(before other: Event) -> Bool { (time, sequence) < (other.time, other.sequence) }
    }

    private var heap: [Event] = []
    private var sequence: UInt64 = 0

    mutating func add(at time: UInt64, _ action: @escaping () -> Void) {
        sequence += 1
        heap.append(Event(time: time, sequence: sequence, action: action))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].comes(before: heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// The next event, if it is not after `end`.
    mutating func next(until end: UInt64) -> (time: UInt64, action: () -> Void)? {
        guard let earliest = heap.first, earliest.time <= end else { return nil }
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].comes(before: heap[least]) {
                least = child
            }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.time, first.action)
    }
}
