import Foundation
import Testing

extension EndToEnd {
    @Suite("The data door and its users")
    struct DataDoor {
        static let image = 48 << 20

        @Test(
            "fio and qemu-io agree with it, and an ext4 made through it is clean after a takeover",
            .timeLimit(.minutes(2))
        )
        func fileSystem() throws {
            try TestLab.run(volume: "64M") { lab in
                try verify(lab)
                let work = "\(lab.folder)/work"
                let tree = "\(work)/tree"
                try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
                var random = Seeded(state: 9)
                for number in 0..<8 {
                    try random.bytes(100_000 * (number + 1)).write(to: URL(fileURLWithPath: "\(tree)/file\(number)"))
                }
                let size = "\(Self.image >> 20)M"
                guard
                    let made = try tool("mkfs.ext4", ["-q", "-F", "-d", tree, "\(work)/image", size]),
                    let copied = try tool("nbdcopy", ["--flush", "\(work)/image", lab.uri("seattle")])
                else { return }
                #expect(made.status == 0, "\(made)")
                #expect(copied.status == 0, "\(copied)")
                try lab.succeed("homeward lab wait london")
                try lab.succeed("homeward lab crash seattle")
                try lab.repeating("vradmin -g hrdg -N takeover hr_rvg", on: "london")

                let back = try #require(try tool("nbdcopy", [lab.uri("london"), "\(work)/back"]))
                #expect(back.status == 0, "\(back)")
                #expect(truncate("\(work)/back", Self.image) == 0)
                if let clean = try tool("e2fsck", ["-fn", "\(work)/back"]) { #expect(clean.status == 0, "\(clean)") }
                for number in 0..<8 {
                    let dumped = "\(work)/dumped\(number)"
                    guard try tool("debugfs", ["-R", "dump /file\(number) \(dumped)", "\(work)/back"]) != nil else {
                        break
                    }
                    #expect(FileManager.default.contentsEqual(atPath: dumped, andPath: "\(tree)/file\(number)"))
                }
            }
        }

        private func verify(_ lab: TestLab) throws {
            for volume in ["hr_dv01", "hr_dv02"] {
                let output = try tool(
                    "fio",
                    [
                        "--name=x", "--ioengine=nbd", "--uri=\(lab.uri("seattle", volume))", "--rw=randwrite",
                        "--bs=4k",
                        "--iodepth=16", "--size=16m", "--fsync=64", "--verify=crc32c", "--verify_fatal=1",
                        "--randseed=5",
                        "--verify_state_save=0",
                    ]
                )
                if let output { #expect(output.status == 0 && !output.out.contains("verify:"), "\(output)") }
            }
            let written = ["write -P 7 0 64k", "write -f -P 9 64k 2M", "discard 1M 64k", "write -z 128k 4k", "flush"]
            let checked = ["read -P 7 0 64k", "read -P 9 68k 32k", "read -P 0 128k 4k"]
            func qemu(_ host: String, _ commands: [String], readOnly: Bool = false) throws {
                let options = ["-f", "raw"] + (readOnly ? ["-r"] : [])
                let output = try tool("qemu-io", options + commands.flatMap { ["-c", $0] } + [lab.uri(host)])
                if let output {
                    #expect(output.status == 0 && !output.out.contains("verification failed"), "\(output)")
                }
            }
            try qemu("seattle", written + checked)
            try lab.succeed("homeward lab wait london tokyo")
            for host in ["london", "tokyo"] { try qemu(host, checked, readOnly: true) }
        }
    }
}
