import HomewardCLI
import HomewardCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct VocabularyTests {
    /// Every verb of the synopses, and every form of a built verb that is not built.
    static let notBuilt = [
        "vradmin -a startrep r s", "vradmin -b startrep r s", "vradmin takeover r", "vradmin -autofb takeover r",
        "vradmin -autofb -N takeover r", "vradmin -wait fbsync r cache=c", "vradmin resync r",
        "vradmin -nodcm -s addvol r v", "vradmin -tovset v addvol r w", "vradmin -f delvol r v",
        "vradmin -fromvset v delvol r w", "vradmin -f resizevol r v 1g", "vradmin resizesrl r 1g",
        "vradmin changeip r s newpri=a", "vradmin -all ibc r task", "vradmin -k snap verifydata r s cache=c",
        "vradmin -full syncvol a,b h:dg", "vradmin -verify syncvol a h", "vradmin -bdg d addbunker r p b protocol=TCP",
        "vradmin activatebunker r", "vradmin deactivatebunker r", "vradmin delbunker r b",
        "vxrvg resync r", "vxrvg -f recover r", "vxrvg -F -r makeprimary r", "vxrvg -M makeprimary r l",
        "vxrvg makesecondary r", "vxrvg switchpri r l", "vxrvg getfailedvols r", "vxrvg -P p -F snapshot r cache=c",
        "vxrvg -f -a snapback r", "vxrvg -P p snaprestore r", "vxrvg snaprefresh r", "vxrvg -o keepcache snapdestroy r",
        "vxrvg snapprint r", "vxrvg -i 5 -t 2 -C 3 stats r", "vxrvg -f stop r",
        "vxrlink assoc r l", "vxrlink dis l", "vxrlink -w pause l", "vxrlink -c cp pause l", "vxrlink -c cp restore l",
        "vxrlink recover l", "vxrlink -c cp checkdelete l", "vxrlink -e stats l", "vxrlink verify l",
        "vxrlink -i 5 -t 2 status l", "vxrlink -a att l", "vxrlink -b att l", "vxrlink -r r -f att l",
        "vxibc -D 60 register a r", "vxibc -N -m hello send a r", "vxibc -R 5 -l 9 receive a r", "vxibc unfreeze a r",
        "vxibc unregister a r", "vxibc status r", "vxibc stoprecv a r", "vxibc regsend a r", "vxibc regrecv a r ls",
    ]

    @Test("what is not built refuses as such, exit 1, and names what does the job today", arguments: notBuilt)
    func refuses(_ line: String) throws {
        let refusal = try #require(refused(line))
        #expect(refusal.code == .notBuiltYet)
        #expect(!refusal.hint.isEmpty)
    }

    @Test("the hint of a plain takeover is the takeover that works")
    func takeoverHint() {
        #expect(refused("vradmin -g hrdg takeover hr_rvg")?.hint == "vradmin -g hrdg -N takeover hr_rvg")
        #expect(
            refused("vradmin -g hrdg -a startrep hr_rvg tokyo")?.hint.contains(
                "vradmin -g hrdg -c CHECKPOINT startrep hr_rvg tokyo"
            ) == true
        )
    }

    @Test("no verb is missing from the tests, and every verb has help")
    func complete() throws {
        let lines = Self.notBuilt + ParseTests.cases.map(\.line)
        for language in VVRLanguage.all {
            for verb in language.verbNames where verb != "help" {
                let known = lines.contains { line in
                    let words = line.split(separator: " ")
                    return words.first.map(String.init) == language.name && words.contains(Substring(verb))
                }
                #expect(known, "\(language.name) \(verb)")
                guard case .text(let help) = try language.parse(["help", verb]).get() else {
                    Issue.record("no help for \(verb)")
                    continue
                }
                #expect(help.hasPrefix("\(language.name) ") && help.contains(verb) && help.count > 40)
            }
            guard case .text(let all) = try language.parse(["help"]).get() else { continue }
            for verb in language.verbNames { #expect(all.contains(verb)) }
        }
    }
}
