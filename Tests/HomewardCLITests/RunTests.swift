import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import Synchronization
import Testing

private let rvg = RVGReference(rvg: "r")

@Suite(.timeLimit(.minutes(1)))
struct RunTests {
    @Test(
        "the exit code tells done, refused, wrong usage and interrupted apart",
        arguments: [
            (RefusalCode?.none, Int32(0)), (.some(.notPrimary), Int32(1)), (.some(.usage), Int32(2)),
            (.some(.interrupted), Int32(130)), (.some(.daemonUnreachable), Int32(1)),
        ]
    )
    func exitCodes(_ code: RefusalCode?, _ expected: Int32) async {
        let answer = code.map { Result<Answer, Refusal>.failure(Refusal($0, "r", "m", hint: "h", host: "london")) }
        let text = await run("vradmin pauserep r", FakeHandler(answer.map { [$0] } ?? []))
        #expect(text.code == expected)
        let json = await run("vradmin pauserep r --json", FakeHandler(answer.map { [$0] } ?? []))
        #expect(json.code == expected)
        #expect(json.out.hasPrefix(#"{"error":"#) == (code != nil))
        if let code {
            #expect(text.out.isEmpty && text.notes == "london: r: m [\(code.rawValue)]\n  hint: h")
            #expect(
                json.out
                    == #"{"error":{"code":"\#(code.rawValue)","hint":"h","host":"london","message":"m","object":"r"}}"#
            )
        }
    }

    @Test(
        "lines that reach no host end with the right code",
        arguments: [
            ("vradmin resync r", Int32(1)), ("vradmin makesec r", 2), ("statsu", 2), ("vol frob", 2),
            ("vol list --frob", 2),
            ("vol create a/b", 2), ("vol create a/b --file f --device d", 2), ("vol create a/b --file f --size x", 1),
            ("vol sum a", 2), ("vol", 2), ("dg", 2), ("dg create", 2), ("run failback", 1), ("vol snapshot a/b", 1),
            ("status --watch", 1), ("exec /nonexistent/x.lua", 1), ("runs show x", 1), ("host", 1),
            ("runbooks diff x", 1),
            ("runbooks rehearse x", 1), ("run takeover --resume 7", 1), ("run", 2), ("exec", 2), ("runbooks", 2),
            ("test dir", 1), ("vxibc status r", 1), ("--host", 2), ("vradmin help", 0), ("vradmin help nothing", 2),
            ("--help", 0), ("help", 0), ("vol create --help", 0), ("vradmin --help", 0),
        ]
    )
    func withoutHost(_ line: String, _ code: Int32) async {
        let handler = FakeHandler([])
        let run = await run(line, handler)
        #expect(run.code == code, "\(run)")
        #expect(handler.asked.isEmpty)
        #expect(run.out.isEmpty == (code != 0))
    }

    @Test("options of every command are understood by those that parse by themselves")
    func globalOptions() {
        for line in [
            "lab status --lab", "lab status --lab=/l --json", "lab down --erase --yes", "--lab lab up",
            "serve --config host.lua --json", "serve --config host.lua -y",
        ] {
            let words = line.split(separator: " ").map(String.init)
            #expect(HomewardCommand.misunderstanding(of: words) == nil, "\(line)")
        }
        for line in ["lab status --host london", "serve --config host.lua --lab"] {
            let words = line.split(separator: " ").map(String.init)
            #expect(HomewardCommand.misunderstanding(of: words)?.code == .usage, "\(line)")
        }
    }

    @Test("homeward's own commands become requests")
    func ownCommands() async {
        let cases: [(String, Request)] = [
            ("dg create hrdg", .createDiskGroup(name: "hrdg")),
            (
                "vol create hrdg/a --file /f --size 64M",
                .createVolume(diskGroup: "hrdg", volume: "a", path: "/f", isDevice: false, size: 64 << 20)
            ),
            (
                "vol create hrdg/a --device=/dev/x",
                .createVolume(diskGroup: "hrdg", volume: "a", path: "/dev/x", isDevice: true, size: nil)
            ),
            ("vol list", .listVolumes(diskGroup: nil)), ("vol list hrdg", .listVolumes(diskGroup: "hrdg")),
            ("vol sum hrdg/a", .sumVolume(diskGroup: "hrdg", volume: "a")),
        ]
        for (line, request) in cases {
            let handler = FakeHandler([])
            _ = await run(line, handler)
            #expect(handler.asked == [request])
        }
    }

    @Test("the text of a runbook is JSON where that is asked for")
    func sourceAsJSON() async throws {
        let text = await run("runbooks show takeover --source", FakeHandler([]))
        let json = await run("runbooks show takeover --source --json", FakeHandler([]))
        #expect(text.code == 0 && json.code == 0)
        let fields = try JSONDecoder().decode([String: String].self, from: Data(json.out.utf8))
        #expect(fields["source"]?.contains("return") == true)
    }

    @Test("migrate asks on a terminal; no ends it before anything is sent")
    func questionDeclined() async {
        let handler = FakeHandler([])
        let run = await run("vradmin migrate r s", handler, yes: false)
        #expect(run.code == 1 && run.questions.count == 1 && handler.asked.isEmpty)
        #expect(run.notes.contains("[needs-consent]"))
    }

    @Test("yes to the question is the consent")
    func questionAccepted() async {
        let handler = FakeHandler([])
        let run = await run("vradmin migrate r s", handler, yes: true)
        #expect(run.code == 0 && handler.asked == [.migrate(rvg, to: "s", consent: true)])
    }

    @Test(
        "-s, --yes or nobody to ask mean yes, and the consequence is printed",
        arguments: [
            ("vradmin -s migrate r s", true), ("vradmin migrate r s --yes", true), ("vradmin migrate r s", false),
        ]
    )
    func consequence(_ line: String, _ terminal: Bool) async {
        let handler = FakeHandler([])
        let run = await run(line, handler, yes: terminal ? false : nil)
        #expect(run.questions.isEmpty && run.notes.contains("application has to be stopped"))
        #expect(handler.asked == [.migrate(rvg, to: "s", consent: true)])
    }

    @Test("a host that needs consent is asked again with it, once somebody has agreed")
    func consentOnDemand() async {
        let need = Refusal(.needsConsent, "r", "The only copy would be lost. Go on?", hint: "--yes")
        func request(_ consent: Bool) -> Request {
            .synchronize(rvg, secondaries: ["s"], checkpoint: "cp", full: false, force: false, consent: consent)
        }
        let agreed = FakeHandler([.failure(need)])
        let first = await run("vradmin -c cp syncrvg r s", agreed, yes: true)
        #expect(first.code == 0 && first.questions == [need.message])
        #expect(agreed.asked == [request(false), request(true)])
        let declined = FakeHandler([.failure(need)])
        #expect(await run("vradmin -c cp syncrvg r s", declined, yes: false).code == 1)
        #expect(declined.asked == [request(false)])
        // Without anybody to ask it is meant, and told.
        let nobody = FakeHandler([.failure(need)])
        let told = await run("vradmin -c cp syncrvg r s", nobody)
        #expect(told.questions.isEmpty && told.notes.contains(need.message))
        #expect(nobody.asked == [request(false), request(true)])
    }

    @Test("the first refusal of several requests ends the line")
    func severalRequests() async {
        let handler = FakeHandler([.failure(Refusal(.linkAttached, "a", "m", hint: "h"))])
        #expect(await run("vxrlink -f att a b", handler).code == 1)
        #expect(handler.asked.count == 1)
    }

    @Test("what was done before the refusal is told, in words and in JSON")
    func doneBeforeTheRefusal() async {
        let answers: [Result<Answer, Refusal>] = [
            .success(.done(Outcome(summary: "a is attached"))),
            .failure(Refusal(.linkAttached, "b", "m", hint: "h")),
        ]
        let text = await run("vxrlink -f att a b c", FakeHandler(answers))
        #expect(text.code == 1 && text.out.contains("a is attached"))
        #expect(text.notes == "b: m [link-attached]\n  hint: h")
        let json = await run("vxrlink -f att a b c --json", FakeHandler(answers))
        #expect(json.code == 1 && json.out.hasPrefix(#"{"error":{"code":"link-attached","#))
        #expect(json.out.contains(#","done":[{"#) && json.out.contains(#""summary":"a is attached""#))
        let alone = await run("vxrlink -f att b --json", FakeHandler([answers[1]]))
        #expect(!alone.out.contains("done"))
    }

    @Test("Ctrl-C while the host is looked for, or during a request, ends the line before the next request")
    func interrupted() async {
        for (line, whileConnecting, asked) in [
            ("vradmin -s migrate r s", true, 0), ("vxrlink -f att a b", true, 0), ("vxrlink -f att a b", false, 1),
        ] {
            let handler = InterruptedHandler()
            // A task of its own: it is the one that is cancelled.
            let connect: @Sendable (Reach, String) async throws -> Connection = { _, _ in
                if whileConnecting { withUnsafeCurrentTask { $0?.cancel() } }
                return Connection(handler: handler, host: nil) {}
            }
            let words = line.split(separator: " ").map(String.init)
            let console = Console(out: { _ in }, note: { _ in })
            let code = await Task {
                await HomewardCommand.run(words, console: console) { _ in
                    connect
                } scripting: { options in
                    Samples.scripts(console, options)
                }
            }.value
            #expect(code == 130, "\(line)")
            #expect(handler.asked.load(ordering: .acquiring) == asked, "\(line)")
        }
    }
}

/// Answers, and is interrupted meanwhile.
private final class InterruptedHandler: RequestHandler {
    let asked = Atomic(0)

    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (HomewardAdministration.Progress) -> Void
    ) async throws -> Answer {
        asked.add(1, ordering: .acquiringAndReleasing)
        withUnsafeCurrentTask { $0?.cancel() }
        return .done(Outcome(summary: "done"))
    }
}
