import Foundation
import Glibc
import HomewardCore
import HomewardStorage
import Testing

@Suite("Storage: files and devices")
struct FileDeviceTests {
    @Test("a new file is sparse, reads as zeroes, and is one hole", .timeLimit(.minutes(1)))
    func sparse() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 64 << 20)
        #expect(device.size == 64 << 20)
        #expect(!device.isBlockDevice)
        #expect(allocated(folder.file("v")) == 0)
        #expect(device.isHole(at: 0, length: 64 << 20))
        #expect(try device.bytes(at: (64 << 20) - 4096, count: 4096) == [UInt8](repeating: 0, count: 4096))
    }

    @Test("a device that forgets its clean pages still reads what was written", .timeLimit(.minutes(1)))
    func forgetting() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 1 << 20)
        let bytes = [UInt8](repeating: 7, count: 128 << 10)
        try device.write(at: 0, bytes: bytes)
        try device.synchronize()
        try device.write(at: 512 << 10, bytes: bytes)
        device.forgetCleanPages()
        #expect(try device.bytes(at: 0, count: bytes.count) == bytes)
        #expect(try device.bytes(at: 512 << 10, count: bytes.count) == bytes)
    }

    @Test("what was written in pieces reads back, and zeroing gives its space back", .timeLimit(.minutes(1)))
    func writing() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 8 << 20)
        let first = [UInt8](repeating: 1, count: 1 << 20)
        let second = [UInt8](repeating: 2, count: 1 << 20)
        try first.withUnsafeBytes { first in
            try second.withUnsafeBytes { second in
                try device.write(at: 4096, [first, UnsafeRawBufferPointer(start: nil, count: 0), second])
            }
        }
        try device.synchronize()
        #expect(try device.bytes(at: 4096, count: 2 << 20) == first + second)
        #expect(!device.isHole(at: 4096, length: 4096))
        #expect(!device.isHole(at: 0, length: 8 << 20))
        #expect(device.isHole(at: 4 << 20, length: 4 << 20))
        let before = allocated(folder.file("v"))
        try device.zero(at: 4096, length: 2 << 20)
        #expect(try device.bytes(at: 0, count: 3 << 20).allSatisfy { $0 == 0 })
        #expect(allocated(folder.file("v")) < before - (1 << 20))
    }

    @Test("zeroing that keeps the space gives none back, and takes what was missing", .timeLimit(.minutes(1)))
    func keptSpace() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 8 << 20)
        try device.write(at: 0, bytes: [UInt8](repeating: 1, count: 2 << 20))
        try device.synchronize()
        let before = allocated(folder.file("v"))
        try device.zeroKeepingSpace(at: 4096, length: 1 << 20)
        #expect(allocated(folder.file("v")) >= before)
        #expect(try device.bytes(at: 4096, count: 1 << 20).allSatisfy { $0 == 0 })
        #expect(try device.bytes(at: 4096 + 1 << 20, count: 4096).allSatisfy { $0 == 1 })
        try device.zeroKeepingSpace(at: 4 << 20, length: 2 << 20)
        #expect(allocated(folder.file("v")) >= before + 2 << 20)
        #expect(try device.bytes(at: 4 << 20, count: 2 << 20).allSatisfy { $0 == 0 })
        #expect(device.size == 8 << 20 && refusal { try device.zeroKeepingSpace(at: 8 << 20, length: 1) } != nil)
    }

    @Test(
        "data and holes of a file are told apart, also after a hole was punched and one was filled",
        .timeLimit(.minutes(1))
    )
    func stretches() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 8 << 20)
        let bytes = [UInt8](repeating: 3, count: 1 << 20)
        try device.write(at: 1 << 20, bytes: bytes)
        try device.write(at: 4 << 20, bytes: bytes)
        #expect(device.stretch(at: 0) == DeviceStretch(isHole: true, end: 1 << 20))
        #expect(device.stretch(at: 1 << 20) == DeviceStretch(isHole: false, end: 2 << 20))
        #expect(device.stretch(at: 3 << 19) == DeviceStretch(isHole: false, end: 2 << 20))
        #expect(device.stretch(at: 2 << 20) == DeviceStretch(isHole: true, end: 4 << 20))
        #expect(device.stretch(at: 5 << 20) == DeviceStretch(isHole: true, end: 8 << 20))
        // Remembered data may be said of what is a hole by now; a hole is never said of what holds data.
        #expect(!device.stretch(at: 1 << 20).isHole)
        try device.zero(at: 1 << 20, length: 1 << 20)
        try device.write(at: 2 << 20, bytes: bytes)
        #expect(device.stretch(at: 0).end <= 2 << 20)
        #expect(device.stretch(at: 2 << 20) == DeviceStretch(isHole: false, end: 3 << 20))
        #expect(device.stretch(at: 1 << 20) == DeviceStretch(isHole: true, end: 2 << 20))
    }

    @Test(
        "a file of exactly the size asked for is used as it is, one of another size is not touched",
        .timeLimit(.minutes(1))
    )
    func existing() throws {
        let folder = try Folder()
        let content = [UInt8]((0..<8192).map { UInt8($0 % 251) })
        try folder.write("v", content)
        #expect(try FileDevice.create(path: folder.file("v"), size: 8192).bytes(at: 0, count: 8192) == content)
        let other = refusal { _ = try FileDevice.create(path: folder.file("v"), size: 4096) }
        #expect(other?.code == .volumeMismatch)
        #expect(other?.message.contains("8192") == true)
        #expect(try folder.bytes("v") == content)
        #expect(refusal { _ = try FileDevice.create(path: folder.file("w"), size: 0) }?.code == .badSize)
        #expect(!FileManager.default.fileExists(atPath: folder.file("w")))
    }

    @Test("two names of one file are one volume", .timeLimit(.minutes(1)))
    func aliases() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 4096)
        try FileManager.default.linkItem(atPath: folder.file("v"), toPath: folder.file("hard"))
        try FileManager.default.createSymbolicLink(atPath: folder.file("soft"), withDestinationPath: folder.file("v"))
        for name in ["v", "hard", "soft"] {
            let found = refusal { _ = try FileDevice.open(path: folder.file(name)) }
            #expect(found?.code == .volumeLocked)
            #expect(found?.message.contains(folder.file("v")) == true)
        }
        // The failed attempts have not let the lock go.
        #expect(output("/usr/bin/flock", ["--nonblock", folder.file("v"), "true"]) == nil)
        #expect(device.size == 4096)
    }

    @Test("a closed device can be opened again", .timeLimit(.minutes(1)))
    func reopening() throws {
        let folder = try Folder()
        for number in 0..<3 as Range<UInt8> {
            let device = try FileDevice.create(path: folder.file("v"), size: 4096)
            try device.write(at: 0, bytes: [number])
            #expect(try device.bytes(at: 0, count: 1) == [number])
        }
    }

    @Test(
        "a file that another process has locked is refused by its path, and free when that process ends",
        .timeLimit(.minutes(1))
    )
    func otherProcess() throws {
        let folder = try Folder()
        try folder.write("v", [UInt8](repeating: 0, count: 4096))
        var holder = try LockHolder(folder.file("v"))
        guard holder != nil else { return }
        let found = refusal { _ = try FileDevice.open(path: folder.file("v")) }
        #expect(found?.code == .volumeLocked)
        #expect(found?.message.contains(folder.file("v")) == true)
        holder = nil
        #expect(try FileDevice.open(path: folder.file("v")).size == 4096)
    }

    @Test("beyond the end, and in a file that shrank, reading fails with path and place", .timeLimit(.minutes(1)))
    func shrunk() throws {
        let folder = try Folder()
        let device = try FileDevice.create(path: folder.file("v"), size: 8192)
        for offset in [4097, 8192, .max - 2] as [UInt64] {
            #expect(refusal { _ = try device.bytes(at: offset, count: 4096) }?.code == .ioError)
            #expect(
                refusal { try device.write(at: offset, bytes: [UInt8](repeating: 1, count: 4096)) }?.code == .ioError
            )
            #expect(refusal { try device.zero(at: offset, length: 4096) }?.code == .ioError)
        }
        truncate(folder.file("v"), 6000)
        let found = refusal { _ = try device.bytes(at: 4096, count: 4096) }
        #expect(found?.code == .ioError)
        #expect(found?.message.contains(folder.file("v")) == true)
        #expect(found?.message.contains("4096") == true)
        #expect(found?.message.contains("1904") == true)
        #expect(!device.isHole(at: 4096, length: 4096))
    }

    @Test("what is no file and no device is refused", .timeLimit(.minutes(1)))
    func others() throws {
        let folder = try Folder()
        for path in [folder.path, folder.file("missing"), "/dev/null", ""] {
            #expect(refusal { _ = try FileDevice.open(path: path) }?.code == .ioError)
        }
    }

    @Test("a loop device is a volume: size, content, zeroes, lock", .timeLimit(.minutes(1)))
    func loopDevice() throws {
        let folder = try Folder()
        try folder.write("disk", [UInt8](repeating: 7, count: 1 << 20))
        guard let disk = LoopDevice(folder.file("disk")) else { return }
        let path = disk.path
        let device = try FileDevice.open(path: path)
        #expect(device.isBlockDevice)
        #expect(device.size == 1 << 20)
        try device.zero(at: 4096, length: 8192)
        try device.zero(at: 100, length: 50)
        try device.zeroKeepingSpace(at: 12288, length: 4096)
        try device.zeroKeepingSpace(at: 200, length: 50)
        try device.synchronize()
        let bytes = try device.bytes(at: 0, count: 16384)
        #expect(bytes[4096..<16384].allSatisfy { $0 == 0 })
        for start in [100, 200] { #expect(bytes[start..<start + 50].allSatisfy { $0 == 0 }) }
        for kept in [0..<100, 150..<200, 250..<4096] { #expect(bytes[kept].allSatisfy { $0 == 7 }) }
        #expect(!device.isHole(at: 4096, length: 4096))
        let again = refusal { _ = try FileDevice.open(path: path) }
        #expect(again?.code == .volumeLocked && again?.message.contains("open already on this host") == true)
    }

    @Test(
        "a block device that is mounted is no volume, and while one is a volume it cannot be mounted",
        .timeLimit(.minutes(1))
    )
    func mounted() throws {
        let folder = try Folder()
        try folder.write("disk", [UInt8](repeating: 0, count: 4 << 20))
        guard let disk = LoopDevice(folder.file("disk")) else { return }
        guard output("/usr/sbin/mkfs.ext2", ["-q", disk.path]) != nil else {
            print("skipped: mkfs.ext2 is not installed")
            return
        }
        let place = folder.file("place")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        var isMounted: Bool { output("/usr/bin/mount", ["-t", "ext2", disk.path, place]) != nil }
        guard isMounted else {
            print("skipped: nothing can be mounted")
            return
        }
        let found = refusal { _ = try FileDevice.open(path: disk.path) }
        #expect(found?.code == .volumeLocked && found?.object == disk.path)
        #expect(found?.message.contains("mounted") == true && found?.hint.contains("lsblk \(disk.path)") == true)
        #expect(output("/usr/bin/umount", [place]) != nil)

        let device = try FileDevice.open(path: disk.path)
        #expect(!isMounted)
        #expect(device.isBlockDevice)
        withExtendedLifetime(device) {}
        _ = output("/usr/bin/umount", [place])
    }
}

extension FileDevice {
    /// Whether the whole range is known to be a hole.
    fileprivate func isHole(at offset: UInt64, length: UInt64) -> Bool {
        let stretch = stretch(at: offset)
        return stretch.isHole && stretch.end >= offset + length
    }
}
