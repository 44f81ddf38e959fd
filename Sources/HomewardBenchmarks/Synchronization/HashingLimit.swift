import CXXHash

/// What no comparison of two copies can be faster than: XXH3 of every block of both, a thread for each copy.
enum HashingLimit {
    /// Bytes read at a time: they stay in the processor's cache until they are hashed.
    private static let piece = 256 << 10

    static func seconds(_ copies: [[String]]) throws -> Double {
        try Stopwatch.seconds {
            try inParallel(
                copies.map { files in
                    { @Sendable in for file in files { try hash(VolumeFile(file)) } }
                }
            )
        }
    }

    private static func hash(_ file: VolumeFile) throws {
        var sum: UInt64 = 0
        try file.read(piece: piece) { bytes in
            for start in stride(from: 0, to: bytes.count, by: VolumeFile.blockBytes) {
                let block = UnsafeRawBufferPointer(
                    rebasing: bytes[start..<min(start + VolumeFile.blockBytes, bytes.count)]
                )
                sum ^= homeward_xxh3(block.baseAddress, block.count, 1).low
            }
        }
        // Used, so that no compiler leaves the hashing out.
        guard sum != 1 else { throw CannotRun("a sum that does not occur") }
    }
}
