import HomewardCore

/// One simulated life of three hosts: time, chance and order all come from the seed.
final class World {
    let seed: UInt64
    let planted: PlantedBug?
    /// See ``Scenario/looksAtEachStep``.
    let looksAtEachStep: Bool
    /// What is printed while it goes on.
    let telling: Telling
    /// What is drawn beside everything that narrow scenarios draw.
    let weather: Weather
    /// Writes of the applications.
    var writes: Allowance
    /// Verbs that nobody has to type.
    var whims: Allowance
    var coverage = Coverage()
    private(set) var now: UInt64 = 0
    private var dice: Dice
    private var queue = EventQueue()
    /// The first thing found wrong; nothing goes on after it.
    private(set) var finding: String?
    private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var events = 0
    private var stopped = false
    /// Counts what happened from outside: an operation that failed without any must have changed nothing.
    var disasters = 0

    init(_ scenario: Scenario, telling: Telling) {
        seed = scenario.seed
        planted = scenario.planted
        looksAtEachStep = scenario.looksAtEachStep
        self.telling = telling
        dice = Dice(seed: seed &* 0x9E37_79B9_7F4A_7C15)
        weather = Weather(scenario)
        writes = Allowance(scenario.writeLimit)
        whims = Allowance(scenario.whimLimit)
    }

    var instant: Instant { Instant(nanoseconds: now) }
    /// Display time: some day of 2026.
    var wall: UInt64 { 1_790_000_000_000_000_000 + now }

    func after(_ nanoseconds: UInt64, _ action: @escaping () -> Void) { queue.add(at: now + nanoseconds, action) }

    /// Runs until `end`, a finding, or the limit of events.
    func run(until end: UInt64, eventLimit: Int) {
        while finding == nil, !stopped, let event = queue.next(until: end) {
            now = event.time
            events += 1
            event.action()
            if events >= eventLimit { found("no end after \(events) events") }
        }
    }

    /// Everything is over.
    func stop() { stopped = true }

    // MARK: Chance

    /// One of them; nil of none.
    func pick<Choice>(from choices: [Choice]) -> Choice? { dice.pick(from: choices) }
    func word() -> UInt64 { dice.word() }
    func pick(_ range: ClosedRange<UInt64>) -> UInt64 { dice.pick(range) }
    func pick(_ range: ClosedRange<Int>) -> Int { dice.pick(range) }
    func chance(_ percent: Int) -> Bool { dice.chance(percent) }
    func milliseconds(_ range: ClosedRange<UInt64>) -> UInt64 { dice.milliseconds(range) }

    // MARK: What is told

    func found(_ what: String) {
        guard finding == nil else { return }
        finding = what
        trace("FOUND \(what)")
    }

    /// One event of the story: part of the trace that equal seeds have in common.
    func trace(_ line: @autoclosure () -> String) {
        let text = line()
        for byte in text.utf8 { traceHash = (traceHash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        traceHash = (traceHash ^ now) &* 0x100_0000_01B3
        telling.tell(text, at: now)
    }

    /// A message or another detail: printed only where everything is, and no part of the trace.
    func detail(_ line: @autoclosure () -> String) {
        if telling == .everything { telling.tell(line(), at: now) }
    }

    /// A fault truly hit.
    func hit(_ fault: Fault) { coverage.hit(fault) }
}
