import HomewardAdministration
import HomewardCLI
import HomewardCore
import Testing

private let rvg = RVGReference(diskGroup: "hrdg", rvg: "hr_rvg")
private let bare = RVGReference(rvg: "hr_rvg")
private let link = RLinkReference(diskGroup: "hrdg", rlink: "rlk_tokyo_hr_rvg")

/// A line and the request it is to become.
struct ParseCase: Sendable, CustomTestStringConvertible {
    var line: String
    var request: Request
    var testDescription: String { line }

    init(_ line: String, _ request: Request) {
        self.line = line
        self.request = request
    }
}

func parse(_ line: String) -> Result<Plan, Refusal> {
    let words = line.split(separator: " ").map(String.init)
    guard case .success((_, let rest)) = GlobalOptions.extract(from: words), let language = VVRLanguage.named(rest[0])
    else {
        return .failure(Refusal(.usage, line, "no language", hint: "-"))
    }
    return language.parse(Array(rest.dropFirst()))
}

func inquiry(_ line: String) throws -> Inquiry? {
    guard case .ask(let inquiry) = try parse(line).get() else { return nil }
    return inquiry
}

func refused(_ line: String) -> Refusal? {
    guard case .failure(let refusal) = parse(line) else { return nil }
    return refusal
}

@Suite(.timeLimit(.minutes(1)))
struct ParseTests {
    static let cases: [ParseCase] = [
        .init(
            "vradmin -g hrdg -nodcm createpri hr_rvg a,b hr_srl",
            .createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: ["a", "b"], log: "hr_srl")
        ),
        .init(
            "vradmin -g hrdg -sdg dg2 addsec hr_rvg seattle london srlprot=override synchronous=off",
            .addSecondary(
                rvg,
                primary: "seattle",
                secondary: "london",
                secondaryDiskGroup: "dg2",
                attributes: [
                    Attribute(name: "srlprot", value: "override"), Attribute(name: "synchronous", value: "off"),
                ]
            )
        ),
        .init(
            "vradmin -g hrdg -c checkpt_presync startrep hr_rvg seattle",
            .startReplication(rvg, secondary: "seattle", how: .checkpoint("checkpt_presync"), consent: false)
        ),
        .init(
            "vradmin -g hrdg -f -s startrep hr_rvg",
            .startReplication(rvg, secondary: nil, how: .identical, consent: true)
        ),
        .init(
            "vradmin -g hrdg -f -s stoprep hr_rvg tokyo",
            .stopReplication(rvg, secondary: "tokyo", force: true, consent: true)
        ),
        .init("vradmin -g hrdg pauserep hr_rvg", .pauseReplication(rvg, secondary: nil)),
        .init("vradmin -g hrdg resumerep hr_rvg tokyo", .resumeReplication(rvg, secondary: "tokyo")),
        .init(
            "vradmin -g hrdg -c cp -full syncrvg hr_rvg seattle tokyo",
            .synchronize(
                rvg,
                secondaries: ["seattle", "tokyo"],
                checkpoint: "cp",
                full: true,
                force: false,
                consent: false
            )
        ),
        .init("vradmin -g hrdg -verify syncrvg hr_rvg tokyo", .verify(rvg, secondaries: ["tokyo"], consent: false)),
        .init("vradmin -g hrdg -N takeover hr_rvg", .takeover(rvg, force: false)),
        .init("vradmin -g hrdg -N -f takeover hr_rvg", .takeover(rvg, force: true)),
        .init("vradmin -g hrdg makesec hr_rvg london", .makeSecondary(rvg, newPrimary: "london", force: false)),
        .init("vradmin -g hrdg -f makesec hr_rvg london", .makeSecondary(rvg, newPrimary: "london", force: true)),
        .init("vradmin -g hrdg migrate hr_rvg seattle", .migrate(rvg, to: "seattle", consent: false)),
        .init("vradmin -g hrdg -l printrvg", .describe(diskGroup: "hrdg", rvgs: [])),
        .init("vradmin -g hrdg printvol hr_rvg", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"])),
        .init("vradmin -g hrdg -l repstatus hr_rvg", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"])),
        .init(
            "vradmin -g hrdg set hr_rvg tokyo bandwidth_limit=30mbps",
            .setAttributes(rvg, secondary: "tokyo", attributes: [Attribute(name: "bandwidth_limit", value: "30mbps")])
        ),
        .init(
            "vradmin -g hrdg set hr_rvg srlprot=off",
            .setAttributes(rvg, secondary: nil, attributes: [Attribute(name: "srlprot", value: "off")])
        ),
        .init("vradmin -g hrdg delsec hr_rvg tokyo", .deleteSecondary(rvg, secondary: "tokyo")),
        .init("vradmin -g hrdg -f delpri hr_rvg", .deletePrimary(rvg, force: true)),
        .init("vxrvg -g hrdg -c cp checkstart hr_rvg", .checkStart(rvg, name: "cp")),
        .init("vxrvg -g hrdg checkend hr_rvg", .checkEnd(rvg)),
        .init("vxrvg -g hrdg -c cp checkdelete hr_rvg", .checkDelete(rvg, name: "cp")),
        .init("vxrvg -g hrdg cplist hr_rvg", .listCheckpoints(rvg)),
        .init("vxrvg -g hrdg -f start hr_rvg", .startRVG(rvg, force: true)),
        .init("vxrvg -g hrdg stop hr_rvg", .stopRVG(rvg)),
        .init("vxrvg -g hrdg -1 getdatavols hr_rvg", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"])),
        .init("vxrvg -g hrdg getrlinks hr_rvg", .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"])),
        .init("vxrlink -g hrdg -T status rlk_tokyo_hr_rvg", .linkStatus(link)),
        .init("vxrlink -g hrdg -T updates rlk_tokyo_hr_rvg", .linkUpdates(link)),
        .init("vxrlink -g hrdg pause rlk_tokyo_hr_rvg", .pauseLink(link)),
        .init("vxrlink -g hrdg resume rlk_tokyo_hr_rvg", .resumeLink(link)),
        .init(
            "vxrlink -g hrdg -c cp att rlk_tokyo_hr_rvg",
            .attachLink(link, how: .checkpoint("cp"), consent: false)
        ),
        .init("vxrlink -g hrdg -f att rlk_tokyo_hr_rvg", .attachLink(link, how: .identical, consent: false)),
        .init("vxrlink -g hrdg det rlk_tokyo_hr_rvg", .detachLink(link)),
        .init("vxrlink -g hrdg cplist rlk_tokyo_hr_rvg", .listLinkCheckpoints(link)),
    ]

    @Test("each synopsis becomes its request", arguments: cases)
    func synopsis(_ item: ParseCase) throws {
        #expect(try inquiry(item.line)?.requests == [item.request])
    }

    @Test("options may follow the verb and its arguments", arguments: cases)
    func anyOrder(_ item: ParseCase) throws {
        // Moves each option, with its value, behind the last word, one after the other.
        var words = item.line.split(separator: " ").map(String.init)
        let valued: Set<String> = ["-g", "-c", "-sdg"]
        for _ in words where words.count > 1 && words[1].hasPrefix("-") {
            let count = valued.contains(words[1]) ? 2 : 1
            words = [words[0]] + words.dropFirst(1 + count) + words[1...count]
            #expect(try inquiry(words.joined(separator: " "))?.requests == [item.request])
        }
    }

    @Test("the disk group may be left out")
    func withoutDiskGroup() throws {
        #expect(
            try inquiry("vradmin makesec hr_rvg london")?.requests == [
                .makeSecondary(bare, newPrimary: "london", force: false)
            ]
        )
    }

    @Test("several RLINKs attach one after the other")
    func severalLinks() throws {
        let requests = try inquiry("vxrlink -f att a b")?.requests
        #expect(requests?.count == 2)
    }

    @Test("migrate, stoprep and -verify have a question, and the others none")
    func questions() throws {
        for line in ["vradmin migrate r", "vradmin stoprep r", "vradmin -verify syncrvg r s"] {
            #expect(try inquiry(line)?.question != nil)
        }
        #expect(try inquiry("vradmin -c cp syncrvg r s")?.question == nil)
        #expect(try inquiry("vradmin -s migrate r")?.silent == true)
    }

    @Test("global options are taken from anywhere on the line")
    func globals() throws {
        let lines = [
            "--host london --json --yes --lab=/l vradmin makesec r s",
            "vradmin --lab=/l makesec r --json s --host=london -y",
        ]
        for line in lines {
            let (options, rest) = try GlobalOptions.extract(from: line.split(separator: " ").map(String.init)).get()
            #expect(options.host == "london" && options.json && options.yes && options.lab == .folder("/l"))
            #expect(rest == ["vradmin", "makesec", "r", "s"])
        }
        #expect(throws: Refusal.self) { try GlobalOptions.extract(from: ["status", "--host"]).get() }
    }

    @Test(
        "wrong usage says so with the synopsis",
        arguments: [
            "vradmin makesec hr_rvg", "vradmin makesec hr_rvg london tokyo", "vradmin migrate", "vradmin -x migrate r",
            "vradmin -full migrate r", "vradmin startrep r s", "vradmin -c cp -f startrep r s", "vradmin syncrvg r s",
            "vradmin -c cp syncrvg r", "vradmin -c cp -verify syncrvg r s", "vradmin -full -verify syncrvg r s",
            "vradmin createpri r a,,b srl", "vradmin createpri r a", "vradmin set r tokyo", "vradmin set r tokyo x",
            "vradmin set r tokyo =x", "vxrvg checkstart r", "vxrvg checkdelete r", "vxrlink att r", "vxrlink status",
            "vradmin makesec r s -g", "vradmin -c a -c b startrep r", "vradmin -g", "vradmin",
        ]
    )
    func usage(_ line: String) throws {
        let refusal = try #require(refused(line))
        #expect(refusal.code == .usage)
        #expect(!refusal.hint.isEmpty)
    }

    @Test("a misspelt verb or option is answered with the nearest one")
    func didYouMean() {
        #expect(refused("vradmin makesek r s")?.message.contains("did you mean makesec?") == true)
        #expect(refused("vradmin -verfy syncrvg r s")?.message.contains("did you mean -verify?") == true)
        #expect(refused("vxrvg qqqqqq r")?.message.contains("did you mean") == false)
    }
}
