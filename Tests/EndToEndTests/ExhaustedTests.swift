import Foundation
import Testing

extension EndToEnd {
    /// Disks that are full or read-only for real, descriptors that run out, and a second daemon.
    ///
    /// A host's folder is moved onto a small file system in memory, so that what is refused is refused by the kernel.
    @Suite("Exhausted", .serialized)
    struct Exhausted {
        /// Whether a file system can be mounted here.
        static let mayMount: Bool = {
            let place = "/tmp/hwe-mount-\(UUID().uuidString.prefix(8))"
            try? FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(atPath: place) }
            guard installed("mount", "umount"),
                (try? tool("mount", ["-t", "tmpfs", "-o", "size=1M", "none", place]))??.status == 0
            else { return false }
            return (try? tool("umount", [place]))??.status == 0
        }()

        @Test(
            "a full disk stops its own host with its name, a read-only one is refused; with room again nothing is missing",
            .enabled(if: mayMount, "no file system may be mounted here"),
            .timeLimit(.minutes(4))
        )
        func disks() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward lab down")
                let disks = try ["london", "seattle"].map { try SmallDisk(lab, $0) }
                defer {
                    _ = try? lab.run("homeward lab down")
                    for disk in disks { disk.unmount() }
                }

                try disks[0].remount("ro")
                let shut = try lab.start("homeward serve --config \(disks[0].path)/host.lua", seconds: 20).wait()
                #expect(shut.status == 1, "\(shut)")
                #expect(shut.err.contains("Read-only file system") && shut.err.contains(disks[0].path), "\(shut)")
                try disks[0].remount("rw")
                try lab.succeed("homeward lab up")

                // The Secondary's disk fills: the application hears nothing of it.
                try disks[0].leave(megabytes: 6)
                try lab.succeed("homeward lab load --seconds 2 --rate 2000")
                try lab.wait(for: "failure of london") { try lab.member("london")["state"].string == "failed" }
                let reason = try lab.member("london")["reason"].string ?? ""
                #expect(reason.contains("No space left on device") && reason.contains("/london/"), "\(reason)")
                try disks[0].grow()
                try lab.succeed("homeward lab crash london")
                try lab.succeed("homeward lab restart london")
                try lab.proveEqual(primary: "seattle")

                // The Primary's: the application hears of it, and what was flushed stays.
                try disks[1].leave(megabytes: 6)
                let load = try lab.run("homeward lab load --seconds 3 --rate 2000")
                #expect(load.status == 1, "\(load)")
                let refused = try lab.run("homeward dg create more --json", on: "seattle")
                #expect([0, 1].contains(refused.status), "\(refused)")
                if refused.status == 1 { #expect(refused.code == "io-error", "\(refused)") }
                try disks[1].grow()
                try lab.succeed("homeward lab crash seattle")
                try lab.succeed("homeward lab restart seattle")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "a command whose output finds no room ends with a code, whether it does something or shows it",
            .timeLimit(.minutes(2))
        )
        func fullOutput() throws {
            try TestLab.run { lab in
                let script = try lab.write("print.lua", "print('x')")
                let lines = [
                    "homeward status", "homeward status --json", "vradmin -g hrdg printrvg hr_rvg", "homeward --help",
                    "homeward lab status", "homeward lab --help", "homeward runbooks list", "homeward exec \(script)",
                ]
                for (line, place) in lines.flatMap({ [($0, "/dev/null"), ($0, "/dev/full")] }) {
                    let output = try Program(
                        "/bin/sh",
                        ["-c", "exec \(lab.folder)/\(line) > \(place)"],
                        environment: lab.environment(on: "seattle"),
                        seconds: 60
                    ).wait()
                    let isFull = place == "/dev/full"
                    #expect(output.status == (isFull ? 1 : 0), "\(output)")
                    #expect((output.code == "io-error") == isFull, "\(output)")
                    #expect(output.err.contains("No space left on device") == isFull, "\(output)")
                }
            }
        }

        @Test(
            "the journal on a disk that has become read-only is shown all the same",
            .enabled(if: mayMount, "no file system may be mounted here"),
            .timeLimit(.minutes(2))
        )
        func sealedJournal() throws {
            try TestLab.run { lab in
                try lab.succeed("homeward run migrate to=london --yes")
                let place = "\(lab.folder)/sealed"
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
                _ = try tool("mount", ["-t", "tmpfs", "-o", "size=16M", "none", place])
                defer { _ = try? tool("umount", ["-l", place]) }
                // With what a process that was killed leaves beside it.
                _ = try tool("sh", ["-c", "cp \(lab.folder)/lab/journal.sqlite* \(place)"])
                _ = try tool("mount", ["-o", "remount,ro", place])
                var environment = lab.environment()
                environment["HOMEWARD_LAB"] = place
                func type(_ words: String...) throws -> Output {
                    try Program("\(lab.folder)/homeward", words, environment: environment, seconds: 60).wait()
                }
                let list = try type("runs", "list")
                #expect(list.status == 0 && list.out.contains("migrate"), "\(list)")
                let shown = try type("runs", "show")
                #expect(shown.status == 0 && shown.out.contains("migrate"), "\(shown)")
                let left = try FileManager.default.contentsOfDirectory(atPath: "/tmp")
                #expect(!left.contains { $0.hasPrefix("homeward-journal-") }, "\(left)")
            }
        }

