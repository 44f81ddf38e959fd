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
