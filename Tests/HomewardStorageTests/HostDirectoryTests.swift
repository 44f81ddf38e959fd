import Foundation
import Glibc
import HomewardCore
import HomewardStorage
import Testing

@Suite("Storage: the host directory")
struct HostDirectoryTests {
    func mode(_ path: String) -> UInt32 {
        var info = stat()
        return stat(path, &info) == 0 ? info.st_mode & 0o7777 : 0
    }

    @Test("directory and parents are made for their owner alone", .timeLimit(.minutes(1)))
    func making() throws {
        let folder = try Folder()
        let directory = try HostDirectory(path: folder.file("a/b/seattle/"))
        #expect(directory.path == folder.file("a/b/seattle"))
        for name in ["a", "a/b", "a/b/seattle", "a/b/seattle/salvage"] { #expect(mode(folder.file(name)) == 0o700) }
        #expect(directory.controlSocketPath == folder.file("a/b/seattle/control.sock"))
        #expect(directory.dataSocketPath == folder.file("a/b/seattle/nbd.sock"))
        #expect(try folder.bytes("a/b/seattle/lock") == Array("\(getpid())\n".utf8))
    }

    @Test("a directory that others could read is closed to them", .timeLimit(.minutes(1)))
    func existing() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(
            atPath: folder.file("h"),
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755]
        )
        let directory = try HostDirectory(path: folder.file("h"))
        #expect(mode(directory.path) == 0o700)
    }

    @Test("a directory that others use is refused and stays open to them", .timeLimit(.minutes(1)))
    func others() throws {
        let folder = try Folder()
        let path = folder.file("h")
        func made(_ mode: Int, holding name: String?) throws {
            try? FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            if let name { try Data().write(to: URL(fileURLWithPath: "\(path)/\(name)")) }
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        // As `/`, and as `/tmp` where nothing is in it.
        for (mode, name) in [(0o755, "etc"), (0o1777, nil), (0o770, nil)] as [(Int, String?)] {
            try made(mode, holding: name)
            let found = refusal { _ = try HostDirectory(path: path) }
            #expect(found?.code == .badConfiguration && found?.message.contains(String(mode, radix: 8)) == true)
            #expect(self.mode(path) == UInt32(mode))
        }
        for (mode, name) in [(0o700, "host.lua"), (0o755, "lock"), (0o755, "catalog.sqlite")] {
            try made(mode, holding: name)
            _ = try HostDirectory(path: path)
            #expect(self.mode(path) == 0o700)
        }
    }

    @Test(
        "a second daemon is refused with directory and process, here and from another process",
        .timeLimit(.minutes(1))
    )
    func locked() throws {
        let folder = try Folder()
        var directory: HostDirectory? = try HostDirectory(path: folder.file("h"))
        let found = refusal { _ = try HostDirectory(path: folder.file("h")) }
        #expect(found?.code == .hostDirectoryLocked)
        #expect(found?.message.contains(folder.file("h")) == true)
        #expect(found?.message.contains("\(getpid())") == true)
        #expect(directory?.stillExists() == true)
        directory = nil
        var holder = try LockHolder(folder.file("h/lock"))
        guard holder != nil else { return }
        #expect(refusal { _ = try HostDirectory(path: folder.file("h")) }?.code == .hostDirectoryLocked)
        holder = nil
        directory = try HostDirectory(path: folder.file("h"))
    }

    @Test("the daemon's own files are known under every name, whether they are there or not", .timeLimit(.minutes(1)))
    func ownFiles() throws {
        let folder = try Folder()
        let directory = try HostDirectory(path: folder.file("h"))
        let databases = ["catalog.sqlite", "journal.sqlite"].flatMap { [$0, $0 + "-wal", $0 + "-shm"] }
        let own = databases + ["lock", "control.sock", "nbd.sock", "salvage/hrdg-r.salvage"]
        try FileManager.default.createSymbolicLink(atPath: folder.file("to-h"), withDestinationPath: directory.path)
        let spellings = [directory.path, "\(directory.path)/.", "\(directory.path)/salvage/..", folder.file("to-h")]
        for exists in [false, true] {
            for name in own {
                if exists { try folder.write("h/\(name)", [1]) }
                for spelling in spellings { #expect(directory.isOwnFile("\(spelling)/\(name)"), "\(spelling)/\(name)") }
            }
        }
        try FileManager.default.linkItem(atPath: directory.catalogPath, toPath: folder.file("hard"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("soft"),
            withDestinationPath: directory.journalPath
        )
        for name in ["hard", "soft"] { #expect(directory.isOwnFile(folder.file(name)), "\(name)") }
        for name in ["h/dv01", "catalog.sqlite", "salvage-of-others", "h/salvaged"] {
            #expect(!directory.isOwnFile(folder.file(name)), "\(name)")
        }
    }

    @Test("a directory that went, or was replaced, is no longer there", .timeLimit(.minutes(1)))
    func vanished() throws {
        let folder = try Folder()
        let directory = try HostDirectory(path: folder.file("h"))
        #expect(directory.stillExists())
        try FileManager.default.moveItem(atPath: folder.file("h"), toPath: folder.file("elsewhere"))
        #expect(!directory.stillExists())
        try FileManager.default.createDirectory(atPath: folder.file("h"), withIntermediateDirectories: false)
        #expect(!directory.stillExists())
    }

    @Test(
        "a path that leaves no room for a socket is refused with length and limit, and nothing is made",
        .timeLimit(.minutes(1))
    )
    func tooLong() throws {
        let folder = try Folder()
        let path = folder.file(String(repeating: "x", count: 90))
        let found = refusal { _ = try HostDirectory(path: path) }
        #expect(found?.code == .socketPathTooLong)
        #expect(found?.message.contains("\(path.utf8.count + 13)") == true)
        #expect(found?.message.contains("107") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("a small file is replaced whole, for its owner alone, and nothing is left beside it", .timeLimit(.minutes(1)))
    func replacing() throws {
        let folder = try Folder()
        let path = folder.file("notes")
        #expect(try DurableFile.read(path) == nil)
        for text in ["first, and longer", "second"] {
            try DurableFile.replace(path, with: Array(text.utf8))
            #expect(try DurableFile.read(path) == Array(text.utf8))
        }
        #expect(mode(path) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["notes"])
        #expect(refusal { _ = try DurableFile.read(path, limit: 5) }?.code == .badFormat)
        #expect(refusal { try DurableFile.replace(folder.file("no/such"), with: [1]) }?.code == .ioError)
    }

    @Test(
        "a file that is replaced in pieces has them in order; one that is given up leaves the old",
        .timeLimit(.minutes(1))
    )
    func pieces() throws {
        let folder = try Folder()
        let path = folder.file("f")
        try DurableFile.replace(path) { file throws(Refusal) in
            for piece in [[1, 2, 3], [], [4], [5, 6]] as [[UInt8]] { try file.append(piece) }
            #expect(throws: (any Error).self) { try folder.bytes("f") }
        }
        #expect(try folder.bytes("f") == [1, 2, 3, 4, 5, 6])
        let given = refusal {
            try DurableFile.replace(path) { file throws(Refusal) in
                try file.append([9])
                throw Refusal(.logDamaged, "f", "is given up", hint: "none")
            }
        }
        #expect(given?.code == .logDamaged)
        #expect(try folder.bytes("f") == [1, 2, 3, 4, 5, 6])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f"])
    }
}
