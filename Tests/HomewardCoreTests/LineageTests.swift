import HomewardCore
import Testing

@Suite("Histories and what they end", .timeLimit(.minutes(1)))
struct LineageTests {
    private static func host(_ number: UInt64) -> HostID { HostID(high: 0, low: number) }

    private static func epoch(
        _ number: UInt64,
        _ name: UInt64,
        host: UInt64 = 1,
        _ kind: Epoch.Kind = .takeover,
        reign: UInt64? = nil,
        closes: [UInt64] = []
    ) -> Epoch {
        Epoch(
            number: number,
            id: EpochID(rawValue: name),
            host: LineageTests.host(host),
            hostName: "h\(host)",
            kind: kind,
            reign: EpochID(rawValue: reign ?? name),
            closes: closes.map { EpochID(rawValue: $0) }
        )
    }

    private static func history(_ entries: (Epoch, first: UInt64, before: UInt64)...) -> History {
        var history = History()
        for entry in entries { history.open(entry.0, at: UpdateID(entry.first), dataBefore: entry.before) }
        return history
    }

    private let creation = epoch(1, 10, .creation)

    @Test("a history forks from another at the smaller first id after the last epoch they share")
    func fork() {
        let mine = LineageTests.history((creation, 1, 0), (LineageTests.epoch(2, 20), 50, 40))
        let theirs = LineageTests.history((creation, 1, 0), (LineageTests.epoch(2, 21, host: 2), 30, 25))
        #expect(mine.fork(with: theirs)?.firstID == UpdateID(30))
        #expect(theirs.fork(with: mine)?.dataBelow == 25)
        #expect(mine.fork(with: mine)?.firstID == .never)
        #expect(mine.fork(with: LineageTests.history((LineageTests.epoch(1, 11), 1, 0))) == nil)
    }

    @Test("diverged are the data records at and above the fork, and marks are none")
    func divergence() {
        let old = LineageTests.history((creation, 1, 0))
        let new = LineageTests.history((creation, 1, 0), (LineageTests.epoch(2, 20, host: 2), 30, 25))
        #expect(old.divergence(end: UpdateID(29), dataCount: 25, from: new) == 0)
        #expect(old.divergence(end: UpdateID(35), dataCount: 31, from: new) == 6)
        #expect(old.divergence(end: UpdateID(31), dataCount: 25, from: new) == 0)
        #expect(History().divergence(end: .zero, dataCount: 0, from: new) == 0)
    }

    @Test("an epoch opened at an id takes the place of those above it that no record filled")
    func openOver() {
        var history = LineageTests.history((creation, 1, 0), (LineageTests.epoch(2, 20), 50, 40))
        history.open(LineageTests.epoch(3, 30), at: UpdateID(45), dataBefore: 38)
        #expect(history.entries.map(\.epoch.number) == [1, 3])
        #expect(history.epoch(of: UpdateID(44))?.number == 1)
        #expect(history.epoch(of: UpdateID(45))?.number == 3)
        #expect(history.epoch(of: UpdateID(0)) == nil)
    }

