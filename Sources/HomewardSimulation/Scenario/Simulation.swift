/// What one seed came to.
public struct SeedResult: Sendable {
    public var seed: UInt64
    /// What was found wrong; nil: nothing.
    public var finding: String?
    /// Equal for equal seeds, whatever process ran them.
    public var trace: UInt64
    public var events: Int
    public var writes: Int
    public var verbs: Int
    public var checks: Int
    public var runs = RunCounts()
    /// What it came through.
    public var coverage = Coverage()
    /// How much of what can be left out happened.
    public var size = LifeSize()
}

/// How the Primary is brought home at the end of a seed.
public enum Procedure: String, CaseIterable, Sendable {
    /// Verb by verb.
    case typed
    /// By the bundled runbooks.
    case runbooks

    /// What a seed takes where nothing else is said: a third of them takes runbooks.
    public static func of(seed: UInt64) -> Procedure { seed % 3 == 0 ? .runbooks : .typed }
}

/// Runs seeds.
public enum Simulation {
    /// One life from the beginning to convergence, or to the first finding.
    ///
    /// - Parameters:
    ///   - scenario: decides everything.
    ///   - telling: what is printed meanwhile.
    /// - Returns: what it came to.
    public static func run(_ scenario: Scenario, telling: Telling = .nothing) -> SeedResult {
        Stage(scenario, telling: telling).play()
    }
}
