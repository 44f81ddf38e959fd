import HomewardCore

/// A device in memory; used by one test at a time.
final class MemoryDevice: BlockDevice, @unchecked Sendable {
    let name = "memory"
    var content: [UInt8]
    /// Told once to a read that covers it, after as many that are told the truth.
    var lie: (place: Int, bytes: [UInt8], spared: Int)?
    var size: UInt64 { UInt64(content.count) }

    init(size: Int) { content = [UInt8](repeating: 0, count: size) }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        try check(offset, buffer.count)
        content.withUnsafeBytes { raw in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[Int(offset)..<Int(offset) + buffer.count]))
        }
        guard let told = lie, told.place >= Int(offset), told.place + told.bytes.count <= Int(offset) + buffer.count
        else { return }
        guard told.spared == 0 else {
            lie = (told.place, told.bytes, told.spared - 1)
            return
        }
        lie = nil
        for (index, byte) in told.bytes.enumerated() { buffer[told.place - Int(offset) + index] = byte }
    }

    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
        try check(offset, pieces.reduce(0) { $0 + $1.count })
        var place = Int(offset)
        for piece in pieces {
            content.replaceSubrange(place..<place + piece.count, with: piece)
            place += piece.count
        }
    }

    func zero(at offset: UInt64, length: UInt64) throws(Refusal) {
        for place in Int(offset)..<Int(offset + length) { content[place] = 0 }
    }

    func synchronize() throws(Refusal) {}

    /// As a file that is too short.
    private func check(_ offset: UInt64, _ count: Int) throws(Refusal) {
        guard offset <= size, UInt64(count) <= size - offset else {
            throw Refusal(.ioError, name, "\(count) bytes at \(offset) of \(size)", hint: "none")
        }
    }
}
