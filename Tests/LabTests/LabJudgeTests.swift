import HomewardAdministration
import HomewardCLI
import HomewardCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LabJudgeTests {
    static let lab = Identity(high: 7, low: 7)
    static let created = epoch(1, "created", 1, "seattle")
    static let taken = epoch(2, "takeover", 31, "london")
    /// Eight records fit: two volumes of four slots.
    let layout: LabLayout

    init() throws { layout = try #require(LabLayout(sizes: [16_384, 16_384])) }

    static func epoch(_ number: UInt64, _ kind: String, _ first: UInt64, _ host: String) -> EpochDescription {
        EpochDescription(
            number: number,
            id: Identity(high: 0, low: number),
            kind: kind,
            firstID: UpdateID(first),
            host: host
        )
    }

    /// The image after the numbers were written in order, each by its run.
    func image(_ host: String, _ writes: [(number: UInt64, run: UInt64)], primary: Bool = true) -> LabImage {
        var slots = [[LabSlotContent]](repeating: [LabSlotContent](repeating: .empty, count: layout.slots), count: 2)
        var previous: UInt64 = 0
        for write in writes {
            let record = LabRecord(lab: Self.lab, run: write.run, number: write.number, previous: previous)
            previous = record.checksum
            slots[layout.volume(of: write.number)][layout.slot(of: write.number)] = .record(record)
        }
        return LabImage(host: host, isPrimary: primary, follows: !primary, slots: slots)
    }

    func numbers(_ range: ClosedRange<UInt64>, _ run: UInt64) -> [(number: UInt64, run: UInt64)] {
        range.map { ($0, run) }
    }

    /// A load on seattle whose record n has the id 10 n, flushed after each.
    func seattle(_ count: UInt64) -> LabRun {
        LabRun(
            id: 1,
            first: 1,
            start: .zero,
            primary: "seattle",
            history: [Self.created],
            flushes: (1...count).map { .init(number: $0, position: UpdateID($0 * 10), time: Double($0)) }
        )
    }

    func findings(
        _ runs: [LabRun],
        _ images: [LabImage],
        history: [EpochDescription] = [created],
        open: [String] = ["seattle"]
    ) -> [String] {
        LabJudge.findings(
            LabEvidence(layout: layout, runs: runs, openPrimaries: open, history: history, images: images)
        )
    }

    @Test("a lab never loaded passes, with or without a Primary, but not with two")
    func neverLoaded() {
        #expect(findings([], [], open: []).isEmpty)
        #expect(findings([], [], open: ["seattle"]).isEmpty)
        #expect(findings([], [], open: ["london", "seattle"]) == ["2 Primaries are open: london, seattle"])
    }

    @Test("all flushed records there, over several rounds of the ring, is complete")
    func complete() {
        #expect(findings([seattle(3)], [image("seattle", numbers(1...3, 1))]).isEmpty)
        #expect(findings([seattle(21)], [image("seattle", numbers(1...21, 1))]).isEmpty)
        #expect(
            findings([seattle(20)], [image("seattle", numbers(1...23, 1))]).isEmpty,
            "unflushed records may be there"
        )
    }

    @Test("without an open Primary a loaded lab fails")
    func noPrimary() {
        #expect(findings([seattle(3)], [], open: []).first == "no Primary is open")
    }

    @Test("a flushed record that is missing is found without a takeover, wherever the log was")
    func missing() {
        let found = findings([seattle(4)], [image("seattle", numbers(1...3, 1))])
        #expect(found.first?.contains("record 4 of load 0000000000000001 was flushed") == true)
        let restarted = [Self.created, Self.epoch(2, "restart", 31, "seattle")]
        #expect(!findings([seattle(4)], [image("seattle", numbers(1...3, 1))], history: restarted).isEmpty)
    }

    @Test("a takeover may lose what was flushed beyond its fork, and nothing at or before it")
    func takeover() {
        let history = [Self.created, Self.taken]
        let london = ["london"]
        #expect(findings([seattle(6)], [image("london", numbers(1...3, 1))], history: history, open: london).isEmpty)
        let lost = findings([seattle(6)], [image("london", numbers(1...2, 1))], history: history, open: london)
        #expect(lost.first?.contains("record 3 ") == true)
    }

    @Test("an RVG made anew keeps what its volumes held: nothing of it has come back, and none of it may be missing")
    func madeAnew() {
        let anew = [Self.epoch(9, "created", 1, "london")]
        #expect(findings([seattle(3)], [image("london", numbers(1...3, 1))], history: anew, open: ["london"]).isEmpty)
        #expect(!findings([seattle(3)], [image("london", numbers(1...2, 1))], history: anew, open: ["london"]).isEmpty)
    }

    @Test("a record from beyond the fork that came back is found")
    func returned() {
        let history = [Self.created, Self.taken]
        let found = findings([seattle(6)], [image("london", numbers(1...4, 1))], history: history, open: ["london"])
        #expect(found.first?.contains("record 4") == true)
        #expect(found.first?.contains("come back from beyond the fork 0.30") == true)
    }

    @Test("a record between the notes around the fork may be there or not")
    func aroundTheFork() {
        let history = [Self.created, Self.epoch(2, "takeover", 36, "london")]
        for kept in [3, 4] as [UInt64] {
            let image = image("london", numbers(1...kept, 1))
            #expect(findings([seattle(6)], [image], history: history, open: ["london"]).isEmpty)
        }
    }

    @Test("what a takeover gave up is told by its numbers, and nothing is where it gave up nothing")
    func givenUp() {
        let lost = LabJudge.givenUp([seattle(5)], [Self.created, Self.taken])
        #expect(lost.map(\.numbers) == [4...5] && lost.first?.run.primary == "seattle")
        #expect(LabJudge.givenUp([seattle(3)], [Self.created, Self.taken]).isEmpty)
        #expect(LabJudge.givenUp([seattle(5)], [Self.created]).isEmpty)
    }

    @Test("numbers used again after a takeover are told apart by their load")
    func numbersAgain() {
        let history = [Self.created, Self.taken]
        let second = LabRun(
            id: 2,
            first: 4,
            start: UpdateID(31),
            primary: "london",
            history: history,
            flushes: [.init(number: 6, position: UpdateID(60))]
        )
        let good = image("london", numbers(1...3, 1) + numbers(4...6, 2))
        #expect(findings([seattle(6), second], [good], history: history, open: ["london"]).isEmpty)
        let bad = image("london", numbers(1...4, 1) + numbers(5...6, 2))
        #expect(!findings([seattle(6), second], [bad], history: history, open: ["london"]).isEmpty)
    }

    @Test("a load in a reign that the open Primary's history does not contain is lost, and must stay so")
    func otherBranch() {
        let rival = Self.epoch(3, "takeover", 21, "tokyo")
        let second = LabRun(
            id: 2,
            first: 4,
            start: UpdateID(31),
            primary: "london",
            history: [Self.created, Self.taken],
            flushes: [.init(number: 5, position: UpdateID(50))]
        )
        let history = [Self.created, rival]
        #expect(
            findings([seattle(3), second], [image("tokyo", numbers(1...2, 1))], history: history, open: ["tokyo"])
                .isEmpty
        )
        let back = image("tokyo", numbers(1...3, 1) + numbers(4...4, 2))
        #expect(!findings([seattle(3), second], [back], history: history, open: ["tokyo"]).isEmpty)
    }

    @Test("a record of a load that was never noted is found")
    func unknownLoad() {
        let found = findings([seattle(2)], [image("seattle", numbers(1...2, 1) + numbers(3...3, 9))])
        #expect(found.first?.contains("load.log does not know") == true)
    }

    @Test("a Secondary may be behind, and must be a prefix over both volumes")
    func prefix() {
        let primary = image("seattle", numbers(1...12, 1))
        #expect(findings([seattle(12)], [primary, image("tokyo", numbers(1...7, 1), primary: false)]).isEmpty)
        let holed = numbers(1...6, 1) + numbers(8...8, 1)
        let found = findings([seattle(12)], [primary, image("tokyo", holed, primary: false)])
        #expect(found.first?.hasPrefix("tokyo: record 8 is there, and") == true)
        let behindInOne = numbers(1...9, 1) + numbers(11...11, 1)
        #expect(!findings([seattle(12)], [primary, image("tokyo", behindInOne, primary: false)]).isEmpty)
    }

    @Test("damage is found in every slot, also beyond the newest record")
    func damage() {
        for slot in 0..<4 {
            var torn = image("seattle", numbers(1...3, 1))
            torn.slots[0][slot] = .damaged
            #expect(!findings([seattle(3)], [torn]).isEmpty)
        }
    }

    @Test("a follower whose record differs from its Primary's is found")
    func unequal() {
        let primary = image("seattle", numbers(1...3, 1))
        let found = findings([seattle(3)], [primary, image("london", numbers(1...3, 5), primary: false)])
        #expect(found == ["london: record 2 is not the one that seattle holds"])
    }

    @Test("the outage is from the last flush on one host to the first on the next")
    func outage() {
        var second = seattle(3)
        second.primary = "london"
        second.flushes = [.init(number: 4, position: UpdateID(50), time: 7.5)]
        let outages = LabJudge.outages([seattle(3), second])
        #expect(outages.count == 1)
        #expect(outages.first?.seconds == 4.5)
    }
}
