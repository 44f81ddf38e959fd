/// CRC32C in the judge's own words, so that it believes nothing because the machines do.
enum Castagnoli {
    /// Eight tables, one behind the other: the sum of a byte that `n` more follow stands in the `n`th.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = []
        for byte in 0..<256 as Range<UInt32> {
            var sum = byte
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
            tables.append(sum)
        }
        for place in 256..<2048 {
            let before = tables[place - 256]
            let low = Int(before & 0xFF)
            tables.append(before >> 8 ^ tables[low])
        }
        return tables
    }()

    static func sum(_ bytes: [UInt8]) -> UInt32 {
        guard !bytes.isEmpty else { return 0 }
        var sum = UInt32.max
        tables.withUnsafeBufferPointer { tables in
            bytes.withUnsafeBytes { raw in
                let whole = raw.count / 8 * 8
                for offset in stride(from: 0, to: whole, by: 8) {
                    let next = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    var word = UInt64(littleEndian: next) ^ UInt64(sum)
                    sum = 0
                    for followers in stride(from: 7, through: 0, by: -1) {
                        let byte = Int(word & 0xFF)
                        sum ^= tables[followers * 256 + byte]
                        word >>= 8
                    }
                }
                for place in whole..<raw.count {
                    let byte = UInt8(truncatingIfNeeded: sum) ^ raw[place]
                    sum = tables[Int(byte)] ^ sum >> 8
                }
            }
        }
        return ~sum
    }
}
