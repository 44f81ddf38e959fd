import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import HomewardHost
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct ViewCommandTests {
    @Test("vxrvg and vxrlink print what the RVG has")
    func views() async throws {
        try await Trio.run { trio in
            try await trio.makeSet()
            try await trio.startReplication()
            try await trio.done("london", .checkStart(Trio.rvg, name: "cp"))
            let london = try trio.engine("london")
            for (line, part) in [
                ("vxrvg -g hrdg getdatavols hr_rvg", "dv01 dv02"),
                ("vxrvg -g hrdg -1 getdatavols hr_rvg", "dv01\ndv02"),
                ("vxrvg -g hrdg getrlinks hr_rvg", "rlk_seattle_hr_rvg"), ("vxrvg -g hrdg cplist hr_rvg", "cp"),
                ("vxrlink -g hrdg status rlk_seattle_hr_rvg", "rlk_seattle_hr_rvg"),
                ("vradmin -g hrdg printrvg hr_rvg", "seattle"), ("vradmin -g hrdg -l repstatus hr_rvg", "seattle"),
                ("status", "london"),
            ] {
                let (exit, out, notes) = await run(line, on: london)
                #expect(exit == 0 && out.contains(part), "\(line): \(out) \(notes)")
            }
        }
    }

    private func run(_ line: String, on engine: HostEngine) async -> (Int32, String, String) {
        let said = Mutex<[String]>([])
        let noted = Mutex<[String]>([])
        let console = Console(
            out: { line in said.withLock { $0.append(line) } },
            note: { line in noted.withLock { $0.append(line) } }
        )
        let code = await HomewardCommand.run(line.split(separator: " ").map(String.init), console: console) { _ in
            { _, _ in Connection(handler: engine, host: nil) {} }
        } scripting: { options in
            ScriptContext(
                .socket(path: "/nonexistent", relay: nil),
                console: console,
                options: options,
                environment: [:]
            )
        }
        return (code, said.withLock { $0.joined(separator: "\n") }, noted.withLock { $0.joined(separator: "\n") })
    }
}
