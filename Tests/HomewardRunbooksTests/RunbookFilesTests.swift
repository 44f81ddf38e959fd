import Foundation
import HomewardCore
import HomewardRunbooks
import HomewardScripts
import LuaHost
import Testing

@Suite("Runbooks as files", .timeLimit(.minutes(1)))
struct RunbookFilesTests {
    private let folder: String
    private var files: RunbookFiles { RunbookFiles(configuration: "\(folder)/etc") }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("files-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: "\(folder)/sub", withIntermediateDirectories: true)
    }

    private func write(_ text: String, _ path: String) throws {
        try text.write(toFile: "\(folder)/\(path)", atomically: false, encoding: .utf8)
    }

    private func code(_ body: () throws -> Void) -> RefusalCode? {
        #expect(throws: Refusal.self) { try body() }?.code
    }

    @Test("a file is loaded by its path, with the SHA-256 of its text")
    func path() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("abc", "our.lua")
        let text = try files.load("\(folder)/our.lua")
        #expect(text.name == "our")
        #expect(text.chunk == "\(folder)/our.lua")
        #expect(text.source == "abc")
        #expect(text.folder == folder)
        #expect(text.revision == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(code { _ = try files.load("\(folder)/no.lua") } == .unknownRunbook)
        #expect(code { _ = try files.load("\(folder)/") } == .ioError)
        #expect(code { _ = try files.load("no-such-runbook") } == .unknownRunbook)
        #expect(code { _ = try files.load("../our") } == .unknownRunbook)
        try Data([0x2D, 0xFF]).write(to: URL(fileURLWithPath: "\(folder)/bad.lua"))
        #expect(code { _ = try files.load("\(folder)/bad.lua") } == .badFormat)
    }

    @Test("a copy lies in the site's folder, is listed and loaded by its name, and is never written over")
    func copies() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("-- ours", "our.lua")
        let file = try files.copy("\(folder)/our.lua", as: "our-failback")
        #expect(file == "\(folder)/etc/runbooks/our-failback.lua")
        #expect(try files.load("our-failback").source == "-- ours")
        #expect(try files.load("our-failback").origin.hasSuffix("our-failback.lua"))
        #expect(try files.list().contains(RunbookFiles.Entry(name: "our-failback", file: file)))
        try write("-- other", "our.lua")
        #expect(code { _ = try files.copy("\(folder)/our.lua", as: "our-failback") } == .nameInUse)
        #expect(try files.load("our-failback").source == "-- ours")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/etc/runbooks").count == 1)
        for name in ["", "Our", "a b", "../x", "a--b", "-a", String(repeating: "a", count: 65)] {
            #expect(code { _ = try files.copy("\(folder)/our.lua", as: name) } == .badName, "\(name)")
        }
        #expect(code { _ = try files.copy("no-such", as: "x") } == .unknownRunbook)
    }

    @Test("what is bundled is listed and loaded, and its names are taken")
    func bundled() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let names = try files.list().map(\.name)
        #expect(names == BundledScripts.runbooks.sorted())
        for name in names {
            let text = try files.load(name)
            #expect(text.origin == "bundled")
            #expect(text.folder == nil)
            #expect(code { _ = try files.copy(name, as: name) } == .nameInUse)
        }
    }

    @Test("the configuration folder")
    func configuration() {
        let folder = RunbookFiles.configurationFolder(environment:)
        #expect(folder(["HOMEWARD_CONFIG": "/a", "XDG_CONFIG_HOME": "/b", "HOME": "/c"]) == "/a")
        #expect(folder(["HOMEWARD_CONFIG": "", "XDG_CONFIG_HOME": "/b", "HOME": "/c"]) == "/b/homeward")
        #expect(folder(["HOME": "/c"]) == "/c/.config/homeward")
    }

    @Test("require finds what is bundled first, then what is beside the script, and nothing outside")
    func modules() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: "\(folder)/sub/homeward", withIntermediateDirectories: true)
        try write("return 1", "sub/site.lua")
        try write("return 2", "sub/homeward/runbook.lua")
        try write("return 3", "secret.lua")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder)/sub/out.lua",
            withDestinationPath: "../secret.lua"
        )
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/sub/in.lua", withDestinationPath: "site.lua")
        func text(_ name: String) throws -> String? {
            try ScriptWorld.source(name, folder: "\(folder)/sub").map { String(decoding: $0.text, as: UTF8.self) }
        }
        #expect(try text("site") == "return 1")
        #expect(try text("in") == "return 1")
        #expect(try text("homeward.runbook") == BundledScripts.text("lib/homeward/runbook.lua"))
        #expect(try text("none") == nil)
        for name in ["", "..secret", "../secret", "/etc/passwd", "a/b"] { #expect(try text(name) == nil, "\(name)") }
        let error = #expect(throws: LuaError.self) { try text("out") }
        #expect(error?.code == .unknownModule)
        #expect(try ScriptWorld.source("site", folder: nil) == nil)
    }
}
