import CXXHash
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
