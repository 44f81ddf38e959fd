/// The bytes of a ring by their positions in the endless log.
struct RingBytes {
    var disk: [UInt8]
    var origin: Int
    var capacity: Int

    func number(_ position: UInt64, _ size: Int) -> UInt64 {
        var place = Int(position % UInt64(capacity))
        if place + 8 <= capacity {
            let word = disk.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: origin + place, as: UInt64.self) }
            return size == 8 ? UInt64(littleEndian: word) : UInt64(littleEndian: word) & (1 << UInt64(8 * size) - 1)
        }
        var number: UInt64 = 0
        for index in 0..<size {
            number |= UInt64(disk[origin + place]) << UInt64(8 * index)
            place = place + 1 == capacity ? 0 : place + 1
        }
        return number
    }

    func bytes(_ position: UInt64, _ count: Int) -> [UInt8] {
        let place = Int(position % UInt64(capacity))
        guard count <= capacity else { return [] }
        let head = min(count, capacity - place)
        return Array(disk[origin + place..<origin + place + head] + disk[origin..<origin + count - head])
    }
}
