import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import Testing

private let rvg = Trio.rvg

@Suite(.serialized, .timeLimit(.minutes(2)))
struct ProtectionTests {
    private func set(_ trio: Trio, _ pairs: String...) async throws {
        let attributes = pairs.map { pair in
            let words = pair.split(separator: "=").map(String.init)
            return Attribute(name: words[0], value: words[1])
        }
        try await trio.done("london", .setAttributes(rvg, secondary: "seattle", attributes: attributes))
    }

    @Test("attributes that are wrong are refused and change nothing")
    func wrongAttributes() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            let before = try await trio.link("london", to: "seattle").settings
            let cases: [(String, String, RefusalCode)] = [
                ("synchronous", "maybe", .badAttribute), ("srlprot", "dcm", .notBuiltYet),
                ("latency_low_mark", "99999", .badAttribute), ("bandwidth_limit", "fast", .badAttribute),
                ("colour", "red", .badAttribute), ("packet_size", "1400", .notBuiltYet),
            ]
            for (name, value, code) in cases {
                try await trio.refused(
                    "london",
                    .setAttributes(rvg, secondary: nil, attributes: [Attribute(name: name, value: value)]),
                    code
                )
            }
            #expect(try await trio.link("london", to: "seattle").settings == before)
            try await set(trio, "bandwidth_limit=8mbps", "latencyprot=override")
            let after = try await trio.link("london", to: "seattle").settings
            #expect(after.bandwidthLimit == 1_000_000 && after.latencyprot == .override)
            try await trio.startReplication()
            try await trio.waitUntil("seattle has the settings too") {
                try await trio.link("seattle", to: "london").settings == after
            }
        }
    }

    @Test("synchronous=override: what was acknowledged as durable is on the Secondary when the Primary is gone")
    func override() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await set(trio, "synchronous=override")
            try await trio.waitUntil("the RLINK is synchronous") {
                try await trio.link("london", to: "seattle").currentMode == "synchronous"
            }
            let opened = try trio.open("london")
            for block in UInt8(1)...20 {
                #expect(await opened.write(at: UInt64(block) * 4096, block, durably: true) == nil)
            }
            try await trio.partition("london", "seattle")
            try await trio.done("seattle", .takeover(rvg, force: false))
            for block in UInt8(1)...20 { #expect(try trio.read("seattle", at: UInt64(block) * 4096) == block) }
            // Without the Secondary writes go on.
            #expect(await opened.write(at: 0, 99, durably: true) == nil)
            opened.session.close()
        }
    }

    @Test("synchronous=fail refuses writes while the RLINK is down, and takes them again when it is back")
    func fail() async throws {
        try await Trio.run { trio in
            try await trio.makeSet(attributes: [Attribute(name: "synchronous", value: "fail")])
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await trio.write("london", at: 0, 1)
            try await trio.partition("london", "seattle")
            let opened = try trio.open("london")
            guard case .io(let refusal) = await opened.write(at: 4096, 2) else {
                Issue.record("the write was taken")
                return
            }
            #expect(refusal.code == .linkDisconnected && !refusal.hint.isEmpty)
            try await trio.partition("london", "seattle", false)
            try await trio.upToDate("london", "seattle")
            #expect(await opened.write(at: 4096, 3) == nil)
            opened.session.close()
            #expect(try trio.read("london", at: 4096) == 3)
        }
    }

    private func fill(_ opened: Opened, megabytes: Int) async -> VolumeFailure? {
        for piece in 0..<megabytes * 16 {
            let offset = UInt64(piece % 16) << 16
            if let failure = await opened.write(at: offset, UInt8(piece % 250 + 1), count: 64 << 10) { return failure }
        }
        return nil
    }

    @Test("srlprot=off: a log that is full detaches the RLINK, and writes go on")
    func overflowOff() async throws {
        try await Trio.run(logSize: 3 << 20) { trio in
            try await trio.makeSet(attributes: [Attribute(name: "srlprot", value: "off")])
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await trio.done("london", .pauseReplication(rvg, secondary: nil))
            let opened = try trio.open("london")
            #expect(await fill(opened, megabytes: 8) == nil)
            opened.session.close()
            let link = try await trio.link("london", to: "seattle")
            #expect(link.state == "STALE" && link.disconnectReason?.contains("overflow") == true)
        }
    }

    @Test("srlprot=fail: with the RLINK down a full log fails writes, and the RLINK keeps its place")
    func overflowFail() async throws {
        try await Trio.run(logSize: 3 << 20) { trio in
            try await trio.makeSet(attributes: [Attribute(name: "srlprot", value: "fail")])
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await trio.partition("london", "seattle")
            let opened = try trio.open("london")
            guard case .io(let refusal) = await fill(opened, megabytes: 8) else {
                Issue.record("the log took more than it can hold")
                return
            }
            #expect(refusal.code == .logFull && refusal.hint.contains("stoprep"))
            try await trio.partition("london", "seattle", false)
            try await trio.upToDate("london", "seattle")
            #expect(await opened.write(at: 0, 7, durably: true) == nil)
            opened.session.close()
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }

    @Test("srlprot=override: while connected writers wait for room and nothing is lost")
    func overflowOverride() async throws {
        try await Trio.run(logSize: 3 << 20) { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await set(trio, "bandwidth_limit=160mbps")
            let opened = try trio.open("london")
            #expect(await fill(opened, megabytes: 8) == nil)
            opened.session.close()
            #expect(try await trio.link("london", to: "seattle").state == "ACTIVE")
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }

    @Test("latencyprot=fail refuses writes above the high mark while the RLINK is down; override lets them pass")
    func latency() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.upToDate("london", "seattle")
            try await set(trio, "latencyprot=fail", "latency_high_mark=10", "latency_low_mark=5")
            try await trio.partition("london", "seattle")
            let opened = try trio.open("london")
            var refusal: Refusal?
            for block in 0..<20 {
                if case .io(let failure) = await opened.write(at: UInt64(block) * 4096, 1) {
                    refusal = failure
                    break
                }
            }
            #expect(refusal?.code == .linkDisconnected && refusal?.message.contains("latencyprot") == true)
            try await set(trio, "latencyprot=override")
            #expect(await opened.write(at: 0, 2, durably: true) == nil)
            opened.session.close()
            try await trio.partition("london", "seattle", false)
            try await trio.upToDate("london", "seattle")
            try await trio.sameBytes("london", "seattle")
        }
    }
}
