import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Testing

/// Hosts replicate many RVGs over one connection, and each has a log of its own.
@Suite("A log that hangs", .timeLimit(.minutes(1)))
struct HungLogTests {
    private static let other = RVGReference(diskGroup: "hrdg", rvg: "other")

    /// Another RVG beside that of a trio: dv02 with a log of its own, replicated to seattle.
    private static func makeOther(_ trio: Trio) async throws {
        for name in ["london", "seattle"] {
            let path = trio.path(name, "srl2")
            let size = trio.logSize
            try await trio.ask(
                name,
                .createVolume(diskGroup: "hrdg", volume: "srl2", path: path, isDevice: false, size: size)
            )
        }
        try await trio.makeSet(of: other, volumes: ["dv02"], log: "srl2")
        try await trio.startReplication(of: other)
    }

    private static func otherStatus(_ trio: Trio) async throws -> String? {
        let link = RLinkReference(diskGroup: "hrdg", rlink: "rlk_seattle_other")
        guard case .link(let description) = try await trio.ask("london", .linkStatus(link)) else { return nil }
        return description.dataStatus
    }

    @Test("the log of one RVG on a Secondary keeps no other RVG's updates from arriving")
    func besideAnother() async throws {
        let gate = Gate()
        let wrap: @Sendable (FileDevice) -> any BlockDevice = { device in
            guard device.name.hasSuffix("seattle-srl") else { return device }
            return HookedDevice(device, onWrite: { try? gate.pass(device.name) })
        }
        try await Trio.run(wrapping: wrap) { trio in
            defer { gate.open() }
            try await trio.makeSet(volumes: ["dv01"])
            try await trio.startReplication()
            try await HungLogTests.makeOther(trio)
            try await trio.upToDate("london", "seattle")

            gate.arm(trio.path("seattle", "srl"))
            try await trio.write("london", at: 0, 1)
            try await trio.waitUntil("the log hangs") { gate.isHolding }
            try await trio.write("london", "dv02", at: 0, 2)
            try await trio.waitUntil("the other RVG's update is there") {
                try await HungLogTests.otherStatus(trio) == "up-to-date"
            }
            #expect(try await trio.link("london", to: "seattle").dataStatus != "up-to-date")
            gate.open()
            try await trio.upToDate("london", "seattle")
        }
    }
}
