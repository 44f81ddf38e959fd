import HomewardCore

/// A disk of bytes in memory, for the log that a node is made from.
final class MemoryDisk: BlockDevice, @unchecked Sendable {
    let size: UInt64
    let name = "memory"
    private var content: [UInt8]

    init(size: Int) {
        self.size = UInt64(size)
        content = [UInt8](repeating: 0, count: size)
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        buffer.copyBytes(from: content[Int(offset)..<Int(offset) + buffer.count])
    }

    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
        var place = Int(offset)
        for piece in pieces {
            content.replaceSubrange(place..<place + piece.count, with: piece)
            place += piece.count
        }
    }

    func zero(at offset: UInt64, length: UInt64) throws(Refusal) {
        content.replaceSubrange(Int(offset)..<Int(offset + length), with: repeatElement(0, count: Int(length)))
    }

    func synchronize() throws(Refusal) {}
}
