import HomewardAdministration
import HomewardCore
import Testing

/// A Secondary whose volumes are not those of its Primary, as when one of the two was restored from an older copy.
@Suite("Volumes that differ", .timeLimit(.minutes(1)))
struct ShapeTests {
    private static let other: [[VolumeShape]] = [
        [VolumeShape(name: "dv01", size: 2 << 20)],
        [VolumeShape(name: "dv01", size: (1 << 20) - 512)],
        [VolumeShape(name: "dv09", size: 1 << 20)],
        NodeWorld.volumes + [VolumeShape(name: "dv02", size: 1 << 20)],
    ]

    private static let requests: [RVGRequest] = [
        .startReplication(NodeWorld.ids[1], how: .identical, consent: true),
        .synchronize([NodeWorld.ids[1]], checkpoint: "cp", full: false, force: false, consent: true),
        .synchronize([NodeWorld.ids[1]], checkpoint: "cp", full: true, force: true, consent: true),
        .verify([NodeWorld.ids[1]]),
    ]

    @Test("startrep, syncrvg and its -verify are refused with what each host has, and change nothing", arguments: other)
    func refused(shapes: [VolumeShape]) throws {
        for request in Self.requests {
            var world = try NodeWorld(shapes: [1: shapes])
            let before = world.nodes[1].machine.header
            let answer = world.perform(request, on: 0)
            let result = try #require(answer, "\(request)")
            let refusal = #expect(throws: Refusal.self, "\(request)") { try result.get() }
            #expect(refusal?.code == .volumeMismatch, "\(request): \(String(describing: refusal))")
            #expect(refusal?.host == "seattle", "\(request): \(String(describing: refusal))")
            #expect(refusal?.hint == "make the volumes equal in name, number and length")
            let theirs = shapes.map { "\($0.name) \($0.size)" }.joined(separator: ", ")
            #expect(refusal?.message == "volumes differ: london has dv01 1048576; seattle has \(theirs)")
            #expect(world.nodes[1].machine.header == before, "\(request)")
            #expect(world.nodes[1].participants.isEmpty && world.nodes[1].target == nil, "\(request)")
            #expect(world.nodes[0].machine.header.links.allSatisfy { $0.attachID == nil }, "\(request)")
        }
    }

    @Test("the same requests are carried out where the volumes are equal")
    func equal() throws {
        for request in Self.requests.dropLast() {
            var world = try NodeWorld()
            let answer = world.perform(request, on: 0)
            _ = try #require(answer, "\(request)").get()
        }
    }
}
