/// What of a batch is still to be seen on the volumes when all of it is carried out.
///
/// A record whose every byte a later one of the same batch writes leaves no trace: it need not be read from the log or
/// written. A crash in between loses nothing, as the batch is carried out again from the log, where all of it is durable.
extension ApplyBatch {
    /// The records to be carried out, in order.
    public var lasting: [Record] {
        // Most batches of an application that waits for each write are of one record.
        guard records.count > 1 else { return records }
        var later = WrittenPages()
        var lasting: [Record] = []
        lasting.reserveCapacity(records.count)
        for record in records.reversed() {
            if later.cover(record) { continue }
            lasting.append(record)
            later.insert(record)
        }
        lasting.reverse()
        return lasting
    }
}

/// The pages that records write as a whole: 4 KiB each, a bit each, a word of bits for each quarter of a MiB.
private struct WrittenPages {
    private static let pageBytes: UInt64 = 4096
    /// Longer records (trims of a whole volume) are carried out as they are: marking them would take longer.
    private static let longest: UInt64 = 4 << 20

    private struct Word: Hashable {
        var volume: UInt32
        var number: UInt64
    }

    private var bits: [Word: UInt64] = [:]

    /// Whether each page that the record touches is written as a whole.
    func cover(_ record: Record) -> Bool {
        guard record.kind.isData, record.length > 0, record.length <= Self.longest, !bits.isEmpty else { return false }
        let first = record.offset / Self.pageBytes
        let last = (record.offset + record.length - 1) / Self.pageBytes
        return Self.words(first...last).allSatisfy { number, mask in
            (bits[Word(volume: record.volume, number: number)] ?? 0) & mask == mask
        }
    }

    mutating func insert(_ record: Record) {
        guard record.kind.isData, record.length <= Self.longest else { return }
        let first = (record.offset + Self.pageBytes - 1) / Self.pageBytes
        let end = (record.offset + record.length) / Self.pageBytes
        guard first < end else { return }
        for (number, mask) in Self.words(first...end - 1) {
            bits[Word(volume: record.volume, number: number), default: 0] |= mask
        }
    }

    /// The words of these pages, each with the bits that are theirs.
    private static func words(_ pages: ClosedRange<UInt64>) -> some Sequence<(number: UInt64, mask: UInt64)> {
        (pages.lowerBound / 64...pages.upperBound / 64).lazy.map { number in
            let low = max(pages.lowerBound, number * 64) % 64
            let high = min(pages.upperBound, number * 64 + 63) % 64
            return (number, (~0 >> (63 - high)) & (~0 << low))
        }
    }
}
