import Foundation
import GRDB
import HomewardCore
import Testing

extension EndToEnd {
    /// Files and hosts of a release to come, met by the daemon of this one.
    @Suite("Other releases", .serialized)
    struct OtherReleases {
        @Test(
            "a daemon over a catalog of a later release ends with its code and path, and leaves every byte",
            .timeLimit(.minutes(2))
        )
        func catalog() throws {
            try TestLab.run(volume: "16M") { lab in
                try lab.succeed("homeward lab down")
                let path = "\(lab.folder)/lab/london/catalog.sqlite"
                try FileManager.default.copyItem(atPath: path, toPath: "\(path).ours")
                do {
                    let queue = try DatabaseQueue(path: path)
                    try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 from the future')") }
                    try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
                    try queue.close()
                }
                let theirs = try Data(contentsOf: URL(fileURLWithPath: path))
                let config = "\(lab.folder)/lab/london/host.lua"
                let daemon = try lab.start("homeward serve --config \(config)", seconds: 20).wait()
                #expect(daemon.status == 1 && daemon.code == "bad-format", "\(daemon)")
                #expect(daemon.err.contains("\(path) was written by a later release"), "\(daemon)")
                #expect(daemon.err.contains("\n  hint: "), "\(daemon)")
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == theirs)

                for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }
                try FileManager.default.moveItem(atPath: "\(path).ours", toPath: path)
                try lab.succeed("homeward lab up")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "a log of a later release keeps its RVG shut, with code, path and version, and loses no byte",
            .timeLimit(.minutes(2))
        )
        func log() throws {
            try TestLab.run(volume: "16M") { lab in
                try lab.succeed("homeward lab wait london tokyo")
                try lab.succeed("homeward lab crash london")
                let path = "\(lab.folder)/lab/london/volumes/hr_srl"
                _ = try tool("cp", ["--sparse=always", path, "\(path).ours"])
                let handle = try #require(FileHandle(forUpdatingAtPath: path))
                for place in [0, Limits().headerCopyBytes] {
                    try handle.seek(toOffset: place)
                    var head = [UInt8](try #require(try handle.read(upToCount: 20)))
                    // The version, and the checksum over what stands before it: all releases read these.
                    head[4] += 1
                    withUnsafeBytes(of: FrameFormat.checksum(Array(head.prefix(16))).littleEndian) {
                        head.replaceSubrange(16..<20, with: $0)
                    }
                    try handle.seek(toOffset: place)
                    try handle.write(contentsOf: head)
                }
                try handle.close()
                _ = try tool("cp", ["--sparse=always", path, "\(path).theirs"])

                // The rest of the host is served.
                try lab.succeed("homeward lab restart london")
                #expect(try lab.run("homeward vol list hrdg", on: "london").status == 0)
                let refused = try lab.run("vxrvg -g hrdg --json -f start hr_rvg", on: "london")
                #expect(refused.status == 1 && refused.code == "bad-format", "\(refused)")
                let message = refused.json["error"]["message"].string ?? ""
                #expect(message.contains(path) && message.contains("version "), "\(refused)")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.succeed("homeward lab crash london")
                #expect(FileManager.default.contentsEqual(atPath: path, andPath: "\(path).theirs"))

                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.moveItem(atPath: "\(path).ours", toPath: path)
                try lab.succeed("homeward lab restart london")
                try lab.proveEqual(primary: "seattle")
            }
        }

        @Test(
            "a host of a later release is told which versions are spoken here, and the daemon goes on",
            .timeLimit(.minutes(2))
        )
        func greeting() throws {
            try TestLab.run(volume: "16M") { lab in
                try lab.succeed("homeward lab crash tokyo")
                let daemon = try #require(lab.process("london"))
                let state = JSON(text: try String(contentsOfFile: "\(lab.folder)/lab/lab.json", encoding: .utf8))
                let london = state["hosts"].items.first { $0["name"].string == "london" }
                let place = (address: state["address"].string ?? "", port: try #require(london?["port"].number))
                let greeting = Greeting(
                    versions: 7...9,
                    attempt: Identity(high: 1, low: 2),
                    host: Identity(high: 3, low: 4),
                    name: "tokyo",
                    expecting: "london"
                )
                let frame = Frame(kind: 0xF0, channel: 0, payload: greeting.encoded())
                let heard = try Line.say(FrameFormat.encode(frame, version: FrameFormat.greetingVersion), to: place)
                let answer = try FrameDecoder(version: FrameFormat.greetingVersion).refusal(in: heard)
                #expect(answer?.hasPrefix("bad-format: ") == true, "\(heard)")
                #expect(answer?.contains("7 to 9") == true, "\(answer ?? "")")
                // One whose very frames are of another version is hung up on.
                _ = try Line.say(FrameFormat.encode(frame, version: 7), to: place)
                #expect(lab.process("london") == daemon)
                try lab.succeed("homeward lab restart tokyo")
                try lab.repeating("homeward lab load --seconds 0.3")
                try lab.proveEqual(primary: "seattle")
            }
        }
    }
}

extension FrameDecoder {
    /// The text of the frame that says why the other end hangs up; nil when there is none.
    fileprivate func refusal(in bytes: [UInt8]) throws -> String? {
        var decoder = self
        let frame = try decoder.frames(in: bytes).first { $0.kind == 0xF3 }
        return frame.map { String(decoding: $0.payload, as: UTF8.self) }
    }
}

/// A connection of somebody who speaks for himself.
private enum Line {
    /// Says something, and gives what is answered until the other end hangs up, half a minute at most.
    static func say(_ bytes: [UInt8], to place: (address: String, port: Int)) throws -> [UInt8] {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(place.port).bigEndian
        inet_pton(AF_INET, place.address, &address.sin_addr)
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw Unmet(description: "nobody listens at \(place)") }
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Unmet(description: "\(place) takes nothing")
        }
        var heard: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count == 0 { return heard }
            guard count > 0 else {
                if errno == ECONNRESET { return heard }
                throw Unmet(description: "\(place) does not hang up: \(errno)")
            }
            heard += piece.prefix(count)
        }
    }
}
