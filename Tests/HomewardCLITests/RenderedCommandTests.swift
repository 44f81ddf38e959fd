import HomewardAdministration
import HomewardCLI
import HomewardCore
import HomewardRunbooks
import Testing

/// What a plan shows is what an operator can type.
@Suite("Commands of a plan", .timeLimit(.minutes(1)))
struct RenderedCommandTests {
    private static let rvg = RVGReference(diskGroup: "hrdg", rvg: "hr_rvg")
    private static let link = RLinkReference(diskGroup: "hrdg", rlink: "rlk_seattle_hr_rvg")

    private static let requests: [Request] = [
        .createDiskGroup(name: "hrdg"),
        .createVolume(diskGroup: "hrdg", volume: "hr_dv01", path: "/srv/a file", isDevice: false, size: 67_108_864),
        .createVolume(diskGroup: "hrdg", volume: "hr_dv01", path: "/dev/vdb", isDevice: true, size: nil),
        .listVolumes(diskGroup: nil), .listVolumes(diskGroup: "hrdg"),
        .sumVolume(diskGroup: "hrdg", volume: "hr_dv01"),
        .createPrimary(diskGroup: "hrdg", rvg: "hr_rvg", volumes: ["hr_dv01", "hr_dv02"], log: "hr_srl"),
        .createPrimary(diskGroup: nil, rvg: "hr_rvg", volumes: ["hr_dv01"], log: "hr_srl"),
        .addSecondary(rvg, primary: "seattle", secondary: "london", secondaryDiskGroup: nil, attributes: []),
        .addSecondary(
            rvg,
            primary: "seattle",
            secondary: "london",
            secondaryDiskGroup: "other",
            attributes: [Attribute(name: "synchronous", value: "override")]
        ),
        .deleteSecondary(rvg, secondary: nil), .deleteSecondary(rvg, secondary: "tokyo"),
        .deletePrimary(rvg, force: false), .deletePrimary(rvg, force: true),
        .startReplication(rvg, secondary: "seattle", how: .checkpoint("checkpt_presync"), consent: false),
        .startReplication(rvg, secondary: nil, how: .identical, consent: true),
        .stopReplication(rvg, secondary: "tokyo", force: false, consent: false),
        .stopReplication(rvg, secondary: nil, force: true, consent: true),
        .pauseReplication(rvg, secondary: nil), .pauseReplication(rvg, secondary: "tokyo"),
        .resumeReplication(rvg, secondary: nil), .resumeReplication(rvg, secondary: "tokyo"),
        .synchronize(
            rvg,
            secondaries: ["seattle"],
            checkpoint: "checkpt_presync",
            full: false,
            force: false,
            consent: false
        ),
        .synchronize(
            rvg,
            secondaries: ["seattle", "tokyo"],
            checkpoint: "c1",
            full: true,
            force: true,
            consent: true
        ),
        .verify(rvg, secondaries: ["seattle"], consent: false), .verify(rvg, secondaries: ["tokyo"], consent: true),
        .takeover(rvg, force: false), .takeover(rvg, force: true),
        .makeSecondary(rvg, newPrimary: "london", force: false), .makeSecondary(rvg, newPrimary: "london", force: true),
        .migrate(rvg, to: "seattle", consent: false), .migrate(rvg, to: nil, consent: true),
        .describe(diskGroup: "hrdg", rvgs: ["hr_rvg"]), .describe(diskGroup: nil, rvgs: []),
        .setAttributes(rvg, secondary: nil, attributes: [Attribute(name: "bandwidth_limit", value: "30mbps")]),
        .setAttributes(rvg, secondary: "london", attributes: [Attribute(name: "latency_high_mark", value: "7")]),
        .checkStart(rvg, name: "c1"), .checkEnd(rvg), .checkDelete(rvg, name: "c1"), .listCheckpoints(rvg),
        .startRVG(rvg, force: false), .startRVG(rvg, force: true), .stopRVG(rvg),
        .linkStatus(link), .linkUpdates(link), .pauseLink(link), .resumeLink(link), .detachLink(link),
        .listLinkCheckpoints(link),
        .attachLink(link, how: .checkpoint("c1"), consent: false), .attachLink(link, how: .identical, consent: true),
    ]

    @Test("read back by the command line, a line gives the same request", arguments: requests)
    func readBack(request: Request) throws {
        let line = CommandLine.text(of: request)
        guard case .ask(let inquiry) = try Plan.of(Self.words(line)) else {
            Issue.record("\(line) is no request")
            return
        }
        #expect(inquiry.requests == [request], "\(line)")
    }

    @Test("the commands of the chapter are shown as the chapter has them")
    func chapter() {
        let makesec = Request.makeSecondary(Self.rvg, newPrimary: "london", force: false)
        #expect(
            CommandLine.text(of: makesec, to: .host("seattle")) == "seattle # vradmin -g hrdg makesec hr_rvg london"
        )
        let synchronize = Request.synchronize(
            Self.rvg,
            secondaries: ["seattle"],
            checkpoint: "checkpt_presync",
            full: false,
            force: false,
            consent: false
        )
        #expect(
            CommandLine.text(of: synchronize, to: .rds(RVGReference(rvg: "hr_rvg")))
                == "vradmin -g hrdg -c checkpt_presync syncrvg hr_rvg seattle"
        )
        let migrate = Request.migrate(Self.rvg, to: "seattle", consent: false)
        #expect(
            CommandLine.text(of: migrate, to: .rds(RVGReference(rvg: "hr_rvg")))
                == "vradmin -g hrdg migrate hr_rvg seattle"
        )
    }

    @Test("a site's command is quoted for a shell")
    func quoted() {
        let command = ShellCommand(["echo", "it's", "", "a b", "$HOME"], host: "london")
        #expect(CommandLine.text(of: command) == #"london # echo 'it'\''s' '' 'a b' '$HOME'"#)
    }

    /// The words of a line as a shell makes them, of what the lines here hold.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        for letter in line {
            if letter == "'" {
                isQuoted.toggle()
            } else if letter == " ", !isQuoted {
                words.append(word)
                word = ""
            } else {
                word.append(letter)
            }
        }
        return words + [word]
    }
}
