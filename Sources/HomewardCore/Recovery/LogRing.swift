/// The ring of records on a log device: endless positions in, places in the file out.
///
/// Stateless but for its bounds.
public struct LogRing: Sendable {
    public let device: any BlockDevice
    /// Where the ring begins on the device.
    public let origin: UInt64
    /// Bytes of the ring: a multiple of ``Record/syncAlignment``.
    public let capacity: UInt64

    public init(device: any BlockDevice, format: HeaderFormat) {
        self.device = device
        origin = format.ringOffset
        capacity = LogRing.capacity(deviceSize: device.size, format: format)
    }

    /// The ring that fits on a log volume.
    public static func capacity(deviceSize: UInt64, format: HeaderFormat) -> UInt64 {
        guard deviceSize > format.ringOffset else { return 0 }
        return (deviceSize - format.ringOffset) / Record.syncAlignment * Record.syncAlignment
    }

    /// The byte of the device where `position` lies now.
    public func place(of position: LogPosition) -> UInt64 { origin + position.value % capacity }

    /// Reads across the seam of the ring.
    public func read(at position: LogPosition, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        let first = min(UInt64(buffer.count), capacity - position.value % capacity)
        try device.read(at: place(of: position), into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(first)]))
        if first < UInt64(buffer.count) {
            try device.read(at: origin, into: UnsafeMutableRawBufferPointer(rebasing: buffer[Int(first)...]))
        }
    }

    public func bytes(at position: LogPosition, count: Int) throws(Refusal) -> [UInt8] {
        let first = Int(min(UInt64(count), capacity - position.value % capacity))
        let head = try device.bytes(at: place(of: position), count: first)
        return first == count ? head : head + (try device.bytes(at: origin, count: count - first))
    }

    /// Writes pieces one after the other, across the seam where it falls.
    public func write(at position: LogPosition, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
        let total = pieces.reduce(0) { $0 + UInt64($1.count) }
        let room = capacity - position.value % capacity
        guard total > room else { return try device.write(at: place(of: position), pieces) }
        var before: [UnsafeRawBufferPointer] = []
        var after: [UnsafeRawBufferPointer] = []
        var left = Int(room)
        for piece in pieces {
            let head = min(left, piece.count)
            if head > 0 { before.append(UnsafeRawBufferPointer(rebasing: piece[..<head])) }
            if head < piece.count { after.append(UnsafeRawBufferPointer(rebasing: piece[head...])) }
            left -= head
        }
        try device.write(at: place(of: position), before)
        try device.write(at: origin, after)
    }
}
