import HomewardCore
import Testing

@Suite("Hashing beside an application's writes", .timeLimit(.minutes(1)))
struct HashingPaceTests {
    @Test("writes flow from one to half a second after it, and never before the first")
    func flow() {
        let write = Instant(nanoseconds: 7_000_000_000)
        func flow(after nanoseconds: UInt64) -> Bool {
            HashingPace.writesFlow(last: write, now: Instant(nanoseconds: write.nanoseconds + nanoseconds))
        }
        #expect(flow(after: 0))
        #expect(flow(after: 499_999_999))
        #expect(!flow(after: 500_000_000))
        #expect(!HashingPace.writesFlow(last: nil, now: Instant(nanoseconds: 0)))
    }

    private func expectTurn(_ pace: inout HashingPace, _ expected: Bool, besideWrites: Bool = true) {
        let given = pace.begin(besideWrites: besideWrites)
        #expect(given == expected)
    }

    @Test(
        "beside writes one task hashes for two processors, and at least one",
        arguments: [(1, 1), (2, 1), (3, 1), (8, 4)]
    )
    func turns(processors: Int, allowed: Int) {
        var pace = HashingPace(processors: processors)
        for _ in 0..<allowed { expectTurn(&pace, true) }
        expectTurn(&pace, false)
        pace.end()
        expectTurn(&pace, true)
    }

    @Test("without writes every task hashes; those that run when writes begin count")
    func freely() {
        var pace = HashingPace(processors: 2)
        for _ in 0..<10 { expectTurn(&pace, true, besideWrites: false) }
        for _ in 0..<10 {
            expectTurn(&pace, false)
            pace.end()
        }
        expectTurn(&pace, true)
    }

    @Test("a rest is as long as the work before it, which is never less than a stretch")
    func rests() {
        var pace = HashingPace(processors: 2)
        var worked: UInt64 = 0
        var rested: UInt64 = 0
        for step in 1...1_000 {
            let part = UInt64(step * 7_919 % 23_000)
            worked += part
            guard let rest = pace.took(part) else { continue }
            #expect(rest >= HashingPace.stretchNanoseconds)
            rested += rest
            #expect(rested == worked, "of all work since the last rest, whoever did it")
        }
        #expect(rested > 0)
        #expect(worked - rested < HashingPace.stretchNanoseconds)
    }
}
