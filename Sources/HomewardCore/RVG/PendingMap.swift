import DequeModule

/// Writes that are in the log and not yet on the volumes, found by place: what makes a read see them.
package struct PendingMap: Sendable {
    private struct Key: Hashable {
        var volume: UInt32
        var chunk: UInt64
    }

    private static let chunkBytes: UInt64 = 1 << 20

    package init() {}

    /// For each chunk of a volume, the ids of the pending records that touch it, rising.
    private var chunks: [Key: Deque<UInt64>] = [:]
    /// What the writes in it weigh.
    package private(set) var bytes: UInt64 = 0
    /// How long the zeroes and trims in it are together.
    package private(set) var emptyBytes: UInt64 = 0

    /// What a write, zeroes or a trim counts for against the limit at which writers wait: the payload that it keeps, and a
    /// page where there is none, however long it is.
    package static func weight(payloadBytes: UInt64) -> UInt64 { payloadBytes > 0 ? payloadBytes : 4096 }

    private static func weight(_ record: Record) -> UInt64 { weight(payloadBytes: UInt64(record.payloadBytes)) }

    package mutating func insert(_ record: Record) {
        guard let touched = PendingMap.chunks(of: record) else { return }
        bytes += PendingMap.weight(record)
        emptyBytes += record.emptyBytes
        for chunk in touched {
            chunks[Key(volume: record.volume, chunk: chunk), default: []].append(record.id.value)
        }
    }

    /// Records leave in the order in which they came.
    ///
    /// One that never came in is none of ours: it was logged while this host was a Secondary.
    package mutating func remove(_ record: Record) {
        guard let touched = PendingMap.chunks(of: record) else { return }
        var wasPending = false
        for chunk in touched {
            // In place: a copy of the ids would be one more for each write.
            guard let place = chunks.index(forKey: Key(volume: record.volume, chunk: chunk)),
                chunks.values[place].first == record.id.value
            else { continue }
            wasPending = true
            chunks.values[place].removeFirst()
            if chunks.values[place].isEmpty { chunks.remove(at: place) }
        }
        guard wasPending else { return }
        bytes -= PendingMap.weight(record)
        emptyBytes -= record.emptyBytes
    }

    package mutating func removeAll() {
        chunks.removeAll()
        bytes = 0
        emptyBytes = 0
    }

    /// Ids of the pending records that may touch the range, rising, each once.
    package func candidates(volume: UInt32, offset: UInt64, length: UInt64) -> [UInt64] {
        guard length > 0, !chunks.isEmpty else { return [] }
        let range = offset / PendingMap.chunkBytes...(offset + length - 1) / PendingMap.chunkBytes
        let found = range.flatMap { chunk in chunks[Key(volume: volume, chunk: chunk)].map(Array.init) ?? [] }
        guard range.count > 1 else { return found }
        var last: UInt64?
        return found.sorted().filter { id in
            defer { last = id }
            return id != last
        }
    }

    /// Nil for a record that changes no bytes.
    private static func chunks(of record: Record) -> ClosedRange<UInt64>? {
        guard record.kind.isData, record.length > 0 else { return nil }
        return record.offset / chunkBytes...(record.offset + record.length - 1) / chunkBytes
    }
}

extension Record {
    /// How long zeroes or a trim is; nothing for what carries its bytes.
    var emptyBytes: UInt64 { kind.isData && payloadBytes == 0 ? length : 0 }
}

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
        if used == 0 || size == 0 {
            if used == 0 { largestWaiting = 0 }
            return true
        }
        let left = size < largestWaiting ? largestWaiting : 0
        if used + size + left <= limit { return true }
        largestWaiting = max(largestWaiting, size)
        return false
    }

    /// One of that size is in, or is refused: it waits no more.
    package mutating func leaves(_ size: UInt64) {
        if size >= largestWaiting { largestWaiting = 0 }
    }
}
