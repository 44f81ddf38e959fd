/// Reads a log from front to back in large pieces, so that not every record is a call to the device.
///
/// For one reader at a time, of a part of the log that nobody overwrites meanwhile.
package final class LogReader {
    /// Bytes read ahead.
    private static let piece: UInt64 = 1 << 20
    private let ring: LogRing
    /// Nothing behind it is read.
    private let limit: LogPosition
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start = LogPosition(0)
    private var filled = 0
    /// Up to here a piece could not be read, and only what is asked for is: else each record before the place that fails
    /// would wait for that place.
    private var failedUntil = LogPosition(0)

    package init(_ ring: LogRing, limit: LogPosition) {
        self.ring = ring
        self.limit = limit
    }

    deinit { memory.deallocate() }

    /// The bytes of a range that ends at or before the limit; valid until the next call.
    package func bytes(at position: LogPosition, count: Int) throws(Refusal) -> UnsafeRawBufferPointer {
        precondition(position.value + UInt64(count) <= limit.value, "a reader of a log reads within its limit")
        if position < start || position.value - start.value + UInt64(count) > UInt64(filled) {
            try fill(from: position, count)
        }
        let first = Int(position.value - start.value)
        return UnsafeRawBufferPointer(rebasing: memory[first..<first + count])
    }

    private func fill(from position: LogPosition, _ count: Int) throws(Refusal) {
        let piece = position < failedUntil ? 0 : min(LogReader.piece, limit.value - position.value)
        let ahead = max(count, Int(piece))
        if memory.count < ahead {
            memory.deallocate()
            memory = .allocate(byteCount: ahead, alignment: 4096)
        }
        filled = 0
        start = position
        do throws(Refusal) {
            try ring.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<ahead]))
            filled = ahead
        } catch {
            guard ahead > count else { throw error }
            // What cannot be read may lie behind what is asked for.
            failedUntil = LogPosition(position.value + UInt64(ahead))
            try ring.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
            filled = count
        }
    }
}
