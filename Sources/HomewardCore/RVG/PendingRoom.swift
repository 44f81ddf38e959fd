/// Room for a kind of pending writes, for which those wait that find too little of it.
///
/// While a large one waits, smaller ones leave the room that it needs: they would take it again and again else.
package struct PendingRoom: Sendable {
    /// The largest that waits; 0 when none does.
    private var largestWaiting: UInt64 = 0

    package init() {}

    /// Whether one of that size may come in beside what is `used`; it waits if not.
    ///
    /// Any may where nothing is used.
    package mutating func admits(_ size: UInt64, used: UInt64, limit: UInt64) -> Bool {
        if used == 0 { largestWaiting = 0 }
        let left = size < largestWaiting ? largestWaiting : 0
        if used == 0 || size == 0 || used + size + left <= limit { return true }
        largestWaiting = max(largestWaiting, size)
        return false
    }

    /// One of that size is in, or is refused: it waits no more.
    package mutating func leaves(_ size: UInt64) {
        if size >= largestWaiting { largestWaiting = 0 }
    }
}
