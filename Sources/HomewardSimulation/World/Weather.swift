import HomewardCore

/// The faults and choices that only wide scenarios have, drawn from a generator of their own.
///
/// What narrow scenarios draw does not depend on it: a seed that found something there keeps its life when a fault is added
/// here. In a narrow scenario nothing here ever strikes.
final class Weather {
    let isWide: Bool
    /// Kinds that are switched off while a failing seed is made smaller.
    private let without: Set<Fault>
    /// So many faults may strike, all others are let pass.
    private var left: Int
    private(set) var struck = 0
    /// Nothing strikes any more: everything heals.
    var isOver = false
    var dice: Dice

    init(_ scenario: Scenario) {
        isWide = scenario.scope == .wide
        without = scenario.without
        left = scenario.faultLimit ?? .max
        dice = Dice(seed: scenario.seed &* 0xD6E8_FEB8_6659_FD93 ^ 0x5851_F42D_4C95_7F2D)
    }

    /// Whether a kind of faults is switched on at all.
    func has(_ fault: Fault) -> Bool { isWide && !without.contains(fault) }

    /// Whether a fault that was drawn may be carried out: it is neither switched off nor beyond the limit.
    func allows(_ fault: Fault) -> Bool {
        guard !without.contains(fault), left > 0 else { return false }
        left -= 1
        struck += 1
        return true
    }

    /// Draws whether a fault strikes now, once in `n` times on average.
    func strikes(_ fault: Fault, onceIn n: UInt64) -> Bool {
        guard isWide, !isOver, dice.word() % n == 0 else { return false }
        return allows(fault)
    }
}
