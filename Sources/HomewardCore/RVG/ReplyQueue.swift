import DequeModule

/// Requests of the application that wait for a position, in the order of their ids.
package struct ReplyQueue: Sendable {
    private struct Waiter {
        var id: UpdateID
        var token: UInt64
    }

    private var plain: Deque<Waiter> = []
    private var durable: Deque<Waiter> = []

    /// Those that have failed already, and whose bytes the log lane still needs.
    private var failing: Deque<(waiter: Waiter, failure: WriteFailure)> = []

    var isEmpty: Bool { plain.isEmpty && durable.isEmpty && failing.isEmpty }
    /// The id that the last durable waiter needs.
    var durableNeeded: UpdateID? { durable.last?.id }
    var count: Int { plain.count + durable.count }

    mutating func wait(for id: UpdateID, durably: Bool, token: UInt64) {
        if durably {
            durable.append(Waiter(id: id, token: token))
        } else {
            plain.append(Waiter(id: id, token: token))
        }
    }

    /// Takes out those whose position has been reached.
    mutating func release(plainThrough: UpdateID, durableThrough: UpdateID, into replies: inout [Effects.Reply]) {
        while let first = plain.first, first.id <= plainThrough {
            replies.append(Effects.Reply(token: plain.removeFirst().token))
        }
        while let first = durable.first, first.id <= durableThrough {
            replies.append(Effects.Reply(token: durable.removeFirst().token))
        }
    }

    /// Fails everything that waits.
    ///
    /// A reply gives the application its memory back, so one whose record is not written yet is held until it is: else
    /// the log would be written from memory that holds something else by then.
    package mutating func fail(with failure: WriteFailure, written: UpdateID, into replies: inout [Effects.Reply]) {
        let waiting = (Array(plain) + Array(durable)).sorted { $0.id < $1.id }
        plain.removeAll()
        durable.removeAll()
        for waiter in waiting { failing.append((waiter, failure)) }
        releaseFailed(written: written, into: &replies)
    }

    mutating func releaseFailed(written: UpdateID, into replies: inout [Effects.Reply]) {
        while let first = failing.first, first.waiter.id <= written {
            failing.removeFirst()
            replies.append(Effects.Reply(token: first.waiter.token, failure: first.failure))
        }
    }
}
