import CXXHash
import HomewardAdministration
import HomewardCore

/// XXH3 of blocks, keyed by a run's seed.
enum BlockHashing {
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> BlockHash {
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
/// Holes are not read, and hashed once for each length.
struct RangeHasher {
    private let devices: [any BlockDevice]
    private let seed: UInt64
    private let scratch: ScratchBuffer
    private var zeroes: (length: UInt64, hash: BlockHash)?

    init(devices: [any BlockDevice], seed: UInt64, longest: UInt64) {
        self.devices = devices
        self.seed = seed
        scratch = ScratchBuffer(count: Int(longest))
    }

    mutating func hash(_ range: BlockRange) throws(Refusal) -> BlockHash {
        let isHole = devices[Int(range.volume)].isHole(at: range.offset, length: range.length)
        if isHole, let zeroes, zeroes.length == range.length { return zeroes.hash }
        let hash = BlockHashing.hash(try load(range), seed: seed)
        if isHole { zeroes = (range.length, hash) }
        return hash
    }

    /// The range's bytes, valid until the next call.
    func load(_ range: BlockRange) throws(Refusal) -> UnsafeRawBufferPointer {
        let place = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<Int(range.length)])
        let device = devices[Int(range.volume)]
        if device.isHole(at: range.offset, length: range.length) {
            place.initializeMemory(as: UInt8.self, repeating: 0)
        } else {
            try device.read(at: range.offset, into: place)
        }
        return UnsafeRawBufferPointer(place)
    }
}
