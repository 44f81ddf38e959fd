import CPlatform
import Glibc
import HomewardCore

/// A volume's file, written behind its daemon's back: which is sound while no link is attached, since a daemon keeps
/// nothing of what is on a volume.
final class VolumeFile {
    static let blockBytes = 64 << 10
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws {
        self.path = path
        descriptor = homeward_open(path, O_RDWR, 0)
        guard descriptor >= 0 else { throw CannotRun("\(path) cannot be opened: errno \(-descriptor)") }
    }

    deinit { _ = homeward_close(descriptor) }

    var size: UInt64 { UInt64(max(homeward_size(descriptor), 0)) }

    /// Fills the first bytes with what a seed gives; the same seed gives the same bytes.
    func fill(_ bytes: UInt64, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { piece.deallocate() }
        for offset in stride(from: UInt64(0), to: bytes, by: piece.count) {
            random.fill(piece)
            try write(
                UnsafeRawBufferPointer(rebasing: piece[..<Int(min(UInt64(piece.count), bytes - offset))]),
                at: offset
            )
        }
    }

    /// Writes random bytes over one in a hundred of the first blocks, chosen by the seed; gives how many.
    func change(onePercentOf bytes: UInt64, seed: UInt64) throws -> Int {
        var random = SeededGenerator(seed: seed)
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockBytes, alignment: 4096)
        defer { block.deallocate() }
        var changed = 0
        for index in 0..<bytes / UInt64(Self.blockBytes) where random.next() % 100 == 0 {
            random.fill(block)
            try write(UnsafeRawBufferPointer(block), at: index * UInt64(Self.blockBytes))
            changed += 1
        }
        return changed
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws {
        let count = homeward_pwrite(descriptor, bytes.baseAddress, bytes.count, Int64(offset))
        guard count == bytes.count else { throw CannotRun("\(path) cannot be written: errno \(-count)") }
    }

    /// Makes it durable, so that nothing of it is written back while something else is measured.
    func synchronize() throws {
        guard homeward_fdatasync(descriptor) == 0 else { throw CannotRun("\(path) cannot be made durable") }
    }

    /// Calls `body` with each stretch, read in pieces of `piece` bytes into the same memory.
    func read(piece: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 4096)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while true {
            let count = homeward_pread(descriptor, buffer.baseAddress, piece, offset)
            guard count >= 0 else { throw CannotRun("\(path) cannot be read: errno \(-count)") }
            guard count > 0 else { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)]))
            offset += count
        }
    }

    /// Brings all of it into the page cache.
    func warm() throws { try read(piece: 1 << 20) { _ in } }
}

extension SeededGenerator {
    /// The same bytes for the same seed.
    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        for index in 0..<bytes.count / 8 { bytes.storeBytes(of: next(), toByteOffset: index * 8, as: UInt64.self) }
    }
}
