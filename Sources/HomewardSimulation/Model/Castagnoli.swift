/// CRC32C in the judge's own words, so that it believes nothing because the machines do.
enum Castagnoli {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
    }

    static func sum(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        table.withUnsafeBufferPointer { table in
            for byte in bytes { sum = table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ sum >> 8 }
        }
        return bytes.isEmpty ? 0 : ~sum
    }
}
