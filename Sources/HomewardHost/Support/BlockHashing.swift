import CXXHash
import HomewardAdministration
import HomewardCore

/// XXH3 of blocks, keyed by a run's seed.
package enum BlockHashing {
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> BlockHash {
        let hash = homeward_xxh3(bytes.baseAddress, bytes.count, seed)
        return BlockHash(high: hash.high, low: hash.low)
    }

    static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let words = bytes.count / 8
        for index in 0..<words where bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) != 0 {
            return false
        }
        for index in words * 8..<bytes.count where bytes[index] != 0 { return false }
        return true
    }
}

/// Memory for one block or a few, given back when it goes out of use.
final class ScratchBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) { bytes = .allocate(byteCount: count, alignment: 4096) }

    deinit { bytes.deallocate() }
}

/// Hashes ranges of volumes one after the other, in one piece of memory.
///
/// Holes are not read, and hashed once for each length. For one task: what a range holds is what it held at some moment
/// since the hasher was made, so that a write beside it may be missed, as one behind the reading always is.
package struct RangeHasher {
    private let devices: [any BlockDevice]
    private let seed: UInt64
    private let scratch: ScratchBuffer
    private var zeroes: (length: UInt64, hash: BlockHash)?
    /// Of which kind the device's bytes around the last range are: asked once for many ranges.
    private var known: (volume: UInt32, range: Range<UInt64>, isHole: Bool)?

    package init(devices: [any BlockDevice], seed: UInt64, longest: UInt64) {
        self.devices = devices
        self.seed = seed
        scratch = ScratchBuffer(count: Int(longest))
    }

    package mutating func hash(_ range: BlockRange) throws(Refusal) -> BlockHash {
        guard isHole(range) else { return BlockHashing.hash(try read(range), seed: seed) }
        if let zeroes, zeroes.length == range.length { return zeroes.hash }
        let hash = BlockHashing.hash(nothing(range), seed: seed)
        zeroes = (range.length, hash)
        return hash
    }

    /// The range's bytes, valid until the next call.
    mutating func load(_ range: BlockRange) throws(Refusal) -> UnsafeRawBufferPointer {
        isHole(range) ? nothing(range) : try read(range)
    }

    /// What is partly a hole is none: it is read.
    private mutating func isHole(_ range: BlockRange) -> Bool {
        let end = range.offset + range.length
        if let known, known.volume == range.volume, known.range.contains(range.offset), end <= known.range.upperBound {
            return known.isHole
        }
        let stretch = devices[Int(range.volume)].stretch(at: range.offset)
        guard end <= stretch.end else { return false }
        known = (range.volume, range.offset..<stretch.end, stretch.isHole)
        return stretch.isHole
    }

    private func read(_ range: BlockRange) throws(Refusal) -> UnsafeRawBufferPointer {
        let place = place(range)
        try devices[Int(range.volume)].read(at: range.offset, into: place)
        return UnsafeRawBufferPointer(place)
    }

    private func nothing(_ range: BlockRange) -> UnsafeRawBufferPointer {
        let place = place(range)
        place.initializeMemory(as: UInt8.self, repeating: 0)
        return UnsafeRawBufferPointer(place)
    }

    private func place(_ range: BlockRange) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<Int(range.length)])
    }
}
