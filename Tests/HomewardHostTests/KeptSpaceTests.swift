import Foundation
import HomewardCore
import HomewardHost
import Synchronization
import Testing

/// Zeroes that keep their space, and those that give it back.
@Suite("Space of zeroed ranges", .timeLimit(.minutes(2)))
struct KeptSpaceTests {
    private static let written = 1 << 20

    private func allocated(_ path: String) -> Int {
        var info = stat()
        return stat(path, &info) == 0 ? Int(info.st_blocks) * 512 : -1
    }

    private func zero(_ opened: Opened, _ kind: VolumeRequest.Kind) async -> VolumeFailure? {
        await withCheckedContinuation { continuation in
            let length = UInt64(Self.written)
            opened.session.submit([VolumeRequest(kind: kind, length: length, forceUnitAccess: true, tag: 1)]) {
                continuation.resume(returning: $1)
            }
        }
    }

    /// A volume with data is zeroed with its space kept and then without.
    private func check(_ trio: Trio, on hosts: [String], applied: () async throws -> Void) async throws {
        let paths = hosts.map { trio.path($0, "dv01") }
        let opened = try trio.open("london")
        #expect(await opened.write(at: 0, 7, count: Self.written, durably: true) == nil)
        try await applied()
        let before = paths.map(allocated)
        #expect(before.allSatisfy { $0 >= Self.written })
        #expect(await zero(opened, .zeroes(keepAllocated: true)) == nil)
        try await applied()
        #expect(zip(paths, before).allSatisfy { allocated($0) >= $1 }, "\(before), \(paths.map(allocated))")
        #expect(try opened.byte(at: 4096) == 0)
        for kind in [VolumeRequest.Kind.zeroes(keepAllocated: false), .trim] {
            #expect(await opened.write(at: 0, 7, count: Self.written, durably: true) == nil)
            try await applied()
            #expect(await zero(opened, kind) == nil)
            try await applied()
            #expect(zip(paths, before).allSatisfy { allocated($0) < $1 }, "\(before), \(paths.map(allocated))")
            #expect(try opened.byte(at: 4096) == 0)
        }
        opened.session.close()
    }

    @Test("of a volume in no RVG")
    func plain() async throws {
        try await Trio.run(["london"]) { trio in try await check(trio, on: ["london"]) {} }
    }

    @Test("of a volume in an RVG, on the Primary and on its Secondary")
    func replicated() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await check(trio, on: ["london", "seattle"]) {
                try await trio.upToDate("london", "seattle")
                // Both sums are taken at one position, with everything before it on the volumes.
                try await trio.sameBytes("london", "seattle")
            }
        }
    }
}
