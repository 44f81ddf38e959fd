import HomewardAdministration
import HomewardCLI
import HomewardCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PlaceTests {
    private func place(
        _ line: String,
        _ environment: [String: String] = [:],
        lab: Bool = false
    ) throws -> ClientPlace {
        let options = try GlobalOptions.extract(from: line.split(separator: " ").map(String.init)).get().0
        return ClientPlace.decide(options, environment: environment) { lab && $0 == ".lab" }
    }

    @Test("the line goes before the environment, and that before the current folder")
    func precedence() throws {
        let all = ["HOMEWARD_HOST": "env", "HOMEWARD_LAB": "/e", "HOMEWARD_SOCKET": "/s"]
        #expect(try place("--host a --lab=/l", all, lab: true) == .lab(directory: "/l", host: "a"))
        #expect(try place("--lab", all) == .lab(directory: ".lab", host: "env"))
        #expect(try place("", all, lab: true) == .lab(directory: "/e", host: "env"))
        #expect(try place("", ["HOMEWARD_SOCKET": "/s"], lab: true) == .lab(directory: ".lab", host: nil))
        #expect(try place("--host a", ["HOMEWARD_SOCKET": "/s"]) == .socket(path: "/s", relay: "a"))
        #expect(try place("") == .socket(path: "/var/lib/homeward/control.sock", relay: nil))
        #expect(try place("", ["HOMEWARD_LAB": ""]) == .socket(path: "/var/lib/homeward/control.sock", relay: nil))
    }

    private func candidate(_ name: String, _ role: String?, state: String = "enabled") -> LabChoice.Candidate {
        guard let role else { return LabChoice.Candidate(name: name, description: nil) }
        let links = role == "primary" ? [Samples.link("alder")] : []
        let members = [
            Samples.member(name, role, local: true, state: state, links: links),
            // What it knows of others must not count as its own.
            Samples.member("other", "primary", links: [Samples.link("alder")]),
        ]
        return LabChoice.Candidate(name: name, description: Samples.host(name, members))
    }

    @Test("an RDS is asked at its open Primary, else a fenced one, else any host that answers")
    func rds() throws {
        let reach = Reach.rds(RVGReference(rvg: "pay_rvg"))
        let fenced = candidate("a", "primary", state: "fenced")
        let open = candidate("b", "primary")
        let secondary = candidate("c", "secondary")
        let down = candidate("d", nil)
        #expect(try LabChoice.choose(reach, among: [down, secondary, fenced, open], object: "o") == 3)
        #expect(try LabChoice.choose(reach, among: [down, secondary, fenced], object: "o") == 2)
        #expect(try LabChoice.choose(reach, among: [down, secondary], object: "o") == 1)
        #expect(try LabChoice.choose(.any, among: [secondary, open], object: "o") == 1)
        #expect(
            try LabChoice.choose(.primary(RVGReference(rvg: "pay_rvg")), among: [secondary, open], object: "o") == 1
        )
        #expect(
            try LabChoice.choose(
                .primaryOfLink(RLinkReference(rlink: "rlk_alder_pay_rvg")),
                among: [secondary, open],
                object: "o"
            ) == 1
        )
    }

    @Test("of RVGs of one name the disk group tells which Primary is meant")
    func diskGroups() throws {
        func host(_ name: String, primaryIn group: String, secondaryIn other: String) -> LabChoice.Candidate {
            let links = [Samples.link("alder")]
            let members = [
                Samples.member(name, "primary", local: true, links: links, diskGroup: group),
                Samples.member(name, "secondary", local: true, links: [], diskGroup: other),
            ]
            return LabChoice.Candidate(name: name, description: Samples.host(name, members))
        }
        let both = [host("a", primaryIn: "dg1", secondaryIn: "dg2"), host("b", primaryIn: "dg2", secondaryIn: "dg1")]
        for (index, group) in ["dg1", "dg2"].enumerated() {
            let rvg = RVGReference(diskGroup: group, rvg: "pay_rvg")
            let link = RLinkReference(diskGroup: group, rlink: "rlk_alder_pay_rvg")
            for reach in [Reach.rds(rvg), .primary(rvg), .primaryOfLink(link)] {
                #expect(try LabChoice.choose(reach, among: both, object: "o") == index)
            }
        }
        let strange = Reach.primary(RVGReference(diskGroup: "dg3", rvg: "pay_rvg"))
        let refusal = #expect(throws: Refusal.self) { try LabChoice.choose(strange, among: both, object: "o") }
        #expect(refusal?.code == .unknownRVG && refusal?.message.contains("dg3/pay_rvg") == true)
        #expect(try inquiry("vradmin -g dg2 delpri r")?.reach == .rds(RVGReference(diskGroup: "dg2", rvg: "r")))
        #expect(try inquiry("vxrvg -g dg2 cplist r")?.reach == .primary(RVGReference(diskGroup: "dg2", rvg: "r")))
        let link = RLinkReference(diskGroup: "dg2", rlink: "l")
        #expect(try inquiry("vxrlink -g dg2 status l")?.reach == .primaryOfLink(link))
    }

    @Test("without a host to ask the reason is told")
    func refusals() {
        func code(_ reach: Reach, _ candidates: [LabChoice.Candidate]) -> RefusalCode? {
            do throws(Refusal) {
                _ = try LabChoice.choose(reach, among: candidates, object: "o")
                return nil
            } catch {
                return error.code
            }
        }
        let secondary = candidate("c", "secondary")
        #expect(code(.rds(RVGReference(rvg: "pay_rvg")), [candidate("d", nil)]) == .daemonUnreachable)
        #expect(code(.primary(RVGReference(rvg: "pay_rvg")), [secondary]) == .hostUnreachable)
        #expect(
            code(.primaryOfLink(RLinkReference(rlink: "rlk_x_pay_rvg")), [candidate("b", "primary")]) == .unknownRLink
        )
        #expect(code(.primary(RVGReference(rvg: "nope")), [secondary]) == .unknownRVG)
        #expect(code(.primary(RVGReference(rvg: "nope")), [secondary, candidate("d", nil)]) == .hostUnreachable)
        #expect(code(.local, [candidate("b", "primary")]) == .ambiguous)
    }

    @Test("verbs that act where they are typed have to name a host, verbs of the RDS need not")
    func reaches() throws {
        for line in [
            "vradmin -N takeover r", "vradmin makesec r s", "vradmin createpri r a l", "vxrvg start r", "vxrvg stop r",
            "vxrlink updates l",
        ] {
            #expect(try inquiry(line)?.reach == .local)
        }
        for line in ["vradmin migrate r", "vradmin -c c syncrvg r s", "vradmin repstatus r", "vradmin addsec r a b"] {
            #expect(try inquiry(line)?.reach == .rds(RVGReference(rvg: "r")))
        }
        #expect(try inquiry("vxrvg cplist r")?.reach == .primary(RVGReference(rvg: "r")))
        #expect(try inquiry("vxrlink status l")?.reach == .primaryOfLink(RLinkReference(rlink: "l")))
    }
}
