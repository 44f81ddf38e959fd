import Foundation
import HomewardCLI
import HomewardCore
import LuaHost
import Testing

@Suite("host.lua", .timeLimit(.minutes(1)))
struct HostConfigurationTests {
    private func parse(_ text: String) throws(Refusal) -> HostConfiguration {
        try HostConfiguration.parse(source: Array(text.utf8), path: "/etc/homeward/host.lua")
    }

    private let whole = """
        -- host.lua
        return {
          name = "seattle",
          directory = "/var/lib/homeward",
          listen = "127.0.0.1:7110",
          peers = { london = "127.0.0.1:7111", tokyo = "127.0.0.1:7112" },
        }
        """

    @Test("the example of the documentation is read")
    func example() throws {
        let expected = HostConfiguration(
            name: "seattle",
            directory: "/var/lib/homeward",
            listen: "127.0.0.1:7110",
            peers: ["london": "127.0.0.1:7111", "tokyo": "127.0.0.1:7112"]
        )
        #expect(try parse(whole) == expected)
    }

    @Test(
        "a relative directory is meant from the file's folder, a host may have no peers",
        arguments: [
            ("data", "/etc/homeward/data"), ("../x/./y", "/etc/x/y"), (".", "/etc/homeward"), ("/a/../b", "/b"),
        ]
    )
    func directory(written: String, meant: String) throws {
        let configuration = try parse(#"return { name = "a", directory = "\#(written)", listen = "[::1]:0" }"#)
        #expect(configuration.directory == meant)
        #expect(configuration.peers.isEmpty)
    }

    @Test(
        "what is wrong is named with file, key, value and what is expected",
        arguments: [
            (#"name = "seattle","#, "", "name is nothing, expected is a name"),
            (#""seattle""#, "7", "name is the number 7, expected is a name"),
            (#""seattle""#, #""-x""#, "name: the name \"-x\""),
            (#""seattle""#, #""a b""#, "name: the name \"a b\""),
            (#""127.0.0.1:7110""#, "{}", "listen is a table, expected is an address"),
            (#""127.0.0.1:7110""#, #""127.0.0.1""#, "listen: the address \"127.0.0.1\" has no port"),
            (#""/var/lib/homeward""#, "true", "directory is the boolean true"),
            ("london =", "seattle =", "peers.seattle names this host itself"),
            (#"{ london = "127.0.0.1:7111", tokyo = "127.0.0.1:7112" }"#, #"{ "127.0.0.1:7111" }"#, "peers is a table"),
            (#""127.0.0.1:7112""#, "7112", "peers.tokyo is the number 7112, expected is an address"),
            (#""127.0.0.1:7112""#, #""127.0.0.1:0""#, "expected is an address with a port other than 0"),
            ("tokyo =", "['to kyo'] =", "peers.to kyo: the name"),
            ("name =", "name == ", "/etc/homeward/host.lua:3: "),
            ("-- host.lua", "do return 3 end --", "the file returns the number 3"),
            ("-- host.lua", "while true do local s = {} end --", "[cpu-limit]"),
        ]
    )
    func wrong(old: String, new: String, message: String) throws {
        let text = whole.replacingOccurrences(of: old, with: new)
        #expect(text != whole)
        let refusal = #expect(throws: Refusal.self) {
            try HostConfiguration.parse(
                source: Array(text.utf8),
                path: "/etc/homeward/host.lua",
                limits: .init(cpuSeconds: 0.05)
            )
        }
        #expect(refusal?.code == .badConfiguration)
        #expect(refusal?.object == "/etc/homeward/host.lua")
        #expect(refusal?.message.contains(message) == true, "\(refusal?.message ?? "")")
    }

    @Test("an address of another machine is refused as not-loopback, naming its key")
    func loopback() {
        let text = whole.replacingOccurrences(of: "127.0.0.1:7112", with: "10.0.0.7:7112")
        let refusal = #expect(throws: Refusal.self) { try parse(text) }
        #expect(refusal?.code == .notLoopback)
        #expect(refusal?.message.hasPrefix("peers.tokyo: ") == true)
    }

    @Test(
        "an unknown key is refused, with the name that was probably meant",
        arguments: [("listne", "did you mean listen?"), ("Peers", "did you mean peers?"), ("zzz", "the keys are name")]
    )
    func unknownKeys(key: String, hint: String) {
        let refusal = #expect(throws: Refusal.self) { try parse("return { \(key) = 1 }") }
        #expect(refusal?.code == .badConfiguration)
        #expect(refusal?.message == "the key \(key) is unknown")
        #expect(refusal?.hint.hasPrefix(hint) == true)
    }

    @Test("a file is read from disk, and one that is not there is named")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("host.lua")
        try Data(#"return { name = "a", directory = "d", listen = "localhost:1" }"#.utf8).write(to: file)
        #expect(try HostConfiguration(path: file.path).directory.hasSuffix("\(folder.lastPathComponent)/d"))
        let missing = folder.appendingPathComponent("other.lua").path
        let refusal = #expect(throws: Refusal.self) { try HostConfiguration(path: missing) }
        #expect(refusal?.object.hasSuffix("other.lua") == true)
    }

    @Test("a pipe, a device and a folder are refused, neither waited for nor read")
    func strangeFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let pipe = folder.appendingPathComponent("pipe").path
        try #require(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, "/dev/zero", folder.path] {
            let refusal = #expect(throws: Refusal.self) { try HostConfiguration(path: path) }
            #expect(refusal?.code == .ioError && refusal?.message == "\(path) cannot be read")
        }
    }

    @Test(
        "edits are counted as a typist makes them",
        arguments: [("", "", 0), ("a", "", 1), ("listne", "listen", 1), ("abc", "abd", 1), ("kitten", "sitting", 3)]
    )
    func distance(left: String, right: String, edits: Int) {
        #expect(Spelling.distance(left, right) == edits)
        #expect(Spelling.distance(right, left) == edits)
    }
}
