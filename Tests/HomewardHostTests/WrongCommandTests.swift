import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import HomewardHost
import Synchronization
import Testing

/// Lines that must be refused by an RDS of three: seattle is up to date, dublin is detached.
private let wrong: [(host: String, line: String, code: RefusalCode)] = [
    ("london", "vradmin -g hrdg createpri hr_rvg dv01 srl", .nameInUse),
    ("london", "vradmin -g nodg createpri x dv01 srl", .unknownDiskGroup),
    ("london", "vradmin -g hrdg createpri x nov srl", .unknownVolume),
    ("london", "vradmin -g hrdg createpri x dv01 srl", .volumeInUse),
    ("london", "vradmin -g hrdg createpri a/b dv01 srl", .badName),
    ("london", "vradmin -g hrdg createpri x dv01", .usage),
    ("london", "vradmin -g hrdg createpri x dv01,,dv02 srl", .usage),
    ("london", "vradmin -g hrdg addsec hr_rvg seattle dublin", .notPrimary),
    ("london", "vradmin -g hrdg addsec hr_rvg london nowhere", .unknownHost),
    ("london", "vradmin -g hrdg addsec hr_rvg london", .usage),
    ("london", "vradmin -g hrdg delsec hr_rvg seattle", .linkAttached),
    ("london", "vradmin -g hrdg delsec hr_rvg nobody", .unknownSecondary),
    ("london", "vradmin -g hrdg -f delpri hr_rvg", .linkAttached),
    ("seattle", "vradmin -g hrdg delpri hr_rvg", .notPrimary),
    ("london", "vradmin -g hrdg -c no startrep hr_rvg dublin", .unknownCheckpoint),
    ("london", "vradmin -g hrdg startrep hr_rvg dublin", .usage),
    ("london", "vradmin -g hrdg pauserep hr_rvg dublin", .linkDetached),
    ("seattle", "vradmin -g hrdg resumerep hr_rvg dublin", .linkDetached),
    ("london", "vradmin -g hrdg pauserep hr_rvg", .ambiguous),
    ("london", "vradmin -g hrdg -c cp syncrvg hr_rvg seattle", .linkAttached),
    ("dublin", "vradmin -g hrdg -verify syncrvg hr_rvg seattle", .linkAttached),
    ("london", "vradmin -g hrdg -verify syncrvg hr_rvg dublin", .inconsistent),
    ("london", "vradmin -g hrdg migrate hr_rvg dublin", .linkDetached),
    ("london", "vradmin -g hrdg migrate hr_rvg nobody", .unknownSecondary),
    ("london", "vradmin -g hrdg -N takeover hr_rvg", .alreadyPrimary),
    ("seattle", "vradmin -g hrdg -N takeover hr_rvg", .primaryReachable),
    ("dublin", "vradmin -g hrdg -N takeover hr_rvg", .inconsistent),
    ("london", "vradmin -g hrdg makesec hr_rvg seattle", .notPrimary),
    ("london", "vradmin -g hrdg makesec hr_rvg nobody", .unknownHost),
    ("london", "vradmin -g hrdg set hr_rvg seattle synchronous=maybe", .badAttribute),
    ("london", "vradmin -g hrdg set hr_rvg seattle srlprot=dcm", .notBuiltYet),
    ("london", "vradmin -g hrdg set hr_rvg seattle latency_low_mark=20000", .badAttribute),
    ("seattle", "vradmin -g hrdg set hr_rvg seattle bandwidth_limit=x", .badAttribute),
    ("london", "vradmin -g hrdg set hr_rvg seattle", .usage),
    ("london", "vradmin -g hrdg resync hr_rvg", .notBuiltYet),
    ("london", "vradmin -g hrdg printrvg nope", .unknownRVG),
    ("london", "vradmin -g hrdg frob hr_rvg", .usage),
    ("london", "vxrvg -g hrdg checkend hr_rvg", .unknownCheckpoint),
    ("seattle", "vxrvg -g hrdg -c cp checkstart hr_rvg", .notPrimary),
    ("london", "vxrvg -g hrdg -c nope checkdelete hr_rvg", .unknownCheckpoint),
    ("london", "vxrvg -g hrdg stop nope", .unknownRVG),
    ("london", "vxrlink -g hrdg status rlk_x", .unknownRLink),
    ("london", "vxrlink -g hrdg updates rlk_seattle_hr_rvg", .notSecondary),
    ("london", "vxrlink -g hrdg pause rlk_dublin_hr_rvg", .linkDetached),
    ("london", "vol create nodg/new --file /tmp/x --size 1M", .unknownDiskGroup),
    ("london", "vol create hrdg/dv01 --file /tmp/x --size 1M", .nameInUse),
    ("london", "vol sum hrdg/nope", .unknownVolume),
    ("london", "vol list nodg", .unknownDiskGroup),
    ("london", "dg create bad/name", .badName),
    ("london", "statsu", .usage),
]

@Suite(.serialized, .timeLimit(.minutes(2)))
struct WrongCommandTests {
    @Test("wrong commands end with one code in exit status and JSON, a next command, and nothing changed")
    func walk() async throws {
        try await Trio.run(Trio.names) { trio in
            try await trio.makeSet(["seattle", "dublin"])
            try await trio.startReplication("seattle")
            try await trio.write("london", at: 0, 1)
            try await trio.upToDate("london", "seattle")
            for (host, line, code) in wrong {
                let before = try await state(trio)
                let (exit, out, _) = await run(line + " --json", on: try trio.engine(host))
                #expect(exit == (code == .usage ? 2 : 1), "\(line)")
                let (same, silence, words) = await run(line, on: try trio.engine(host))
                #expect(same == exit && silence.isEmpty, "\(line)")
                #expect(words.contains("[\(code.rawValue)]") && words.contains("\n  hint: "), "\(line): \(words)")
                let parsed = try? JSONSerialization.jsonObject(with: Data(out.utf8)) as? [String: Any]
                guard let error = parsed?["error"] as? [String: Any] else {
                    Issue.record("\(line): no error in \(out)")
                    continue
                }
                #expect(Set(error.keys) == ["code", "message", "hint", "object", "host"], "\(line)")
                #expect(error["code"] as? String == code.rawValue, "\(line): \(out)")
                for field in ["message", "hint", "object"] {
                    #expect((error[field] as? String)?.isEmpty == false, "\(line): \(field) in \(out)")
                }
                #expect(code == .usage || code == .notBuiltYet || error["host"] is String, "\(line): \(out)")
                #expect(try await state(trio) == before, "\(line)")
            }
        }
    }

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

    /// What an operator can set, of all hosts, without what moves by itself.
    private func state(_ trio: Trio) async throws -> [String] {
        var lines: [String] = []
        for host in Trio.names {
            let description = try #require(try await trio.ask(host, .hostStatus).host)
            lines.append("\(host) \(description.diskGroups)")
            for member in description.rvgs.flatMap(\.members) {
                lines.append("\(member.rvg) \(member.role) \(member.state) \(member.follows ?? "") \(member.endID)")
                lines += member.history.map { "\($0)" }
                lines += member.links.map { "\($0.name) \($0.state) \($0.settings)" }
            }
            guard case .volumes(let volumes) = try await trio.ask(host, .listVolumes(diskGroup: nil)) else { continue }
            lines += volumes.map { "\($0)" }
            guard case .checkpoints(let points) = try await trio.ask(host, .listCheckpoints(Trio.rvg)) else { continue }
            lines += points.map(\.name)
        }
        return lines
    }
}
