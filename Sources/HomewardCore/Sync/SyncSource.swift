/// The Primary's side of one synchronization of one target: which extents are compared, which blocks go, when it is done.
///
/// Extents are taken in order, a bounded number at a time. An extent is done when the target says that all of its blocks
/// are durable; the source is done when every extent is.
///
/// What it sent waits in the target's memory for its disk: it runs ahead of what is durable there by a bounded number of
/// bytes. Only the oldest extent gets all of its blocks whatever waits, for it is durable no sooner.
public struct SyncSource: Sendable {
    /// A stretch of one volume that is compared at once.
    public struct Extent: Hashable, Sendable {
        public var volume: UInt32
        public var offset: UInt64
        public var length: UInt64
    }

    /// What the driver shall do next.
    public enum Work: Hashable, Sendable {
        /// Hash the extent's blocks and report with ``hashed(_:_:)``.
        case hash(Extent)
        /// Read one block and report with ``read(volume:offset:)``; its bytes go to the target.
        case read(volume: UInt32, offset: UInt64, length: UInt64)
    }

    private struct InFlight: Sendable {
        var extent: Extent
        /// Blocks that the target asked for and that were not read yet.
        var toRead: [UInt64] = []
        var answered = false
        /// Bytes of its blocks that were sent.
        var sent: UInt64 = 0
    }

    public let job: CheckpointID
    private let volumes: [VolumeShape]
    private let blockBytes: UInt64
    private let extentBytes: UInt64
    private let extentWindow: Int
    private let blockWindow: Int
    private let blocksAhead: UInt64
    private let verifyOnly: Bool
    private var next: Extent?
    private var inFlight: [InFlight] = []
    private var blocksReading = 0
    public private(set) var compared: [UInt64]
    public private(set) var differing: [UInt64]
    public private(set) var sent: [UInt64]

    /// Begins at `offset` of `volume`, which is where the target's cursor stands: a multiple of the extent.
    public init(
        job: CheckpointID,
        volumes: [VolumeShape],
        limits: Limits,
        verifyOnly: Bool,
        from volume: UInt32,
        offset: UInt64
    ) {
        self.job = job
        self.volumes = volumes
        self.blockBytes = limits.blockBytes
        self.extentBytes = limits.extentBytes
        self.extentWindow = limits.extentWindow
        self.blockWindow = limits.blockWindow
        self.blocksAhead = limits.blocksAhead
        self.verifyOnly = verifyOnly
        differing = volumes.map { _ in 0 }
        sent = volumes.map { _ in 0 }
        compared = volumes.indices.map { index in
            index < Int(volume) ? volumes[index].size : index == Int(volume) ? min(offset, volumes[index].size) : 0
        }
        next = SyncSource.extent(volumes, volume: volume, offset: offset, extentBytes)
    }

    private static func extent(_ volumes: [VolumeShape], volume: UInt32, offset: UInt64, _ bytes: UInt64) -> Extent? {
        var volume = Int(volume)
        var offset = offset
        while volume < volumes.count {
            if offset < volumes[volume].size {
                return Extent(volume: UInt32(volume), offset: offset, length: min(bytes, volumes[volume].size - offset))
            }
            volume += 1
            offset = 0
        }
        return nil
    }

    public var isDone: Bool { next == nil && inFlight.isEmpty }

    /// The next piece of work, as far as the windows allow.
    public mutating func nextWork() -> Work? {
        if blocksReading < blockWindow {
            let mayRunAhead = inFlight.reduce(0) { $0 + $1.sent } < blocksAhead
            for position in inFlight.indices where !inFlight[position].toRead.isEmpty {
                guard position == 0 || mayRunAhead else { break }
                let index = inFlight[position].toRead.removeFirst()
                let extent = inFlight[position].extent
                let offset = extent.offset + index * blockBytes
                blocksReading += 1
                return .read(
                    volume: extent.volume,
                    offset: offset,
                    length: min(blockBytes, extent.offset + extent.length - offset)
                )
            }
        }
        guard inFlight.count < extentWindow, let extent = next else { return nil }
        next = SyncSource.extent(volumes, volume: extent.volume, offset: extent.offset + extent.length, extentBytes)
        inFlight.append(InFlight(extent: extent))
        return .hash(extent)
    }

    /// The hashes of an extent; the message that carries them.
    public func hashed(_ extent: Extent, _ hashes: [BlockHash]) -> SyncMessage {
        .hashes(job, volume: extent.volume, offset: extent.offset, hashes)
    }

    /// The target compared; indices outside the extent are refused as a strange peer's.
    public mutating func differingReceived(volume: UInt32, offset: UInt64, _ indices: [UInt64]) -> Bool {
        guard let position = find(volume, offset), !inFlight[position].answered else { return false }
        let extent = inFlight[position].extent
        let blocks = (extent.length + blockBytes - 1) / blockBytes
        guard indices.allSatisfy({ $0 < blocks }), Set(indices).count == indices.count else { return false }
        inFlight[position].answered = true
        compared[Int(volume)] += extent.length
        for index in indices {
            differing[Int(volume)] += min(blockBytes, extent.length - index * blockBytes)
        }
        if verifyOnly || indices.isEmpty {
            inFlight.remove(at: position)
        } else {
            inFlight[position].toRead = indices
        }
        return true
    }

    /// A block was read and sent; of one of zeroes no bytes are.
    public mutating func blockSent(volume: UInt32, offset: UInt64, bytes: UInt64) {
        blocksReading -= 1
        sent[Int(volume)] += bytes
        if let position = find(volume, offset - offset % extentBytes) { inFlight[position].sent += bytes }
    }

    /// The target has all of an extent durable.
    public mutating func writtenReceived(volume: UInt32, offset: UInt64) {
        guard let position = find(volume, offset), inFlight[position].answered else { return }
        inFlight.remove(at: position)
    }

    private func find(_ volume: UInt32, _ offset: UInt64) -> Int? {
        inFlight.firstIndex { $0.extent.volume == volume && $0.extent.offset == offset }
    }
}
