import HomewardCore

/// A mistake put into the simulator's own driver on purpose, to prove that the checks would find one like it.
public enum PlantedBug: String, CaseIterable, Sendable {
    /// Records are reported as written before they are.
    case acknowledgeEarly
    /// The log is never synchronized.
    case skipLogSync
    /// The volumes are never synchronized.
    case skipVolumeSync
    /// A Secondary is told that everything is durable on its Primary.
    case applyUnproven
    /// Headers are reported as durable and not written.
    case skipHeader
    /// Blocks of a synchronization are not written.
    case skipBlocks
    /// The journal of runs says that a step is done when it is begun.
    case skipStep
    /// The site's command that stops the application does nothing, and says that it did.
    case ignoreStop

    /// Shows only where runbooks are run.
    public var isOfRunbooks: Bool {
        switch self {
        case .skipStep, .ignoreStop: true
        case .acknowledgeEarly, .skipLogSync, .skipVolumeSync, .applyUnproven, .skipHeader, .skipBlocks: false
        }
    }
}

/// One simulated life of three hosts: time, chance and order all come from the seed.
final class World {
    let seed: UInt64
    let planted: PlantedBug?
    let verbose: Bool
    private(set) var now: UInt64 = 0
    private var random: SeededGenerator
    private var queue = EventQueue()
    /// The first thing found wrong; nothing goes on after it.
    private(set) var finding: String?
    private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var events = 0
    private var stopped = false
    /// Counts what happened from outside: an operation that failed without any must have changed nothing.
    var disasters = 0

    init(seed: UInt64, planted: PlantedBug?, verbose: Bool) {
        self.seed = seed
        self.planted = planted
        self.verbose = verbose
        random = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15)
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
    func pick<Choice>(from choices: [Choice]) -> Choice? {
        choices.isEmpty ? nil : choices[pick(0...choices.count - 1)]
    }
    func word() -> UInt64 { random.next() }
    func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + random.next() % (range.upperBound - range.lowerBound + 1)
    }
    func pick(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(random.next() % UInt64(range.count)) }
    func chance(_ percent: Int) -> Bool { random.next() % 100 < UInt64(percent) }
    func milliseconds(_ range: ClosedRange<UInt64>) -> UInt64 {
        pick(range.lowerBound * 1_000_000...range.upperBound * 1_000_000)
    }

    // MARK: What is told

    func found(_ what: String) {
        guard finding == nil else { return }
        finding = what
        trace("FOUND \(what)")
    }

    func trace(_ line: @autoclosure () -> String) {
        let text = line()
        for byte in text.utf8 { traceHash = (traceHash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        traceHash = (traceHash ^ now) &* 0x100_0000_01B3
        if verbose { print("\(now / 1_000_000).\(now / 1_000 % 1_000) \(text)") }
    }
}