    @Test("a reign that a heard epoch closes is over, unless that epoch was given up or is the sender's own")
    func closing() {
        let takeover = LineageTests.epoch(2, 20, host: 2, closes: [10])
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0)))
        #expect(lineage.closingOwnReign == nil)
        let isNew = lineage.learn(history: History(), heard: [takeover], abandoned: [], asPrimary: false)
        #expect(isNew)
        #expect(lineage.closingOwnReign?.id == takeover.id)
        #expect(lineage.closing(of: creation, senderHistory: LineageTests.history((takeover, 1, 0))) == nil)
        lineage.noteAbandoned(takeover.id)
        #expect(lineage.closingOwnReign == nil)
        lineage.revive([takeover.id])
        #expect(lineage.closingOwnReign?.id == takeover.id)
    }

    /// A reign that was taken over from `creation`, and so many unclean starts that its opening epoch was dropped.
    private func worn() -> (history: History, takeover: Epoch) {
        let takeover = LineageTests.epoch(2, 20, host: 2, closes: [10])
        var history = LineageTests.history((creation, 1, 0), (takeover, 5, 4))
        for number in 0..<UInt64(History.limit) {
            let start = LineageTests.epoch(3 + number, 100 + number, host: 2, .uncleanStart, reign: 20, closes: [10])
            history.open(start, at: UpdateID(6 + number), dataBefore: 4)
        }
        return (history, takeover)
    }

    @Test("a reign whose opening epoch was dropped is no rival of itself")
    func wornReign() {
        let (history, takeover) = worn()
        #expect(!history.contains(takeover.id))
        let lineage = Lineage(history: history, heard: [takeover])
        #expect(lineage.rival(of: history) == nil)
    }

    @Test("what it ended stays ended for a host that hears of it only now")
    func wornClosing() {
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0)))
        _ = lineage.learn(history: worn().history, heard: [], abandoned: [], asPrimary: true)
        #expect(lineage.closingOwnReign?.hostName == "h2")
    }

    @Test("ids that were dropped may be of any epoch, those that are known only of theirs")
    func mayNumber() {
        let (history, takeover) = worn()
        #expect(history.mayNumber(UpdateID(1), as: creation.id))
        #expect(history.mayNumber(UpdateID(6), as: EpochID(rawValue: 100)))
        #expect(!history.mayNumber(UpdateID(6), as: takeover.id))
        #expect(!LineageTests.history((creation, 2, 0)).mayNumber(UpdateID(1), as: creation.id))
        #expect(!History().mayNumber(UpdateID(1), as: creation.id))
    }

    @Test("of epochs given up too many to keep the one just given up stays, and those that are still heard of")
    func abandonedLimit() {
        let heard = LineageTests.epoch(2, 1_000, host: 2, closes: [10])
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0)), heard: [heard])
        for name in 0..<UInt64(Lineage.heardLimit) { lineage.noteAbandoned(EpochID(rawValue: 1_000 + name)) }
        lineage.noteAbandoned(EpochID(rawValue: 1))
        #expect(lineage.abandoned.count == Lineage.heardLimit)
        #expect(lineage.abandoned.contains(EpochID(rawValue: 1)))
        #expect(lineage.abandoned.contains(heard.id))
    }

    @Test("an epoch that its own host gave up closes nothing there either")
    func abandonedHere() {
        let takeover = LineageTests.epoch(2, 20, host: 2, closes: [10])
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0), (takeover, 5, 4)))
        let theirs = LineageTests.history((creation, 1, 0))
        #expect(lineage.closing(of: creation, senderHistory: theirs)?.id == takeover.id)
        lineage.noteAbandoned(takeover.id)
        #expect(lineage.closing(of: creation, senderHistory: theirs) == nil)
    }

    @Test("an unclean start belongs to the reign before it, and ends with it")
    func uncleanStart() {
        let restart = LineageTests.epoch(2, 11, .uncleanStart, reign: 10)
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0), (restart, 9, 8)))
        lineage.note(LineageTests.epoch(3, 20, host: 2, closes: [10]))
        #expect(lineage.closingOwnReign?.number == 3)
    }

    @Test("a claim closes what its predecessors closed")
    func closure() {
        let second = LineageTests.epoch(2, 20, host: 2, closes: [10])
        let lineage = Lineage(history: LineageTests.history((creation, 1, 0), (second, 5, 4)))
        #expect(lineage.closure(of: [second]).map(\.rawValue) == [10, 20])
    }

    @Test("rivals are two claims of which neither closes the other")
    func rivals() {
        let left = LineageTests.epoch(2, 20, host: 2, closes: [10])
        let right = LineageTests.epoch(2, 21, host: 3, closes: [10])
        let winner = LineageTests.epoch(3, 30, host: 2, closes: [10, 20, 21])
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0)))
        lineage.note(right)
        #expect(lineage.rival(of: LineageTests.history((creation, 1, 0), (left, 5, 4)))?.id == right.id)
        #expect(lineage.rival(of: LineageTests.history((creation, 1, 0), (left, 5, 4), (winner, 9, 8))) == nil)
        lineage.noteAbandoned(right.id)
        #expect(lineage.rival(of: LineageTests.history((creation, 1, 0), (left, 5, 4))) == nil)
    }

    @Test("whoever adopts a history still knows the epochs of the one given up")
    func adopt() {
        let own = LineageTests.epoch(2, 20)
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0), (own, 5, 4)))
        lineage.adopt(LineageTests.history((creation, 1, 0)))
        #expect(lineage.heard.map(\.id) == [own.id])
        #expect(lineage.nextNumber == 3)
    }

    @Test("learning what is known already changes nothing, in whatever order it comes")
    func learnTwice() {
        var lineage = Lineage(history: LineageTests.history((creation, 1, 0)))
        let heard = [LineageTests.epoch(4, 40), LineageTests.epoch(3, 30), LineageTests.epoch(2, 20)]
        let lineageIsNew = lineage.learn(
            history: History(),
            heard: heard,
            abandoned: [EpochID(rawValue: 30)],
            asPrimary: false
        )
        #expect(lineageIsNew)
        var other = Lineage(history: LineageTests.history((creation, 1, 0)))
        let otherIsNew = other.learn(
            history: History(),
            heard: heard.reversed(),
            abandoned: [EpochID(rawValue: 30)],
            asPrimary: false
        )
        #expect(otherIsNew)
        #expect(lineage == other)
        let again = lineage.learn(
            history: History(),
            heard: heard,
            abandoned: [EpochID(rawValue: 30)],
            asPrimary: false
        )
        #expect(!again)
    }
}
