import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost
import Testing

/// Every verb of every class asks for what the command line would ask for.
@Suite("The verbs of scripts", .timeLimit(.minutes(2)))
struct VerbTests {
    private static let rvg = RVGReference(diskGroup: "hrdg", rvg: "hr_rvg")
    private static let link = RLinkReference(diskGroup: "hrdg", rlink: "rlk_a")

    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var request: Request
        var target: ScriptTarget
        /// What a plan notes; nil of a verb that only looks.
        var planned: String?
        var testDescription: String { text }

        init(_ text: String, _ request: Request, _ target: ScriptTarget, _ planned: String? = nil) {
            self.text = text
            self.request = request
            self.target = target
            self.planned = planned
        }
    }

    private static let seattle = ScriptTarget.host("seattle")
    private static let here = #"hw.host("seattle"):rvg("hrdg", "hr_rvg")"#
    private static let rds = #"hw.rds("hrdg", "hr_rvg")"#

    static let hosts: [Case] = [
        Case(#"hw.host("seattle"):status()"#, .hostStatus, seattle),
        Case(#"hw.host("seattle"):volumes()"#, .listVolumes(diskGroup: nil), seattle),
        Case(#"hw.daemon()"#, .hostStatus, .any),
        Case(#"hw.status()"#, .describe(diskGroup: nil, rvgs: []), .any),
        Case(
            #"hw.host("seattle"):dg("hrdg"):create()"#,
            .createDiskGroup(name: "hrdg"),
            seattle,
            "seattle # homeward dg create hrdg"
        ),
        Case(#"hw.host("seattle"):dg("hrdg"):volumes()"#, .listVolumes(diskGroup: "hrdg"), seattle),
        Case(
            #"hw.host("seattle"):volume("hrdg", "a"):create{ file = "/srv/a", size = "64M" }"#,
            .createVolume(diskGroup: "hrdg", volume: "a", path: "/srv/a", isDevice: false, size: 1 << 26),
            seattle,
            "seattle # homeward vol create hrdg/a --file /srv/a --size 67108864"
        ),
        Case(
            #"hw.host("seattle"):dg("hrdg"):volume("a"):create{ device = "/dev/vdb" }"#,
            .createVolume(diskGroup: "hrdg", volume: "a", path: "/dev/vdb", isDevice: true, size: nil),
            seattle,
            "seattle # homeward vol create hrdg/a --device /dev/vdb"
        ),
        Case(
            #"hw.host("seattle"):volume("hrdg", "a"):create{ file = "/srv/a", size = 65536 }"#,
            .createVolume(diskGroup: "hrdg", volume: "a", path: "/srv/a", isDevice: false, size: 65536),
            seattle,
            "seattle # homeward vol create hrdg/a --file /srv/a --size 65536"
        ),
        Case(#"hw.host("seattle"):volume("hrdg", "a"):sum()"#, .sumVolume(diskGroup: "hrdg", volume: "a"), seattle),
        Case(#"hw.host("seattle"):volume("hrdg", "a"):sha256()"#, .sumVolume(diskGroup: "hrdg", volume: "a"), seattle),
    ]

    static let groups: [Case] = [
        Case(
            "\(here):createpri({ \"a\", \"b\" }, \"srl\")",
            .createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: ["a", "b"], log: "srl"),
            seattle,
            "seattle # vradmin -g hrdg createpri hr_rvg a,b srl"
        ),
        Case(
            "\(here):makesec(\"london\")",
            .makeSecondary(rvg, newPrimary: "london", force: false),
            seattle,
            "seattle # vradmin -g hrdg makesec hr_rvg london"
        ),
        Case(
            "\(here):makesec(hw.host(\"london\"), { force = true })",
            .makeSecondary(rvg, newPrimary: "london", force: true),
            seattle,
            "seattle # vradmin -g hrdg -f makesec hr_rvg london"
        ),
        Case(
            "\(here):takeover()",
            .takeover(rvg, force: false),
            seattle,
            "seattle # vradmin -g hrdg -N takeover hr_rvg"
        ),
        Case(
            "\(here):takeover{ force = true }",
            .takeover(rvg, force: true),
            seattle,
            "seattle # vradmin -g hrdg -N -f takeover hr_rvg"
        ),
        Case("\(here):delpri()", .deletePrimary(rvg, force: false), seattle, "seattle # vradmin -g hrdg delpri hr_rvg"),
        Case("\(here):start()", .startRVG(rvg, force: false), seattle, "seattle # vxrvg -g hrdg start hr_rvg"),
        Case(
            "\(here):start{ force = true }",
            .startRVG(rvg, force: true),
            seattle,
            "seattle # vxrvg -g hrdg -f start hr_rvg"
        ),
        Case("\(here):stop()", .stopRVG(rvg), seattle, "seattle # vxrvg -g hrdg stop hr_rvg"),
        Case("\(here):status()", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"]), seattle),
        Case(
            "\(here):checkstart(\"c1\")",
            .checkStart(rvg, name: "c1"),
            seattle,
            "seattle # vxrvg -g hrdg -c c1 checkstart hr_rvg"
        ),
        Case("\(here):checkend()", .checkEnd(rvg), seattle, "seattle # vxrvg -g hrdg checkend hr_rvg"),
        Case(
            "\(here):checkdelete(\"c1\")",
            .checkDelete(rvg, name: "c1"),
            seattle,
            "seattle # vxrvg -g hrdg -c c1 checkdelete hr_rvg"
        ),
        Case("\(here):cplist()", .listCheckpoints(rvg), seattle),
        Case(
            "\(here):checkpoint(\"c1\"):start()",
            .checkStart(rvg, name: "c1"),
            seattle,
            "seattle # vxrvg -g hrdg -c c1 checkstart hr_rvg"
        ),
        Case(
            "hw.host(\"seattle\"):rvg(\"hr_rvg\"):stop()",
            .stopRVG(RVGReference(rvg: "hr_rvg")),
            seattle,
            "seattle # vxrvg stop hr_rvg"
        ),
    ]

    private static let asked = ScriptTarget.rds(rvg)

    static let sets: [Case] = [
        Case("\(rds):status()", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"]), asked),
        Case(
            "hw.rds(\"hr_rvg\"):status()",
            .describe(diskGroup: nil, rvgs: ["hr_rvg"]),
            .rds(RVGReference(rvg: "hr_rvg"))
        ),
        Case("\(rds):repstatus()", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"]), asked),
        Case(
            "\(rds):addsec(\"seattle\", \"london\")",
            .addSecondary(rvg, primary: "seattle", secondary: "london", secondaryDiskGroup: nil, attributes: []),
            asked,
            "vradmin -g hrdg addsec hr_rvg seattle london"
        ),
        Case(
            """
            \(rds):addsec("seattle", "london", { secondary_dg = "dg2",
              attributes = { synchronous = "override", latency_high_mark = 9 } })
            """,
            .addSecondary(
                rvg,
                primary: "seattle",
                secondary: "london",
                secondaryDiskGroup: "dg2",
                attributes: [
                    Attribute(name: "latency_high_mark", value: "9"), Attribute(name: "synchronous", value: "override"),
                ]
            ),
            asked,
            "vradmin -g hrdg -sdg dg2 addsec hr_rvg seattle london latency_high_mark=9 synchronous=override"
        ),
        Case("\(rds):delsec()", .deleteSecondary(rvg, secondary: nil), asked, "vradmin -g hrdg delsec hr_rvg"),
        Case("\(rds):delpri()", .deletePrimary(rvg, force: false), asked, "vradmin -g hrdg delpri hr_rvg"),
        Case(
            "\(rds):set({ bandwidth_limit = \"30mbps\" }, \"london\")",
            .setAttributes(
                rvg,
                secondary: "london",
                attributes: [Attribute(name: "bandwidth_limit", value: "30mbps")]
            ),
            asked,
            "vradmin -g hrdg set hr_rvg london bandwidth_limit=30mbps"
        ),
        Case(
            "\(rds):startrep(\"seattle\", { checkpoint = \"c1\" })",
            .startReplication(rvg, secondary: "seattle", how: .checkpoint("c1"), consent: false),
            asked,
            "vradmin -g hrdg -c c1 startrep hr_rvg seattle"
        ),
        Case(
            "\(rds):startrep(nil, { identical = true, consent = true })",
            .startReplication(rvg, secondary: nil, how: .identical, consent: true),
            asked,
            "vradmin -g hrdg -f -s startrep hr_rvg"
        ),
        Case(
            "\(rds):stoprep(hw.host(\"tokyo\"), { force = true })",
            .stopReplication(rvg, secondary: "tokyo", force: true, consent: true),
            asked,
            "vradmin -g hrdg -f stoprep hr_rvg tokyo"
        ),
        Case(
            "\(rds):pauserep(\"tokyo\")",
            .pauseReplication(rvg, secondary: "tokyo"),
            asked,
            "vradmin -g hrdg pauserep hr_rvg tokyo"
        ),
        Case(
            "\(rds):resumerep()",
            .resumeReplication(rvg, secondary: nil),
            asked,
            "vradmin -g hrdg resumerep hr_rvg"
        ),
        Case(
            "\(rds):syncrvg(\"seattle\", { checkpoint = \"checkpt_presync\" })",
            .synchronize(
                rvg,
                secondaries: ["seattle"],
                checkpoint: "checkpt_presync",
                full: false,
                force: false,
                consent: false
            ),
            asked,
            "vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle"
        ),
        Case(
            """
            \(rds):syncrvg({ "seattle", hw.host("tokyo") },
              { checkpoint = "c1", full = true, force = true, consent = true, on_progress = function() end })
            """,
            .synchronize(
                rvg,
                secondaries: ["seattle", "tokyo"],
                checkpoint: "c1",
                full: true,
                force: true,
                consent: true
            ),
            asked,
            "vradmin -g hrdg -c c1 -full -f -s syncrvg hr_rvg seattle tokyo"
        ),
        Case(
            "\(rds):verify(\"tokyo\")",
            .verify(rvg, secondaries: ["tokyo"], consent: true),
            asked,
            "vradmin -g hrdg -verify syncrvg hr_rvg tokyo"
        ),
        Case(
            "\(rds):migrate(\"seattle\")",
            .migrate(rvg, to: "seattle", consent: true),
            asked,
            "vradmin -g hrdg migrate hr_rvg seattle"
        ),
        Case(
            "\(rds):checkdelete(\"c1\")",
            .checkDelete(rvg, name: "c1"),
            .primary(rvg),
            "vxrvg -g hrdg -c c1 checkdelete hr_rvg"
        ),
        Case("\(rds):cplist()", .listCheckpoints(rvg), .primary(rvg)),
        Case("\(rds):checkpoint(\"c1\"):info()", .listCheckpoints(rvg), .primary(rvg)),
        Case("\(rds):on(\"seattle\"):stop()", .stopRVG(rvg), seattle, "seattle # vxrvg -g hrdg stop hr_rvg"),
    ]

    private static let rlink = #"hw.host("seattle"):rlink("hrdg", "rlk_a")"#

    static let links: [Case] = [
        Case("\(rlink):status()", .linkStatus(link), seattle),
        Case("\(rlink):updates()", .linkUpdates(link), seattle),
        Case("\(rlink):cplist()", .listLinkCheckpoints(link), seattle),
        Case("\(rlink):pause()", .pauseLink(link), seattle, "seattle # vxrlink -g hrdg pause rlk_a"),
        Case("\(rlink):resume()", .resumeLink(link), seattle, "seattle # vxrlink -g hrdg resume rlk_a"),
        Case("\(rlink):det()", .detachLink(link), seattle, "seattle # vxrlink -g hrdg det rlk_a"),
        Case(
            "\(rlink):att{ checkpoint = \"c1\" }",
            .attachLink(link, how: .checkpoint("c1"), consent: false),
            seattle,
            "seattle # vxrlink -g hrdg -c c1 att rlk_a"
        ),
    ]

    @Test("a call asks for what the command does", arguments: hosts + groups + sets + links)
    func asks(_ verb: Case) async throws {
        let bench = Bench()
        let result = try await bench.hw("return \(verb.text)")
        #expect(bench.hosts.requests == [FakeHosts.Asked(request: verb.request, target: verb.target)])
        #expect(result != .none)
    }

    @Test(
        "in a plan nothing is sent that changes something, and the command is noted",
        arguments: hosts + groups + sets + links
    )
    func plans(_ verb: Case) async throws {
        let bench = Bench()
        let result = try await bench.hw(
            """
            local engine = require("homeward.engine")
            engine.planning(true)
            local result = \(verb.text)
            return { result = result, commands = engine.planned(), again = #engine.planned() }
            """
        )
        #expect(result.at("again") == .integer(0))
        if let planned = verb.planned {
            #expect(bench.hosts.requests.isEmpty)
            #expect(result.at("commands.1") == .text(planned))
            #expect(result.at("commands.2") == .none)
            #expect(result.at("result.planned") == .boolean(true))
        } else {
            #expect(bench.hosts.requests.count == 1)
            #expect(result.at("commands.1") == .none)
        }
    }

    @Test(
        "wrong arguments are refused by name, and nobody is asked",
        arguments: [
            (#"hw.host()"#, "name"), (#"hw.host("")"#, "empty"), (#"hw.rds()"#, "dg"),
            (#"hw.rds("hrdg", "")"#, "empty"),
            ("\(rds):startrep(\"seattle\")", "options"), ("\(rds):startrep(\"seattle\", {})", "exactly one"),
            ("\(rds):startrep(\"seattle\", { checkpoint = \"c\", identical = true })", "exactly one"),
            ("\(rds):syncrvg(\"seattle\", { chekpoint = \"c\" })", "chekpoint"),
            ("\(rds):syncrvg(\"seattle\", {})", "checkpoint"),
            ("\(rds):syncrvg({}, { checkpoint = \"c\" })", "Secondaries"),
            ("\(rds):syncrvg(\"seattle\", { checkpoint = 7 })", "checkpoint"),
            ("\(rds):set{}", "attribute"), ("\(rds):set{ synchronous = \"of\" }", "synchronous"),
            ("\(rds):migrate(7)", "to"), ("\(here):makesec()", "new_primary"),
            ("\(here):makesec(\"london\", { forc = true })", "forc"), ("\(here):createpri({}, \"srl\")", "empty"),
            ("\(here):checkstart()", "name"), (#"hw.host("a"):volume("hrdg")"#, "volume"),
            (#"hw.host("a"):volume("hrdg", "v"):create{}"#, "file"),
            (#"hw.host("a"):volume("hrdg", "v"):create{ file = "x", size = "much" }"#, "much"),
            (#"hw.sh{}"#, "program"), (#"hw.sh{ "ls", timeout = 0 }"#, "timeout"),
            (#"hw.sh{ "ls", tmeout = 1 }"#, "tmeout"),
            (#"hw.sh{ "ls", env = { 1 } }"#, "env"), (#"hw.sh{ "ls", {} }"#, "word 2"), (#"hw.sh("ls")"#, "command"),
            (#"hw.fail{ message = "x" }"#, "code"),
        ]
    )
    func wrong(text: String, word: String) async throws {
        let bench = Bench()
        let error = await #expect(throws: LuaError.self) { try await bench.hw("return \(text)") }
        let code = error?.code.rawValue ?? ""
        #expect(code == "bad-argument" || code == "bad-size", "\(error?.description ?? "")")
        let told = "\(error?.message ?? "") \(error?.hint ?? "")"
        #expect(told.contains(word), "\(told)")
        #expect(bench.hosts.requests.isEmpty)
    }

    @Test("every request that can be typed is asked by some verb")
    func complete() {
        let names = Set(
            (Self.hosts + Self.groups + Self.sets + Self.links).map { "\($0.request)".prefix { $0 != "(" } }
        )
        let all: [Substring] = [
            "createDiskGroup", "createVolume", "listVolumes", "sumVolume", "createPrimary", "addSecondary",
            "deleteSecondary", "deletePrimary", "startReplication", "stopReplication", "pauseReplication",
            "resumeReplication", "synchronize", "verify", "takeover", "makeSecondary", "migrate", "describe",
            "setAttributes", "checkStart", "checkEnd", "checkDelete", "listCheckpoints", "startRVG", "stopRVG",
            "linkStatus", "linkUpdates", "pauseLink", "resumeLink", "attachLink", "detachLink", "listLinkCheckpoints",
            "hostStatus",
        ]
        #expect(Set(all).subtracting(names).isEmpty)
    }
}
