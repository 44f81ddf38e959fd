import HomewardScripts
import Testing

@Suite("Bundled scripts", .timeLimit(.minutes(1)))
struct BundledScriptsTests {
    @Test("no file of `scripts/` is left out of the binary")
    func complete() throws {
        for path in BundledScripts.paths(in: "runbooks") {
            #expect(BundledScripts.text(path)?.isEmpty == false)
        }
        #expect(BundledScripts.text("runbooks/no-such.lua") == nil)
    }
}
