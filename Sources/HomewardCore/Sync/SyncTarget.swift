/// The Secondary's side of one synchronization: compares, writes, proves, and tells when an extent is durable.
public struct SyncTarget: Sendable {
    /// What the driver shall do next.
    public enum Work: Hashable, Sendable {
        /// Hash the own blocks of the extent and report those that differ with ``compared(volume:offset:differing:)``.
        case compare(volume: UInt32, offset: UInt64, length: UInt64, hashes: [BlockHash])
        /// Write the block, read it back, hash it, and report with ``blockWritten(volume:offset:)``.
        case write(volume: UInt32, offset: UInt64, length: UInt64, hash: BlockHash, bytes: [UInt8])
        /// Make all volumes durable, then note the cursor, then report with ``synchronized()``.
        case synchronize(cursor: HeaderFormat.Cursor?)
    }

    private struct Extent: Sendable {
        var volume: UInt32
        var offset: UInt64
        var length: UInt64
        var missing: [UInt64]?
        var isDone: Bool { missing?.isEmpty == true }
    }

    public let job: CheckpointID
    private let volumes: [VolumeShape]
    private let blockBytes: UInt64
    private let extentBytes: UInt64
    private let verifyOnly: Bool
    private var extents: [Extent] = []
    private var queue: [Work] = []
    private var synchronizing: [Extent]?
    /// Every extent before this place is durable.
    private var doneThrough: HeaderFormat.Cursor
    /// Extents behind a gap that are durable already.
    private var doneAhead: [Extent] = []

    public init(
        job: CheckpointID,
        volumes: [VolumeShape],
        blockBytes: UInt64,
        extentBytes: UInt64,
        verifyOnly: Bool,
        from volume: UInt32,
        offset: UInt64
    ) {
        self.job = job
        self.volumes = volumes
        self.blockBytes = blockBytes
        self.extentBytes = extentBytes
        self.verifyOnly = verifyOnly
        doneThrough = HeaderFormat.Cursor(job: job, volume: volume, offset: offset)
    }

    /// Hashes of an extent arrived.
    ///
    /// False: they fit no extent of these volumes.
    public mutating func hashesReceived(volume: UInt32, offset: UInt64, _ hashes: [BlockHash]) -> Bool {
        guard Int(volume) < volumes.count, offset < volumes[Int(volume)].size, offset % extentBytes == 0 else {
            return false
        }
        let length = min(extentBytes, volumes[Int(volume)].size - offset)
        guard UInt64(hashes.count) == (length + blockBytes - 1) / blockBytes,
            !extents.contains(where: { $0.volume == volume && $0.offset == offset })
        else { return false }
        extents.append(Extent(volume: volume, offset: offset, length: length, missing: nil))
        queue.append(.compare(volume: volume, offset: offset, length: length, hashes: hashes))
        return true
    }

    /// The comparison of an extent; the message that tells the source.
    public mutating func compared(volume: UInt32, offset: UInt64, differing: [UInt64]) -> SyncMessage? {
        guard let position = find(volume, offset) else { return nil }
        if verifyOnly {
            extents.remove(at: position)
        } else {
            extents[position].missing = differing
        }
        return .differing(job, volume: volume, offset: offset, differing)
    }

    /// A block arrived.
    ///
    /// False: nobody asked for it.
    public mutating func blockReceived(
        volume: UInt32,
        offset: UInt64,
        length: UInt64,
        hash: BlockHash,
        bytes: [UInt8]
    ) -> Bool {
        guard let (position, index) = place(volume, offset), extents[position].missing?.contains(index) == true,
            length == min(blockBytes, extents[position].length - index * blockBytes),
            bytes.isEmpty || UInt64(bytes.count) == length
        else { return false }
        queue.append(.write(volume: volume, offset: offset, length: length, hash: hash, bytes: bytes))
        return true
    }

    /// A block is on the volume and was read back.
    public mutating func blockWritten(volume: UInt32, offset: UInt64) {
        guard let (position, index) = place(volume, offset) else { return }
        extents[position].missing?.removeAll { $0 == index }
    }

    /// The next piece of work.
    public mutating func nextWork() -> Work? {
        if !queue.isEmpty { return queue.removeFirst() }
        guard synchronizing == nil else { return nil }
        let done = extents.filter(\.isDone)
        guard !done.isEmpty else { return nil }
        synchronizing = done
        return .synchronize(cursor: cursor(after: done))
    }

    /// The place before which everything will be durable once these extents are.
    private mutating func cursor(after done: [Extent]) -> HeaderFormat.Cursor? {
        doneAhead.append(contentsOf: done)
        let before = doneThrough
        while let next = doneAhead.firstIndex(where: {
            $0.volume == doneThrough.volume && $0.offset == doneThrough.offset
        }) {
            let extent = doneAhead.remove(at: next)
            doneThrough.offset += extent.length
            if doneThrough.offset >= volumes[Int(extent.volume)].size {
                doneThrough.volume += 1
                doneThrough.offset = 0
            }
        }
        return doneThrough == before ? nil : doneThrough
    }

    /// What was to be made durable is; the messages that tell the source.
    public mutating func synchronized() -> [SyncMessage] {
        guard let done = synchronizing else { return [] }
        synchronizing = nil
        extents.removeAll { extent in done.contains { $0.volume == extent.volume && $0.offset == extent.offset } }
        return done.map { .written(job, volume: $0.volume, offset: $0.offset) }
    }

    private func find(_ volume: UInt32, _ offset: UInt64) -> Int? {
        extents.firstIndex { $0.volume == volume && $0.offset == offset }
    }

    private func place(_ volume: UInt32, _ offset: UInt64) -> (extent: Int, block: UInt64)? {
        guard
            let position = extents.firstIndex(where: {
                $0.volume == volume && $0.offset <= offset && offset < $0.offset + $0.length
            })
        else { return nil }
        let inside = offset - extents[position].offset
        return inside % blockBytes == 0 ? (position, inside / blockBytes) : nil
    }
}
