import DequeModule

/// Requests of the application that wait for a position, in the order of their ids.
package struct ReplyQueue: Sendable {
    private struct Waiter {
        var id: UpdateID
        var token: UInt64
    }

    private var plain: Deque<Waiter> = []
    private var durable: Deque<Waiter> = []

    var isEmpty: Bool { plain.isEmpty && durable.isEmpty }
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

    /// Takes out the tokens whose position has been reached.
    mutating func release(plainThrough: UpdateID, durableThrough: UpdateID, into tokens: inout [UInt64]) {
        while let first = plain.first, first.id <= plainThrough { tokens.append(plain.removeFirst().token) }
        while let first = durable.first, first.id <= durableThrough { tokens.append(durable.removeFirst().token) }
    }

    mutating func drain() -> [UInt64] {
        defer {
            plain.removeAll()
            durable.removeAll()
        }
        return plain.map(\.token) + durable.map(\.token)
    }
}
