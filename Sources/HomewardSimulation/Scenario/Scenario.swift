/// Everything that decides one simulated life.
public struct Scenario: Sendable, Equatable {
    /// How much of the world a life may see.
    public enum Scope: String, CaseIterable, Sendable {
        /// Three hosts with two volumes; processes and hosts die, connections are cut.
        case narrow
        /// Two to four hosts, one to three volumes, all kinds of ``Fault``, and people who type what is wrong.
        case wide
    }

    public var seed: UInt64
    /// A mistake that is to be found.
    public var planted: PlantedBug?
    /// How the Primary is brought home; nil: as the seed has it.
    public var procedure: Procedure?
    public var scope: Scope
    /// Kinds of faults that do not strike although they are drawn.
    public var without: Set<Fault>
    /// So many faults strike; nil: all.
    public var faultLimit: Int?

    public init(
        seed: UInt64,
        planted: PlantedBug? = nil,
        procedure: Procedure? = nil,
        scope: Scope = .wide,
        without: Set<Fault> = [],
        faultLimit: Int? = nil
    ) {
        self.seed = seed
        self.planted = planted
        self.procedure = procedure
        self.scope = scope
        self.without = without
        self.faultLimit = faultLimit
    }

    /// The options of `homeward-sim` that repeat it.
    public var options: [String] {
        var words = ["--scope", scope.rawValue]
        if let planted { words += ["--plant", planted.rawValue] }
        if let procedure { words += ["--procedure", procedure.rawValue] }
        if !without.isEmpty { words += ["--without", without.map(\.rawValue).sorted().joined(separator: ",")] }
        if let faultLimit { words += ["--faults", "\(faultLimit)"] }
        return words
    }
}
