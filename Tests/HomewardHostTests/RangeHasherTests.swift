import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Testing

@Suite("Hashing files with holes", .timeLimit(.minutes(1)))
struct RangeHasherTests {
    private static let size: UInt64 = 4 << 20
    private static let blockBytes: UInt64 = 64 << 10

    @Test("what holds data is never taken for a hole, and hashes are those of the bytes", arguments: 1...8)
    func holes(seed: UInt64) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hasher-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let device = try FileDevice.create(path: folder.appending(path: "v").path, size: Self.size)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<30 {
            let length = 512 + random.next() % (300 << 10)
            let offset = random.next() % (Self.size - length)
            switch random.next() % 4 {
            case 0: try device.zero(at: offset, length: length)
            case 1: try device.synchronize()
            default:
                let byte = UInt8(1 + random.next() % 255)
                try device.write(at: offset, bytes: [UInt8](repeating: byte, count: Int(length)))
            }
            let bytes = try device.bytes(at: 0, count: Int(Self.size))
            try checkStretches(device, bytes)
            try checkHashes(device, bytes, from: random.next() % 5)
            // All seeds together take six seconds of both threads of a small pool: a daemon in it must get its turn.
            await Task.yield()
        }
    }

    private func checkStretches(_ device: FileDevice, _ bytes: [UInt8]) throws {
        let step = 1_000
        var firstData = [Int](repeating: bytes.count, count: bytes.count / step + 2)
        for index in stride(from: bytes.count / step, through: 0, by: -1) {
            let part = bytes[index * step..<min((index + 1) * step, bytes.count)]
            firstData[index] = part.firstIndex { $0 != 0 } ?? firstData[index + 1]
        }
        for offset in stride(from: 0, to: bytes.count, by: step) {
            let stretch = device.stretch(at: UInt64(offset))
            #expect(stretch.end > offset)
            if stretch.isHole { #expect(stretch.end <= firstData[offset / step], "from \(offset)") }
        }
    }

    private func checkHashes(_ device: FileDevice, _ bytes: [UInt8], from first: UInt64) throws {
        var hasher = RangeHasher(devices: [device], seed: 5, longest: Self.blockBytes)
        for offset in stride(from: first * Self.blockBytes, to: Self.size, by: Int(Self.blockBytes)) {
            let found = try hasher.hash(BlockRange(volume: 0, offset: offset, length: Self.blockBytes))
            let expected = bytes[Int(offset)..<Int(offset + Self.blockBytes)].withUnsafeBytes {
                BlockHashing.hash($0, seed: 5)
            }
            #expect(found == expected, "block at \(offset)")
        }
    }
}
