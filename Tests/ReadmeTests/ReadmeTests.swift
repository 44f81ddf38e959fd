import HomewardCLI
import HomewardCore
import LuaHost
import Testing

/// Pages whose console blocks a reader may type.
private let pages = [
    "README.md", "Tests/README.md", "scripts/README.md",
    "Sources/HomewardCore/HomewardCore.docc/Operations.md",
    "Sources/HomewardCore/HomewardCore.docc/Synchronization.md",
    "Sources/HomewardCore/HomewardCore.docc/Lineage.md",
]

@Suite(.timeLimit(.minutes(1)))
struct ReadmeTests {
    @Test("every command that a page shows is one that the program understands", arguments: pages)
    func commandsAreKnown(_ page: String) throws {
        let commands = FencedBlock.all(in: try Repository.text(page)).flatMap(\.commands)
        #expect(!commands.isEmpty || page.contains(".docc/"), "\(page) shows no command")
        for command in commands {
            var words = Self.words(command)
            // What the shell would have taken off before.
            while let first = words.first, first.contains("="), !first.hasPrefix("-") { words.removeFirst() }
            let program = words.removeFirst()
            let name = program.split(separator: "/").last.map(String.init) ?? program
            if program.hasPrefix("scripts/") {
                #expect(Repository.exists(program), "\(page): \(command)")
            } else if name == "homeward" {
                #expect(HomewardCommand.misunderstanding(of: words) == nil, "\(page): \(command)")
            } else if VVRLanguage.named(name) != nil {
                #expect(HomewardCommand.misunderstanding(of: [name] + words) == nil, "\(page): \(command)")
            }
        }
    }

    @Test("the test of the pages can tell a command that does not exist")
    func wrongCommandsAreFound() {
        #expect(HomewardCommand.misunderstanding(of: ["lab", "upp"])?.code == .usage)
        #expect(HomewardCommand.misunderstanding(of: ["vradmin", "-g", "hrdg", "makesecc", "hr_rvg"])?.code == .usage)
        #expect(HomewardCommand.misunderstanding(of: ["test", "dir"])?.code == .notBuiltYet)
    }

    @Test("what the demo is shown to print fits a screen of 40 lines and 100 columns")
    func demoFitsAScreen() throws {
        let blocks = FencedBlock.all(in: try Repository.text("README.md"))
        let demo = try #require(blocks.first { $0.commands.first == "scripts/demo" })
        #expect(demo.lines.count <= 41, "one line more than it prints: the command itself")
        #expect(demo.lines.allSatisfy { $0.count <= 100 })
        #expect(demo.lines.contains { $0.contains("identical on seattle, london, tokyo") })
    }

    @Test("the configuration that README shows is one that the daemon accepts, and its scripts are Lua of ours")
    func luaIsAccepted() throws {
        let lua = FencedBlock.all(in: try Repository.text("README.md")).filter { $0.language == "lua" }
        let configurations = lua.filter { $0.lines.first == "-- host.lua" }
        #expect(!configurations.isEmpty)
        for block in lua {
            let source = Array(block.lines.joined(separator: "\n").utf8)
            guard !configurations.contains(where: { $0.lines == block.lines }) else {
                #expect(throws: Never.self) {
                    try HostConfiguration.parse(source: source, path: "/etc/homeward/host.lua")
                }
                continue
            }
            let globals = try LuaChunk.globals(of: LuaSource(name: "README.md", text: source))
            #expect(globals.map(\.name) == ["require"], "what a script uses it has declared")
        }
    }

    @Test("the site files and the runbook that the page on scripts shows are Lua of ours")
    func scriptsAreAccepted() throws {
        let lua = FencedBlock.all(in: try Repository.text("scripts/README.md")).filter { $0.language == "lua" }
        #expect(lua.count == 3)
        for block in lua {
            let source = LuaSource(name: "scripts/README.md", text: Array(block.lines.joined(separator: "\n").utf8))
            // A site file is given the module.
            let known: Set = ["require", "hw", "ipairs"]
            #expect(Set(try LuaChunk.globals(of: source).map(\.name)).isSubset(of: known))
        }
    }

    @Test("every file that the map of the sources names is there")
    func mapNamesFiles() throws {
        let files = try Set(["Sources", "scripts"].flatMap { try Repository.files(below: $0, ending: "") })
        let names = try Repository.text("Sources/README.md").matches(of: /`([\w\/+]+\.(?:swift|lua|c))`/)
        #expect(names.count > 40)
        // The configuration of a host, and any runbook, are none of the sources.
        for name in names.map({ String($0.output.1) }) where !["host.lua", "scripts/runbooks/NAME.lua"].contains(name) {
            #expect(files.contains { $0 == name || $0.hasSuffix("/\(name)") }, "\(name)")
        }
    }

    @Test("no link of a page leads to a file that is not there", arguments: pages + ["Sources/README.md"])
    func linksLeadSomewhere(_ page: String) throws {
        let folder = page.split(separator: "/").dropLast().joined(separator: "/")
        for link in try Repository.text(page).matches(of: /\]\(([^)#\s]+)/) {
            let target = String(link.output.1)
            guard !target.hasPrefix("http"), !target.hasPrefix("doc:") else { continue }
            #expect(Repository.exists(folder.isEmpty ? target : "\(folder)/\(target)"), "\(page): \(target)")
        }
    }

    /// The words of the first command of a line, as far as the pages use the shell's language.
    private static func words(_ line: String) -> [String] {
        let words = line.split(separator: " ").map(String.init)
        return Array(words.prefix { !["|", "&", "&&", ">", ";", "#"].contains($0) })
    }
}
