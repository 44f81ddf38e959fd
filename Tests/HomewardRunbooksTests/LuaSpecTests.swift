import FoundationEssentials
import HomewardScripts
import LuaHost
import Testing

/// The specs in Tests/LuaTests, run by our own host: the bundled runbooks and their library, as they are built in, against a
/// model of the hosts.
@Suite("Specs in Lua", .timeLimit(.minutes(10)))
struct LuaSpecTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let folder = "\(root)/Tests/LuaTests"

    static let specs: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix("_spec.lua") }.sorted()
    }()

    @Test("there are specs") func found() { #expect(Self.specs.count >= 5) }

    @Test("each holds", arguments: specs) func spec(_ name: String) throws {
        let run = try LuaRun(Self.world())
        let now = LuaInstant(nanoseconds: 0)
        let text = try #require(Self.read("\(Self.folder)/\(name)"), "\(name) cannot be read")
        var step = run.start(LuaSource(name: "Tests/LuaTests/\(name)", text: Array(text.utf8)), now: now)
        while case .preempted = step.state { step = run.proceed(now: now) }
        guard case .finished(let values) = step.state, case .table(let results)? = values.first,
            case .integer(let passed) = results["passed"], case .table(let failures) = results["failures"]
        else {
            Issue.record("\(name) came to no end: \(step.state)")
            return
        }
        #expect(passed > 0, "\(name) holds nothing")
        for case .table(let failure) in failures.array {
            Issue.record("\(name): \(failure["name"].text ?? ""): \(failure["message"].text ?? "")")
        }
    }

    private static func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The same on every run; nothing in a spec waits.
    private static func world() -> LuaWorld<Never> {
        LuaWorld(
            limits: LuaLimits(cpuSeconds: nil),
            seed: 1,
            source: { name throws(LuaError) in
                guard name != "texts" else { return LuaSource(name: name, text: Array(texts.utf8)) }
                let path = name.split(separator: ".").joined(separator: "/") + ".lua"
                return read("\(folder)/\(path)").map { LuaSource(name: "Tests/LuaTests/\(path)", text: Array($0.utf8)) }
            },
            output: { _ in }
        )
    }

    /// A module: texts by their paths within `scripts/`, as they are built in, and the page that explains them.
    private static let texts: String = {
        var texts = ["lib", "runbooks", "examples"].flatMap { BundledScripts.paths(in: $0) }
            .map { (path: $0, text: BundledScripts.text($0) ?? "") }
        texts.append(("README.md", read("\(root)/scripts/README.md") ?? ""))
        let entries = texts.map { "[\"\($0.path)\"] = [=====[\n\($0.text)]=====]," }
        return "return {\n\(entries.joined(separator: "\n"))\n}\n"
    }()
}
