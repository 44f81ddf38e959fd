import Foundation
import HomewardCLI
import HomewardCore
import HomewardRunbooks
import Testing

@Suite(.timeLimit(.minutes(1)))
struct SiteFolderTests {
    private func withFolder(_ body: (String, SiteFolder) throws -> Void) throws {
        let path = "/tmp/hws-\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path, SiteFolder(environment: ["HOMEWARD_CONFIG": path]))
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    private func code(_ body: () throws -> Void) -> RefusalCode? {
        do { try body() } catch { return (error as? Refusal)?.code }
        return nil
    }

    @Test("the site file is the one named, else that of the environment, else site.lua of the folder, else none")
    func siteFile() throws {
        try withFolder { path, site in
            #expect(try site.site(nil) == nil)
            #expect(code { _ = try site.site("\(path)/none.lua") } == .ioError)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try write("return { usual = 1 }", "\(path)/site.lua")
            #expect(try site.site(nil)?.source == "return { usual = 1 }")
            try write("return { named = 1 }", "\(path)/other.lua")
            let environment = ["HOMEWARD_CONFIG": path, "HOMEWARD_SITE": "\(path)/other.lua"]
            #expect(try SiteFolder(environment: environment).site(nil)?.source == "return { named = 1 }")
        }
    }
}