        @Test(
            "an application that finds no room for its notes ends, and what it wrote of one in part is in nobody's way",
            .timeLimit(.minutes(2))
        )
        func noRoomForNotes() throws {
            try TestLab.run(volume: "16M") { lab in
                let line = "trap '' XFSZ; ulimit -f 4; exec \(lab.folder)/homeward lab load --seconds 60"
                let load = try lab.shell(line)
                #expect(load.status == 1 && load.err.contains("File too large"), "\(load)")
                let notes = try Data(contentsOf: URL(fileURLWithPath: "\(lab.folder)/lab/load.log"))
                #expect(notes.count > 3000 && notes.count <= 4096, "\(notes.count)")
                let check = try lab.run("homeward lab check")
                #expect(check.status == 0, "\(check)")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test("a second daemon of a host is refused, and the first does not notice", .timeLimit(.minutes(2)))
        func second() throws {
            try TestLab.run { lab in
                let first = try #require(lab.process("london"))
                let config = "\(lab.folder)/lab/london/host.lua"
                for signal in [nil, SIGSTOP] as [Int32?] {
                    if let signal { kill(first, signal) }
                    defer { kill(first, SIGCONT) }
                    let second = try lab.start("homeward serve --config \(config)", seconds: 20).wait()
                    #expect(second.status == 1 && second.err.contains("host-directory-locked"), "\(second)")
                    #expect(second.err.contains("process \(first)"), "\(second)")
                }
                try lab.succeed("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "a daemon without descriptors refuses and goes on; with some again it takes everybody, and nothing is missing",
            .enabled(if: installed("prlimit"), "prlimit is not installed"),
            .timeLimit(.minutes(3))
        )
        func descriptors() throws {
            try TestLab.run { lab in
                let daemons = try ["seattle", "london"].map { try #require(lab.process($0)) }
                let load = try lab.start("homeward lab load --seconds 4 --rate 300")
                try lab.wait(for: "load") {
                    try lab.member("seattle")["volumes"].items.contains { !$0["openBy"].items.isEmpty }
                }
                for daemon in daemons {
                    // The limit is one of numbers: the next that would be given is behind it.
                    let used = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(daemon)/fd").compactMap(
                        Int.init
                    )
                    let next = (0...used.count).first { !used.contains($0) } ?? used.count
                    _ = try tool("prlimit", ["--pid", "\(daemon)", "--nofile=\(next):4096"])
                }
                // A daemon that cannot accept is given up after 30 s.
                let asked = try ["seattle", "london"].map { try lab.start("homeward status", on: $0, seconds: 60) }
                let answers = asked.map { $0.wait() }
                for output in answers where output.status != 0 {
                    #expect(output.status == 1 && output.code == "daemon-unreachable", "\(output)")
                }
                // One that lets a connection of before go just now has room for one more.
                #expect(answers.contains { $0.status == 1 }, "\(answers)")
                for daemon in daemons { _ = try tool("prlimit", ["--pid", "\(daemon)", "--nofile=4096:4096"]) }
                // What it has open goes on; it may need more, and then says so.
                let ended = load.wait()
                #expect([0, 1].contains(ended.status), "\(ended)")
                #expect(lab.process("seattle") == daemons[0] && lab.process("london") == daemons[1])
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "a daemon that is started with too few descriptors says so and ends",
            .enabled(if: installed("prlimit"), "prlimit is not installed"),
            .timeLimit(.minutes(2)),
            arguments: [9, 14, 40]
        )
        func fewDescriptors(limit: Int) throws {
            try TestLab.run(bare: true) { lab in
                try lab.succeed("homeward lab down")
                let words = ["--nofile=\(limit)", "\(lab.folder)/homeward", "serve", "--config"]
                let config = "\(lab.folder)/lab/london/host.lua"
                let daemon = try Program(
                    "/usr/bin/prlimit",
                    words + [config],
                    environment: lab.environment(),
                    seconds: 4
                ).wait()
                #expect(daemon.status == 1 && daemon.err.contains("limit-reached"), "\(daemon)")
                #expect(daemon.err.contains("\(limit) file descriptors"), "\(daemon)")
                try lab.succeed("homeward lab up")
            }
        }
    }
}

/// A host's folder on a file system of its own, in memory.
private struct SmallDisk {
    let path: String

    /// The lab is down.
    init(_ lab: TestLab, _ host: String) throws {
        path = "\(lab.folder)/lab/\(host)"
        try FileManager.default.moveItem(atPath: path, toPath: "\(path).old")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try run("mount", ["-t", "tmpfs", "-o", "size=512M,mode=700", "none", path])
        try run("cp", ["-a", "--sparse=always", "\(path).old/.", path])
        try FileManager.default.removeItem(atPath: "\(path).old")
    }

    func remount(_ option: String) throws { try run("mount", ["-o", "remount,\(option)", path]) }

    func grow() throws { try remount("size=512M") }

    /// Makes it so small that only so much is free.
    func leave(megabytes: Int) throws {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { throw Unmet(description: "no file system at \(path)") }
        let used = (Int(info.f_blocks - info.f_bfree) * Int(info.f_frsize)) >> 20
        try remount("size=\(used + megabytes)M")
    }

    func unmount() { _ = try? tool("umount", ["-l", path]) }

    private func run(_ name: String, _ arguments: [String]) throws {
        guard let output = try tool(name, arguments), output.status == 0 else {
            throw Unmet(description: "\(name) \(arguments.joined(separator: " "))")
        }
    }
}
