import Foundation
import HomewardCore
import HomewardNBD
import Testing

@Suite("NBD: the tools that people have", .serialized)
struct ToolTests {
    static let name = "hrdg/hr_dv01"

    func door(_ replies: MemoryVolumes.Replies = .later) throws -> Door {
        try Door(MemoryVolumes([Self.name: 16 << 20, "hrdg/hr_dv02": 1 << 20], replies: replies))
    }

    func uri(_ door: Door, _ name: String = Self.name) -> String { "nbd+unix:///\(name)?socket=\(door.socket)" }

    func succeed(_ program: String, _ arguments: [String]) throws -> String? {
        guard let (status, output) = try run(program, arguments) else { return nil }
        #expect(status == 0, "\(program): \(output)")
        return output
    }

    @Test("nbdinfo lists the exports and their block sizes", .timeLimit(.minutes(2)))
    func nbdinfo() throws {
        let door = try door()
        if let list = try succeed("nbdinfo", ["--list", "nbd+unix:///?socket=\(door.socket)"]) {
            #expect(list.contains("export=\"hrdg/hr_dv01\""))
            #expect(list.contains("export=\"hrdg/hr_dv02\""))
        }
        if let one = try succeed("nbdinfo", [uri(door)]) {
            #expect(one.contains("can_multi_conn: true"))
            #expect(one.contains("block_size_maximum: 33554432"))
            #expect(one.contains("is_read_only: false"))
        }
        door.stop()
    }

    @Test(
        "nbdcopy brings a file in and out unchanged",
        .timeLimit(.minutes(2)),
        arguments: [
            "nbd+unix:///hrdg/hr_dv01?socket=", "nbd+unix:///hrdg%2Fhr_dv01?socket=",
        ]
    )
    func nbdcopy(prefix: String) throws {
        let door = try door()
        var random = SeededGenerator(seed: 3)
        let source = "\(door.folder)/in"
        let result = "\(door.folder)/out"
        try Data(random.bytes(9 << 20) + [UInt8](repeating: 0, count: 7 << 20)).write(to: URL(fileURLWithPath: source))
        if try succeed("nbdcopy", ["--flush", source, prefix + door.socket]) != nil {
            _ = try succeed("nbdcopy", [prefix + door.socket, result])
            #expect(FileManager.default.contentsEqual(atPath: source, andPath: result))
        }
        door.stop()
    }

    @Test("nbdcopy reads from a Secondary", .timeLimit(.minutes(2)))
    func secondary() throws {
        let door = try door()
        door.volumes.change(Self.name) {
            $0.writing = Refusal(.notPrimary, Self.name, "a Secondary", hint: "write elsewhere")
        }
        if let info = try succeed("nbdinfo", [uri(door)]) { #expect(info.contains("is_read_only: true")) }
        _ = try succeed("nbdcopy", [uri(door), "\(door.folder)/out"])
        door.stop()
    }

    @Test("qemu-io writes, discards, flushes, and reads the pattern back", .timeLimit(.minutes(2)))
    func qemuIO() throws {
        let door = try door()
        let commands = [
            "write -P 7 0 64k", "write -f -P 9 64k 2M", "discard 1M 64k", "write -z 128k 4k", "flush",
            "read -P 7 0 64k",
            "read -P 9 68k 32k", "read -P 0 128k 4k", "read -P 0 1M 64k",
        ]
        if let output = try succeed("qemu-io", ["-f", "raw"] + commands.flatMap { ["-c", $0] } + [uri(door)]) {
            #expect(!output.contains("verification failed"))
            #expect(door.volumes.holders.contains { $0.label.hasPrefix("nbd: qemu-io (pid ") })
        }
        door.stop()
    }

    @Test("fio verifies what it wrote", .timeLimit(.minutes(2)), arguments: ["4k", "64k", "1m"])
    func fio(block: String) throws {
        let door = try door()
        let output = try succeed(
            "fio",
            [
                "--name=x", "--ioengine=nbd", "--uri=\(uri(door))", "--rw=randwrite", "--bs=\(block)", "--iodepth=16",
                "--size=16m",
                "--fsync=32", "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--randseed=5",
            ]
        )
        if let output { #expect(!output.contains("verify:")) }
        door.stop()
    }
}
