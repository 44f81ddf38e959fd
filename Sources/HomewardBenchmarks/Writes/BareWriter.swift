import CPlatform
import Foundation
import HomewardCore

/// What no logged write can be cheaper than: one thread that writes 4 KiB to a log and then to a volume, and promises
/// nothing.
struct BareWriter {
    private let log: VolumeFile
    private let volume: VolumeFile
    private static let bytes: UInt64 = 64 << 20

    init(folder: String) throws {
        func file(_ name: String) throws -> VolumeFile {
            let path = "\(folder)/bare-\(name)"
            guard FileManager.default.createFile(atPath: path, contents: nil) else {
                throw CannotRun("no file \(path)")
            }
            let file = try VolumeFile(path)
            try file.fill(Self.bytes, seed: 1)
            return file
        }
        log = try file("log")
        volume = try file("volume")
    }

    /// Writes for some seconds; gives how many there were in one.
    func perSecond(_ seconds: Double) throws -> Double {
        var random = SeededGenerator(seed: 3)
        let record = UnsafeMutableRawBufferPointer.allocate(byteCount: Writer.recordBytes, alignment: 4096)
        defer { record.deallocate() }
        random.fill(record)
        let places = Self.bytes / UInt64(Writer.recordBytes)
        var done: UInt64 = 0
        let began = Stopwatch.now
        while Stopwatch.seconds(since: began) < seconds {
            try log.write(UnsafeRawBufferPointer(record), at: done % places * UInt64(Writer.recordBytes))
            try volume.write(UnsafeRawBufferPointer(record), at: random.next() % places * UInt64(Writer.recordBytes))
            done += 1
        }
        return Double(done) / Stopwatch.seconds(since: began)
    }
}
