import HomewardCore
import HomewardHost
import Testing

/// Which task a free thread gets.
@Suite("Tasks of the pool", .timeLimit(.minutes(1)))
struct TaskQueueTests {
    private typealias Queue = TaskQueue<String>

    private func queue(processors: Int, hashing: [String], others: [String] = []) -> Queue {
        var queue = Queue(processors: processors)
        for work in hashing { queue.add(work, hashes: true) }
        for work in others { queue.add(work, hashes: false) }
        return queue
    }

    /// Takes the next task, which is to be `expected`.
    private func take(
        _ expected: String?,
        from queue: inout Queue,
        besideWrites: Bool = true,
        _ location: SourceLocation = #_sourceLocation
    ) -> Queue.Taken? {
        let taken = queue.take(besideWrites: besideWrites)
        #expect(taken?.work == expected, sourceLocation: location)
        return taken
    }

    @Test("while nothing is written every thread gets work, what does not hash first, each kind in its order")
    func order() {
        var queue = queue(processors: 2, hashing: ["h1", "h2", "h3"], others: ["a", "b"])
        for expected in ["a", "b", "h1", "h2", "h3"] { _ = take(expected, from: &queue, besideWrites: false) }
        #expect(queue.isEmpty)
        _ = take(nil, from: &queue, besideWrites: false)
    }

    @Test("beside writes hashing waits in the queue, and holds up nobody")
    func besideWrites() throws {
        var queue = queue(processors: 4, hashing: ["h1", "h2", "h3"])
        let first = try #require(take("h1", from: &queue))
        _ = take("h2", from: &queue)
        _ = take(nil, from: &queue)
        queue.add("a", hashes: false)
        let other = try #require(take("a", from: &queue))
        // What does not hash gives no turn back.
        queue.ended(other)
        _ = take(nil, from: &queue)
        queue.ended(first)
        _ = take("h3", from: &queue)
    }

    @Test("turns that were taken while nothing was written count when writes begin")
    func writesBegin() throws {
        var queue = queue(processors: 2, hashing: ["h1", "h2", "h3"])
        let first = try #require(take("h1", from: &queue, besideWrites: false))
        let second = try #require(take("h2", from: &queue, besideWrites: false))
        _ = take(nil, from: &queue)
        queue.ended(first)
        _ = take(nil, from: &queue)
        queue.ended(second)
        _ = take("h3", from: &queue)
    }
}
