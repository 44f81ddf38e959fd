import HomewardAdministration
import HomewardCore
import Testing

@Suite("Reading the volumes of a Secondary")
struct SecondaryReadingTests {
    private func open(_ world: inout NodeWorld) -> RefusalCode? {
        let holder = SessionHolder(process: 1, label: "reader")
        do {
            try world.nodes[1].machine.openSession(id: 9, volume: 0, readOnly: true, holder: holder)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("one that was killed while it wrote them is read only once it is known how far they are")
    func killed() throws {
        var world = try NodeWorld()
        _ = try world.perform(.startReplication(NodeWorld.ids[1], how: .identical, consent: true), on: 0)?.get()
        world.lazy = [1]
        for _ in 0..<3 { world.write(on: 0) }
        world.pass(milliseconds: 500)
        #expect(open(&world) == nil)
        world.restart(1)
        #expect(open(&world) == .inconsistent)
        world.lazy = []
        world.connect(0, 1)
        world.pass(milliseconds: 1_000)
        #expect(open(&world) == nil)
    }
}
